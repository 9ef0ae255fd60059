// Images and disks on one host, as node actors see them. Two adapters: host files (image/, disk/, config-drive/)
// and simulated/. Nothing here trusts an image: format is explicit, references to other files are refused (DESIGN §6).

export interface ImageSource {
  readonly id: string;
  readonly format: 'qcow2' | 'raw';
  /** Hex digest of the whole file; what arrives is checked against it. */
  readonly sha512: string;
  readonly sizeBytes: number;
  /** Opens the bytes from the start; called at most once per fetch. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

export interface ConfigDriveFile {
  /** Path within the drive: `openstack/latest/meta_data.json`. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** A guest's disk as a file, for another host to take. */
export interface DiskFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What a guest's move to another host, or to another size, needs of the storage at both ends. The guest must be down. */
export interface MovingDisks {
  /** Names the file system that holds the disks: hosts that tell the same name see the same files. */
  storageId(): Promise<string>;
  /** A guest's complete disks, in their place or withdrawn; none for a guest without files. */
  listDisks(guestId: string): Promise<readonly DiskFile[]>;
  /**
   * Bytes of a disk's file from an offset on, at most `length`; fewer at its end. Of a withdrawn one, if there is one.
   * Fault failed if there is no such disk.
   */
  readDisk(
    disk: { readonly guestId: string; readonly name: string },
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array>;
  /**
   * Takes a disk over from another host, piece by piece, to stand on the same image, which must be cached here; whole, or
   * not at all. A disk of that name that is there is kept. Fault image-refused if it stands on something else.
   */
  receiveDisk(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly sizeBytes: number;
    readonly imageId: string | undefined;
    readonly read: (range: { offset: number; length: number }) => Promise<Uint8Array>;
  }): Promise<void>;
  /** Makes a disk larger for the guest; one that is as large, or larger, stays as it is. Fault failed if there is none. */
  growDisk(disk: { guestId: string; name: string; sizeBytes: number }): Promise<void>;
  /** Takes the disks from their place and keeps them: no guest can be started with them. One that was withdrawn stays. */
  withdraw(guestId: string): Promise<void>;
  /** Puts a copy of each withdrawn disk in its place, unless there is one. */
  copyWithdrawn(guestId: string): Promise<void>;
  /** Puts the withdrawn disks back in the place of whatever is there. */
  bringBack(guestId: string): Promise<void>;
  /** Removes the withdrawn disks. */
  dropWithdrawn(guestId: string): Promise<void>;
}

/** Every call may be repeated: what is already there is kept. Faults are HypervisorFault: no-space, image-refused, failed. */
export interface GuestStorage extends MovingDisks {
  /** Fetches into the checksummed cache unless it is there. On any fault no partial file is left. */
  ensureImage(source: ImageSource): Promise<void>;
  /**
   * A copy-on-write disk of `sizeBytes` over a cached image; 0 stands for the image's own size. Returns its absolute
   * path. Fault image-refused when the image needs more than `sizeBytes`.
   */
  createOverlay(disk: {
    guestId: string;
    name: string;
    imageId: string;
    sizeBytes: number;
  }): Promise<string>;
  /** The same, but the disk has the image's content in itself and stands on nothing: the image may go. */
  createWhole(disk: {
    guestId: string;
    name: string;
    imageId: string;
    sizeBytes: number;
  }): Promise<string>;
  /** An empty qcow2 disk. */
  createBlank(disk: { guestId: string; name: string; sizeBytes: number }): Promise<string>;
  /** Silent if there is none. No guest may use it any more. */
  removeDisk(disk: { readonly guestId: string; readonly name: string }): Promise<void>;
  /** A second disk like the first one as it is now, in the place of one of that name. No guest may write to it meanwhile. */
  copyDisk(disk: {
    readonly guestId: string;
    readonly from: string;
    readonly to: string;
  }): Promise<void>;
  /** The disk has all its content in itself afterwards, and stands on no image. No guest may use it. */
  flattenDisk(disk: { readonly guestId: string; readonly name: string }): Promise<void>;
  /** The file of a disk from its start, qcow2. No guest may use it. */
  streamDisk(disk: { readonly guestId: string; readonly name: string }): AsyncIterable<Uint8Array>;
  /** An ISO 9660 + Joliet drive labelled `config-2`. */
  createConfigDrive(drive: { guestId: string; files: readonly ConfigDriveFile[] }): Promise<string>;
  /** Where a disk of `createOverlay` or `createBlank` stands, whether or not it exists; for `runEpoch` see `paths`. */
  diskPath(disk: {
    readonly guestId: string;
    readonly name: string;
    readonly runEpoch?: number;
  }): string;
  /**
   * Where things of a guest stand: absolute paths, whether or not they exist yet. With `runEpoch` as a start under it is
   * to name them: these lead to the same files, from `openRun` until `closeRuns`, and else nowhere.
   */
  paths(
    guestId: string,
    runEpoch?: number,
  ): {
    readonly directory: string;
    readonly consoleLog: string;
    readonly configDrive: string;
    readonly savedMemory: string;
  };
  /** Makes the paths of a run-epoch lead to the guest's files; only while its grant is not over. */
  openRun(guestId: string, runEpoch: number): Promise<void>;
  /**
   * The paths of this run-epoch, and of all before it, lead nowhere from now on: a start that was asked for under one of
   * them fails, however late it comes. A guest that has started keeps the files that it has open.
   */
  closeRuns(guestId: string, upTo: number): Promise<void>;
  /** True when a complete memory file of `savedMemory` is there. */
  hasSavedMemory(guestId: string): Promise<boolean>;
  removeSavedMemory(guestId: string): Promise<void>;
  /** Removes all files of a guest; silent if there are none. */
  removeGuest(guestId: string): Promise<void>;
  /** Ids of the guests that have files here. */
  listGuests(): Promise<readonly string[]>;
  /** Of the file system that holds the disks. */
  capacity(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>;
  /** Drops cached images not in `keep` that no disk is based on. */
  pruneImages(keep: ReadonlySet<string>): Promise<void>;
}
