// Looks up and ends processes by id, never by name alone: a process counts as ours only if its command line holds
// what we started it with, so that a reused id is never signalled.

import { readFile } from 'node:fs/promises';
import { errorCode } from '../host-files.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';

const pollMs = 5;

/** False for a process that ended, also while nobody has collected it (its command line is empty then). */
export async function isRunning(pid: number, argument: string): Promise<boolean> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return words.includes(argument);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return false;
    throw error;
  }
}

/** Asks the process to end, waits up to `graceMs`, then kills it. Silent if it is not there. */
export async function endProcess(
  env: Pick<HypervisorEnv, 'timers' | 'clock'>,
  target: { readonly pid: number; readonly argument: string },
  graceMs: number,
): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isRunning(target.pid, target.argument))) return;
    sendSignal(target.pid, signal);
    if (await waitForEnd(env, target, graceMs)) return;
  }
  throw new HypervisorFault('failed', `process ${target.pid} cannot be ended`, { retryable: true });
}

async function waitForEnd(
  env: Pick<HypervisorEnv, 'timers' | 'clock'>,
  target: { readonly pid: number; readonly argument: string },
  withinMs: number,
): Promise<boolean> {
  const until = env.clock.monotonic() + withinMs;
  while (await isRunning(target.pid, target.argument)) {
    if (env.clock.monotonic() >= until) return false;
    await pause(env, pollMs);
  }
  return true;
}

export function pause(env: Pick<HypervisorEnv, 'timers'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    env.timers.after(ms, resolve);
  });
}

/** A process that is gone already needs no signal. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
