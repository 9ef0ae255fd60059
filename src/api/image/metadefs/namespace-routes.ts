// Namespaces of metadata definitions, and the resource types that they are made for.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MetadefNamespace } from '#actors/services/metadefs/state.ts';
import { queryOf } from '../image-query.ts';
import { errorOf } from '../webob-error.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { canSee, itemIn, type MetadefAccess, requireAdmin } from './access.ts';
import { parseItem, parseNamespace } from './bodies.ts';
import { cutPage, parseListQuery } from './list-query.ts';
import { resourceTypeSchema } from './schemas.ts';
import { NAMESPACES, renderDetail, renderListed, renderNamespace, renderType } from './views.ts';
import { seconds } from '../image-view.ts';

const NAMESPACE = `${NAMESPACES}/:namespace`;

export function namespaceRoutes(app: FastifyInstance, access: MetadefAccess): void {
  app.get(NAMESPACES, (request) => list(access, request));
  app.post(NAMESPACES, (request, reply) => create(access, request, reply));
  app.get(NAMESPACE, (request) => show(access, request));
  app.put(NAMESPACE, (request) => change(access, request));
  app.delete(NAMESPACE, async (request, reply) => {
    const { name } = await access.findOwn(request, 'delete_metadef_namespace');
    await access.ask(request, { type: 'metadefs.delete-namespace', name });
    return reply.code(204).send();
  });
  typeRoutes(app, access);
}

async function show(access: MetadefAccess, request: FastifyRequest): Promise<object> {
  const resourceType = queryOf(request).get('resource_type') ?? undefined;
  return renderDetail(await access.find(request), resourceType);
}

async function list(access: MetadefAccess, request: FastifyRequest): Promise<object> {
  const params = queryOf(request);
  const query = parseListQuery(params);
  const { namespaces } = await access.state();
  const wanted = namespaces.filter(
    (namespace) =>
      canSee(namespace, request.caller) &&
      (query.visibility === undefined || namespace.visibility === query.visibility) &&
      (query.resourceTypes.length === 0 || isForAny(namespace, query.resourceTypes)),
  );
  const page = cutPage(wanted, query);
  if (page === undefined)
    throw errorOf(refuse('metadef-namespace-missing', { namespace: query.marker }));
  params.delete('marker');
  const first = params.size === 0 ? NAMESPACES : `${NAMESPACES}?${params.toString()}`;
  const last = page.at(-1);
  if (last !== undefined) params.set('marker', last.name);
  return {
    namespaces: page.map(renderListed),
    first,
    schema: '/v2/schemas/metadefs/namespaces',
    ...(last !== undefined && page.length === query.limit
      ? { next: `${NAMESPACES}?${params.toString()}` }
      : {}),
  };
}

function isForAny(namespace: MetadefNamespace, types: readonly string[]): boolean {
  return namespace.items['resource-type'].some(({ name }) => types.includes(name));
}

async function create(
  access: MetadefAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  const { namespace, items } = parseNamespace(request.body, caller.projectId ?? '');
  requireAdmin(caller, 'add_metadef_namespace');
  await access.ask(request, {
    type: 'metadefs.create-namespace',
    namespace,
    items: [...items],
  });
  const location = `${NAMESPACES}/${encodeURIComponent(namespace.name)}`;
  return reply
    .code(201)
    .header('location', location)
    .send(renderDetail(await namespaceNow(access, namespace.name), undefined));
}

async function change(access: MetadefAccess, request: FastifyRequest): Promise<object> {
  const { namespace } = parseNamespace(request.body, request.caller.projectId ?? '');
  const { name } = await access.findOwn(request, 'modify_metadef_namespace');
  await access.ask(request, { type: 'metadefs.change-namespace', name, namespace });
  return renderNamespace(await namespaceNow(access, namespace.name));
}

/** As it is after a change of this request. */
async function namespaceNow(access: MetadefAccess, name: string): Promise<MetadefNamespace> {
  const { namespaces } = await access.state();
  const found = namespaces.find((namespace) => namespace.name === name);
  if (found === undefined) throw errorOf(refuse('metadef-namespace-missing', { namespace: name }));
  return found;
}

/** What Glance's own definitions are for: known from the first day. */
const knownTypes = [
  'OS::Cinder::Volume',
  'OS::Glance::Image',
  'OS::Nova::Aggregate',
  'OS::Nova::Flavor',
  'OS::Nova::Server',
  'OS::Trove::Instance',
];

function typeRoutes(app: FastifyInstance, access: MetadefAccess): void {
  app.get('/v2/metadefs/resource_types', async () => {
    const { resourceTypes } = await access.state();
    const made = resourceTypes.filter(({ name }) => !knownTypes.includes(name));
    return {
      resource_types: [
        ...knownTypes.map((name) => ({ name, created_at: seconds(0), updated_at: seconds(0) })),
        ...made.map(({ name, createdAtMs }) => {
          const at = seconds(createdAtMs);
          return { name, created_at: at, updated_at: at };
        }),
      ],
    };
  });
  const path = `${NAMESPACE}/resource_types`;
  app.get(path, (request) => listAssociations(access, request));
  app.post(path, async (request, reply) => {
    const item = parseItem(request.body, resourceTypeSchema);
    const { name } = await access.findOwn(request, 'add_metadef_resource_type_association');
    const kind = 'resource-type';
    await access.ask(request, { type: 'metadefs.add-item', namespace: name, kind, item });
    return reply.code(201).send(renderType(itemIn(await access.find(request), kind, item.name)));
  });
  app.delete(`${path}/:resourceType`, async (request, reply) => {
    const { resourceType } = request.params as { resourceType: string };
    const { name: namespace } = await access.findOwn(
      request,
      'remove_metadef_resource_type_association',
    );
    const kind = 'resource-type';
    await access.ask(request, {
      type: 'metadefs.remove-item',
      namespace,
      kind,
      name: resourceType,
    });
    return reply.code(204).send();
  });
}

async function listAssociations(access: MetadefAccess, request: FastifyRequest): Promise<object> {
  const { items } = await access.find(request);
  return { resource_type_associations: items['resource-type'].map(renderType) };
}
