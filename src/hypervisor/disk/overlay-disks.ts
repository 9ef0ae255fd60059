// Copy-on-write disks over cached images, and blank ones, made by qemu-img with explicit formats.
// An overlay of one size over one image is always the same file, so qemu-img makes it once, as a template beside the image,
// and each guest gets a copy: ~0.5 ms instead of ~12 ms (40 ms on a busy host) in the way of every boot, and QEMU still
// is the only writer of the format. It must not look into what guests write.

import { constants } from 'node:fs';
import { access, copyFile, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunCommand } from '../command.ts';
import { errorCode, fileName, unfinishedPath } from '../host-files.ts';
import type { CachedImage } from '../image/image-cache.ts';
import { refusal } from '../image/image-facts.ts';
import { readBacking, readVirtualSize } from '../image/qcow2-header.ts';
import { Lane } from '../lane.ts';
import { HypervisorFault } from '../port.ts';
import type { HypervisorEnv } from '../port.ts';

const toolsAtOnce = 2;
const maxWaitingTools = 1_000;
const maxTemplatesPerImage = 32;
const headBytes = 65_536;
const sectorBytes = 512;
/** Of a whole disk. */
const COPY_TIMEOUT_MS = 1_800_000;
const template = /^overlay-\d+\.qcow2$/;

export interface WantedDisk {
  /** Absolute path of the file to make. */
  readonly path: string;
  readonly sizeBytes: number;
}

export class OverlayDisks {
  readonly #env: HypervisorEnv;
  readonly #run: RunCommand;
  readonly #tools = new Lane('qemu-img', toolsAtOnce, maxWaitingTools);
  readonly #copies = new Lane('qemu-img convert', toolsAtOnce, maxWaitingTools);
  readonly #templates = new Map<string, Promise<string | undefined>>();

  constructor(env: HypervisorEnv, run: RunCommand) {
    this.#env = env;
    this.#run = run;
  }

  /** Size 0 stands for the image's own. Fault image-refused when the image does not fit into the disk. */
  async createOverlay(image: CachedImage, wanted: WantedDisk): Promise<void> {
    const sizeBytes = overlaySize(image, wanted.sizeBytes);
    const kept = await keepExisting({ ...wanted, sizeBytes }, image.path);
    if (kept) return;
    const source = await this.#template(image, sizeBytes);
    await this.#putInPlace(wanted.path, (temporary) =>
      source === undefined
        ? this.#createOverlayFile(image, { path: temporary, sizeBytes })
        : copyFile(source, temporary, constants.COPYFILE_FICLONE),
    );
  }

  /** The same, but with the image's content in the disk itself. */
  async createWhole(image: CachedImage, wanted: WantedDisk): Promise<void> {
    const sizeBytes = overlaySize(image, wanted.sizeBytes);
    if (await keepExisting({ ...wanted, sizeBytes }, undefined)) return;
    const formats = ['-f', image.format, '-O', 'qcow2'] as const;
    await this.#putInPlace(wanted.path, (temporary) =>
      this.#copies.run(async () => {
        await this.#run(['qemu-img', 'convert', '-q', ...formats, image.path, temporary], {
          timeoutMs: COPY_TIMEOUT_MS,
        });
        if (sizeBytes > image.virtualSizeBytes)
          await this.#run(
            ['qemu-img', 'resize', '-q', '-f', 'qcow2', temporary, String(sizeBytes)],
            { timeoutMs: 60_000 },
          );
        await syncFile(temporary);
      }),
    );
  }

  async createBlank(wanted: WantedDisk): Promise<void> {
    const sizeBytes = roundUp(wanted.sizeBytes);
    if (await keepExisting({ ...wanted, sizeBytes }, undefined)) return;
    await this.#putInPlace(wanted.path, (temporary) =>
      this.#create([temporary, String(sizeBytes)]),
    );
  }

  /** On file systems that can, the copy shares its blocks with the disk. */
  async copy(from: string, to: string): Promise<void> {
    await this.#putInPlace(to, (temporary) =>
      copyFile(from, temporary, constants.COPYFILE_FICLONE),
    );
  }

  /** Formats are explicit: nothing is guessed from what a guest wrote. */
  async flatten(path: string): Promise<void> {
    const command = ['qemu-img', 'convert', '-q', '-f', 'qcow2', '-O', 'qcow2', path] as const;
    await this.#putInPlace(path, (temporary) =>
      this.#copies.run(async () => {
        await this.#run([...command, temporary], { timeoutMs: COPY_TIMEOUT_MS });
      }),
    );
  }

  async #putInPlace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = unfinishedPath(this.#env, dirname(path));
    try {
      await make(temporary);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Undefined when this image has enough templates: the disk is then made directly. */
  #template(image: CachedImage, sizeBytes: number): Promise<string | undefined> {
    const path = join(image.directory, `overlay-${sizeBytes}.qcow2`);
    const running = this.#templates.get(path);
    if (running !== undefined) return running;
    const made = this.#makeTemplate(image, { path, sizeBytes }).finally(() =>
      this.#templates.delete(path),
    );
    this.#templates.set(path, made);
    return made;
  }

  async #makeTemplate(image: CachedImage, wanted: WantedDisk): Promise<string | undefined> {
    if (await exists(wanted.path)) return wanted.path;
    const templates = (await readdir(image.directory)).filter((name) => template.test(name));
    if (templates.length >= maxTemplatesPerImage) return undefined;
    await this.#putInPlace(wanted.path, async (temporary) => {
      await this.#createOverlayFile(image, { path: temporary, sizeBytes: wanted.sizeBytes });
      await syncFile(temporary);
    });
    return wanted.path;
  }

  #createOverlayFile(image: CachedImage, wanted: WantedDisk): Promise<void> {
    const base = ['-F', image.format, '-b', image.path];
    return this.#create([...base, wanted.path, String(wanted.sizeBytes)]);
  }

  async #create(args: readonly string[]): Promise<void> {
    await this.#tools.run(() =>
      this.#run(['qemu-img', 'create', '-q', '-f', 'qcow2', ...args], { timeoutMs: 60_000 }),
    );
  }
}

/** The path of the image that a disk stands on; undefined for a disk that stands alone. */
export async function readDiskBase(path: string): Promise<string | undefined> {
  const head = await readHead(path);
  return head === undefined ? undefined : readBacking(head)?.path;
}

/** The size that an overlay gets; fault image-refused when the image does not fit. */
export function overlaySize(
  image: { readonly imageId: string; readonly virtualSizeBytes: number },
  requestedBytes: number,
): number {
  if (requestedBytes === 0) return image.virtualSizeBytes;
  const sizeBytes = roundUp(requestedBytes);
  if (sizeBytes >= image.virtualSizeBytes) return sizeBytes;
  throw refusal(
    { id: image.imageId },
    `it needs a disk of ${image.virtualSizeBytes} bytes, the disk has ${requestedBytes}`,
  );
}

/**
 * True when the wanted disk is there already. A file without any header is what a power cut can leave of a disk that no
 * guest has used yet, and is made anew; any other disagreement is a fault, for the file may hold a guest's data.
 */
async function keepExisting(wanted: WantedDisk, base: string | undefined): Promise<boolean> {
  const head = await readHead(wanted.path);
  if (head === undefined || head.subarray(0, sectorBytes).every((byte) => byte === 0)) return false;
  const size = readVirtualSize(head);
  const fits = size !== undefined && size >= wanted.sizeBytes && readBacking(head)?.path === base;
  if (fits) return true;
  throw new HypervisorFault(
    'failed',
    `${fileName(wanted.path)} exists with another base or a smaller size and is left alone`,
  );
}

async function readHead(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
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

function roundUp(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes;
}
