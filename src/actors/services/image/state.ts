// What an image is, as its events tell. Pure.
import type {
  ImageAttributes,
  importMethods,
  ImportTask,
  MemberStatus,
  StoredFile,
} from './protocol.ts';

export type ImageStatus =
  | 'absent'
  | 'queued'
  | 'saving'
  | 'uploading'
  | 'importing'
  | 'active'
  | 'deactivated'
  | 'deleted';

export interface ImageTask extends Omit<ImportTask, 'method'> {
  readonly method: (typeof importMethods)[number];
  readonly status: 'processing' | 'success' | 'failure';
  /** Why it failed. */
  readonly message: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

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
  readonly file: StoredFile | undefined;
  /** The upload under way: while `saving`, and while `uploading` until all is staged. */
  readonly uploadId: string | undefined;
  /** Bytes that wait for their import, and what is known of them once they are all there. */
  readonly staged: { readonly id: string; readonly file: StoredFile | undefined } | undefined;
  /** Imports, the newest last; the last one is under way while `importing`. */
  readonly tasks: readonly ImageTask[];
  /** What the store still keeps of staged bytes that nobody needs. */
  readonly discarded: readonly string[];
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
    staged: undefined,
    tasks: [],
    discarded: [],
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

/** The import under way. */
export function runningTask(image: ImageState): (ImageTask & ImportTask) | undefined {
  const last = image.status === 'importing' ? image.tasks.at(-1) : undefined;
  return last === undefined || last.method === 'copy-image'
    ? undefined
    : { ...last, method: last.method };
}
