// Metadata definitions as clients see them. Pure. Links are relative to the endpoint, as Glance's are.
import type { MetadefItem, MetadefNamespace } from '#actors/services/metadefs/state.ts';
import { seconds } from '../image-view.ts';

export const NAMESPACES = '/v2/metadefs/namespaces';

type Json = Record<string, unknown>;

function stamps(of: { readonly createdAtMs: number; readonly updatedAtMs: number }): Json {
  return { created_at: seconds(of.createdAtMs), updated_at: seconds(of.updatedAtMs) };
}

/** Its own attributes; `types` in lists and details. */
export function renderNamespace(namespace: MetadefNamespace): Json {
  const { name, displayName, description } = namespace;
  return {
    namespace: name,
    ...(displayName === undefined ? {} : { display_name: displayName }),
    ...(description === undefined ? {} : { description }),
    visibility: namespace.visibility,
    protected: namespace.protected,
    owner: namespace.ownerId,
    ...stamps(namespace),
    self: `${NAMESPACES}/${encodeURIComponent(name)}`,
    schema: '/v2/schemas/metadefs/namespace',
  };
}

export function renderListed(namespace: MetadefNamespace): Json {
  const types = namespace.items['resource-type'];
  return {
    ...renderNamespace(namespace),
    ...(types.length === 0 ? {} : { resource_type_associations: types.map(renderType) }),
  };
}

/** With all that it has; names of properties begin with the prefix that `resourceType` has here, if it is asked for. */
export function renderDetail(namespace: MetadefNamespace, resourceType: string | undefined): Json {
  const { object: objects, property: properties, tag: tags } = namespace.items;
  const type = namespace.items['resource-type'].find(({ name }) => name === resourceType);
  const prefix = type === undefined ? '' : prefixOf(type);
  return {
    ...renderListed(namespace),
    ...(objects.length === 0
      ? {}
      : {
          objects: objects.map((object) => prefixed(renderObject(namespace.name, object), prefix)),
        }),
    ...(properties.length === 0 ? {} : { properties: renderProperties(properties, prefix) }),
    ...(tags.length === 0 ? {} : { tags: tags.map(({ name }) => ({ name })) }),
  };
}

/** What names of properties begin with where they are applied to this resource type. */
export function prefixOf(type: MetadefItem): string {
  const { prefix } = type.body;
  return typeof prefix === 'string' ? prefix : '';
}

function prefixed(object: Json, prefix: string): Json {
  if (prefix === '') return object;
  const properties = Object.entries((object['properties'] ?? {}) as Json);
  const required = (object['required'] ?? []) as readonly string[];
  return {
    ...object,
    properties: Object.fromEntries(properties.map(([name, value]) => [prefix + name, value])),
    ...(required.length === 0 ? {} : { required: required.map((name) => prefix + name) }),
  };
}

export function renderType(type: MetadefItem): Json {
  return { name: type.name, ...type.body, ...stamps(type) };
}

export function renderObject(namespace: string, object: MetadefItem): Json {
  return {
    name: object.name,
    ...object.body,
    ...stamps(object),
    self: `${NAMESPACES}/${encodeURIComponent(namespace)}/objects/${encodeURIComponent(object.name)}`,
    schema: '/v2/schemas/metadefs/object',
  };
}

export function renderProperty(property: MetadefItem): Json {
  return { name: property.name, ...property.body };
}

export function renderProperties(properties: readonly MetadefItem[], prefix = ''): Json {
  return Object.fromEntries(properties.map(({ name, body }) => [prefix + name, body]));
}

export function renderTag(tag: MetadefItem): Json {
  return { name: tag.name, ...stamps(tag) };
}
