// What each event makes of an image. Pure and total.
import { unreachable } from '#runtime/assert.ts';
import type { ImageEvent } from './protocol.ts';
import type { ImageMember, ImageState } from './state.ts';

export function evolveImage(image: ImageState, event: ImageEvent): ImageState {
  switch (event.type) {
    case 'image.created':
      return {
        ...image,
        status: 'queued',
        attributes: event.attributes,
        tags: event.tags,
        properties: event.properties,
        createdAtMs: event.atMs,
        updatedAtMs: event.atMs,
        createdBy: event.changeId,
      };
    case 'image.changed':
      return {
        ...image,
        attributes: { ...image.attributes, ...event.attributes },
        tags: event.tags ?? image.tags,
        properties: event.properties ?? image.properties,
        updatedAtMs: event.atMs,
        changedBy: event.changeId,
      };
    case 'image.deleted':
      return {
        ...image,
        status: 'deleted',
        uploadId: undefined,
        members: [],
        ...withoutStaged(image),
        ...(image.status === 'importing'
          ? { tasks: endTask(image, { status: 'failure', message: DELETED, atMs: event.atMs }) }
          : {}),
        fileToRemove:
          image.file !== undefined || image.status === 'saving' || image.status === 'importing',
        updatedAtMs: event.atMs,
        changedBy: event.changeId,
      };
    case 'image.file-removed':
      return { ...image, fileToRemove: false, file: undefined };
    case 'image.member-set':
    case 'image.member-removed':
      return evolveMembers(image, event);
    case 'image.deactivated':
      return { ...image, status: 'deactivated', updatedAtMs: event.atMs };
    case 'image.reactivated':
      return { ...image, status: 'active', updatedAtMs: event.atMs };
    case 'image.upload-started':
      return { ...image, status: 'saving', uploadId: event.uploadId, updatedAtMs: event.atMs };
    case 'image.upload-finished':
      return {
        ...image,
        status: 'active',
        uploadId: undefined,
        file: event.file,
        updatedAtMs: event.atMs,
      };
    case 'image.upload-failed':
      return {
        ...image,
        status: 'queued',
        uploadId: undefined,
        ...withoutStaged(image),
        updatedAtMs: event.atMs,
      };
    default:
      return evolveImport(image, event);
  }
}

const DELETED = 'The image was deleted.';

function withoutStaged({
  staged,
  discarded,
}: ImageState): Pick<ImageState, 'staged' | 'discarded'> {
  return {
    staged: undefined,
    discarded: staged === undefined ? discarded : [...discarded, staged.id],
  };
}

type ImportEvent = Extract<
  ImageEvent,
  {
    type:
      | `image.stage-${string}`
      | `image.import-${string}`
      | 'image.staged-removed'
      | 'image.copy-noted';
  }
>;

function evolveImport(image: ImageState, event: ImportEvent): ImageState {
  switch (event.type) {
    case 'image.stage-started': {
      const { uploadId, stagedId, atMs } = event;
      const staged = { id: stagedId, file: undefined };
      return { ...image, status: 'uploading', uploadId, staged, updatedAtMs: atMs };
    }
    case 'image.stage-finished': {
      const staged = image.staged && { ...image.staged, file: event.file };
      return { ...image, uploadId: undefined, staged, updatedAtMs: event.atMs };
    }
    case 'image.import-started': {
      const { task, atMs } = event;
      const started = { ...task, status: 'processing', message: '' } as const;
      const tasks = [...image.tasks, { ...started, createdAtMs: atMs, updatedAtMs: atMs }];
      return {
        ...image,
        status: 'importing',
        tasks: tasks.slice(-REMEMBERED_TASKS),
        updatedAtMs: atMs,
      };
    }
    case 'image.copy-noted': {
      const { task, atMs } = event;
      const ended = { ...task, type: 'api_image_import', status: 'success', message: '' } as const;
      const noted = {
        ...ended,
        method: 'copy-image',
        createdAtMs: atMs,
        updatedAtMs: atMs,
      } as const;
      return { ...image, tasks: [...image.tasks, noted].slice(-REMEMBERED_TASKS) };
    }
    case 'image.import-finished': {
      const { file, atMs } = event;
      // The bytes were moved out of the staging place, or never were there.
      const tasks = endTask(image, { status: 'success', message: '', atMs });
      const rest = { status: 'active', staged: undefined, updatedAtMs: atMs } as const;
      return { ...image, ...rest, file, tasks };
    }
    case 'image.import-failed': {
      const { message, atMs } = event;
      const tasks = endTask(image, { status: 'failure', message, atMs });
      const rest = { status: 'queued', updatedAtMs: atMs } as const;
      return { ...image, ...rest, ...withoutStaged(image), tasks };
    }
    case 'image.staged-removed': {
      const discarded = image.discarded.filter((id) => id !== event.stagedId);
      return { ...image, discarded };
    }
    default:
      return unreachable(event);
  }
}

const REMEMBERED_TASKS = 10;

function endTask(
  image: ImageState,
  end: { readonly status: 'success' | 'failure'; readonly message: string; readonly atMs: number },
): ImageState['tasks'] {
  const { status, message, atMs } = end;
  const last = image.tasks.at(-1);
  if (last === undefined) return image.tasks;
  return [...image.tasks.slice(0, -1), { ...last, status, message, updatedAtMs: atMs }];
}

type MemberEvent = Extract<
  ImageEvent,
  { type: 'image.member-set' } | { type: 'image.member-removed' }
>;

function evolveMembers(image: ImageState, event: MemberEvent): ImageState {
  const { projectId, atMs } = event;
  const index = image.members.findIndex((member) => member.projectId === projectId);
  let members: readonly ImageMember[];
  if (event.type === 'image.member-removed') members = image.members.toSpliced(index, 1);
  else {
    const createdAtMs = image.members[index]?.createdAtMs ?? atMs;
    const member = { projectId, status: event.status, createdAtMs, updatedAtMs: atMs };
    members = index < 0 ? [...image.members, member] : image.members.with(index, member);
  }
  return { ...image, members, updatedAtMs: event.atMs, changedBy: event.changeId };
}
