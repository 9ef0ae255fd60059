// With whom an image is shared. The owner adds and removes projects; the project says whether it wants the image.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type MemberStatus, memberStatuses } from '#actors/services/image/protocol.ts';
import { findMember, type ImageMember, type ImageState } from '#actors/services/image/state.ts';
import { isOwner } from '#actors/services/image/visibility.ts';
import { type ImageAccess, requireWriter } from './image-access.ts';
import { renderMember } from './image-view.ts';
import { isRecord } from './json-schema.ts';
import { ImageHttpError } from './webob-error.ts';

const COLLECTION = '/v2/images/:imageId/members';
const MEMBER = `${COLLECTION}/:memberId`;

export function memberRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.get(COLLECTION, (request) => listMembers(access, request));
  app.post(COLLECTION, (request) => addMember(access, request));
  app.get(MEMBER, (request) => showMember(access, request));
  app.put(MEMBER, (request) => setStatus(access, request));
  app.delete(MEMBER, (request, reply) => removeMember(access, request, reply));
}

async function findShared(
  access: ImageAccess,
  request: FastifyRequest,
  refusedAs: 403 | 404,
): Promise<ImageState> {
  const image = await access.find(request);
  if (image.attributes.visibility !== 'shared')
    throw new ImageHttpError(refusedAs, 'Only shared images have members.');
  return image;
}

function memberIdOf(request: FastifyRequest): string {
  return (request.params as { memberId: string }).memberId;
}

/** The owner sees all members, a member only itself. */
function memberAt(image: ImageState, request: FastifyRequest, memberId: string): ImageMember {
  const { caller } = request;
  const maySee = caller.isAdmin || isOwner(image, caller) || caller.projectId === memberId;
  const member = maySee ? findMember(image, memberId) : undefined;
  if (member === undefined)
    throw new ImageHttpError(
      404,
      `${memberId} not found in the member list of the image ${image.id}.`,
    );
  return member;
}

async function listMembers(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const image = await findShared(access, request, 403);
  const { caller } = request;
  const all = caller.isAdmin || isOwner(image, caller);
  const members = image.members.filter(({ projectId }) => all || projectId === caller.projectId);
  return {
    members: members.map((member) => renderMember(image.id, member)),
    schema: '/v2/schemas/members',
  };
}

async function showMember(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const image = await findShared(access, request, 404);
  const memberId = memberIdOf(request);
  return renderMember(image.id, memberAt(image, request, memberId));
}

async function addMember(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const memberId = parseMember(request.body);
  const image = await findShared(access, request, 403);
  const { caller } = request;
  requireWriter(caller, 'add_member');
  if (!caller.isAdmin && !isOwner(image, caller))
    throw new ImageHttpError(403, `Not allowed to create members for image ${image.id}.`);
  const changeId = access.newId();
  await access.ask(request, image.id, { type: 'image.add-member', projectId: memberId, changeId });
  return currentMember(access, image.id, memberId);
}

function parseMember(body: unknown): string {
  if (body === undefined) throw new ImageHttpError(400, 'Body expected in request.');
  if (!isRecord(body))
    throw new ImageHttpError(400, 'Expected a member in the form: {"member": "image_id"}');
  const { member } = body;
  if (member === undefined) throw new ImageHttpError(400, 'Member to be added not specified');
  if (member === '' || member === null) throw new ImageHttpError(400, "Member can't be empty");
  if (typeof member !== 'string' || member.length > 255)
    throw new ImageHttpError(400, 'Expected a member in the form: {"member": "image_id"}');
  return member;
}

async function setStatus(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const status = parseStatus(request.body);
  const image = await findShared(access, request, 403);
  const { caller } = request;
  const memberId = memberIdOf(request);
  if (!caller.isAdmin && isOwner(image, caller))
    throw new ImageHttpError(403, `Not allowed to update members for image ${image.id}.`);
  memberAt(image, request, memberId);
  requireWriter(caller, 'modify_member');
  const changeId = access.newId();
  await access.ask(request, image.id, {
    type: 'image.set-member',
    projectId: memberId,
    status: status as MemberStatus,
    changeId,
  });
  return currentMember(access, image.id, memberId);
}

function parseStatus(body: unknown): string {
  if (body === undefined) throw new ImageHttpError(400, 'Body expected in request.');
  if (!isRecord(body))
    throw new ImageHttpError(400, 'Expected a status in the form: {"status": "status"}');
  const { status } = body;
  if (status === undefined) throw new ImageHttpError(400, 'Status not specified');
  if (!(memberStatuses as readonly unknown[]).includes(status))
    throw new ImageHttpError(
      400,
      'Incorrect request: Status must be "pending", "accepted" or "rejected".',
    );
  return status as string;
}

async function removeMember(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const image = await findShared(access, request, 403);
  const { caller } = request;
  if (!caller.isAdmin && !isOwner(image, caller))
    throw new ImageHttpError(403, `Not allowed to delete members for image ${image.id}.`);
  requireWriter(caller, 'delete_member');
  const memberId = memberIdOf(request);
  memberAt(image, request, memberId);
  const changeId = access.newId();
  await access.ask(request, image.id, {
    type: 'image.remove-member',
    projectId: memberId,
    changeId,
  });
  return reply.code(204).send();
}

function currentMember(access: ImageAccess, imageId: string, memberId: string): object {
  const member = findMember(access.current(imageId), memberId);
  if (member === undefined)
    throw new ImageHttpError(
      404,
      `${memberId} not found in the member list of the image ${imageId}.`,
    );
  return renderMember(imageId, member);
}
