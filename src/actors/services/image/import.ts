// What an image answers about imports: bytes are staged, or named by a URI, and become its own by a task. Pure.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import type { ImageCommand, imageCommands, ImageEvent } from './protocol.ts';
import { type ImageState, runningTask } from './state.ts';

type Answer = Accepted<ImageEvent, object> | Refusal;
type Ask<T extends keyof typeof imageCommands> = CommandNamed<typeof imageCommands, T>;

const nothing: Answer = accept([], {});
const one = (event: ImageEvent): Answer => accept([event], {});

export function startStage(
  image: ImageState,
  { uploadId, stagedId }: Ask<'image.start-stage'>,
  facts: Facts,
): Answer {
  if (image.uploadId === uploadId) return nothing;
  if (image.status !== 'queued')
    return refuse('image-status', { from: image.status, to: 'uploading' });
  return one({ type: 'image.stage-started', uploadId, stagedId, atMs: facts.nowMs });
}

export function noteCopy(
  image: ImageState,
  { task }: Ask<'image.note-copy'>,
  facts: Facts,
): Answer {
  if (image.tasks.some(({ id }) => id === task.id)) return nothing;
  if (image.status !== 'active')
    return refuse('image-import-status', { hindrance: 'not-active', method: 'copy-image' });
  return one({ type: 'image.copy-noted', task, atMs: facts.nowMs });
}

export function startImport(
  image: ImageState,
  { task }: Ask<'image.start-import'>,
  facts: Facts,
): Answer {
  if (image.tasks.some(({ id }) => id === task.id)) return nothing;
  const hindrance = whyNot(image, task.method);
  if (hindrance !== undefined)
    return refuse('image-import-status', { hindrance, method: task.method });
  return one({ type: 'image.import-started', task, atMs: facts.nowMs });
}

function whyNot(image: ImageState, method: string): string | undefined {
  const { status, attributes } = image;
  if (status === 'active') return 'active';
  if (method === 'web-download' && status !== 'queued') return 'not-queued';
  const isStaged = status === 'uploading' && image.staged?.file !== undefined;
  if (method === 'glance-direct' && !isStaged) return 'not-staged';
  if (attributes.containerFormat === null) return 'container_format';
  return attributes.diskFormat === null ? 'disk_format' : undefined;
}

type ImportEnd =
  | Ask<'image.finish-import'>
  | Ask<'image.fail-import'>
  | Ask<'image.staged-removed'>;

export function isImportEnd(command: ImageCommand): command is ImportEnd {
  const { type } = command;
  return (
    type === 'image.finish-import' ||
    type === 'image.fail-import' ||
    type === 'image.staged-removed'
  );
}

/** An end that comes twice, or for a task that is over, changes nothing: the image has its bytes, or is gone. */
export function decideImportEnd(image: ImageState, command: ImportEnd, facts: Facts): Answer {
  if (command.type === 'image.staged-removed') {
    const { stagedId } = command;
    return image.discarded.includes(stagedId)
      ? one({ type: 'image.staged-removed', stagedId })
      : nothing;
  }
  const { taskId } = command;
  if (runningTask(image)?.id !== taskId) return nothing;
  const atMs = facts.nowMs;
  if (command.type === 'image.fail-import')
    return one({ type: 'image.import-failed', taskId, message: command.message, atMs });
  return one({ type: 'image.import-finished', taskId, file: command.file, atMs });
}
