// What an image is, as its events tell. Pure.
import type { ImageAttributes, MemberStatus } from './protocol.ts';

export type ImageStatus = 'absent' | 'queued' | 'saving' | 'active' | 'deactivated' | 'deleted';

export interface ImageMember {
  readonly projectId: string;
  readonly status: MemberStatus;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ImageState {
  readonly id: string;
  readonly status: ImageStatus;
  readonly attributes: ImageAttributes;
  readonly tags: readonly string[];
  /** Custom properties. */
  readonly properties: Readonly<Record<string, string>>;
  readonly members: readonly ImageMember[];
  /** Known while there are bytes: `active` and `deactivated`. */
  readonly file:
    | {
        readonly sizeBytes: number;
        readonly virtualSizeBytes?: number;
        readonly md5: string;
        readonly sha512: string;
      }
    | undefined;
  /** The upload under way: exactly while `saving`. */
  readonly uploadId: string | undefined;
  /** After a deletion, until the store has removed what it kept. */
  readonly fileToRemove: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Ids of the change that made the image and of the last one: a repeat of either is answered as before. */
  readonly createdBy: string;
  readonly changedBy: string;
}

export function initialImage(id: string): ImageState {
  return {
    id,
    status: 'absent',
    attributes: {
      name: null,
      visibility: 'shared',
      protected: false,
      hidden: false,
      diskFormat: null,
      containerFormat: null,
      minDiskGiB: 0,
      minRamMiB: 0,
      ownerId: '',
    },
    tags: [],
    properties: {},
    members: [],
    file: undefined,
    uploadId: undefined,
    fileToRemove: false,
    createdAtMs: 0,
    updatedAtMs: 0,
    createdBy: '',
    changedBy: '',
  };
}

export function findMember(image: ImageState, projectId: string): ImageMember | undefined {
  return image.members.find((member) => member.projectId === projectId);
}

/** Whether users can see it at all. */
export function isListed(image: ImageState): boolean {
  return image.status !== 'absent' && image.status !== 'deleted';
}
