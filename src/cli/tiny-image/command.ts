// Runs the programs that the tiny image is made with, and turns their failures into words: what failed, where, what mends it.
// It must not know what they are run for.

import { execFile } from 'node:child_process';

/** The build can't go on. The message says what failed, on what, and what to do next. */
export class TinyImageError extends Error {
  constructor(what: string, mend: string, cause?: unknown) {
    super(`${what}\n  Mend: ${mend}`, cause === undefined ? undefined : { cause });
    this.name = 'TinyImageError';
  }
}

export interface CommandOptions {
  /** What the user can do if it fails. */
  readonly mend: string;
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

// A root shell made by plain `su` has no sbin in its PATH; messages are read by their English words.
const systemEnvironment = {
  LC_ALL: 'C',
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`,
};

const maxOutputBytes = 16 * 1024 * 1024;

/** Resolves with what the command printed. Rejects with TinyImageError if it can't be run, fails or takes too long. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      {
        cwd: options.directory,
        env: { ...process.env, ...systemEnvironment, ...options.environment },
        maxBuffer: maxOutputBytes,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(describeFailure({ command, args, options, timeoutMs, error, stderr }));
      },
    );
  });
}

function describeFailure(failure: {
  command: string;
  args: readonly string[];
  options: CommandOptions;
  timeoutMs: number;
  error: Error & { code?: string | number | null; killed?: boolean };
  stderr: string;
}): TinyImageError {
  const { command, args, options, error } = failure;
  if (error.code === 'ENOENT') {
    return new TinyImageError(`${command} can't be found`, options.mend, error);
  }
  const line = [command, ...args].join(' ');
  const shown = line.length > 300 ? `${line.slice(0, 300)}…` : line;
  const why =
    error.killed === true
      ? `took longer than ${failure.timeoutMs / 1000} s`
      : lastLines(failure.stderr) || error.message;
  return new TinyImageError(`'${shown}' failed: ${why}`, options.mend, error);
}

function lastLines(text: string): string {
  return text
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('W: '))
    .slice(-3)
    .join(' / ');
}
