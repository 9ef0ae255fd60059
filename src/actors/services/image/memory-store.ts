// Images' bytes in memory, for tests and simulation: the same promises as disk-store.ts, but nothing survives.
import { readFile, stat } from 'node:fs/promises';
import { StreamDigest } from './digest.ts';
import {
  type ByteRange,
  type ImageStore,
  ImageStoreFault,
  notOursFault,
  type StoredBytes,
  type SweepRules,
  type WriteOptions,
} from './store.ts';

export interface MemoryImageStoreOptions {
  /** All images together; more is `no-space`. Default: no limit. */
  readonly capacityBytes?: number;
}

export function memoryImageStore(options: MemoryImageStoreOptions = {}): ImageStore {
  return new MemoryImageStore(options.capacityBytes ?? Number.POSITIVE_INFINITY);
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly adoptedFrom: string | undefined;
}

class MemoryImageStore implements ImageStore {
  readonly #capacityBytes: number;
  readonly #kept = new Map<string, Kept>();
  readonly #writing = new Set<string>();

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  write(
    imageId: string,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredBytes> {
    return this.#place(imageId, source, options, undefined);
  }

  async adopt(imageId: string, path: string, options: WriteOptions): Promise<StoredBytes> {
    const content = await readFile(path);
    const source = (async function* (): AsyncGenerator<Uint8Array> {
      yield content;
    })();
    return await this.#place(imageId, source, options, await fileMark(path));
  }

  async isAdoptedFrom(imageId: string, path: string): Promise<boolean> {
    const mark = this.#kept.get(imageId)?.adoptedFrom;
    return mark !== undefined && mark === (await fileMark(path));
  }

  async *read(imageId: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const kept = this.#kept.get(imageId);
    if (kept === undefined) throw new ImageStoreFault('missing', `image ${imageId} has no bytes`);
    const bytes =
      range === undefined ? kept.bytes : kept.bytes.subarray(range.first, range.last + 1);
    if (bytes.length > 0) yield bytes;
  }

  async move(fromId: string, toId: string): Promise<boolean> {
    const kept = this.#kept.get(fromId);
    if (kept === undefined) return false;
    this.#kept.delete(fromId);
    this.#kept.set(toId, kept);
    return true;
  }

  async remove(imageId: string): Promise<void> {
    this.#kept.delete(imageId);
  }

  async sweep({ isKnown, isWrittenElsewhere, settle }: SweepRules): Promise<readonly string[]> {
    const before = [...this.#kept.keys()];
    await settle?.();
    const stale = before.filter(
      (imageId) => !isKnown(imageId) && isWrittenElsewhere?.(imageId) !== true,
    );
    for (const imageId of stale) this.#kept.delete(imageId);
    return stale;
  }

  /** Nothing is ever seen of an unfinished write. */
  removeParts(): Promise<void> {
    return Promise.resolve();
  }

  async #place(
    imageId: string,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
    adoptedFrom: string | undefined,
  ): Promise<StoredBytes> {
    if (this.#writing.has(imageId))
      throw new ImageStoreFault('busy', `image ${imageId} is being written already`);
    this.#writing.add(imageId);
    try {
      const digest = new StreamDigest(options);
      const chunks: Uint8Array[] = [];
      let roomBytes = this.#capacityBytes - this.#usedBytes();
      for await (const chunk of source) {
        digest.add(chunk);
        roomBytes -= chunk.length;
        if (roomBytes < 0)
          throw new ImageStoreFault(
            'no-space',
            'There is not enough disk space on the image storage media.',
          );
        chunks.push(Buffer.from(chunk));
      }
      const facts = digest.finish();
      if (options.mayKeep?.() === false) throw notOursFault();
      this.#kept.set(imageId, { bytes: Buffer.concat(chunks), adoptedFrom });
      return facts;
    } catch (error) {
      throw interruption(error);
    } finally {
      this.#writing.delete(imageId);
    }
  }

  #usedBytes(): number {
    return [...this.#kept.values()].reduce((sum, kept) => sum + kept.bytes.length, 0);
  }
}

async function fileMark(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return `${path}:${size}:${mtimeMs}`;
  } catch {
    // A file that is not there is no file that anything was adopted from.
    return undefined;
  }
}

function interruption(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') return error;
  return new ImageStoreFault('interrupted', 'the bytes broke off before their end', {
    cause: error,
  });
}
