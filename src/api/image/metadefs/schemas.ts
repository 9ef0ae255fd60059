// The documents under /v2/schemas/metadefs: what clients fetch, and what bodies are checked by. A table; names, types and
// limits are Glance's API.
import type { JsonSchema } from '../json-schema.ts';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const readOnlyText = { type: 'string', readOnly: true } as const;
const named = (maxLength: number, description: string): JsonSchema => ({
  type: 'string',
  maxLength,
  description,
});
const time = (description: string): JsonSchema => ({
  type: 'string',
  readOnly: true,
  description,
  format: 'date-time',
});

const valueTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string', null] as const;
const positive = { $ref: '#/definitions/positiveInteger' };
const positiveOr0 = { $ref: '#/definitions/positiveIntegerDefault0' };

const propertyMembers: Readonly<Record<string, JsonSchema>> = {
  name: { type: 'string', maxLength: 80 },
  title: text,
  description: text,
  operators: { type: 'array', items: text },
  type: { type: 'string', enum: valueTypes },
  required: { $ref: '#/definitions/stringArray' },
  minimum: { type: 'number' },
  maximum: { type: 'number' },
  maxLength: positive,
  minLength: positiveOr0,
  pattern: { type: 'string', format: 'regex' },
  enum: { type: 'array' },
  readonly: flag,
  default: {},
  items: {
    type: 'object',
    properties: { type: { type: 'string', enum: valueTypes }, enum: { type: 'array' } },
  },
  maxItems: positive,
  minItems: positiveOr0,
  uniqueItems: { type: 'boolean', default: false },
  additionalItems: flag,
};

const numbers: Readonly<Record<string, JsonSchema>> = {
  positiveInteger: { type: 'integer', minimum: 0 },
  positiveIntegerDefault0: {
    allOf: [{ $ref: '#/definitions/positiveInteger' }, { default: 0 }],
  },
};
const definitions: Readonly<Record<string, JsonSchema>> = {
  ...numbers,
  stringArray: { type: 'array', items: text, uniqueItems: true },
  property: {
    type: 'object',
    additionalProperties: {
      type: 'object',
      required: ['title', 'type'],
      properties: propertyMembers,
    },
  },
};

const typeMembers: Readonly<Record<string, JsonSchema>> = {
  name: named(80, 'Name of a resource type, as Heat writes it where it has the type.'),
  prefix: named(80, 'Put before the names of properties that are applied to this resource type.'),
  properties_target: named(80, 'Which of the metadata of such a resource is meant, if any.'),
};

const objectMembers: Readonly<Record<string, JsonSchema>> = {
  name: { type: 'string', maxLength: 80 },
  description: text,
  required: { $ref: '#/definitions/stringArray' },
  properties: { $ref: '#/definitions/property' },
};

export const namespaceSchema: JsonSchema = {
  name: 'namespace',
  additionalProperties: false,
  definitions,
  required: ['namespace'],
  properties: {
    namespace: named(80, 'The unique namespace text.'),
    display_name: named(80, 'The name that people see.'),
    description: named(500, 'What the namespace is about.'),
    visibility: {
      type: 'string',
      enum: ['public', 'private'],
      description: 'Scope of namespace accessibility.',
    },
    protected: { type: 'boolean', description: 'If true, namespace will not be deletable.' },
    owner: named(255, 'Owner of the namespace.'),
    created_at: time('Date and time of namespace creation.'),
    updated_at: time('Date and time of the last namespace modification.'),
    schema: readOnlyText,
    self: readOnlyText,
    resource_type_associations: {
      type: 'array',
      items: { type: 'object', properties: typeMembers, required: ['name'] },
    },
    properties: { $ref: '#/definitions/property' },
    objects: {
      type: 'array',
      items: { type: 'object', properties: objectMembers, required: ['name'] },
    },
    tags: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string', maxLength: 80 } },
        required: ['name'],
      },
    },
  },
};

export const resourceTypeSchema: JsonSchema = {
  name: 'resource_type_association',
  additionalProperties: false,
  required: ['name'],
  properties: {
    ...typeMembers,
    created_at: time('Date and time of resource type association.'),
    updated_at: time('Date and time of the last resource type association modification.'),
  },
};

/** One alone, which says its name; among others its name is the key. */
export const propertySchema: JsonSchema = {
  name: 'property',
  additionalProperties: false,
  definitions: {
    ...numbers,
    stringArray: { type: 'array', items: text, minItems: 1, uniqueItems: true },
  },
  required: ['title', 'type', 'name'],
  properties: propertyMembers,
};

export const objectSchema: JsonSchema = {
  name: 'object',
  additionalProperties: false,
  definitions,
  required: ['name'],
  properties: {
    ...objectMembers,
    schema: readOnlyText,
    self: readOnlyText,
    created_at: time('Date and time of object creation'),
    updated_at: time('Date and time of the last object modification'),
  },
};

export const tagSchema: JsonSchema = {
  name: 'tag',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { type: 'string', maxLength: 80 },
    created_at: time('Date and time of tag creation'),
    updated_at: time('Date and time of the last tag modification'),
  },
};

export const tagsBodySchema: JsonSchema = {
  name: 'tags',
  additionalProperties: false,
  properties: {
    tags: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string', maxLength: 80 } },
        required: ['name'],
        additionalProperties: false,
      },
    },
  },
};

function collection(name: string, item: JsonSchema): JsonSchema {
  return {
    name,
    definitions: item.definitions ?? {},
    properties: {
      [name]: { type: 'array', items: item },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  };
}

/** By name, as in the path. */
export const metadefDocuments: Readonly<Record<string, JsonSchema>> = {
  namespace: namespaceSchema,
  namespaces: collection('namespaces', namespaceSchema),
  resource_type: resourceTypeSchema,
  resource_types: collection('resource_type_associations', resourceTypeSchema),
  property: propertySchema,
  properties: {
    name: 'properties',
    definitions: propertySchema.definitions ?? {},
    properties: {
      properties: {
        type: 'object',
        additionalProperties: { ...propertySchema, required: ['title', 'type'] },
      },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  },
  object: objectSchema,
  objects: collection('objects', objectSchema),
  tag: tagSchema,
  tags: collection('tags', tagSchema),
};
