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

/** Every call may be repeated: what is already there is kept. Faults are HypervisorFault: no-space, image-refused, failed. */
export interface GuestStorage {
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
  /** An empty qcow2 disk. */
  createBlank(disk: { guestId: string; name: string; sizeBytes: number }): Promise<string>;
  /** An ISO 9660 + Joliet drive labelled `config-2`. */
  createConfigDrive(drive: { guestId: string; files: readonly ConfigDriveFile[] }): Promise<string>;
  /** Where a disk of `createOverlay` or `createBlank` stands, whether or not it exists. */
  diskPath(disk: { readonly guestId: string; readonly name: string }): string;
  /** Where things of a guest stand: absolute paths, whether or not they exist yet. */
  paths(guestId: string): {
    readonly directory: string;
    readonly consoleLog: string;
    readonly configDrive: string;
    readonly savedMemory: string;
  };
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
