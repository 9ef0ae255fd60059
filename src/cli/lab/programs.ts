// The programs of a lab's machines: Redis, libvirt's daemons, and members of the cluster, each started as on a machine of
// its own: a member by `kilonova up` and `kilonova join`. Found and killed by what runs in the machine's namespaces.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers } from '#hypervisor/libvirt/daemon-process.ts';
import type { PartialConfig } from '#config/schema.ts';
import { readMemberFile } from '../../member-file.ts';
import { root } from '../settings.ts';
import {
  attemptInside,
  killProcess,
  type LabProcess,
  processesIn,
  runInside,
} from './namespaces.ts';
import {
  apiPort,
  directoriesOf,
  type Lab,
  type LabMachine,
  machinesOf,
  peerPort,
  redisPort,
  redisUrlOf,
} from './plan.ts';
import { until } from './run.ts';
import { type Init, initOf } from './state.ts';

/** What can be killed on a machine. `daemon` is the member of the cluster. */
export type Program = 'daemon' | 'libvirtd' | 'qemu' | 'redis';

const READY_MS = 30_000;
const MEMBER_MS = 120_000;

export function programsOf(init: Init, program: Program): readonly LabProcess[] {
  return processesIn(init).filter(({ command }) => programNamed(command) === program);
}

export function programNamed(command: string): Program | undefined {
  const [path = ''] = command.split(' ');
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === 'libvirtd') return 'libvirtd';
  if (name.startsWith('redis-server')) return 'redis';
  if (name.startsWith('qemu-system-')) return 'qemu';
  return command.includes('src/cli/serve.ts') ? 'daemon' : undefined;
}

/** -9 to all of them, of qemu only to the guest named, if one is. Throws in words if there is none. */
export async function killProgram(
  init: Init,
  program: Program,
  guest?: string,
): Promise<readonly LabProcess[]> {
  const found = programsOf(init, program).filter(
    ({ command }) => guest === undefined || command.includes(guest),
  );
  if (found.length === 0)
    throw new Error(
      `no ${program} runs there${guest === undefined ? '' : ` with ${guest} in its command`}`,
    );
  for (const one of found) await killProcess(one);
  return found;
}

/** Starts what belongs on this machine and does not run. A host's member must have joined already. */
export async function startPrograms(lab: Lab, machine: LabMachine, init: Init): Promise<void> {
  if (machine.kind === 'store') await startRedis(lab, machine, init);
  if (machine.kind === 'host') await startLibvirt(init);
  if (machine.kind !== 'store' && programsOf(init, 'daemon').length === 0)
    await kilonova(lab, machine, init, ['up', '--detach']);
}

export async function startRedis(lab: Lab, machine: LabMachine, init: Init): Promise<void> {
  if (programsOf(init, 'redis').length > 0) return;
  const { self } = directoriesOf(lab, machine.name);
  const settings: Readonly<Record<string, string>> = {
    bind: machine.address,
    port: String(redisPort),
    // Who may connect is said by the machine's packet rules (network.ts).
    'protected-mode': 'no',
    dir: join(self, 'data'),
    logfile: join(self, 'redis.log'),
    daemonize: 'yes',
    appendonly: 'yes',
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
    'maxmemory-policy': 'noeviction',
    save: '',
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  await runInside(init, ['redis-server', ...words]);
  const ping = ['redis-cli', '-h', machine.address, '-p', String(redisPort), 'ping'];
  await until(
    'the store to answer',
    async () => (await attemptInside(init, ping)).stdout.includes('PONG'),
    READY_MS,
  );
}

export async function startLibvirt(init: Init): Promise<void> {
  const commands = processesIn(init).map(({ command }) => command);
  if (!commands.some((command) => command.includes('virtlogd')))
    await runInside(init, ['/usr/sbin/virtlogd', '-d', '-p', '/run/libvirt/virtlogd.pid']);
  if (programsOf(init, 'libvirtd').length === 0)
    await runInside(init, [
      '/usr/sbin/libvirtd',
      '-d',
      '--listen',
      '-p',
      '/run/libvirt/libvirtd.pid',
    ]);
  const socket = `/proc/${init.pid}/root/run/libvirt/libvirt-sock`;
  await until('libvirtd to answer', () => answers(socket), READY_MS);
}

/** The cluster's first controller founds it; the others join. */
export async function becomeController(lab: Lab, machine: LabMachine, init: Init): Promise<void> {
  const { address } = machine;
  const listen = ['--listen', `${address}:${apiPort}`, '--peer-listen', `${address}:${peerPort}`];
  if (machinesOf(lab, 'controller')[0]?.name === machine.name) {
    const store = ['--redis', redisUrlOf(lab), '--role', 'controller'];
    await kilonova(lab, machine, init, ['up', '--detach', ...store, ...listen]);
    return;
  }
  await joinCluster(lab, machine, init, ['--role', 'controller', ...listen]);
}

export async function becomeHost(lab: Lab, machine: LabMachine, init: Init): Promise<void> {
  const more = ['--role', 'compute', '--listen', `${machine.address}:0`];
  await joinCluster(lab, machine, init, more);
}

async function joinCluster(
  lab: Lab,
  machine: LabMachine,
  init: Init,
  more: readonly string[],
): Promise<void> {
  const [first] = machinesOf(lab, 'controller');
  const controller = first === undefined ? undefined : initOf(lab, first.name);
  if (first === undefined || controller === undefined)
    throw new Error(`${machine.name} can't join: the lab's first controller is off`);
  const role = machine.kind === 'host' ? 'compute' : 'controller';
  const made = await kilonova(lab, first, controller, ['token', 'create', '--role', role]);
  const token = made.trim();
  await kilonova(lab, machine, init, ['join', token, '--detach', '--name', machine.name, ...more]);
}

export function isMember(lab: Lab, machine: LabMachine): boolean {
  return readMemberFile(join(directoriesOf(lab, machine.name).outside, 'data')) !== undefined;
}

/** Runs `kilonova …` on the machine, on its data directory. What it printed; throws in words. */
function kilonova(
  lab: Lab,
  machine: LabMachine,
  init: Init,
  args: readonly string[],
): Promise<string> {
  const { self, outside } = directoriesOf(lab, machine.name);
  writeSettings(lab, join(outside, 'cluster.config.ts'));
  const where = ['--data', join(self, 'data'), '--config', join(self, 'cluster.config.ts')];
  return runInside(init, [join(root, 'kilonova'), ...args, ...where], { timeoutMs: MEMBER_MS });
}

function writeSettings(lab: Lab, path: string): void {
  const settings: PartialConfig = {
    hypervisor: { kind: 'libvirt', uri: 'qemu:///system' },
    images: { directory: join(lab.directory, 'images') },
  };
  const text = `export default ${JSON.stringify(settings)};\n`;
  if (currentText(path) !== text) writeFileSync(path, text);
}

function currentText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
