// Images as files of one directory: `<id>`, complete and synced, or `.<id>.<n>.part` while being written. Several processes
// may share the directory: each has a mark of its own, which its parts bear (`.<id>.<mark>-<n>.part`).
// A rename makes a file appear, so a crash leaves whole files and parts, never a half image; `sweep` removes the parts.
import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  utimes,
} from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '#runtime/assert.ts';
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

const READ_BYTES = 262_144;
/** Small chunks are gathered to this much before they go to the file. */
const GATHER_BYTES = 524_288;
const NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PART = /^\.[0-9a-f-]{36}\.(?:[0-9a-z]+-)?\d+\.part$/;

/** `mark`: lower-case letters and digits, of this process alone; for a directory that others write to as well. */
export function diskImageStore(directory: string, mark = ''): ImageStore {
  assert(/^[0-9a-z]*$/.test(mark), `${JSON.stringify(mark)} can't mark a file`);
  return new DiskImageStore(directory, mark);
}

class DiskImageStore implements ImageStore {
  readonly #directory: string;
  /** Images with a write under way: one writer each. */
  readonly #writing = new Set<string>();
  readonly #mark: string;
  #parts = 0;

  constructor(directory: string, mark: string) {
    this.#directory = directory;
    this.#mark = mark === '' ? '' : `${mark}-`;
  }

  write(
    imageId: string,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredBytes> {
    return this.#place(imageId, options, (part) => writePart(part, source, options));
  }

  adopt(imageId: string, path: string, options: WriteOptions): Promise<StoredBytes> {
    return this.#place(imageId, options, async (part) => {
      const digest = new StreamDigest(options);
      for await (const chunk of readFileFrom(path)) digest.add(chunk);
      const bytes = digest.finish();
      await share(path, part);
      return bytes;
    });
  }

  async isAdoptedFrom(imageId: string, path: string): Promise<boolean> {
    try {
      const [ours, theirs] = await Promise.all([stat(this.#path(imageId)), stat(path)]);
      if (ours.ino === theirs.ino && ours.dev === theirs.dev) return true;
      return ours.size === theirs.size && Math.trunc(ours.mtimeMs) === Math.trunc(theirs.mtimeMs);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw faultOf(error);
    }
  }

  async *read(imageId: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    try {
      yield* readFileFrom(this.#path(imageId), range);
    } catch (error) {
      if (codeOf(error) === 'ENOENT')
        throw new ImageStoreFault('missing', `image ${imageId} has no bytes`, { cause: error });
      throw faultOf(error);
    }
  }

  async move(fromId: string, toId: string): Promise<boolean> {
    try {
      await rename(this.#path(fromId), this.#path(toId));
      await syncPath(this.#directory);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw faultOf(error);
    }
  }

  async remove(imageId: string): Promise<void> {
    try {
      await rm(this.#path(imageId), { force: true });
    } catch (error) {
      throw faultOf(error);
    }
  }

  async sweep({ isKnown, isWrittenElsewhere, settle }: SweepRules): Promise<readonly string[]> {
    await mkdir(this.#directory, { recursive: true });
    const names = await readdir(this.#directory);
    await settle?.();
    const stale = names.filter((name) => {
      const imageId = PART.test(name) ? partOf(name) : NAME.test(name) ? name : undefined;
      if (imageId === undefined || this.#writing.has(imageId)) return false;
      if (isWrittenElsewhere?.(imageId) === true) return false;
      return PART.test(name) || !isKnown(imageId);
    });
    for (const name of stale) await rm(join(this.#directory, name), { force: true });
    return stale;
  }

  async removeParts(imageId: string): Promise<void> {
    if (this.#writing.has(imageId)) return;
    try {
      await mkdir(this.#directory, { recursive: true });
      for (const name of await readdir(this.#directory))
        if (PART.test(name) && partOf(name) === imageId)
          await rm(join(this.#directory, name), { force: true });
    } catch (error) {
      throw faultOf(error);
    }
  }

  async #place(
    imageId: string,
    { mayKeep }: WriteOptions,
    fill: (part: string) => Promise<StoredBytes>,
  ): Promise<StoredBytes> {
    const path = this.#path(imageId);
    if (this.#writing.has(imageId))
      throw new ImageStoreFault('busy', `image ${imageId} is being written already`);
    this.#writing.add(imageId);
    this.#parts += 1;
    const part = join(this.#directory, `.${imageId}.${this.#mark}${this.#parts}.part`);
    try {
      await mkdir(this.#directory, { recursive: true });
      await rm(part, { force: true });
      const bytes = await fill(part);
      if (mayKeep?.() === false) throw notOursFault();
      await rename(part, path);
      await syncPath(this.#directory);
      return bytes;
    } catch (error) {
      // The fault that counts is the first one; a part that can't be removed now is swept at the next start.
      await rm(part, { force: true }).catch(() => undefined);
      throw faultOf(error);
    } finally {
      this.#writing.delete(imageId);
    }
  }

  #path(imageId: string): string {
    assert(NAME.test(imageId), `${JSON.stringify(imageId)} is not an image id`);
    return join(this.#directory, imageId);
  }
}

const UUID_LENGTH = 36;

/** The image that a part is of. */
function partOf(name: string): string {
  return name.slice(1, 1 + UUID_LENGTH);
}

async function writePart(
  part: string,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<StoredBytes> {
  const file = await open(part, 'wx', 0o600);
  try {
    const digest = new StreamDigest(options);
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    for await (const chunk of source) {
      digest.add(chunk);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      if (gatheredBytes < GATHER_BYTES) continue;
      await writeAll(file, gathered);
      gathered = [];
      gatheredBytes = 0;
    }
    await writeAll(file, gathered);
    const bytes = digest.finish();
    await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
}

/** A short write is completed, as POSIX allows the kernel to take less than it was given. */
async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (total === 0) return;
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten === total) return;
  let left = Buffer.concat(chunks).subarray(bytesWritten);
  while (left.length > 0) {
    const next = await file.write(left);
    left = left.subarray(next.bytesWritten);
  }
}

async function* readFileFrom(path: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    let position = range?.first ?? 0;
    const end = range === undefined ? Number.POSITIVE_INFINITY : range.last + 1;
    while (position < end) {
      const length = Math.min(READ_BYTES, end - position);
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafe(length),
        0,
        length,
        position,
      );
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** The same bytes under a second name: a clone where the file system can, else a hard link, else a copy. */
async function share(path: string, part: string): Promise<void> {
  if (!(await tryShare(() => copyFile(path, part, constants.COPYFILE_FICLONE_FORCE), part))) {
    if (await tryShare(() => link(path, part), part)) return syncPath(part);
    await copyFile(path, part);
  }
  const { atime, mtime } = await stat(path);
  await utimes(part, atime, mtime);
  await syncPath(part);
}

/** False when this way is not open: not on this file system, across two of them, or not for this user. */
async function tryShare(attempt: () => Promise<void>, part: string): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch {
    await rm(part, { force: true });
    return false;
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Faults of ours and what `inspect` threw pass; the file system's become ours; a source that broke off says so. */
function faultOf(error: unknown): unknown {
  if (error instanceof ImageStoreFault) return error;
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ImageStoreFault(
      'no-space',
      'There is not enough disk space on the image storage media.',
      { cause: error },
    );
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return new ImageStoreFault('interrupted', 'the bytes broke off before their end', {
      cause: error,
    });
  if (code !== undefined && code.startsWith('E') && !code.startsWith('ERR_'))
    return new ImageStoreFault('failed', `the image storage failed: ${code}`, { cause: error });
  return error;
}
