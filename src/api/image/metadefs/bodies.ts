// Bodies about metadata definitions: from JSON to what is kept. Pure but for the words it throws.
import type {
  KindedMetadefItem,
  MetadefItemRecord,
  MetadefNamespaceRecord,
} from '#actors/services/metadefs/protocol.ts';
import { findFault, isRecord, type JsonSchema } from '../json-schema.ts';
import { ImageHttpError } from '../webob-error.ts';
import { namespaceSchema, objectSchema, propertySchema } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

const told = ['self', 'schema', 'created_at', 'updated_at'];

/** The body, if it fits. Throws ImageHttpError 400 or 403 in Glance's words. */
export function checkedBody(body: unknown, schema: JsonSchema): Json {
  if (body === undefined) throw new ImageHttpError(400, 'Body expected in request.');
  const name = String(schema['name']);
  if (!isRecord(body))
    throw new ImageHttpError(
      400,
      `Provided object does not match schema '${name}': ${JSON.stringify(body)} is not of type 'object'`,
    );
  const readOnly = told.find((key) => Object.hasOwn(body, key));
  if (readOnly !== undefined)
    throw new ImageHttpError(403, `Attribute '${readOnly}' is read-only.`);
  const fault = findFault(schema, body);
  if (fault !== undefined)
    throw new ImageHttpError(400, `Provided object does not match schema '${name}': ${fault}`);
  return body;
}

export interface NewNamespace {
  readonly namespace: MetadefNamespaceRecord;
  readonly items: readonly KindedMetadefItem[];
}

/** `ownerId`: whose it is, if the body does not say. */
export function parseNamespace(body: unknown, ownerId: string): NewNamespace {
  const json = checkedBody(body, namespaceSchema);
  const text = (key: string): string | undefined => json[key] as string | undefined;
  const displayName = text('display_name');
  const description = text('description');
  const namespace: MetadefNamespaceRecord = {
    name: nonEmpty(text('namespace'), 'namespace'),
    ...(displayName === undefined ? {} : { displayName }),
    ...(description === undefined ? {} : { description }),
    visibility: text('visibility') === 'public' ? 'public' : 'private',
    protected: json['protected'] === true,
    ownerId: text('owner') ?? ownerId,
  };
  const list = (key: string): readonly Json[] => (json[key] ?? []) as readonly Json[];
  const properties = Object.entries((json['properties'] ?? {}) as Record<string, Json>);
  const items: readonly KindedMetadefItem[] = [
    ...list('resource_type_associations').map(
      (each): KindedMetadefItem => ({ kind: 'resource-type', item: itemOf(each) }),
    ),
    ...list('objects').map((each): KindedMetadefItem => ({ kind: 'object', item: itemOf(each) })),
    ...list('tags').map((each): KindedMetadefItem => ({ kind: 'tag', item: itemOf(each) })),
    ...properties.map(
      ([name, each]): KindedMetadefItem => ({
        kind: 'property',
        item: { name: nonEmpty(name, 'property'), body: without(each, 'name') },
      }),
    ),
  ];
  return { namespace, items };
}

export function parseItem(body: unknown, schema: JsonSchema): MetadefItemRecord {
  const json = checkedBody(body, schema);
  if (schema === objectSchema) checkProperties(json['properties']);
  return itemOf(json);
}

/** Each property of an object is checked as one of its own, but that it needs no name. */
function checkProperties(properties: unknown): void {
  if (!isRecord(properties)) return;
  const schema = { ...propertySchema, required: ['title', 'type'] };
  for (const property of Object.values(properties)) checkedBody(property, schema);
}

function itemOf(json: Json): MetadefItemRecord {
  return { name: nonEmpty(json['name'] as string, 'name'), body: without(json, 'name') };
}

function nonEmpty(name: string | undefined, what: string): string {
  if (name === undefined || name.trim() === '')
    throw new ImageHttpError(400, `The ${what} of a metadata definition can't be empty.`);
  return name;
}

function without(json: Json, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== key));
}
