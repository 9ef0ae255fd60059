// What an image answers to a command: events and a reply, or a refusal. Pure. Who may ask is the API's matter.
// Commands arrive at least once; a repeat is known by its change id, or by what is already so.
import { unreachable } from '#runtime/assert.ts';
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { decideChange } from './change.ts';
import { decideImportEnd, isImportEnd, noteCopy, startImport, startStage } from './import.ts';
import { over, overLimit } from './limits.ts';
import type { ImageCommand, imageCommands, ImageEvent } from './protocol.ts';
import { findMember, type ImageState, isListed } from './state.ts';

type Answer = Accepted<ImageEvent, object> | Refusal;
type Ask<T extends keyof typeof imageCommands> = CommandNamed<typeof imageCommands, T>;

const nothing: Answer = accept([], {});
const one = (event: ImageEvent): Answer => accept([event], {});

export function decideImage(image: ImageState, command: ImageCommand, facts: Facts): Answer {
  if (command.type === 'image.create') return create(image, command, facts);
  if (command.type === 'image.file-removed')
    return image.fileToRemove ? one({ type: 'image.file-removed' }) : nothing;
  if (isUploadEnd(command)) return decideUploadEnd(image, command, facts);
  if (isImportEnd(command)) return decideImportEnd(image, command, facts);
  if ('changeId' in command && command.changeId === image.changedBy) return nothing;
  if (!isListed(image)) return refuse('image-not-found', { imageId: image.id });
  switch (command.type) {
    case 'image.change':
      return decideChange(image, command, facts);
    case 'image.delete':
      return remove(image, command.changeId, facts);
    case 'image.add-tag':
    case 'image.remove-tag':
      return decideTag(image, command, facts);
    case 'image.add-member':
    case 'image.set-member':
    case 'image.remove-member':
      return decideMember(image, command, facts);
    case 'image.deactivate':
    case 'image.reactivate':
      return decideAction(image, command.type, facts);
    case 'image.start-upload':
      return startUpload(image, command.uploadId, facts);
    case 'image.start-stage':
      return startStage(image, command, facts);
    case 'image.start-import':
      return startImport(image, command, facts);
    case 'image.note-copy':
      return noteCopy(image, command, facts);
    default:
      return unreachable(command);
  }
}

function create(image: ImageState, command: Ask<'image.create'>, facts: Facts): Answer {
  if (image.status !== 'absent') {
    if (image.createdBy === command.changeId) return nothing;
    return refuse('image-exists', { imageId: image.id });
  }
  const { attributes, properties, changeId } = command;
  const tags = [...new Set(command.tags)];
  const tooMany = overLimit(properties, tags);
  if (tooMany !== undefined) return tooMany;
  const atMs = facts.nowMs;
  return one({ type: 'image.created', attributes, tags, properties, changeId, atMs });
}

function remove(image: ImageState, changeId: string, facts: Facts): Answer {
  if (image.attributes.protected) return refuse('image-protected', { imageId: image.id });
  return one({ type: 'image.deleted', changeId, atMs: facts.nowMs });
}

type TagAsk = Ask<'image.add-tag'> | Ask<'image.remove-tag'>;

function decideTag(image: ImageState, command: TagAsk, facts: Facts): Answer {
  const { tag, changeId } = command;
  const adds = command.type === 'image.add-tag';
  const there = image.tags.includes(tag);
  if (adds && there) return nothing;
  if (!adds && !there) return refuse('image-tag-missing', { imageId: image.id, tag });
  const tags = adds ? [...image.tags, tag] : image.tags.filter((other) => other !== tag);
  const tooMany = overLimit(image.properties, tags);
  if (tooMany !== undefined) return tooMany;
  return one({ type: 'image.changed', attributes: {}, tags, changeId, atMs: facts.nowMs });
}

type MemberAsk = Ask<'image.add-member'> | Ask<'image.set-member'> | Ask<'image.remove-member'>;

function decideMember(image: ImageState, command: MemberAsk, facts: Facts): Answer {
  const { projectId, changeId } = command;
  const atMs = facts.nowMs;
  const member = findMember(image, projectId);
  if (command.type === 'image.add-member') {
    if (image.attributes.visibility !== 'shared')
      return refuse('image-not-shared', { imageId: image.id });
    if (member !== undefined)
      return refuse('image-member-exists', { imageId: image.id, projectId });
    const tooMany = over('members', image.members.length + 1);
    if (tooMany !== undefined) return tooMany;
    return one({ type: 'image.member-set', projectId, status: 'pending', changeId, atMs });
  }
  if (member === undefined) return refuse('image-member-missing', { imageId: image.id, projectId });
  if (command.type === 'image.remove-member')
    return one({ type: 'image.member-removed', projectId, changeId, atMs });
  if (member.status === command.status) return nothing;
  return one({ type: 'image.member-set', projectId, status: command.status, changeId, atMs });
}

function decideAction(
  image: ImageState,
  type: 'image.deactivate' | 'image.reactivate',
  facts: Facts,
): Answer {
  const action = type === 'image.deactivate' ? 'deactivate' : 'reactivate';
  const wanted = action === 'deactivate' ? 'deactivated' : 'active';
  if (image.status === wanted) return nothing;
  if (image.status !== 'active' && image.status !== 'deactivated')
    return refuse('image-action-status', { action, status: image.status });
  return one({ type: `image.${action}d`, atMs: facts.nowMs });
}

function startUpload(image: ImageState, uploadId: string, facts: Facts): Answer {
  if (image.uploadId === uploadId) return nothing;
  if (image.status !== 'queued')
    return refuse('image-status', { from: image.status, to: 'saving' });
  const missing = [
    ...(image.attributes.diskFormat === null ? ['disk_format'] : []),
    ...(image.attributes.containerFormat === null ? ['container_format'] : []),
  ];
  if (missing.length > 0) return refuse('image-formats-missing', { missing });
  return one({ type: 'image.upload-started', uploadId, atMs: facts.nowMs });
}

type UploadEnd = Ask<'image.finish-upload'> | Ask<'image.finish-stage'> | Ask<'image.fail-upload'>;

function isUploadEnd(command: ImageCommand): command is UploadEnd {
  const { type } = command;
  return (
    type === 'image.finish-upload' || type === 'image.finish-stage' || type === 'image.fail-upload'
  );
}

function decideUploadEnd(image: ImageState, command: UploadEnd, facts: Facts): Answer {
  const { uploadId } = command;
  const atMs = facts.nowMs;
  const underWay = image.uploadId === uploadId;
  if (command.type === 'image.fail-upload') {
    if (!underWay) return nothing;
    return one({ type: 'image.upload-failed', uploadId, reason: command.reason, atMs });
  }
  if (command.type === 'image.finish-stage') {
    if (underWay) return one({ type: 'image.stage-finished', uploadId, file: command.file, atMs });
    if (image.staged?.file?.sha512 === command.file.sha512) return nothing;
    return refuse('image-gone', { imageId: image.id });
  }
  if (underWay) return one({ type: 'image.upload-finished', uploadId, file: command.file, atMs });
  if (image.status === 'active' && image.file?.sha512 === command.file.sha512) return nothing;
  return refuse('image-gone', { imageId: image.id });
}
