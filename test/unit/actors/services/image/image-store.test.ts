// One suite for both image stores, and what only a disk can do.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskImageStore } from '#actors/services/image/disk-store.ts';
import { HEAD_BYTES } from '#actors/services/image/formats.ts';
import { memoryImageStore } from '#actors/services/image/memory-store.ts';
import { type ImageStore, ImageStoreFault } from '#actors/services/image/store.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const OTHER = '11111111-2222-4333-8444-666666666666';
const plenty = { limitBytes: 10_000_000 };

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function* chunksOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString('latin1');
}

/** A source that says when it is being read, and ends when it is told to. */
function heldSource(): {
  chunks: AsyncIterable<Uint8Array>;
  reading: Promise<void>;
  end: () => void;
} {
  const reading = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('start');
    reading.resolve();
    await held.promise;
  }
  return { chunks: chunks(), reading: reading.promise, end: () => held.resolve() };
}

const adapters: readonly [string, () => ImageStore][] = [
  ['disk', () => diskImageStore(join(directory, 'images'))],
  ['memory', () => memoryImageStore()],
];

describe.each(adapters)('%s image store', (_name, open) => {
  let store: ImageStore;
  beforeEach(() => {
    store = open();
  });

  it('keeps bytes with their size, digests and head', async () => {
    const body = Buffer.alloc(300_000, 'abcdefg');
    const parts = [body.subarray(0, 10), body.subarray(10, 70_000), body.subarray(70_000)];
    const stored = await store.write(ID, chunksOf(...parts), plenty);
    expect({
      ...stored,
      head: Buffer.from(stored.head).equals(body.subarray(0, HEAD_BYTES)),
    }).toEqual({
      sizeBytes: 300_000,
      md5: createHash('md5').update(body).digest('hex'),
      sha512: createHash('sha512').update(body).digest('hex'),
      head: true,
    });
    expect(await readAll(store.read(ID))).toBe(body.toString('latin1'));
  });

  it('an empty image is an image', async () => {
    expect(await store.write(ID, chunksOf(), plenty)).toMatchObject({ sizeBytes: 0 });
    expect(await readAll(store.read(ID))).toBe('');
  });

  it('reads ranges, first and last byte included', async () => {
    await store.write(ID, chunksOf('0123456789'), plenty);
    expect(await readAll(store.read(ID, { first: 2, last: 5 }))).toBe('2345');
    expect(await readAll(store.read(ID, { first: 9, last: 9 }))).toBe('9');
  });

  it('what is not there can be removed but not read', async () => {
    await store.remove(ID);
    await expect(readAll(store.read(ID))).rejects.toMatchObject({ code: 'missing' });
  });

  it('a removed image is missing', async () => {
    await store.write(ID, chunksOf('x'), plenty);
    await store.remove(ID);
    await expect(readAll(store.read(ID))).rejects.toMatchObject({ code: 'missing' });
  });

  it('a later write takes the place of an earlier one', async () => {
    await store.write(ID, chunksOf('first'), plenty);
    await store.write(ID, chunksOf('second'), plenty);
    expect(await readAll(store.read(ID))).toBe('second');
  });

  it('more than the limit is too large, and nothing is left', async () => {
    const write = store.write(ID, chunksOf('123', '456'), { limitBytes: 5 });
    await expect(write).rejects.toMatchObject({ code: 'too-large' });
    await expect(readAll(store.read(ID))).rejects.toMatchObject({ code: 'missing' });
  });

  it('a failed write leaves the bytes that were there', async () => {
    await store.write(ID, chunksOf('first'), plenty);
    await expect(store.write(ID, chunksOf('123456'), { limitBytes: 5 })).rejects.toThrow(
      /more than the 5 bytes/,
    );
    expect(await readAll(store.read(ID))).toBe('first');
  });

  it('a source that breaks off is interrupted; its other errors pass as they are', async () => {
    async function* broken(error: Error): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x');
      throw error;
    }
    const reset = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    await expect(store.write(ID, broken(reset), plenty)).rejects.toMatchObject({
      code: 'interrupted',
    });
    const own = new Error('own');
    await expect(store.write(ID, broken(own), plenty)).rejects.toBe(own);
  });

  it('what inspect throws ends the write; it sees the head of a long and all of a short image', async () => {
    const refusal = new Error('not this one');
    const lengths: number[] = [];
    const inspect = (head: Uint8Array): void => {
      lengths.push(head.length);
      if (head[0] === 0x58) throw refusal;
    };
    await expect(store.write(ID, chunksOf('X'), { ...plenty, inspect })).rejects.toBe(refusal);
    await store.write(ID, chunksOf('short'), { ...plenty, inspect });
    const long = [Buffer.alloc(60_000), Buffer.alloc(60_000)];
    await store.write(ID, chunksOf(...long), { ...plenty, inspect });
    expect(lengths).toEqual([1, 5, HEAD_BYTES]);
  });

  it('an image has one writer at a time', async () => {
    const first = heldSource();
    const writing = store.write(ID, first.chunks, plenty);
    await first.reading;
    await expect(store.write(ID, chunksOf('x'), plenty)).rejects.toMatchObject({ code: 'busy' });
    await store.write(OTHER, chunksOf('y'), plenty);
    first.end();
    await writing;
    expect(await readAll(store.read(ID))).toBe('start');
  });

  it('adopts a file, and knows it again until it changes', async () => {
    const path = join(directory, 'source');
    await writeFile(path, 'content');
    expect(await store.isAdoptedFrom(ID, path)).toBe(false);
    expect(await store.adopt(ID, path, plenty)).toMatchObject({ sizeBytes: 7 });
    expect(await readAll(store.read(ID))).toBe('content');
    expect(await store.isAdoptedFrom(ID, path)).toBe(true);
    await rm(path);
    expect(await store.isAdoptedFrom(ID, path)).toBe(false);
    await writeFile(path, 'content, and more');
    expect(await store.isAdoptedFrom(ID, path)).toBe(false);
  });

  it('a sweep removes what nobody knows', async () => {
    await store.write(ID, chunksOf('x'), plenty);
    await store.write(OTHER, chunksOf('y'), plenty);
    expect(await store.sweep({ isKnown: (imageId) => imageId === ID })).toEqual([OTHER]);
    expect(await readAll(store.read(ID))).toBe('x');
    await expect(readAll(store.read(OTHER))).rejects.toMatchObject({ code: 'missing' });
  });
});

describe('disk image store', () => {
  const files = (): Promise<string[]> => readdir(join(directory, 'images'));

  it('holds one complete file per image and no parts after a failure', async () => {
    const store = diskImageStore(join(directory, 'images'));
    await store.write(ID, chunksOf('x'), plenty);
    await expect(store.write(OTHER, chunksOf('123456'), { limitBytes: 5 })).rejects.toThrow(
      /more than the 5 bytes/,
    );
    expect(await files()).toEqual([ID]);
  });

  it('a sweep removes parts of an earlier process but not of a write under way, nor strangers', async () => {
    const store = diskImageStore(join(directory, 'images'));
    await store.write(ID, chunksOf('x'), plenty);
    await writeFile(join(directory, 'images', `.${ID}.7.part`), 'torn');
    await writeFile(join(directory, 'images', 'notes.txt'), 'mine');
    const held = heldSource();
    const writing = store.write(OTHER, held.chunks, plenty);
    await held.reading;
    expect(await store.sweep({ isKnown: () => true })).toEqual([`.${ID}.7.part`]);
    held.end();
    await writing;
    expect((await files()).sort()).toEqual([ID, OTHER, 'notes.txt']);
  });

  it('a full disk is no-space, and no part is left', async () => {
    const store = diskImageStore(join(directory, 'images'));
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x');
      throw full;
    }
    await expect(store.write(ID, source(), plenty)).rejects.toMatchObject({ code: 'no-space' });
    expect(await files()).toEqual([]);
  });

  it('a directory that is none is failed', async () => {
    await writeFile(join(directory, 'file'), '');
    const store = diskImageStore(join(directory, 'file'));
    const fault = await store.write(ID, chunksOf('x'), plenty).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ImageStoreFault);
    expect(fault).toMatchObject({ code: 'failed' });
  });

  it('ids that are no ids never reach the file system', async () => {
    const store = diskImageStore(directory);
    const write = store.write('../../etc/passwd', chunksOf('x'), plenty);
    await expect(write).rejects.toThrow(/not an image id/);
    await expect(readAll(store.read('../file'))).rejects.toThrow(/not an image id/);
  });

  it('files are for the owner alone', async () => {
    const store = diskImageStore(join(directory, 'images'));
    await store.write(ID, chunksOf('x'), plenty);
    expect((await stat(join(directory, 'images', ID))).mode & 0o777).toBe(0o600);
  });
});

describe('memory image store', () => {
  it('is full at its capacity', async () => {
    const store = memoryImageStore({ capacityBytes: 5 });
    await store.write(ID, chunksOf('1234'), plenty);
    await expect(store.write(OTHER, chunksOf('56'), plenty)).rejects.toMatchObject({
      code: 'no-space',
    });
  });
});
