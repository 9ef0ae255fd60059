// Which of the image service's schemas a call's body has. A table; the schemas are the service's.
import { imageSchema } from '#api/image/image-schema.ts';
import { namespaceSchema, resourceTypeSchema } from '#api/image/metadefs/schemas.ts';
import { taskSchema } from '#api/image/task-schema.ts';
import type { LooseSchema } from './schema-values.ts';

const text: LooseSchema = { type: 'string' };
const patch: LooseSchema = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    properties: {
      op: { enum: ['add', 'replace', 'remove'] },
      path: { enum: ['/name', '/min_disk', '/tags', '/visibility', '/x', '/os_hidden', '/id'] },
      value: { anyOf: [text, { type: 'integer' }, { type: 'array', items: text }] },
    },
    required: ['op', 'path', 'value'],
  },
};
const named: LooseSchema = {
  type: 'object',
  properties: {
    name: text,
    title: text,
    type: { enum: ['string', 'integer', 'array', 'boolean'] },
    description: text,
    properties: { type: 'object' },
    tags: { type: 'array', items: { type: 'object', properties: { name: text } } },
  },
  required: ['name'],
};
const importing: LooseSchema = {
  type: 'object',
  properties: {
    method: {
      type: 'object',
      properties: {
        name: { enum: ['glance-direct', 'web-download', 'copy-image'] },
        uri: { enum: ['http://127.0.0.1:9/x', 'file:///etc/passwd', 'gopher://x', ''] },
      },
      required: ['name'],
    },
    all_stores: { type: 'boolean' },
    stores: { type: 'array', items: text },
  },
  required: ['method'],
};
const member: LooseSchema = {
  type: 'object',
  properties: {
    member: { type: 'string', format: 'uuid' },
    status: { enum: ['accepted', 'pending', 'rejected'] },
  },
  required: ['member', 'status'],
};

/** By the last name in the path that does not vary. */
const byName: Readonly<Record<string, unknown>> = {
  images: { type: 'object', ...imageSchema },
  import: importing,
  members: member,
  tasks: { type: 'object', ...taskSchema },
  namespaces: { type: 'object', ...namespaceSchema },
  resource_types: { type: 'object', ...resourceTypeSchema },
  objects: named,
  properties: named,
  tags: named,
};

export function imageBody(method: string, path: string): LooseSchema | undefined {
  if (method === 'PATCH') return patch;
  if (!['POST', 'PUT'].includes(method)) return undefined;
  const name = path.split('/').findLast((part) => part !== '' && !part.startsWith(':')) ?? '';
  return Object.hasOwn(byName, name) ? (byName[name] as LooseSchema) : undefined;
}
