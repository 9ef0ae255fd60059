// GuestStorage on a simulated host: same answers and refusals as disk/host-storage.ts, no bytes written.
// Images are read and checked once per process (`checkedImages`); after that a host only notes that it has them.

import { overlaySize } from '../disk/overlay-disks.ts';
import { buildIsoTree } from '../config-drive/iso-tree.ts';
import { emptyQcow2 } from '../image/empty-qcow2.ts';
import { inspectRaw, signatureEndBytes } from '../image/format-signatures.ts';
import { imageKey } from '../image/image-cache.ts';
import { refusal } from '../image/image-facts.ts';
import { streamImage } from '../image/image-fetch.ts';
import { headerBytes, inspectQcow2 } from '../image/qcow2-header.ts';
import { fileFault } from '../host-files.ts';
import { checkFileStem, checkUuid, runEpochOf, runLinkName } from '../path-names.ts';
import { HypervisorFault } from '../port.ts';
import type { ConfigDriveFile, DiskFile, GuestStorage, ImageSource } from '../storage-port.ts';
import type { SimulatedFile } from './disk-files.ts';
import type { SimulatedHost, SimulatedImage } from './host.ts';
import { fetchDisk, SimulatedMovingDisks } from './moving-disks.ts';

/** What qemu-img makes of an empty qcow2 disk. */
const emptyDiskBytes = 196_608;
const stallMs = 60_000;
const sectorSize = 2_048;

export class SimulatedStorage implements GuestStorage {
  readonly #host: SimulatedHost;
  /** The content that an image id stands for now: keys of the host's images. */
  readonly #current = new Map<string, string>();
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #moving: SimulatedMovingDisks;

  constructor(host: SimulatedHost) {
    this.#host = host;
    this.#moving = new SimulatedMovingDisks(host);
    for (const [key, image] of host.images) this.#current.set(image.imageId, key);
  }

  async ensureImage(source: ImageSource): Promise<void> {
    const key = imageKey(source);
    const known = this.#host.images.get(key);
    if (known !== undefined && known.format !== source.format) {
      throw refusal(source, `it is cached as ${known.format}`);
    }
    if (known === undefined) await (this.#fetching.get(key) ?? this.#startFetch(key, source));
    this.#current.set(source.id, key);
  }

  #startFetch(key: string, source: ImageSource): Promise<void> {
    const fetching = this.#fetch(key, source).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetch(key: string, source: ImageSource): Promise<void> {
    const { files, images } = this.#host;
    const doing = `fetching image ${source.id}`;
    await this.#host.perform('ensureImage', () => files.takeSpace(source.sizeBytes, doing));
    try {
      const image = this.#host.checkedImages.get(key) ?? (await readImage(this.#host, source));
      this.#host.checkedImages.set(key, image);
      images.set(key, image);
      this.#host.keep('image', key, image);
    } catch (error) {
      files.giveSpace(source.sizeBytes);
      throw error;
    }
  }

  createOverlay(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly imageId: string;
    readonly sizeBytes: number;
  }): Promise<string> {
    return this.#host.perform('createOverlay', () => {
      const { base, image } = this.#cached(disk.imageId);
      return this.#createDisk({ ...disk, sizeBytes: overlaySize(image, disk.sizeBytes), base });
    });
  }

  createWhole(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly imageId: string;
    readonly sizeBytes: number;
  }): Promise<string> {
    return this.#host.perform('createWhole', () => {
      const { guestId, name, sizeBytes } = disk;
      const { image } = this.#cached(disk.imageId);
      return this.#createDisk({ guestId, name, sizeBytes: overlaySize(image, sizeBytes) });
    });
  }

  #cached(imageId: string): { readonly base: string; readonly image: SimulatedImage } {
    const base = this.#current.get(checkUuid(imageId, 'image id'));
    const image = base === undefined ? undefined : this.#host.images.get(base);
    if (base !== undefined && image !== undefined) return { base, image };
    throw new HypervisorFault('failed', `image ${imageId} is not in this host's cache`);
  }

  createBlank(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
  }): Promise<string> {
    return this.#host.perform('createBlank', () => this.#createDisk(disk));
  }

  #createDisk(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
    readonly base?: string;
  }): string {
    const { guestId } = disk;
    const path = this.diskPath(disk);
    const name = diskFileName(disk.name);
    const known = this.#host.files.find(guestId, name);
    const fits = known?.base === disk.base && (known?.virtualSizeBytes ?? 0) >= disk.sizeBytes;
    if (known !== undefined && !fits) {
      const words = 'exists with another base or a smaller size and is left alone';
      throw new HypervisorFault('failed', `${name} ${words}`);
    }
    if (known === undefined) {
      const { base, sizeBytes: virtualSizeBytes } = disk;
      const bytes = emptyDiskBytes;
      this.#host.files.put(guestId, { name, bytes, virtualSizeBytes, base });
    }
    return path;
  }

  removeDisk({ guestId, name }: { guestId: string; name: string }): Promise<void> {
    return this.#host.perform('removeDisk', () =>
      this.#host.files.remove(checkUuid(guestId, 'guest id'), diskFileName(name)),
    );
  }

  copyDisk(disk: {
    readonly guestId: string;
    readonly from: string;
    readonly to: string;
  }): Promise<void> {
    return this.#host.perform('copyDisk', () => {
      const file = this.#file({ guestId: disk.guestId, name: disk.from });
      this.#host.files.put(disk.guestId, { ...file, name: diskFileName(disk.to) });
    });
  }

  flattenDisk(disk: { readonly guestId: string; readonly name: string }): Promise<void> {
    return this.#host.perform('flattenDisk', () => {
      this.#host.files.put(disk.guestId, { ...this.#file(disk), base: undefined });
    });
  }

  async *streamDisk(disk: {
    readonly guestId: string;
    readonly name: string;
  }): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield emptyQcow2(this.#file(disk).virtualSizeBytes ?? 0);
  }

  #file({ guestId, name }: { readonly guestId: string; readonly name: string }): SimulatedFile {
    const file = this.#host.files.find(guestId, diskFileName(name));
    if (file !== undefined) return file;
    throw new HypervisorFault('failed', `guest ${guestId} has no disk ${name}`);
  }

  createConfigDrive(drive: {
    readonly guestId: string;
    readonly files: readonly ConfigDriveFile[];
  }): Promise<string> {
    return this.#host.perform('createConfigDrive', () => {
      const { configDrive } = this.paths(drive.guestId);
      const file: SimulatedFile = { name: 'config-drive.iso', bytes: isoBytes(drive) };
      this.#host.files.put(drive.guestId, file);
      return configDrive;
    });
  }

  diskPath(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly runEpoch?: number;
  }): string {
    return `${this.paths(disk.guestId, disk.runEpoch).directory}/${diskFileName(disk.name)}`;
  }

  paths(
    guestId: string,
    runEpoch?: number,
  ): {
    readonly directory: string;
    readonly consoleLog: string;
    readonly configDrive: string;
    readonly savedMemory: string;
  } {
    const own = this.#host.files.guestDirectory(checkUuid(guestId, 'guest id'));
    const directory = runEpoch === undefined ? own : `${own}/${runLinkName(runEpoch)}`;
    return {
      directory,
      consoleLog: `${directory}/console.log`,
      configDrive: `${directory}/config-drive.iso`,
      savedMemory: `${directory}/memory.save`,
    };
  }

  openRun(guestId: string, runEpoch: number): Promise<void> {
    const link: SimulatedFile = { name: runLinkName(runEpoch), bytes: 0 };
    return this.#host.perform('openRun', () => {
      if (this.#host.files.find(guestId, link.name) === undefined)
        this.#host.files.put(checkUuid(guestId, 'guest id'), link);
    });
  }

  closeRuns(guestId: string, upTo: number): Promise<void> {
    return this.#host.perform('closeRuns', () => {
      for (const { name } of this.#host.files.filesOf(guestId)) {
        const runEpoch = runEpochOf(name);
        if (runEpoch !== undefined && runEpoch <= upTo) this.#host.files.remove(guestId, name);
      }
    });
  }

  hasSavedMemory(guestId: string): Promise<boolean> {
    return this.#host.perform(
      'hasSavedMemory',
      () => this.#host.files.find(guestId, 'memory.save') !== undefined,
    );
  }

  removeSavedMemory(guestId: string): Promise<void> {
    return this.#host.perform('removeSavedMemory', () =>
      this.#host.files.remove(guestId, 'memory.save'),
    );
  }

  storageId(): Promise<string> {
    return this.#host.perform('storageId', () => `simulated-${this.#host.name}`);
  }

  listDisks(guestId: string): Promise<readonly DiskFile[]> {
    return this.#host.perform('listDisks', () => this.#moving.list(guestId));
  }

  readDisk(
    disk: { readonly guestId: string; readonly name: string },
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    return this.#host.perform('readDisk', () => this.#moving.read(disk, range));
  }

  async receiveDisk(disk: Parameters<GuestStorage['receiveDisk']>[0]): Promise<void> {
    if (this.#moving.has(disk)) return;
    const text = await fetchDisk(disk);
    const { imageId } = disk;
    await this.#host.perform('receiveDisk', () => {
      const base = imageId === undefined ? undefined : this.#current.get(imageId);
      if (imageId !== undefined && base === undefined)
        throw new HypervisorFault('failed', `image ${imageId} is not in this host's cache`);
      if (!this.#moving.has(disk)) this.#moving.keep(disk, text, base);
    });
  }

  growDisk(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
  }): Promise<void> {
    return this.#host.perform('growDisk', () => this.#moving.grow(disk));
  }

  withdraw(guestId: string): Promise<void> {
    return this.#host.perform('withdraw', () => this.#moving.withdraw(guestId));
  }

  copyWithdrawn(guestId: string): Promise<void> {
    return this.#host.perform('copyWithdrawn', () => this.#moving.copyWithdrawn(guestId));
  }

  bringBack(guestId: string): Promise<void> {
    return this.#host.perform('bringBack', () => this.#moving.bringBack(guestId));
  }

  dropWithdrawn(guestId: string): Promise<void> {
    return this.#host.perform('dropWithdrawn', () => this.#moving.dropWithdrawn(guestId));
  }

  removeGuest(guestId: string): Promise<void> {
    return this.#host.perform('removeGuest', () => {
      this.#host.files.removeDirectory(checkUuid(guestId, 'guest id'));
      this.#host.guests.forget(guestId);
    });
  }

  listGuests(): Promise<readonly string[]> {
    return this.#host.perform('listGuests', () => this.#host.files.guests());
  }

  capacity(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    return this.#host.perform('capacity', () => ({
      totalBytes: this.#host.files.capacityBytes,
      freeBytes: this.#host.files.freeBytes,
    }));
  }

  pruneImages(keep: ReadonlySet<string>): Promise<void> {
    return this.#host.perform('pruneImages', () => {
      const bases = new Set<string | undefined>();
      for (const [, files] of this.#host.files.entries()) {
        for (const file of files) bases.add(file.base);
      }
      for (const [key, image] of this.#host.images) {
        const current = this.#current.get(image.imageId) === key;
        if ((keep.has(image.imageId) && current) || bases.has(key)) continue;
        this.#dropImage(key, image);
      }
    });
  }

  #dropImage(key: string, image: SimulatedImage): void {
    this.#host.images.delete(key);
    this.#host.keep('image', key, undefined);
    this.#host.files.giveSpace(image.sizeBytes);
    if (this.#current.get(image.imageId) === key) this.#current.delete(image.imageId);
  }
}

/** One string for the same name of all guests. */
const diskFileNames = new Map<string, string>();
const maxRememberedNames = 64;

function diskFileName(name: string): string {
  const known = diskFileNames.get(name);
  if (known !== undefined) return known;
  const fileName = `${checkFileStem(name, 'disk name')}.qcow2`;
  if (diskFileNames.size < maxRememberedNames) diskFileNames.set(name, fileName);
  return fileName;
}

/** About the size, and exactly the refusals of paths, that the real drive would have. */
function isoBytes(drive: { readonly files: readonly ConfigDriveFile[] }): number {
  try {
    buildIsoTree(drive.files);
  } catch (error) {
    throw fileFault('creating the config drive', error);
  }
  return drive.files.reduce((sum, file) => sum + sectorSize + file.content.length, 20 * sectorSize);
}

/** Reads and checks an image as a real host would, and keeps only what was found out. */
async function readImage(host: SimulatedHost, source: ImageSource): Promise<SimulatedImage> {
  const start = new Uint8Array(Math.min(headerBytes, source.sizeBytes));
  let end: Uint8Array = new Uint8Array();
  let received = 0;
  const write = (chunk: Uint8Array): void => {
    if (received < start.length) start.set(chunk.subarray(0, start.length - received), received);
    received += chunk.length;
    end = Buffer.concat([end, chunk.subarray(-signatureEndBytes)]).subarray(-signatureEndBytes);
  };
  await streamImage(host.env, source, { write, stallMs });
  const verdict =
    source.format === 'qcow2'
      ? inspectQcow2(start, source.sizeBytes)
      : inspectRaw(start, end, source.sizeBytes);
  if (!verdict.ok) throw refusal(source, verdict.reason);
  const { id: imageId, format, sha512, sizeBytes } = source;
  return { imageId, format, sha512, sizeBytes, virtualSizeBytes: verdict.virtualSizeBytes };
}
