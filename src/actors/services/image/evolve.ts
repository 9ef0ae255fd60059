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
        fileToRemove: image.file !== undefined || image.uploadId !== undefined,
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
      return { ...image, status: 'queued', uploadId: undefined, updatedAtMs: event.atMs };
    default:
      return unreachable(event);
  }
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
