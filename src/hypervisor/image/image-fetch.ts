// Streams an image to a file and checks it on the way: never more bytes than announced, the digest at the end.
// It must not decide what an image may be (image-inspection.ts) nor where it is kept (image-cache.ts).

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import type { ImageSource } from '../storage-port.ts';
import { refusal } from './image-facts.ts';

/** Writes and syncs `path`. Rejects with faults, or with the file system's error; the caller removes the file. */
export async function fetchImage(
  env: Pick<HypervisorEnv, 'timers'>,
  source: ImageSource,
  options: { readonly path: string; readonly stallMs: number },
): Promise<void> {
  const file = await open(options.path, 'wx', 0o644);
  try {
    const write = (chunk: Uint8Array): Promise<void> => writeAll(file, chunk);
    await streamImage(env, source, { write, stallMs: options.stallMs });
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Hands the image's bytes to `write`, in order, and resolves only if they are the announced ones. */
export async function streamImage(
  env: Pick<HypervisorEnv, 'timers'>,
  source: ImageSource,
  target: {
    readonly write: (chunk: Uint8Array) => Promise<void> | void;
    readonly stallMs: number;
  },
): Promise<void> {
  const hash = createHash('sha512');
  const chunks = source.open()[Symbol.asyncIterator]();
  let received = 0;
  try {
    for (;;) {
      const step = await nextChunk(env, chunks, { source, stallMs: target.stallMs });
      if (step.done === true) break;
      received += step.value.length;
      if (received > source.sizeBytes) {
        throw refusal(source, `more than the announced ${source.sizeBytes} bytes arrive`);
      }
      hash.update(step.value);
      await target.write(step.value);
    }
  } catch (error) {
    stopSource(chunks);
    throw error;
  }
  checkArrived(source, received, hash.digest('hex'));
}

function checkArrived(source: ImageSource, received: number, digest: string): void {
  if (received !== source.sizeBytes) {
    const message = `image ${source.id}: ${received} of ${source.sizeBytes} bytes arrived`;
    throw new HypervisorFault('failed', message, { retryable: true });
  }
  if (digest !== source.sha512.toLowerCase()) {
    throw refusal(source, `its sha512 is ${digest.slice(0, 16)}…, not as announced`);
  }
}

type Chunks = AsyncIterator<Uint8Array, unknown>;

async function nextChunk(
  env: Pick<HypervisorEnv, 'timers'>,
  chunks: Chunks,
  wait: { readonly source: ImageSource; readonly stallMs: number },
): Promise<IteratorResult<Uint8Array, unknown>> {
  const stalled = Promise.withResolvers<never>();
  const cancel = env.timers.after(wait.stallMs, () => {
    const message = `image ${wait.source.id}: no bytes for ${wait.stallMs} ms`;
    stalled.reject(new HypervisorFault('timeout', message, { retryable: true }));
  });
  try {
    return await Promise.race([chunks.next(), stalled.promise]);
  } catch (error) {
    if (error instanceof HypervisorFault) throw error;
    const words = error instanceof Error ? error.message : String(error);
    const message = `image ${wait.source.id} could not be read: ${words}`;
    throw new HypervisorFault('failed', message, { retryable: true, cause: error });
  } finally {
    cancel();
  }
}

/** Tells the source that no more is wanted. Its answer changes nothing for us and may never come, so none is awaited. */
function stopSource(chunks: Chunks): void {
  const ignored = (): undefined => undefined;
  chunks.return?.().then(ignored, ignored);
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.length) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written);
    written += bytesWritten;
  }
}
