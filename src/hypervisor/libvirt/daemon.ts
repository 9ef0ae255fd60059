// The machine's own libvirt daemon: the one that runs, or one started as its packages would start it, so that
// `virsh -c qemu:///system` sees the same guests. Its configuration is the admin's and is never written.

import { chmod, chown, readFile, stat } from 'node:fs/promises';
import type { HypervisorEnv } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import { createCommandRunner } from '../command.ts';
import {
  answers,
  endProcess,
  exists,
  readPidFile,
  startDetached,
  waitFor,
} from './daemon-process.ts';
import { SYSTEM_SOCKETS } from './rpc/uri.ts';

export interface LibvirtDaemon {
  readonly uri: string;
  /** How many long calls it may be given at a time (the driver's workInFlight). */
  readonly workInFlight: number;
  /** Of the processes that were started here; empty if the daemon ran already or systemd keeps it. */
  readonly pids: readonly number[];
  /** Ends what was started here. Guests go on running. */
  stop(): Promise<void>;
}

/** With five worker threads, libvirt's default; see connections.ts. */
const USUAL_WORK = 4;
const MANY_THREADS = 20;
const MUCH_WORK = 16;
const THREAD_POOL = ['virt-admin', '--connect', 'libvirtd:///system'] as const;
const START_TIMEOUT_MS = 20_000;
const LOG_SOCKET = '/run/libvirt/virtlogd-sock';
const PROGRAMS = ['/usr/sbin/virtlogd', '/usr/sbin/libvirtd'] as const;

/** Rejects with HypervisorFault: unsupported (not root, not installed) or failed (does not come up), with the mend. */
export async function ensureLibvirtDaemon(options: {
  readonly env: HypervisorEnv;
}): Promise<LibvirtDaemon> {
  const { env } = options;
  const pids = (await anyAnswers(SYSTEM_SOCKETS)) ? [] : await start(env);
  if (pids.length > 0) await addThreads(env);
  return {
    uri: 'qemu:///system',
    workInFlight: (await countThreads(env)) >= MANY_THREADS ? MUCH_WORK : USUAL_WORK,
    pids,
    stop: async () => {
      // libvirtd first: it uses virtlogd.
      for (const pid of pids.toReversed()) await endProcess(env, pid);
    },
  };
}

/** Gives the pids of what was started by hand. */
async function start(env: HypervisorEnv): Promise<readonly number[]> {
  if (process.getuid?.() !== 0) {
    throw new HypervisorFault(
      'unsupported',
      'no libvirt daemon answers, and only root can start one: run as root, or start libvirtd',
    );
  }
  for (const program of PROGRAMS) {
    if (await exists(program)) continue;
    throw new HypervisorFault(
      'unsupported',
      `${program} is not installed: apt-get install libvirt-daemon-system qemu-system-x86`,
    );
  }
  if (!(await exists('/run/systemd/system'))) return startByHand(env);
  env.log.info({}, 'starting libvirtd by systemd');
  await createCommandRunner(env)(['systemctl', 'start', 'libvirtd.service']);
  await untilUp(env);
  return [];
}

async function startByHand(env: HypervisorEnv): Promise<readonly number[]> {
  env.log.info({}, 'starting virtlogd and libvirtd');
  await openKvmToItsGroup(env);
  const started: string[] = [];
  if (!(await answers(LOG_SOCKET))) {
    startDetached(['/usr/sbin/virtlogd', '-d'], 'ignore');
    started.push('/run/virtlogd.pid');
  }
  startDetached(['/usr/sbin/libvirtd', '-d'], 'ignore');
  started.push('/run/libvirtd.pid');
  await untilUp(env);
  const pids = await Promise.all(started.map(readPidFile));
  return pids.filter((pid) => pid !== undefined);
}

/** Gives the running libvirtd more worker threads from the start; nothing is written. */
async function addThreads(env: HypervisorEnv): Promise<void> {
  try {
    await createCommandRunner(env)([
      ...THREAD_POOL,
      'server-threadpool-set',
      'libvirtd',
      '--min-workers',
      String(MANY_THREADS),
    ]);
  } catch (error) {
    env.log.warn({ error }, 'libvirtd stays with its few worker threads');
  }
}

/** 0 when it can't be known: no virt-admin, not root, or a modular daemon. */
async function countThreads(env: HypervisorEnv): Promise<number> {
  try {
    const run = createCommandRunner(env);
    const { stdout } = await run([...THREAD_POOL, 'server-threadpool-info', 'libvirtd']);
    return Number(/^minWorkers\s*:\s*(\d+)/m.exec(stdout)?.[1] ?? 0);
  } catch (error) {
    env.log.debug({ error }, 'how many worker threads libvirtd has is not known');
    return 0;
  }
}

/**
 * Where no udev runs, /dev/kvm is root's alone. libvirt then finds its knowledge of QEMU outdated at every call and
 * probes QEMU anew, seconds each time. This is what udev's own rule does.
 */
async function openKvmToItsGroup(env: HypervisorEnv): Promise<void> {
  const groups = await readFile('/etc/group', 'utf8');
  const kvm = groups.split('\n').find((line) => line.startsWith('kvm:'));
  const gid = Number(kvm?.split(':')[2] ?? Number.NaN);
  if (!Number.isInteger(gid) || !(await exists('/dev/kvm'))) return;
  const { mode, gid: owner } = await stat('/dev/kvm');
  if ((mode & 0o006) === 0o006 || ((mode & 0o060) === 0o060 && owner === gid)) return;
  await chown('/dev/kvm', 0, gid);
  await chmod('/dev/kvm', 0o660);
  env.log.info({}, 'gave /dev/kvm to the group kvm, as udev does');
}

async function untilUp(env: HypervisorEnv): Promise<void> {
  const up = await waitFor(env, START_TIMEOUT_MS, () => anyAnswers(SYSTEM_SOCKETS));
  if (up) return;
  throw new HypervisorFault(
    'failed',
    `libvirtd was started but does not answer on ${SYSTEM_SOCKETS[0]} within ${START_TIMEOUT_MS} ms; ` +
      'run `libvirtd` in a terminal to see why',
  );
}

async function anyAnswers(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await answers(path)) return true;
  return false;
}
