// Runs the programs that a lab is made with, and waits for conditions. Every run and every wait has a bound; who fails
// is named with its own words.
import { spawn } from 'node:child_process';

const COMMAND_MS = 120_000;
const LOOK_MS = 25;
const LEFT_OPEN_MS = 500;
const MOST_OUTPUT = 1_048_576;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it printed. Throws in words unless it ended with 0. */
export async function run(
  command: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, options);
  if (code === 0) return stdout;
  const words = stderr.trim() || stdout.trim() || 'it said nothing';
  throw new Error(`${command.join(' ')} ended with ${code}: ${words.slice(-4_000)}`);
}

/** Rejects only if it can't be started or does not end in time. */
export function attempt(
  command: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<Ran> {
  const [program = '', ...args] = command;
  const timeoutMs = options.timeoutMs ?? COMMAND_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout = (output.stdout + text).slice(-MOST_OUTPUT);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr = (output.stderr + text).slice(-MOST_OUTPUT);
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command.join(' ')} did not end within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    let exitCode = 1;
    const end = (): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: exitCode, ...output });
    };
    // Daemons that it leaves behind may hold its output open for ever.
    child.once('exit', (code) => {
      exitCode = code ?? 1;
      setTimeout(end, LEFT_OPEN_MS);
    });
    child.once('close', end);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${program} could not be started: ${error.message}`, { cause: error }));
    });
    // A program that reads nothing breaks the pipe; what it makes of that is told by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Resolves when it holds; rejects naming what it waited for. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(
        `waited ${withinMs / 1000} s for ${typeof what === 'string' ? what : what()}`,
      );
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/** With this process's own input and output; its exit code. */
export function attachedRun(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.once('exit', (code) => resolve(code ?? 1));
    child.once('error', reject);
  });
}
