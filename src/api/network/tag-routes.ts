// Tags of networks, subnets, ports and security groups, one by one and all at once.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#runtime/message/refusal.ts';
import { type NetworkAccess, owns, requireOwner, requireWriter } from './network-access.ts';
import { errorOf, invalidInput, NetworkHttpError } from './neutron-error.ts';
import { isRecord, show } from './values.ts';

const collections = ['networks', 'subnets', 'ports', 'security-groups'] as const;
type Collection = (typeof collections)[number];

const TAG_MAX = 255;
const TAGS_MAX = 50;

interface Tagged {
  readonly tags: readonly string[];
  readonly change: (how: 'set' | 'add' | 'remove', tags: string[]) => Promise<void>;
}

interface TagParams {
  readonly id: string;
  readonly tag: string;
}

export function tagRoutes(app: FastifyInstance, access: NetworkAccess): void {
  for (const collection of collections) routesOf(app, access, collection);
}

function routesOf(app: FastifyInstance, access: NetworkAccess, collection: Collection): void {
  const path = `/v2.0/${collection}/:id/tags`;
  const find = (request: FastifyRequest, writes: boolean): Promise<Tagged> =>
    findTagged(access, request, { collection, writes });
  app.get(path, (request) => listTags(find, request));
  app.put(path, (request) => replaceTags(find, request));
  app.delete(path, (request, reply) => deleteTags(find, request, reply));
  app.get(`${path}/:tag`, (request, reply) => showTag(find, request, reply));
  app.put(`${path}/:tag`, (request, reply) => addTag(find, request, reply));
  app.delete(`${path}/:tag`, (request, reply) => deleteTag(find, request, reply));
}

type Find = (request: FastifyRequest, writes: boolean) => Promise<Tagged>;

async function listTags(find: Find, request: FastifyRequest): Promise<object> {
  return { tags: (await find(request, false)).tags };
}

async function replaceTags(find: Find, request: FastifyRequest): Promise<object> {
  const { body } = request;
  const tags = isRecord(body) ? body['tags'] : undefined;
  if (!Array.isArray(tags)) throw invalidInput('Invalid tags body');
  const wanted = tags.map(checkTag);
  if (wanted.length > TAGS_MAX) throw invalidInput(`A resource has at most ${TAGS_MAX} tags`);
  await (await find(request, true)).change('set', wanted);
  return { tags: (await find(request, false)).tags };
}

async function deleteTags(
  find: Find,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  await (await find(request, true)).change('set', []);
  return reply.code(204).send();
}

async function showTag(
  find: Find,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { tag } = request.params as TagParams;
  const { tags } = await find(request, false);
  if (!tags.includes(tag)) throw tagNotFound(tag);
  return reply.code(204).send();
}

async function addTag(
  find: Find,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const tag = checkTag((request.params as TagParams).tag);
  const { tags, change } = await find(request, true);
  if (!tags.includes(tag)) {
    if (tags.length >= TAGS_MAX) throw invalidInput(`A resource has at most ${TAGS_MAX} tags`);
    await change('add', [tag]);
  }
  return reply.code(201).send();
}

async function deleteTag(
  find: Find,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { tag } = request.params as TagParams;
  const { tags, change } = await find(request, true);
  if (!tags.includes(tag)) throw tagNotFound(tag);
  await change('remove', [tag]);
  return reply.code(204).send();
}

function checkTag(tag: unknown): string {
  if (typeof tag !== 'string' || tag === '' || Array.from(tag).length > TAG_MAX)
    throw invalidInput(`'${show(tag)}' is not a valid tag: 1 to ${TAG_MAX} characters`);
  if (tag.includes(',')) throw invalidInput(`'${tag}' is not a valid tag: it holds a comma`);
  return tag;
}

function tagNotFound(tag: string): NetworkHttpError {
  return new NetworkHttpError(404, 'TagNotFound', `Tag ${tag} could not be found.`);
}

async function findTagged(
  access: NetworkAccess,
  request: FastifyRequest,
  what: { readonly collection: Collection; readonly writes: boolean },
): Promise<Tagged> {
  await access.settle();
  const { id } = request.params as TagParams;
  if (what.collection === 'security-groups') return taggedGroup(access, request, id, what.writes);
  const { caller } = request;
  const found = locate(access, request, what.collection, id);
  if (what.writes && found.kind === 'port') requireWriter(caller, 'update_ports_tags');
  else if (what.writes) requireOwner(caller, found.ownerId, `update_${what.collection}_tags`);
  const { kind, networkId } = found;
  return {
    tags: found.tags,
    change: (how, tags) =>
      access.askNetwork(request, networkId, {
        type: 'network.set-tags',
        kind,
        id,
        how,
        tags,
        changeId: access.newId(),
      }),
  };
}

interface Located {
  readonly kind: 'network' | 'subnet' | 'port';
  readonly networkId: string;
  readonly ownerId: string;
  readonly tags: readonly string[];
}

function locate(
  access: NetworkAccess,
  request: FastifyRequest,
  collection: Exclude<Collection, 'security-groups'>,
  id: string,
): Located {
  const { caller } = request;
  if (collection === 'networks') {
    const network = access.network(caller, id);
    const ownerId = network.attributes.projectId;
    return { kind: 'network', networkId: network.id, ownerId, tags: network.tags };
  }
  if (collection === 'subnets') {
    const { network, subnet } = access.subnet(caller, id);
    const ownerId = network.attributes.projectId;
    return { kind: 'subnet', networkId: network.id, ownerId, tags: subnet.tags };
  }
  const { network, port } = access.port(caller, id);
  return { kind: 'port', networkId: network.id, ownerId: port.projectId, tags: port.tags };
}

function taggedGroup(
  access: NetworkAccess,
  request: FastifyRequest,
  groupId: string,
  writes: boolean,
): Tagged {
  const { caller } = request;
  const found = access.embedded.groups.find(groupId);
  if (found === undefined || !owns(caller, found.projectId))
    throw errorOf(refuse('group-not-found', { groupId }));
  if (writes) requireWriter(caller, 'update_security_groups_tags');
  return {
    tags: found.group.tags,
    change: (how, tags) =>
      access.askProject(request, found.projectId, {
        type: 'network-project.set-tags',
        groupId,
        how,
        tags,
        changeId: access.newId(),
      }),
  };
}
