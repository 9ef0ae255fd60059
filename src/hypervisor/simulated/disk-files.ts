// The files of a simulated host: names and sizes, no content. A directory per guest, and others by absolute path.
// It keeps count of the space, so that a full disk can be had.

import { HypervisorFault } from '../port.ts';

export interface SimulatedFile {
  readonly name: string;
  /** Space taken on the host. */
  readonly bytes: number;
  /** For disks: the size that the guest sees. */
  readonly virtualSizeBytes?: number;
  /** For overlays: the key of the image beneath. */
  readonly base?: string | undefined;
}

export type FilesChanged = (directory: string, files: readonly SimulatedFile[] | undefined) => void;

export class SimulatedFiles {
  readonly #root: string;
  readonly #changed: FilesChanged;
  /** Keyed by guest id, or by absolute path for directories outside of the instances. */
  readonly #directories = new Map<string, readonly SimulatedFile[]>();
  #capacityBytes: number;
  #usedBytes = 0;

  constructor(options: {
    readonly root: string;
    readonly capacityBytes: number;
    readonly changed: FilesChanged;
  }) {
    this.#root = `${options.root}/instances/`;
    this.#capacityBytes = options.capacityBytes;
    this.#changed = options.changed;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.#capacityBytes - this.#usedBytes);
  }

  /** A smaller or larger disk from now on. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  /** Fault no-space. For what is not a file of a directory here: cached images. */
  takeSpace(bytes: number, doing: string): void {
    if (bytes > this.freeBytes) {
      const message = `no space is left on the host while ${doing}: ${bytes} bytes are needed, ${this.freeBytes} are free`;
      throw new HypervisorFault('no-space', message, { retryable: true });
    }
    this.#usedBytes += bytes;
  }

  /** For what is read back: it was there, so it is not refused. */
  restoreSpace(bytes: number): void {
    this.#usedBytes += bytes;
  }

  giveSpace(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  guestDirectory(guestId: string): string {
    return this.#root + guestId;
  }

  /** Makes an empty directory that is no guest's, for files that tests and others name freely. */
  addDirectory(path: string): void {
    if (!this.#directories.has(path)) this.#set(path, []);
  }

  guests(): string[] {
    return [...this.#directories.keys()].filter((key) => !key.startsWith('/'));
  }

  entries(): Iterable<readonly [directory: string, files: readonly SimulatedFile[]]> {
    return this.#directories;
  }

  /** For a guest whose state is read back. */
  restore(directory: string, files: readonly SimulatedFile[]): void {
    this.#directories.set(directory, files);
    this.restoreSpace(sumBytes(files));
  }

  filesOf(directory: string): readonly SimulatedFile[] {
    return this.#directories.get(directory) ?? [];
  }

  find(directory: string, name: string): SimulatedFile | undefined {
    return this.#directories.get(directory)?.find((file) => file.name === name);
  }

  /** Fault no-space, or failed when the directory is a path that was never made. Replaces a file of that name. */
  put(directory: string, file: SimulatedFile): void {
    const files = this.#directories.get(directory);
    if (files === undefined && directory.startsWith('/')) {
      throw new HypervisorFault('failed', `${directory}/${file.name}: no such directory`);
    }
    const old = files?.find((other) => other.name === file.name);
    this.takeSpace(file.bytes - (old?.bytes ?? 0), `writing ${file.name}`);
    // Exact in length: a list that grew by itself would keep room for many more.
    const others = (files ?? []).filter((other) => other !== old);
    this.#set(directory, others.length === 0 ? [file] : others.concat(file));
  }

  remove(directory: string, name: string): void {
    const files = this.#directories.get(directory);
    const file = files?.find((other) => other.name === name);
    if (files === undefined || file === undefined) return;
    this.giveSpace(file.bytes);
    this.#set(
      directory,
      files.filter((other) => other !== file),
    );
  }

  removeDirectory(directory: string): void {
    const files = this.#directories.get(directory);
    if (files === undefined) return;
    this.giveSpace(sumBytes(files));
    this.#directories.delete(directory);
    this.#changed(directory, undefined);
  }

  has(path: string): boolean {
    const { directory, name } = this.split(path);
    return this.find(directory, name) !== undefined;
  }

  /** Whether a file can be made at this path. */
  hasPlace(path: string): boolean {
    return this.#directories.has(this.split(path).directory);
  }

  /** Directory key and name of an absolute path; the key of a directory that is not there stays a path. */
  split(path: string): { readonly directory: string; readonly name: string } {
    const cut = path.lastIndexOf('/');
    const directory = path.slice(0, cut);
    return {
      directory: this.#guestOf(directory) ?? directory,
      name: path.slice(cut + 1),
    };
  }

  /** A guest's directory, by its own name or through a link of a run. */
  #guestOf(directory: string): string | undefined {
    if (!directory.startsWith(this.#root)) return undefined;
    const [guest = '', link, ...more] = directory.slice(this.#root.length).split('/');
    if (more.length > 0) return undefined;
    return link === undefined || this.find(guest, link) !== undefined ? guest : undefined;
  }

  #set(directory: string, files: readonly SimulatedFile[]): void {
    this.#directories.set(directory, files);
    this.#changed(directory, files);
  }
}

function sumBytes(files: readonly SimulatedFile[]): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
