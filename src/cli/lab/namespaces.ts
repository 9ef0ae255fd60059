// A machine's namespaces: mounts, host name, network, processes. They are held by one small process, the machine's first,
// which waits for whatever ends in it; when that one is killed the kernel kills all the others, and mounts and devices go
// with them. So nothing can be left behind by a machine that is off.
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { startTicksOf } from '../run-file.ts';
import { attempt, type Ran, run, until } from './run.ts';
import { type Init, isLiving, stateOf } from './state.ts';

export interface LabProcess {
  readonly pid: number;
  readonly command: string;
  readonly isStopped: boolean;
}

const BOOT_MS = 20_000;
const END_MS = 10_000;
/** A process that forks while it is being stopped leaves one that runs: it is looked for again. */
const MOST_ROUNDS = 50;
/** Perl is essential on Debian; a shell would not wait for processes that it has not started. The directory names it. */
const REAPER = '$SIG{CHLD} = sub {}; for (;;) { 1 while waitpid(-1, 1) > 0; sleep 1 }';

/**
 * Makes the namespaces and runs `script`, lines of sh, in them as root. Resolves when it has ended well. `onInit` is told
 * at once who holds them.
 */
export async function openNamespaces(options: {
  /** Keeps the script and what it prints. */
  readonly directory: string;
  readonly script: readonly string[];
  /** Those whose end ends these, too. */
  readonly within?: Init;
  readonly onInit: (init: Init) => void;
}): Promise<Init> {
  const { directory, script, within, onInit } = options;
  const [boot, booted, failed, log] = ['boot', 'booted', 'failed', 'boot.log'].map((name) =>
    join(directory, name),
  ) as [string, string, string, string];
  for (const path of [booted, failed]) rmSync(path, { force: true });
  const lines = [
    'set -e',
    `trap "touch '${failed}'" EXIT`,
    ...script,
    `touch '${booted}'`,
    `exec /usr/bin/perl -e '${REAPER}' '${directory}'`,
    '',
  ];
  writeFileSync(boot, lines.join('\n'));
  const all = '--mount --uts --ipc --net --pid --fork --mount-proc';
  const start = `setsid unshare ${all} -- /bin/sh '${boot}' >'${log}' 2>&1 </dev/null &`;
  const at = within === undefined ? [] : ['nsenter', '--target', String(within.pid), '--pid', '--'];
  await run([...at, '/bin/sh', '-c', start]);
  let init: Init | undefined;
  await until(
    () => `namespaces to be made: ${readFileSync(log, 'utf8')}`,
    () => {
      init ??= findInit(directory, onInit);
      if (existsSync(failed)) throw new Error(`namespaces: ${readFileSync(log, 'utf8')}`);
      return init !== undefined && existsSync(booted);
    },
    BOOT_MS,
  );
  if (init === undefined) throw new Error(`the namespaces of ${directory} have no first process`);
  return init;
}

/** The process that is number 1 in its namespace, and that runs the boot script or what comes after it. */
function findInit(directory: string, onInit: (init: Init) => void): Init | undefined {
  const names = [join(directory, 'boot'), directory];
  const pid = pidsHere().find(
    (candidate) =>
      names.some((name) => commandOf(candidate).endsWith(` ${name}`)) &&
      /^NSpid:.*\s1$/m.test(statusOf(candidate)),
  );
  const startTicks = pid === undefined ? undefined : startTicksOf(pid);
  if (pid === undefined || startTicks === undefined) return undefined;
  onInit({ pid, startTicks });
  return { pid, startTicks };
}

function pidsHere(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** The command that runs `command` in there. */
export function inside({ pid }: Init, command: readonly string[]): readonly string[] {
  const all = ['--mount', '--uts', '--ipc', '--net', '--pid'];
  return ['nsenter', '--target', String(pid), ...all, '--', ...command];
}

/** What it printed; throws in words unless it ended with 0. */
export function runInside(
  init: Init,
  command: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  return run(inside(init, command), options);
}

export function attemptInside(init: Init, command: readonly string[]): Promise<Ran> {
  return attempt(inside(init, command));
}

/** All but the first one, and but those that have ended and are not yet waited for. */
export function processesIn(init: Init): readonly LabProcess[] {
  const namespace = namespaceOf(init.pid);
  if (namespace === undefined) return [];
  return pidsHere()
    .filter((pid) => pid !== init.pid && namespaceOf(pid) === namespace)
    .flatMap((pid): LabProcess[] => {
      const state = stateOf(pid);
      if (state === undefined || state === 'Z') return [];
      return [{ pid, command: commandOf(pid), isStopped: state === 'T' }];
    });
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** -9 to one process. Resolves when it is gone. */
export async function killProcess({ pid }: { readonly pid: number }): Promise<void> {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) return;
  signal(pid, 'SIGKILL');
  await until(`process ${pid} to end`, () => !isLiving({ pid, startTicks }), END_MS);
}

/** As a power cut: everything in there ends at once. The first process is the last to go (pid_namespaces(7)). */
export async function endNamespaces(init: Init): Promise<void> {
  signal(init.pid, 'SIGKILL');
  await until(`process ${init.pid} and those under it to end`, () => !isLiving(init), END_MS);
}

/** Every process stands still; the kernel goes on answering for the machine, as for one whose programs hang. */
export async function freeze(init: Init): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const running = processesIn(init).filter(({ isStopped }) => !isStopped);
    if (running.length === 0) return;
    for (const { pid } of running) signal(pid, 'SIGSTOP');
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error(
    `the machine of process ${init.pid} could not be frozen: it starts processes too fast`,
  );
}

export function thaw(init: Init): void {
  for (const { pid } of processesIn(init)) signal(pid, 'SIGCONT');
}

function signal(pid: number, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
