// Disks on their way on a simulated host: a disk's file is what is known of it, written down, so that what arrives is what
// was sent. Same answers and refusals as disk/moving-disks.ts.

import { refusal } from '../image/image-facts.ts';
import { HypervisorFault } from '../port.ts';
import type { DiskFile, MovingDisks } from '../storage-port.ts';
import type { SimulatedFile } from './disk-files.ts';
import type { SimulatedHost } from './host.ts';

const ending = '.qcow2';
const withdrawnPrefix = 'withdrawn.';

export class SimulatedMovingDisks {
  readonly #host: SimulatedHost;

  constructor(host: SimulatedHost) {
    this.#host = host;
  }

  list(guestId: string): readonly DiskFile[] {
    const found = new Map<string, number>();
    const disks = this.#files(guestId).filter(({ name }) => name.endsWith(ending));
    // Withdrawn ones come last and count.
    for (const file of disks.toSorted((one, other) => (one.name < other.name ? -1 : 1)))
      found.set(nameOf(file.name), textOf(file).length);
    return [...found].map(([name, sizeBytes]) => ({ name, sizeBytes }));
  }

  read(
    disk: { readonly guestId: string; readonly name: string },
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Uint8Array {
    const withdrawn = withdrawnPrefix + disk.name + ending;
    const file = this.#host.files.find(disk.guestId, withdrawn) ?? this.#present(disk);
    return textOf(file).subarray(offset, offset + length);
  }

  /** `base`: the key of the image that it is to stand on here. */
  keep(
    disk: { readonly guestId: string; readonly name: string; readonly imageId: string | undefined },
    text: Uint8Array,
    base: string | undefined,
  ): void {
    const { virtualSizeBytes, bytes, hasBase } = parsed(text);
    if (hasBase !== (base !== undefined))
      throw refusal(
        { id: disk.imageId ?? 'of a disk' },
        hasBase ? 'the disk stands on another file' : 'the disk does not stand on it',
      );
    this.#host.files.put(disk.guestId, { name: disk.name + ending, bytes, virtualSizeBytes, base });
  }

  has(disk: { readonly guestId: string; readonly name: string }): boolean {
    return this.#host.files.find(disk.guestId, disk.name + ending) !== undefined;
  }

  grow(disk: { guestId: string; name: string; sizeBytes: number }): void {
    const file = this.#present(disk);
    if ((file.virtualSizeBytes ?? 0) >= disk.sizeBytes) return;
    this.#host.files.put(disk.guestId, { ...file, virtualSizeBytes: disk.sizeBytes });
  }

  withdraw(guestId: string): void {
    for (const file of this.#files(guestId)) {
      if (!file.name.endsWith(ending) || file.name.startsWith(withdrawnPrefix)) continue;
      if (this.#host.files.find(guestId, withdrawnPrefix + file.name) !== undefined) continue;
      this.#rename(guestId, file, withdrawnPrefix + file.name);
    }
  }

  copyWithdrawn(guestId: string): void {
    for (const file of this.#withdrawn(guestId)) {
      const name = file.name.slice(withdrawnPrefix.length);
      if (this.#host.files.find(guestId, name) === undefined)
        this.#host.files.put(guestId, { ...file, name });
    }
  }

  #rename(guestId: string, file: SimulatedFile, name: string): void {
    this.#host.files.remove(guestId, file.name);
    this.#host.files.put(guestId, { ...file, name });
  }

  bringBack(guestId: string): void {
    for (const file of this.#withdrawn(guestId)) {
      const name = file.name.slice(withdrawnPrefix.length);
      this.#host.files.remove(guestId, name);
      this.#rename(guestId, file, name);
    }
  }

  dropWithdrawn(guestId: string): void {
    for (const { name } of this.#withdrawn(guestId)) this.#host.files.remove(guestId, name);
  }

  #withdrawn(guestId: string): readonly SimulatedFile[] {
    return this.#files(guestId).filter(({ name }) => name.startsWith(withdrawnPrefix));
  }

  #files(guestId: string): readonly SimulatedFile[] {
    return this.#host.files.filesOf(guestId);
  }

  #present({ guestId, name }: { readonly guestId: string; readonly name: string }): SimulatedFile {
    const file = this.#host.files.find(guestId, name + ending);
    if (file === undefined)
      throw new HypervisorFault('failed', `there is no disk ${name} of guest ${guestId}`);
    return file;
  }
}

/** Reads a whole disk from another host. */
export async function fetchDisk(
  disk: Parameters<MovingDisks['receiveDisk']>[0],
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < disk.sizeBytes; ) {
    const piece = await disk.read({ offset, length: disk.sizeBytes - offset });
    if (piece.length === 0)
      throw new HypervisorFault(
        'failed',
        `the disk ends after ${offset} of ${disk.sizeBytes} bytes`,
      );
    pieces.push(piece);
    offset += piece.length;
  }
  return Buffer.concat(pieces);
}

function nameOf(file: string): string {
  const stem = file.slice(0, -ending.length);
  return stem.startsWith(withdrawnPrefix) ? stem.slice(withdrawnPrefix.length) : stem;
}

function textOf({ bytes, virtualSizeBytes, base }: SimulatedFile): Uint8Array {
  return Buffer.from(JSON.stringify({ bytes, virtualSizeBytes, hasBase: base !== undefined }));
}

function parsed(text: Uint8Array): {
  readonly bytes: number;
  readonly virtualSizeBytes: number;
  readonly hasBase: boolean;
} {
  return JSON.parse(Buffer.from(text).toString()) as ReturnType<typeof parsed>;
}
