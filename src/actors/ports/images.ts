// What compute needs from the image service. Embedded in services/image, or outbound Glance.
import type { Refusal } from '#runtime/message/refusal.ts';
import type { Caller } from './identity.ts';

export interface ImageRecord {
  readonly id: string;
  readonly name: string | undefined;
  readonly status:
    | 'queued'
    | 'saving'
    | 'uploading'
    | 'importing'
    | 'active'
    | 'deactivated'
    | 'deleted';
  readonly visibility: 'public' | 'private' | 'shared' | 'community';
  readonly ownerId: string;
  readonly diskFormat: string | undefined;
  readonly containerFormat: string | undefined;
  /** Bytes of the file; undefined until it is uploaded. */
  readonly sizeBytes: number | undefined;
  /** Bytes of the disk inside, where the format tells. */
  readonly virtualSizeBytes: number | undefined;
  readonly sha512: string | undefined;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  /** Custom properties: `hw_…`, `os_…`, `img_…` and users' own. */
  readonly properties: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Who wants a change, and in which request. */
export interface ImageChangeBy {
  readonly caller: Caller;
  readonly requestId: string;
}

export interface Images {
  /** Undefined when there is none or the caller may not see it; `undefined` caller sees all. */
  find(imageId: string, caller: Caller | undefined): Promise<ImageRecord | undefined>;
  /** The file's bytes from the start. Rejects if there are none. */
  open(imageId: string): AsyncIterable<Uint8Array>;
  /** What a list shows this caller: its project's own, public ones, shared ones that it accepted. */
  list(caller: Caller): Promise<readonly ImageRecord[]>;
  /** Refusals: image-not-found, image-forbidden, image-protected. */
  remove(imageId: string, by: ImageChangeBy): Promise<Refusal | undefined>;
  /** In place of all custom properties. Refusals: image-not-found, image-forbidden, those of a change. */
  setProperties(
    imageId: string,
    properties: Readonly<Record<string, string>>,
    by: ImageChangeBy,
  ): Promise<Refusal | undefined>;
}
