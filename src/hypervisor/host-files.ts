// Whole files, never halves: written beside their place, synced where they must last, then renamed; and removed
// by renaming away first. Errors of the file system become HypervisorFaults in words.

import { chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { HypervisorEnv } from './port.ts';
import { HypervisorFault } from './port.ts';

const unfinished = /^\.(?:incoming|removed)-/;

/** A place in `directory` for something unfinished; swept at the next start if a crash leaves it. */
export function unfinishedPath(env: Pick<HypervisorEnv, 'random'>, directory: string): string {
  return join(directory, `.incoming-${env.random.uuid()}`);
}

/** Removes what a crash left half made or half removed in `directory`. */
export async function sweepUnfinished(directory: string): Promise<number> {
  const left = (await readdir(directory)).filter((name) => unfinished.test(name));
  for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
  return left.length;
}

/** Readers see the old content or the new one. `durable`: the new one is there after a power cut, too. */
export async function replaceFile(
  env: Pick<HypervisorEnv, 'random'>,
  path: string,
  content: string | Uint8Array,
  options: { readonly durable?: boolean } = {},
): Promise<void> {
  const temporary = unfinishedPath(env, dirname(path));
  try {
    await writeFile(temporary, content, { flush: options.durable ?? false });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (options.durable) await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Takes a directory out of sight at once, then deletes it. Silent if it is not there. */
export async function removeDirectory(
  env: Pick<HypervisorEnv, 'random'>,
  path: string,
): Promise<void> {
  const aside = join(dirname(path), `.removed-${env.random.uuid()}`);
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** Open to other accounts whatever our umask is: QEMU and dnsmasq run under theirs. */
export async function ensureDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made !== undefined) await chmod(path, 0o755);
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** Runs file work and turns what goes wrong into a fault that says what was being done. */
export async function withFileFaults<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFault(doing, error);
  }
}

export function fileFault(doing: string, error: unknown): HypervisorFault {
  if (error instanceof HypervisorFault) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `no space is left on the host while ${doing}`;
    return new HypervisorFault('no-space', message, { retryable: true, cause: error });
  }
  const words = error instanceof Error ? error.message : String(error);
  return new HypervisorFault('failed', `${doing} failed: ${words}`, { cause: error });
}

/** The file's name without its directory, for messages. */
export function fileName(path: string): string {
  return basename(path);
}

/** Empty for a file that is not there. */
export async function readIfThere(path: string): Promise<string> {
  return ifThere('', () => readFile(path, 'utf8'));
}

/** Empty for a directory that is not there. */
export async function listIfThere(path: string): Promise<readonly string[]> {
  return ifThere([], () => readdir(path));
}

async function ifThere<T>(otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
}
