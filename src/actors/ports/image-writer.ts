// What compute makes in the image service: images of servers. Embedded in services/image, or outbound Glance.
import type { Refusal } from '#runtime/message/refusal.ts';
import type { ServerSnapshot } from '../domain/server-snapshot.ts';

export interface ImageWriter {
  /** Makes it, still without bytes. A repeat is the same image. */
  create(snapshot: ServerSnapshot, requestId: string): Promise<Refusal | undefined>;
  /** Takes its bytes, a qcow2 disk; resolves when it is active. Once it is, a repeat takes nothing and is as good. */
  upload(
    imageId: string,
    bytes: AsyncIterable<Uint8Array>,
    requestId: string,
  ): Promise<Refusal | undefined>;
  /** Silent if there is none (any more). */
  remove(imageId: string, requestId: string): Promise<void>;
  /** Backups of this kind of a server that have their bytes, the newest first. */
  backupsOf(serverId: string, backupType: string): Promise<readonly string[]>;
}
