// An image service that takes images of servers, outside of all processes and never away: what it was told stays.
import type { ServerSnapshot } from '#actors/domain/server-snapshot.ts';
import type { ImageWriter } from '#actors/ports/image-writer.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

interface Written {
  readonly snapshot: ServerSnapshot;
  sizeBytes: number | undefined;
  readonly number: number;
}

export class WrittenImages implements ImageWriter {
  readonly images = new Map<string, Written>();
  readonly #removed = new Set<string>();
  #count = 0;

  async create(snapshot: ServerSnapshot): Promise<Refusal | undefined> {
    await Promise.resolve();
    if (this.#removed.has(snapshot.id) || this.images.has(snapshot.id)) return undefined;
    this.#count += 1;
    this.images.set(snapshot.id, { snapshot, sizeBytes: undefined, number: this.#count });
    return undefined;
  }

  async upload(imageId: string, bytes: AsyncIterable<Uint8Array>): Promise<Refusal | undefined> {
    if (this.images.get(imageId)?.sizeBytes !== undefined) return undefined;
    let sizeBytes = 0;
    for await (const chunk of bytes) sizeBytes += chunk.length;
    const image = this.images.get(imageId);
    if (image === undefined) return refuse('image-gone', { imageId });
    image.sizeBytes = sizeBytes;
    return undefined;
  }

  async remove(imageId: string): Promise<void> {
    await Promise.resolve();
    this.#removed.add(imageId);
    this.images.delete(imageId);
  }

  async backupsOf(serverId: string, backupType: string): Promise<readonly string[]> {
    await Promise.resolve();
    return [...this.images.values()]
      .filter(
        ({ snapshot, sizeBytes }) =>
          sizeBytes !== undefined &&
          snapshot.properties['instance_uuid'] === serverId &&
          snapshot.properties['backup_type'] === backupType,
      )
      .sort((one, other) => other.number - one.number)
      .map(({ snapshot }) => snapshot.id);
  }

  /** Images that are there and have no bytes; none at rest. */
  unfinished(): readonly string[] {
    return [...this.images.values()]
      .filter(({ sizeBytes }) => sizeBytes === undefined)
      .map(({ snapshot }) => snapshot.id);
  }
}
