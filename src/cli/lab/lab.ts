// Brings a lab up and takes it down, and says how it is. Up: the wire, the store, controllers, then all hosts at a time.
// Down: every machine's power is cut, so that nothing can be left; what is outside of them is a cable, loop devices and files.
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { prepareForLab } from '../prepare.ts';
import { detachLuns, switchOn } from './machine.ts';
import { processesIn } from './namespaces.ts';
import { closeWire, freeSubnet, openWire } from './network.ts';
import {
  directoriesOf,
  type Lab,
  type LabMachine,
  type LabStorage,
  lunFileOf,
  machinesOf,
  planLab,
} from './plan.ts';
import {
  becomeController,
  becomeHost,
  isMember,
  programsOf,
  startLibvirt,
  startPrograms,
  startRedis,
} from './programs.ts';
import { findLab, initOf, readCuts, removeLab, saveLab } from './state.ts';

export interface LabWish {
  readonly directory: string;
  readonly hosts: number;
  readonly controllers: number;
  readonly storage: LabStorage;
  readonly say: (line: string) => void;
}

const LUN_BYTES = 2 * 1024 ** 3;

/** Rejects in words; then what was made is there still, and `takeDown` takes it away. */
export async function bringUp(wish: LabWish): Promise<Lab> {
  const { directory, say } = wish;
  if (process.getuid?.() !== 0)
    throw new Error('a lab needs root: for namespaces, bridges and libvirt. Run it as root');
  if (findLab(directory) !== undefined)
    throw new Error(
      `there is a lab in ${directory} already: take it down first (./kilonova lab down), or name another directory with --data`,
    );
  await prepareForLab(say);
  const lab = planLab({
    ...wish,
    id: randomBytes(2).toString('hex'),
    subnet: freeSubnet(),
    newUuid: randomUUID,
  });
  saveLab(lab);
  makeDirectories(lab);
  await openWire(lab);
  for (const store of machinesOf(lab, 'store'))
    await startRedis(lab, store, await switchOn(lab, store));
  const hosts = machinesOf(lab, 'host');
  const booting = hosts.map(async (host) => startLibvirt(await switchOn(lab, host)));
  const booted = Promise.all(booting);
  // Its failure is told where it is waited for.
  booted.catch(() => undefined);
  for (const controller of machinesOf(lab, 'controller')) {
    await becomeController(lab, controller, await switchOn(lab, controller));
    say(`controller ${controller.name} serves`);
  }
  await booted;
  await Promise.all(hosts.map((host) => becomeHost(lab, host, livingInit(lab, host))));
  say(`hosts ${hosts.map(({ name }) => name).join(', ')} have joined`);
  return lab;
}

function makeDirectories(lab: Lab): void {
  for (const name of [...lab.machines.map((machine) => machine.name), 'wire'])
    mkdirSync(directoriesOf(lab, name).outside, { recursive: true, mode: 0o755 });
  // Members keep keys in there.
  chmodSync(lab.directory, 0o755);
  if (lab.storage !== 'lun') return;
  writeFileSync(lunFileOf(lab), '', { mode: 0o600 });
  truncateSync(lunFileOf(lab), LUN_BYTES);
}

/** Nothing is asked of those who run: they may be frozen, cut off, or of another release. */
export async function takeDown(lab: Lab): Promise<void> {
  await closeWire(lab);
  await detachLuns(lab);
  removeLab(lab);
}

/** Switches a machine on if it is off, and starts what does not run on it. */
export async function startMachine(lab: Lab, machine: LabMachine): Promise<void> {
  const init = initOf(lab, machine.name) ?? (await switchOn(lab, machine));
  if (machine.kind !== 'store' && !isMember(lab, machine))
    throw new Error(`${machine.name} never joined: take the lab down and make it anew`);
  await startPrograms(lab, machine, init);
}

/** Throws in words if it is off. */
export function livingInit(lab: Lab, machine: LabMachine) {
  const init = initOf(lab, machine.name);
  if (init !== undefined) return init;
  throw new Error(`${machine.name} is off: switch it on with ./kilonova lab start ${machine.name}`);
}

export interface MachineStatus {
  readonly name: string;
  readonly kind: string;
  readonly address: string;
  readonly state: 'on' | 'off' | 'frozen';
  readonly daemon: readonly number[];
  readonly libvirtd: readonly number[];
  readonly redis: readonly number[];
  readonly qemu: readonly number[];
  /** Machines that nothing is heard from. */
  readonly cutFrom: readonly string[];
}

export function statusOf(lab: Lab): readonly MachineStatus[] {
  const cuts = readCuts(lab);
  return lab.machines.map((machine): MachineStatus => {
    const { name, kind, address } = machine;
    const init = initOf(lab, name);
    const cutFrom = cuts.filter(({ to }) => to === name).map(({ from }) => from);
    const none = { daemon: [], libvirtd: [], redis: [], qemu: [] };
    if (init === undefined) return { name, kind, address, state: 'off', ...none, cutFrom };
    const all = processesIn(init);
    const isFrozen = all.length > 0 && all.every(({ isStopped }) => isStopped);
    const pids = (program: 'daemon' | 'libvirtd' | 'redis' | 'qemu'): readonly number[] =>
      programsOf(init, program).map(({ pid }) => pid);
    return {
      name,
      kind,
      address,
      state: isFrozen ? 'frozen' : 'on',
      daemon: pids('daemon'),
      libvirtd: pids('libvirtd'),
      redis: pids('redis'),
      qemu: pids('qemu'),
      cutFrom,
    };
  });
}
