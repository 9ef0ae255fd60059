// `kilonova lab …`: real hosts on one machine, to try and to test what several hosts do together. Says what it does;
// every refusal is in words.
import { resolve } from 'node:path';
import type {
  LabArguments,
  LabCutArguments,
  LabStatusArguments,
  LabUpArguments,
} from '../arguments.ts';
import { table } from '../table.ts';
import {
  bringUp,
  livingInit,
  type MachineStatus,
  startMachine,
  statusOf,
  takeDown,
} from './lab.ts';
import { endNamespaces, freeze, inside, thaw } from './namespaces.ts';
import { applyCuts } from './network.ts';
import {
  apiUrlOf,
  type Cut,
  directoriesOf,
  type Lab,
  machineNamed,
  machinesOf,
  MOST_CONTROLLERS,
  MOST_HOSTS,
} from './plan.ts';
import { killProgram, type Program } from './programs.ts';
import { attachedRun } from './run.ts';
import { findLab, loadLab, readCuts, saveCuts } from './state.ts';

export async function labUp(options: LabUpArguments): Promise<void> {
  const startedMs = performance.now();
  const directory = resolve(options.data);
  const lab = await bringUp({
    directory,
    hosts: countOf('--hosts', options.hosts, MOST_HOSTS),
    controllers: countOf('--controllers', options.controllers, MOST_CONTROLLERS),
    storage: options.storage,
    say,
  }).catch(async (error: unknown) => {
    const made = findLab(directory);
    const words = error instanceof Error ? error.message : String(error);
    if (made === undefined || options.keep === true || /already/.test(words)) throw error;
    await takeDown(made);
    throw new Error(`${words}\nthe lab was taken down again; --keep leaves it to be looked at`, {
      cause: error,
    });
  });
  sayNext(lab);
  say(`ready in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}

function sayNext(lab: Lab): void {
  const [controller] = machinesOf(lab, 'controller');
  if (controller === undefined) return;
  const { outside } = directoriesOf(lab, controller.name);
  say(`APIs at ${apiUrlOf(controller)}`);
  say('next, type:');
  say(`  export OS_CLIENT_CONFIG_FILE=${outside}/data/clouds.yaml OS_CLOUD=kilonova-admin`);
  say(
    '  openstack server create --image tiny --flavor m1.tiny --network private --host h1 --os-compute-api-version 2.74 --wait vm1',
  );
}

export async function labDown(options: LabArguments): Promise<void> {
  const directory = resolve(options.data);
  const lab = findLab(directory);
  if (lab === undefined) return say(`there is no lab in ${directory}`);
  await takeDown(lab);
  say(`took the lab in ${directory} down`);
}

export function labStatus(options: LabStatusArguments): void {
  const machines = statusOf(loadLab(resolve(options.data)));
  if (options.json === true) return say(JSON.stringify(machines));
  const headings = [
    'MACHINE',
    'ADDRESS',
    'STATE',
    'MEMBER',
    'LIBVIRTD',
    'REDIS',
    'GUESTS',
    'HEARS NOTHING OF',
  ];
  say(table(headings, machines.map(rowOf)));
}

function rowOf(machine: MachineStatus): readonly (string | number)[] {
  const { name, address, state, kind } = machine;
  const pid = (pids: readonly number[], isExpected: boolean): string | number =>
    pids[0] ?? (isExpected ? 'none' : '');
  return [
    name,
    address,
    state,
    pid(machine.daemon, kind !== 'store'),
    pid(machine.libvirtd, kind === 'host'),
    pid(machine.redis, kind === 'store'),
    kind === 'host' ? machine.qemu.length : '',
    machine.cutFrom.join(' '),
  ];
}

/** Both ways unless told otherwise; a second time is no error. */
export async function labCut(a: string, b: string, options: LabCutArguments): Promise<void> {
  const lab = loadLab(resolve(options.data));
  const [from, to] = [machineNamed(lab, a).name, machineNamed(lab, b).name];
  if (from === to) throw new Error(`${a} can't be cut off from itself`);
  const wanted: Cut[] = [
    { from, to },
    ...(options.oneWay === true ? [] : [{ from: to, to: from }]),
  ];
  const before = readCuts(lab).filter(
    (cut) => !wanted.some((one) => one.from === cut.from && one.to === cut.to),
  );
  await setCuts(lab, [...before, ...wanted]);
  say(options.oneWay === true ? `what ${a} sends to ${b} is lost` : `${a} and ${b} are cut apart`);
}

export async function labHeal(options: LabArguments): Promise<void> {
  const lab = loadLab(resolve(options.data));
  await setCuts(lab, []);
  say('every machine reaches every other one again');
}

async function setCuts(lab: Lab, cuts: readonly Cut[]): Promise<void> {
  saveCuts(lab, cuts);
  await Promise.all(lab.machines.map((machine) => applyCuts(lab, machine)));
}

export async function labKill(
  name: string,
  part: Program | 'machine',
  guest: string | undefined,
  options: LabArguments,
): Promise<void> {
  const lab = loadLab(resolve(options.data));
  const init = livingInit(lab, machineNamed(lab, name));
  if (part === 'machine') {
    await endNamespaces(init);
    return say(`${name} is off`);
  }
  const killed = await killProgram(init, part, guest);
  say(`killed ${part} on ${name}: process ${killed.map(({ pid }) => pid).join(', ')}`);
}

export async function labStart(name: string, options: LabArguments): Promise<void> {
  const lab = loadLab(resolve(options.data));
  await startMachine(lab, machineNamed(lab, name));
  say(`${name} runs`);
}

export async function labFreeze(name: string, options: LabArguments): Promise<void> {
  const lab = loadLab(resolve(options.data));
  await freeze(livingInit(lab, machineNamed(lab, name)));
  say(`${name} stands still`);
}

export function labThaw(name: string, options: LabArguments): void {
  const lab = loadLab(resolve(options.data));
  thaw(livingInit(lab, machineNamed(lab, name)));
  say(`${name} goes on`);
}

/** The command's exit code. */
export function labExec(
  name: string,
  command: readonly string[],
  options: LabArguments,
): Promise<number> {
  const lab = loadLab(resolve(options.data));
  return attachedRun(inside(livingInit(lab, machineNamed(lab, name)), command));
}

function countOf(option: string, text: string, most: number): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > most)
    throw new Error(`${option} wants a whole number from 1 to ${most}, not ${text}`);
  return count;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
