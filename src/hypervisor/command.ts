// Runs one command of the machine to its end: no shell, a deadline, bounded output, and a fault that names the
// command, its exit code and its words. Daemons may be started through it only if they put themselves into the background.
// It must not be used for anything whose arguments come from users unchecked.

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { HypervisorFault } from './port.ts';
import type { HypervisorEnv } from './port.ts';

export type Command = readonly [program: string, ...arguments: string[]];

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** Killed after this long; fault `timeout`. Default 30 s. */
  readonly timeoutMs?: number;
  /** Killed when one of its outputs grows beyond this; fault `failed`. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  /** What goes beyond that is no fault but thrown away. */
  readonly cutsOutput?: boolean;
  /** Exit codes that are no fault. Default only 0. */
  readonly accepts?: readonly number[];
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects with HypervisorFault only: `timeout`, `no-space` or `failed`. */
export type RunCommand = (command: Command, options?: CommandOptions) => Promise<CommandResult>;

const defaultTimeoutMs = 30_000;
const defaultMaxOutputBytes = 1_048_576;
/** Where programs are looked for, whatever this process was started with. */
export const commandPath = [
  process.env['PATH'],
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
  '/bin',
]
  .filter((part) => part !== undefined && part !== '')
  .join(':');

export function createCommandRunner(env: Pick<HypervisorEnv, 'timers'>): RunCommand {
  return (command, options = {}) =>
    new Promise((resolve, reject) => {
      startCommand(env, { command, options, resolve, reject });
    });
}

interface Run {
  readonly command: Command;
  readonly options: CommandOptions;
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (fault: HypervisorFault) => void;
}

function startCommand(env: Pick<HypervisorEnv, 'timers'>, run: Run): void {
  const [program, ...args] = run.command;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: commandPath, LC_ALL: 'C', HOME: '/' },
  });
  const timeoutMs = run.options.timeoutMs ?? defaultTimeoutMs;
  let inputError: Error | undefined;
  let settled = false;
  const settle = (outcome: CommandResult | HypervisorFault): void => {
    if (settled) return;
    settled = true;
    cancelDeadline();
    if (outcome instanceof HypervisorFault) run.reject(outcome);
    else run.resolve(outcome);
  };
  const giveUp = (fault: HypervisorFault): void => {
    child.kill('SIGKILL');
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    settle(fault);
  };
  const cancelDeadline = env.timers.after(timeoutMs, () => {
    const message = `${describe(run.command)} did not end within ${timeoutMs} ms`;
    giveUp(new HypervisorFault('timeout', message, { retryable: true }));
  });
  const tooMuch = (): void => {
    if (run.options.cutsOutput === true) return;
    giveUp(new HypervisorFault('failed', `${describe(run.command)} printed too much`));
  };
  const limit = run.options.maxOutputBytes ?? defaultMaxOutputBytes;
  const stdout = collect(child.stdout, limit, tooMuch);
  const stderr = collect(child.stderr, limit, tooMuch);
  // A command that ends without reading its input breaks the pipe; that matters only if it claims success.
  child.stdin.on('error', (error) => (inputError = error));
  child.stdin.end(run.options.input ?? '');
  child.on('error', (error) => settle(startFault(run.command, error)));
  child.on('close', (exitCode, signal) => {
    const result = { exitCode: exitCode ?? -1, stdout: stdout(), stderr: stderr() };
    const accepted = (run.options.accepts ?? [0]).includes(result.exitCode);
    const cut = accepted && run.options.input !== undefined && inputError !== undefined;
    if (accepted && !cut) settle(result);
    else settle(exitFault(run.command, { ...result, signal, cause: inputError }));
  });
}

function collect(stream: NodeJS.ReadableStream, limit: number, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function startFault(command: Command, error: NodeJS.ErrnoException): HypervisorFault {
  const missing = error.code === 'ENOENT';
  const reason = missing
    ? 'is not installed on this host'
    : `could not be started: ${error.message}`;
  return new HypervisorFault('failed', `${command[0]} ${reason}`, { cause: error });
}

function exitFault(
  command: Command,
  end: CommandResult & { readonly signal: string | null; readonly cause: unknown },
): HypervisorFault {
  const how = end.signal === null ? `exited with ${end.exitCode}` : `was killed by ${end.signal}`;
  const words = end.stderr.trim() || end.stdout.trim() || 'it said nothing';
  const full = /no space left on device|disk quota exceeded/i.test(words);
  return new HypervisorFault(
    full ? 'no-space' : 'failed',
    `${describe(command)} ${how}: ${words.slice(0, 2_000)}`,
    { retryable: full, cause: end.cause },
  );
}

function describe(command: Command): string {
  const text = command.join(' ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** The full path of a program that `run` would find, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of commandPath.split(':')) {
    const path = join(directory, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
