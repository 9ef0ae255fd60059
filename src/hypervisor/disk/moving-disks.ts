// Disks on their way: read in pieces for another host, taken over from one, made larger, and withdrawn from their place,
// where they stay as they are until a move is confirmed. A guest wrote them, so nothing is done with one from elsewhere before its header was looked at, and none
// is ever made smaller. It must not look at guests or images by itself.

import { constants } from 'node:fs';
import { copyFile, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RunCommand } from '../command.ts';
import {
  ensureDirectory,
  listIfThere,
  readIfThere,
  replaceFile,
  unfinishedPath,
} from '../host-files.ts';
import type { CachedImage } from '../image/image-cache.ts';
import { refusal } from '../image/image-facts.ts';
import { readBacking, readVirtualSize, standsAlone } from '../image/qcow2-header.ts';
import { Lane } from '../lane.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';
import type { DiskFile } from '../storage-port.ts';

const pieceBytes = 1024 ** 2;
const headBytes = 65_536;
const toolsAtOnce = 2;
const maxWaitingTools = 1_000;
const toolTimeoutMs = 60_000;
const ending = '.qcow2';
/** Of withdrawn disks. */
const withdrawnPrefix = 'withdrawn.';
const storageIdName = 'storage-id';

export class MovingDiskFiles {
  readonly #env: HypervisorEnv;
  readonly #run: RunCommand;
  readonly #tools = new Lane('qemu-img', toolsAtOnce, maxWaitingTools);

  constructor(env: HypervisorEnv, run: RunCommand) {
    this.#env = env;
    this.#run = run;
  }

  /** Made by whichever host comes first; two that come at once agree on what is there in the end. */
  async storageId(directory: string): Promise<string> {
    const path = join(directory, storageIdName);
    const known = await readIfThere(path);
    if (known !== '') return known;
    await replaceFile(this.#env, path, this.#env.random.uuid(), { durable: true });
    return readIfThere(path);
  }

  async list(directory: string): Promise<readonly DiskFile[]> {
    const found = new Map<string, number>();
    const disks = (await listIfThere(directory)).filter((file) => isDisk(file));
    // Withdrawn ones come last and count.
    for (const file of disks.toSorted()) {
      const { size } = await stat(join(directory, file));
      found.set(nameOf(file), size);
    }
    return [...found].map(([name, sizeBytes]) => ({ name, sizeBytes }));
  }

  async read(path: string, range: { offset: number; length: number }): Promise<Uint8Array> {
    const withdrawn = join(dirname(path), withdrawnPrefix + basename(path));
    return this.#read((await isThere(withdrawn)) ? withdrawn : path, range);
  }

  async #read(path: string, range: { offset: number; length: number }): Promise<Uint8Array> {
    const file = await open(path, 'r');
    try {
      const length = Math.min(range.length, pieceBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, range.offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async receive(
    path: string,
    wanted: {
      readonly sizeBytes: number;
      readonly image: CachedImage | undefined;
      readonly read: (range: { offset: number; length: number }) => Promise<Uint8Array>;
    },
  ): Promise<void> {
    if (await isThere(path)) return;
    await ensureDirectory(dirname(path));
    const temporary = unfinishedPath(this.#env, dirname(path));
    try {
      await fill(temporary, wanted);
      await this.#stand(temporary, wanted.image);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** On this host the image has another path. What stood on an image there must stand on it here, and nothing else may. */
  async #stand(path: string, image: CachedImage | undefined): Promise<void> {
    const head = await this.#head(path);
    if (readVirtualSize(head) === undefined || !standsAlone(head))
      throw refusal(
        { id: image?.imageId ?? 'of a disk' },
        'what came of the disk is no plain qcow2',
      );
    const base = readBacking(head);
    if ((base === undefined) !== (image === undefined))
      throw refusal(
        { id: image?.imageId ?? 'of a disk' },
        base === undefined ? 'the disk does not stand on it' : 'the disk stands on another file',
      );
    if (image === undefined) return;
    const onto = ['-u', '-f', 'qcow2', '-F', image.format, '-b', image.path];
    await this.#tool(['rebase', ...onto, path]);
  }

  async grow(path: string, sizeBytes: number): Promise<void> {
    const size = readVirtualSize(await this.#head(path));
    if (size === undefined) throw new HypervisorFault('failed', `${path} is no disk`);
    if (size < sizeBytes)
      await this.#tool(['resize', '-q', '-f', 'qcow2', path, String(sizeBytes)]);
  }

  async withdraw(directory: string): Promise<void> {
    for (const file of await listIfThere(directory)) {
      if (!isDisk(file) || file.startsWith(withdrawnPrefix)) continue;
      const withdrawn = join(directory, withdrawnPrefix + file);
      if (!(await isThere(withdrawn))) await rename(join(directory, file), withdrawn);
    }
  }

  async copyWithdrawn(directory: string): Promise<void> {
    for (const file of await withdrawnFiles(directory)) {
      const path = join(directory, file.slice(withdrawnPrefix.length));
      if (await isThere(path)) continue;
      const temporary = unfinishedPath(this.#env, directory);
      try {
        await copyFile(join(directory, file), temporary, constants.COPYFILE_FICLONE);
        await syncFile(temporary);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    }
  }

  async bringBack(directory: string): Promise<void> {
    for (const copy of await withdrawnFiles(directory))
      await rename(join(directory, copy), join(directory, copy.slice(withdrawnPrefix.length)));
  }

  async dropWithdrawn(directory: string): Promise<void> {
    for (const copy of await withdrawnFiles(directory))
      await rm(join(directory, copy), { force: true });
  }

  async #head(path: string): Promise<Uint8Array> {
    return this.#read(path, { offset: 0, length: headBytes });
  }

  async #tool(args: readonly string[]): Promise<void> {
    await this.#tools.run(() => this.#run(['qemu-img', ...args], { timeoutMs: toolTimeoutMs }));
  }
}

function isDisk(file: string): boolean {
  return file.endsWith(ending) && !file.startsWith('.');
}

function nameOf(file: string): string {
  const stem = file.slice(0, -ending.length);
  return stem.startsWith(withdrawnPrefix) ? stem.slice(withdrawnPrefix.length) : stem;
}

async function withdrawnFiles(directory: string): Promise<readonly string[]> {
  return (await listIfThere(directory)).filter((name) => name.startsWith(withdrawnPrefix));
}

async function fill(
  path: string,
  from: {
    readonly sizeBytes: number;
    readonly read: (range: { offset: number; length: number }) => Promise<Uint8Array>;
  },
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (let offset = 0; offset < from.sizeBytes; ) {
      const length = Math.min(pieceBytes, from.sizeBytes - offset);
      const piece = await from.read({ offset, length });
      if (piece.length === 0)
        throw new HypervisorFault(
          'failed',
          `the disk ends after ${offset} of ${from.sizeBytes} bytes`,
        );
      await writeAll(file, piece, offset);
      offset += piece.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Where a whole block is nothing but zeroes a hole is left, as there is one at the source. */
async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  piece: Uint8Array,
  offset: number,
): Promise<void> {
  if (piece.every((byte) => byte === 0)) return file.truncate(offset + piece.length);
  for (let done = 0; done < piece.length; ) {
    const { bytesWritten } = await file.write(piece, done, piece.length - done, offset + done);
    done += bytesWritten;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await listIfThere(dirname(path))).includes(basename(path));
}
