// A guest's serial console, live and logged. The log is written by virtlogd, which turns it over at a size of its own:
// PATH is the newest part, PATH.0 the one before, and so on. Only files of the given path are read or removed.

import { open, rm } from 'node:fs/promises';
import type { ConsoleStream, HypervisorEnv } from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { RpcStream } from './rpc/stream.ts';

/** virtlogd keeps three old parts unless its admin says otherwise (max_backups). */
const MAX_OLD_PARTS = 9;

/** `release` closes the stream's connection. The output never throws: a lost connection ends it as well. */
export function consoleStream(
  stream: RpcStream,
  release: () => void,
  env: HypervisorEnv,
): ConsoleStream {
  let closed = false;
  async function* output(): AsyncGenerator<Uint8Array> {
    try {
      yield* stream;
    } catch (error) {
      env.log.debug({ error }, 'a console ended with an error');
    } finally {
      release();
    }
  }
  return {
    output: output(),
    write: async (data) => {
      if (closed || stream.ended) {
        throw new HypervisorFault('wrong-state', 'this console is closed');
      }
      await stream.write(data);
    },
    close: async () => {
      if (closed) return;
      closed = true;
      if (!stream.ended) await stream.finish().catch(() => undefined);
      stream.end(undefined);
      release();
    },
  };
}

/** The last `maxBytes` of the log, across its parts; empty when there is none. */
export async function readConsoleLog(path: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let missing = maxBytes;
  for (const part of [path, ...oldParts(path)]) {
    if (missing <= 0) break;
    const bytes = await readTail(part, missing);
    if (bytes === undefined) {
      if (part === path) continue;
      break;
    }
    parts.unshift(bytes);
    missing -= bytes.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** A new start truncates PATH only: what an earlier one left in the old parts must go before. */
export async function removeOldConsoleLogs(path: string): Promise<void> {
  await Promise.all(oldParts(path).map((part) => rm(part, { force: true })));
}

function oldParts(path: string): string[] {
  return Array.from({ length: MAX_OLD_PARTS }, (_, index) => `${path}.${index}`);
}

async function readTail(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, maxBytes);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, size - length);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HypervisorFault('failed', `console log ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
