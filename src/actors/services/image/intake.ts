// What uploads and imports share: bytes are checked by their head while they come in, and given up when they stop coming.
import type { Env } from '#runtime/env/env.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { inspectHead, matchesDeclared, virtualSizeOf } from './formats.ts';
import { unsafeBecause } from './safety.ts';
import type { StoredFile } from './protocol.ts';
import { ImageStoreFault, type StoredBytes } from './store.ts';

/** Default 1 TiB, as Glance's image_size_cap. */
export const MAX_BYTES = 1_099_511_627_776;
/** A source that gives nothing for this long is given up. */
export const STALL_MS = 60_000;

/** Thrown through the store to end a write; `refusalOf` makes a refusal of it. */
class Mismatch extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.refused);
    this.refusal = refusal;
  }
}

export function checkFormat(declared: string | null, head: Uint8Array): void {
  const { format, otherFormat } = inspectHead(head);
  if (!matchesDeclared(declared, format))
    throw new Mismatch(refuse('image-format-mismatch', { declared, found: format }));
  const reason =
    otherFormat === undefined
      ? unsafeBecause(format, head)
      : `it is ${format} and ${otherFormat} at once`;
  if (reason !== undefined) throw new Mismatch(refuse('image-unsafe', { format, reason }));
}

export function fileFacts(declared: string | null, bytes: StoredBytes): StoredFile {
  const { sizeBytes, md5, sha512, head } = bytes;
  const virtualSizeBytes = virtualSizeOf(declared, inspectHead(head), sizeBytes);
  return {
    sizeBytes,
    md5,
    sha512,
    ...(virtualSizeBytes === undefined ? {} : { virtualSizeBytes }),
  };
}

/** What users can be told of as an expected end; undefined for a bug. */
export function refusalOf(error: unknown, imageId: string): Refusal | undefined {
  if (error instanceof Mismatch) return error.refusal;
  if (!(error instanceof ImageStoreFault)) return undefined;
  const detail = { imageId, reason: error.message };
  switch (error.code) {
    case 'too-large':
      return refuse('image-too-large', detail);
    case 'no-space':
      return refuse('image-no-space', detail);
    case 'interrupted':
      return refuse('image-interrupted', detail);
    case 'busy':
      return refuse('image-status', { from: 'saving', to: 'saving' });
    default:
      return refuse('image-store-failed', detail);
  }
}

export async function* withoutStalls(
  chunks: AsyncIterable<Uint8Array>,
  env: Env,
  stallMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await inTime(iterator.next(), env, stallMs);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    // Not awaited: a source that hangs may hang here, too.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

async function inTime<T>(step: Promise<T>, env: Env, stallMs: number): Promise<T> {
  let cancel = (): void => undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    cancel = env.timers.after(stallMs, () =>
      reject(new ImageStoreFault('interrupted', `no byte came for ${stallMs} ms`)),
    );
  });
  try {
    return await Promise.race([step, stalled]);
  } finally {
    cancel();
  }
}
