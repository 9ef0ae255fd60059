// What a namespace of metadata definitions holds: properties, objects, tags. The same verbs for all three; tags differ in
// that one is made by its name alone, and many by one request.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MetadefItem, MetadefNamespace } from '#actors/services/metadefs/state.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { queryOf } from '../image-query.ts';
import type { JsonSchema } from '../json-schema.ts';
import { errorOf, ImageHttpError } from '../webob-error.ts';
import { itemIn, type MetadefAccess } from './access.ts';
import { checkedBody, parseItem } from './bodies.ts';
import { cutPage, parseListQuery } from './list-query.ts';
import { objectSchema, propertySchema, tagsBodySchema, tagSchema } from './schemas.ts';
import {
  NAMESPACES,
  prefixOf,
  renderObject,
  renderProperties,
  renderProperty,
  renderTag,
} from './views.ts';

interface ItemKind {
  readonly kind: 'object' | 'property' | 'tag';
  readonly plural: 'objects' | 'properties' | 'tags';
  readonly schema: JsonSchema;
  /** Of Glance's policies: `…_metadef_object`. */
  readonly verbs: { readonly change: string; readonly remove: string };
  readonly render: (namespace: MetadefNamespace, item: MetadefItem) => object;
}

const kinds: readonly ItemKind[] = [
  {
    kind: 'object',
    plural: 'objects',
    schema: objectSchema,
    verbs: { change: 'modify_metadef_object', remove: 'delete_metadef_object' },
    render: ({ name }, item) => renderObject(name, item),
  },
  {
    kind: 'property',
    plural: 'properties',
    schema: propertySchema,
    verbs: { change: 'modify_metadef_property', remove: 'remove_metadef_property' },
    render: (_namespace, item) => renderProperty(item),
  },
  {
    kind: 'tag',
    plural: 'tags',
    schema: tagSchema,
    verbs: { change: 'modify_metadef_tag', remove: 'delete_metadef_tag' },
    render: (_namespace, item) => renderTag(item),
  },
];

export function itemRoutes(app: FastifyInstance, access: MetadefAccess): void {
  for (const each of kinds) {
    const many = `${NAMESPACES}/:namespace/${each.plural}`;
    const one = `${many}/:item`;
    app.get(many, (request) => list(access, each, request));
    app.delete(many, (request, reply) => removeAll(access, each, request, reply));
    app.get(one, (request) => show(access, each, request));
    app.put(one, (request) => change(access, each, request));
    app.delete(one, (request, reply) => remove(access, each, request, reply));
    if (each.kind !== 'tag') app.post(many, (request, reply) => add(access, each, request, reply));
    else {
      app.post(many, (request, reply) => setTags(access, request, reply));
      app.post(one, (request, reply) => addTag(access, request, reply));
    }
  }
}

function nameOf(request: FastifyRequest): string {
  return (request.params as { item: string }).item;
}

async function list(
  access: MetadefAccess,
  { kind, plural, render }: ItemKind,
  request: FastifyRequest,
): Promise<object> {
  const params = queryOf(request);
  const query = parseListQuery(params);
  const namespace = await access.find(request);
  const items = namespace.items[kind];
  if (kind === 'property') return { properties: renderProperties(items) };
  // Without a limit all are told.
  const page = cutPage(items, params.has('limit') ? query : { ...query, limit: items.length });
  if (page === undefined)
    throw errorOf(
      refuse('metadef-item-missing', { namespace: namespace.name, kind, name: query.marker }),
    );
  if (kind === 'tag') return { tags: page.map(({ name }) => ({ name })) };
  return {
    [plural]: page.map((item) => render(namespace, item)),
    schema: `/v2/schemas/metadefs/${plural}`,
  };
}

async function show(
  access: MetadefAccess,
  { kind, render }: ItemKind,
  request: FastifyRequest,
): Promise<object> {
  const namespace = await access.find(request);
  const name = nameOf(request);
  const resourceType = queryOf(request).get('resource_type');
  if (kind !== 'property' || resourceType === null)
    return render(namespace, itemIn(namespace, kind, name));
  const prefix = prefixOf(itemIn(namespace, 'resource-type', resourceType));
  if (prefix === '' || !name.startsWith(prefix))
    throw new ImageHttpError(
      404,
      `Property ${name} does not start with the expected resource type association prefix of '${prefix}'.`,
    );
  return render(namespace, itemIn(namespace, kind, name.slice(prefix.length)));
}

async function add(
  access: MetadefAccess,
  { kind, schema, render }: ItemKind,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const item = parseItem(request.body, schema);
  const { name: namespace } = await access.findOwn(request, `add_metadef_${kind}`);
  await access.ask(request, { type: 'metadefs.add-item', namespace, kind, item });
  const now = await access.find(request);
  return reply.code(201).send(render(now, itemIn(now, kind, item.name)));
}

async function change(
  access: MetadefAccess,
  { kind, schema, verbs, render }: ItemKind,
  request: FastifyRequest,
): Promise<object> {
  const item = parseItem(request.body, schema);
  const { name: namespace } = await access.findOwn(request, verbs.change);
  const name = nameOf(request);
  await access.ask(request, { type: 'metadefs.change-item', namespace, kind, name, item });
  const now = await access.find(request);
  return render(now, itemIn(now, kind, item.name));
}

async function remove(
  access: MetadefAccess,
  { kind, verbs }: ItemKind,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { name: namespace } = await access.findOwn(request, verbs.remove);
  const name = nameOf(request);
  await access.ask(request, { type: 'metadefs.remove-item', namespace, kind, name });
  return reply.code(204).send();
}

async function removeAll(
  access: MetadefAccess,
  { kind, verbs }: ItemKind,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { name: namespace } = await access.findOwn(request, verbs.remove);
  await access.ask(request, { type: 'metadefs.remove-items', namespace, kind });
  return reply.code(204).send();
}

async function setTags(
  access: MetadefAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const json = checkedBody(request.body, tagsBodySchema);
  const names = ((json['tags'] ?? []) as readonly { name: string }[]).map(({ name }) => name);
  const { name: namespace } = await access.findOwn(request, 'add_metadef_tags');
  const append = String(request.headers['x-openstack-append'] ?? '').toLowerCase() === 'true';
  const items = names.map((name) => ({ name, body: {} }));
  await access.ask(request, { type: 'metadefs.set-tags', namespace, items, append });
  return reply.code(201).send({ tags: names.map((name) => ({ name })) });
}

async function addTag(
  access: MetadefAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const item = parseItem({ name: nameOf(request) }, tagSchema);
  const { name: namespace } = await access.findOwn(request, 'add_metadef_tag');
  await access.ask(request, { type: 'metadefs.add-item', namespace, kind: 'tag', item });
  const now = await access.find(request);
  return reply.code(201).send(renderTag(itemIn(now, 'tag', item.name)));
}
