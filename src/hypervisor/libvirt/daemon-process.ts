// Starting and ending the daemons that libvirt consists of, by pid. Every process started here runs under a small reaper
// of its own: QEMU processes outlive libvirtd and fall to it, and libvirt takes a guest for dead only when somebody has
// waited for its process. Where PID 1 does that late or never (containers, small VMs), each destroy would hang.

import { spawn } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';

const POLL_MS = 25;
const PR_SET_CHILD_SUBREAPER = 36;
const SYS_PRCTL = 157;

/** Perl is essential on Debian. Ends when the last process under it has ended. */
const REAPER = [
  `syscall(${SYS_PRCTL}, ${PR_SET_CHILD_SUBREAPER}, 1, 0, 0, 0) == 0 or die "prctl: $!";`,
  'my $pid = fork() // die "fork: $!";',
  'if ($pid == 0) { exec @ARGV or die "exec: $!"; }',
  '1 while wait() != -1;',
].join(' ');

/** Starts a command in a session of its own, which lives on when we end. `logFd` takes its output. */
export function startDetached(command: readonly string[], logFd: number | 'ignore'): number {
  const reaper = process.arch === 'x64' ? ['/usr/bin/perl', '-e', REAPER, '--'] : [];
  const [program = '', ...args] = [...reaper, ...command];
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', logFd, logFd],
    env: {
      PATH: '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
    },
  });
  // Whether it works is seen by what it was started for: a socket that answers.
  child.on('error', () => undefined);
  child.unref();
  return child.pid ?? -1;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Undefined when there is no such file or its process is gone. */
export async function readPidFile(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const pid = Number(text.trim());
  return Number.isInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined;
}

/** SIGTERM, and SIGKILL for who does not heed it within `patienceMs`. Resolves when the process is gone. */
export async function endProcess(
  env: HypervisorEnv,
  pid: number,
  patienceMs = 5_000,
): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return;
  const gone = await waitFor(env, patienceMs, () => !isAlive(pid));
  if (!gone) await killProcess(env, pid);
}

/** SIGKILL. Resolves when the process is gone. */
export async function killProcess(env: HypervisorEnv, pid: number): Promise<void> {
  if (!signal(pid, 'SIGKILL')) return;
  const gone = await waitFor(env, 10_000, () => !isAlive(pid));
  if (!gone) throw new HypervisorFault('failed', `process ${pid} does not end when killed`);
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** True once `condition` holds, false when `timeoutMs` have passed. */
export async function waitFor(
  env: HypervisorEnv,
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const end = env.clock.monotonic() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (env.clock.monotonic() >= end) return false;
    await new Promise<void>((resolve) => {
      env.timers.after(POLL_MS, resolve);
    });
  }
}

/** Whether somebody listens on this unix socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
