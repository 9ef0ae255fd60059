// GuestStorage over this host's files: the image cache, overlay disks, config drives, consoles and saved memory.
// Layout under its directory: images/ (image-cache.ts) and instances/<guest id>/. It must not start or ask any guest.

import { createReadStream } from 'node:fs';
import { readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { createCommandRunner } from '../command.ts';
import type { RunCommand } from '../command.ts';
import { writeIsoImage } from '../config-drive/iso-image.ts';
import {
  ensureDirectory,
  fileFault,
  listIfThere,
  removeDirectory,
  replaceFile,
  sweepUnfinished,
  withFileFaults,
} from '../host-files.ts';
import { type CachedImage, ImageCache } from '../image/image-cache.ts';
import { checkFileStem, checkUuid, isUuid, runLinkName } from '../path-names.ts';
import type { HypervisorEnv } from '../port.ts';
import type { ConfigDriveFile, DiskFile, GuestStorage, ImageSource } from '../storage-port.ts';
import { MovingDiskFiles } from './moving-disks.ts';
import { OverlayDisks, readDiskBase } from './overlay-disks.ts';
import { closeRunLinks, openRunLink } from './run-links.ts';
import { isCompleteMemoryFile } from './saved-memory.ts';

interface DiskOfImage {
  readonly guestId: string;
  readonly name: string;
  readonly imageId: string;
  readonly sizeBytes: number;
}

export interface HostStorageOptions {
  /** Absolute path; made if it is not there. */
  readonly directory: string;
  readonly env: HypervisorEnv;
  readonly run?: RunCommand;
  /** See ImageCacheOptions. */
  readonly stallMs?: number;
}

export class HostStorage implements GuestStorage {
  readonly #env: HypervisorEnv;
  readonly #instances: string;
  readonly #images: ImageCache;
  readonly #disks: OverlayDisks;
  readonly #moving: MovingDiskFiles;

  private constructor(
    options: HostStorageOptions,
    images: ImageCache,
    disks: { readonly overlays: OverlayDisks; readonly moving: MovingDiskFiles },
  ) {
    this.#env = options.env;
    this.#instances = join(options.directory, 'instances');
    this.#images = images;
    this.#disks = disks.overlays;
    this.#moving = disks.moving;
  }

  /** Sweeps what a crash left unfinished. Faults: no-space, failed. */
  static async open(options: HostStorageOptions): Promise<HostStorage> {
    const { env, directory } = options;
    const run = options.run ?? createCommandRunner(env);
    const images = await ImageCache.open({ ...options, run, directory: join(directory, 'images') });
    const moving = new MovingDiskFiles(env, run);
    const storage = new HostStorage(options, images, {
      overlays: new OverlayDisks(env, run),
      moving,
    });
    await withFileFaults('opening the instances directory', () => storage.#prepare());
    return storage;
  }

  ensureImage(source: ImageSource): Promise<void> {
    return this.#images.ensure(source);
  }

  createOverlay(disk: DiskOfImage): Promise<string> {
    return this.#createFrom(disk, 'createOverlay');
  }

  createWhole(disk: DiskOfImage): Promise<string> {
    return this.#createFrom(disk, 'createWhole');
  }

  async #createFrom(disk: DiskOfImage, how: 'createOverlay' | 'createWhole'): Promise<string> {
    const path = this.diskPath(disk);
    return withFileFaults(`creating a disk of guest ${disk.guestId}`, () =>
      this.#images.use(disk.imageId, async (image) => {
        await ensureDirectory(this.paths(disk.guestId).directory);
        await this.#disks[how](image, { path, sizeBytes: disk.sizeBytes });
        return path;
      }),
    );
  }

  async createBlank(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
  }): Promise<string> {
    const path = this.diskPath(disk);
    return withFileFaults(`creating a disk of guest ${disk.guestId}`, async () => {
      await ensureDirectory(this.paths(disk.guestId).directory);
      await this.#disks.createBlank({ path, sizeBytes: disk.sizeBytes });
      return path;
    });
  }

  async removeDisk(disk: { readonly guestId: string; readonly name: string }): Promise<void> {
    await withFileFaults(`removing a disk of guest ${disk.guestId}`, () =>
      rm(this.diskPath(disk), { force: true }),
    );
  }

  async copyDisk(disk: {
    readonly guestId: string;
    readonly from: string;
    readonly to: string;
  }): Promise<void> {
    const { guestId, from, to } = disk;
    await withFileFaults(`copying a disk of guest ${guestId}`, () =>
      this.#disks.copy(
        this.diskPath({ guestId, name: from }),
        this.diskPath({ guestId, name: to }),
      ),
    );
  }

  async flattenDisk(disk: { readonly guestId: string; readonly name: string }): Promise<void> {
    await withFileFaults(`making a disk of guest ${disk.guestId} whole`, () =>
      this.#disks.flatten(this.diskPath(disk)),
    );
  }

  async *streamDisk(disk: {
    readonly guestId: string;
    readonly name: string;
  }): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of createReadStream(this.diskPath(disk))) yield chunk as Uint8Array;
    } catch (error) {
      throw fileFault(`reading a disk of guest ${disk.guestId}`, error);
    }
  }

  async createConfigDrive(drive: {
    readonly guestId: string;
    readonly files: readonly ConfigDriveFile[];
  }): Promise<string> {
    const { directory, configDrive: path } = this.paths(drive.guestId);
    return withFileFaults(`creating the config drive of guest ${drive.guestId}`, async () => {
      await ensureDirectory(directory);
      const options = { label: 'config-2', createdAtMs: this.#env.clock.now() };
      await replaceFile(this.#env, path, writeIsoImage(drive.files, options));
      return path;
    });
  }

  diskPath(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly runEpoch?: number;
  }): string {
    const { directory } = this.paths(disk.guestId, disk.runEpoch);
    return join(directory, `${checkFileStem(disk.name, 'disk name')}.qcow2`);
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
    const own = join(this.#instances, checkUuid(guestId, 'guest id'));
    const directory = runEpoch === undefined ? own : join(own, runLinkName(runEpoch));
    return {
      directory,
      consoleLog: join(directory, 'console.log'),
      configDrive: join(directory, 'config-drive.iso'),
      savedMemory: join(directory, 'memory.save'),
    };
  }

  async openRun(guestId: string, runEpoch: number): Promise<void> {
    await withFileFaults(`opening run ${runEpoch} of guest ${guestId}`, () =>
      openRunLink(this.paths(guestId).directory, runEpoch),
    );
  }

  async closeRuns(guestId: string, upTo: number): Promise<void> {
    await withFileFaults(`closing the runs of guest ${guestId}`, () =>
      closeRunLinks(this.paths(guestId).directory, upTo),
    );
  }

  async hasSavedMemory(guestId: string): Promise<boolean> {
    const { savedMemory } = this.paths(guestId);
    return withFileFaults(`reading the saved memory of guest ${guestId}`, () =>
      isCompleteMemoryFile(savedMemory),
    );
  }

  async removeSavedMemory(guestId: string): Promise<void> {
    const { savedMemory } = this.paths(guestId);
    await withFileFaults(`removing the saved memory of guest ${guestId}`, () =>
      rm(savedMemory, { force: true }),
    );
  }

  storageId(): Promise<string> {
    return withFileFaults('naming the storage', () => this.#moving.storageId(this.#instances));
  }

  listDisks(guestId: string): Promise<readonly DiskFile[]> {
    return withFileFaults(`listing the disks of guest ${guestId}`, () =>
      this.#moving.list(this.paths(guestId).directory),
    );
  }

  readDisk(
    disk: { readonly guestId: string; readonly name: string },
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    return withFileFaults(`reading a disk of guest ${disk.guestId}`, () =>
      this.#moving.read(this.diskPath(disk), range),
    );
  }

  async receiveDisk(disk: Parameters<GuestStorage['receiveDisk']>[0]): Promise<void> {
    const path = this.diskPath(disk);
    const { sizeBytes, read } = disk;
    const receive = (image: CachedImage | undefined): Promise<void> =>
      this.#moving.receive(path, { sizeBytes, read, image });
    await withFileFaults(`taking over a disk of guest ${disk.guestId}`, () =>
      disk.imageId === undefined
        ? receive(undefined)
        : this.#images.use(disk.imageId, (image) => receive(image)),
    );
  }

  growDisk(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
  }): Promise<void> {
    return withFileFaults(`enlarging a disk of guest ${disk.guestId}`, () =>
      this.#moving.grow(this.diskPath(disk), disk.sizeBytes),
    );
  }

  withdraw(guestId: string): Promise<void> {
    return withFileFaults(`withdrawing the disks of guest ${guestId}`, () =>
      this.#moving.withdraw(this.paths(guestId).directory),
    );
  }

  copyWithdrawn(guestId: string): Promise<void> {
    return withFileFaults(`copying the disks of guest ${guestId}`, () =>
      this.#moving.copyWithdrawn(this.paths(guestId).directory),
    );
  }

  bringBack(guestId: string): Promise<void> {
    return withFileFaults(`bringing back the disks of guest ${guestId}`, () =>
      this.#moving.bringBack(this.paths(guestId).directory),
    );
  }

  dropWithdrawn(guestId: string): Promise<void> {
    return withFileFaults(`removing withdrawn disks of guest ${guestId}`, () =>
      this.#moving.dropWithdrawn(this.paths(guestId).directory),
    );
  }

  async removeGuest(guestId: string): Promise<void> {
    const { directory } = this.paths(guestId);
    await withFileFaults(`removing the files of guest ${guestId}`, () =>
      removeDirectory(this.#env, directory),
    );
  }

  async listGuests(): Promise<readonly string[]> {
    return withFileFaults('listing guests', async () =>
      (await readdir(this.#instances)).filter((name) => isUuid(name)),
    );
  }

  async capacity(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const { blocks, bavail, bsize } = await withFileFaults('measuring the disk', () =>
      statfs(this.#instances),
    );
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  }

  async pruneImages(keep: ReadonlySet<string>): Promise<void> {
    await this.#images.prune(keep, () =>
      withFileFaults('looking for disks that stand on images', () => this.#findBases()),
    );
  }

  async #prepare(): Promise<void> {
    await ensureDirectory(this.#instances);
    const guests = await this.listGuests();
    let swept = await sweepUnfinished(this.#instances);
    for (const guest of guests) swept += await sweepUnfinished(join(this.#instances, guest));
    if (swept > 0) this.#env.log.info({ swept }, 'unfinished guest files removed');
  }

  async #findBases(): Promise<ReadonlySet<string>> {
    const bases = new Set<string>();
    for (const guest of await this.listGuests()) {
      // A guest that is removed meanwhile has no files.
      for (const name of await listIfThere(join(this.#instances, guest))) {
        const base = name.endsWith('.qcow2')
          ? await readDiskBase(join(this.#instances, guest, name))
          : undefined;
        if (base !== undefined) bases.add(base);
      }
    }
    return bases;
  }
}
