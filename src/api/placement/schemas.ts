// What the bodies of Placement's writes may be, by version. The limits are the API's: clients see them in its refusals.
import type { BodySchema } from './body.ts';

const MOST = 2 ** 31 - 1;
/** What a single-precision column holds. */
const MOST_RATIO = 3.40282e38;
const uuid: BodySchema = { type: 'string', format: 'uuid' };
const identifier: BodySchema = { type: 'string', minLength: 1, maxLength: 255 };
const UUID_KEY = '^[0-9a-fA-F-]{36}$';
const CLASS = '^[A-Z0-9_]+$';
export const CUSTOM_NAME = '^CUSTOM_[A-Z0-9_]+$';

/** From these minor versions on. */
const PARENTS_SINCE = 14;
const AGGREGATE_GENERATION_SINCE = 19;
const OWNERS_SINCE = 8;
const BY_PROVIDER_SINCE = 12;
const CONSUMER_GENERATION_SINCE = 28;
const MAPPINGS_SINCE = 34;
const CONSUMER_TYPE_SINCE = 38;

export function providerSchema(minor: number, isNew: boolean): BodySchema {
  const parent: BodySchema = { anyOf: [uuid, { type: 'null' }] };
  return {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 200 },
      ...(isNew ? { uuid } : {}),
      ...(minor >= PARENTS_SINCE ? { parent_provider_uuid: parent } : {}),
    },
    required: ['name'],
    additionalProperties: false,
  };
}

const count = (minimum: number): BodySchema => ({ type: 'integer', maximum: MOST, minimum });
const inventoryProperties: Readonly<Record<string, BodySchema>> = {
  resource_provider_generation: { type: 'integer' },
  total: count(1),
  reserved: count(0),
  min_unit: count(1),
  max_unit: count(1),
  step_size: count(1),
  allocation_ratio: { type: 'number', maximum: MOST_RATIO },
};

export const putInventorySchema: BodySchema = {
  type: 'object',
  properties: inventoryProperties,
  required: ['total', 'resource_provider_generation'],
  additionalProperties: false,
};
export const postInventorySchema: BodySchema = {
  type: 'object',
  properties: { ...inventoryProperties, resource_class: { type: 'string', pattern: CLASS } },
  required: ['total', 'resource_class'],
  additionalProperties: false,
};
export const putInventoriesSchema: BodySchema = {
  type: 'object',
  properties: {
    resource_provider_generation: { type: 'integer' },
    inventories: {
      type: 'object',
      patternProperties: {
        [CLASS]: {
          type: 'object',
          properties: inventoryProperties,
          required: ['total'],
          additionalProperties: false,
        },
      },
    },
  },
  required: ['resource_provider_generation', 'inventories'],
  additionalProperties: false,
};

export const customNameSchema: BodySchema = {
  type: 'object',
  properties: { name: { type: 'string', pattern: CUSTOM_NAME, maxLength: 255 } },
  required: ['name'],
  additionalProperties: false,
};

export const providerTraitsSchema: BodySchema = {
  type: 'object',
  properties: {
    traits: { type: 'array', items: identifier },
    resource_provider_generation: { type: 'integer' },
  },
  required: ['traits', 'resource_provider_generation'],
  additionalProperties: false,
};

export function aggregatesSchema(minor: number): BodySchema {
  const list: BodySchema = { type: 'array', items: uuid, uniqueItems: true };
  if (minor < AGGREGATE_GENERATION_SINCE) return list;
  return {
    type: 'object',
    properties: { aggregates: list, resource_provider_generation: { type: 'integer' } },
    required: ['aggregates', 'resource_provider_generation'],
    additionalProperties: false,
  };
}

const resources: BodySchema = {
  type: 'object',
  minProperties: 1,
  patternProperties: { [CLASS]: { type: 'integer', minimum: 1 } },
  additionalProperties: false,
};

/** PUT /allocations/{consumer}. */
export function allocationSchema(minor: number): BodySchema {
  if (minor >= BY_PROVIDER_SINCE)
    return consumerSchema(minor, minor >= CONSUMER_GENERATION_SINCE ? 0 : 1);
  const owners = minor >= OWNERS_SINCE;
  return {
    type: 'object',
    properties: {
      allocations: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          properties: {
            resource_provider: {
              type: 'object',
              properties: { uuid },
              additionalProperties: false,
              required: ['uuid'],
            },
            resources,
          },
          required: ['resource_provider', 'resources'],
          additionalProperties: false,
        },
      },
      ...(owners ? { project_id: identifier, user_id: identifier } : {}),
    },
    required: ['allocations', ...(owners ? ['project_id', 'user_id'] : [])],
    additionalProperties: false,
  };
}

/** POST /allocations: by consumer; none of a consumer's may be there, to take all away. */
export function allocationsSchema(minor: number, least = 1): BodySchema {
  return {
    type: 'object',
    minProperties: least,
    additionalProperties: false,
    patternProperties: { [UUID_KEY]: consumerSchema(minor, 0) },
  };
}

function consumerSchema(minor: number, leastProviders: number): BodySchema {
  const allocation: BodySchema = {
    type: 'object',
    properties: { generation: { type: 'integer' }, resources },
    required: ['resources'],
    additionalProperties: false,
  };
  const mappings: BodySchema = {
    type: 'object',
    minProperties: 1,
    patternProperties: { '[a-zA-Z0-9_-]{1,64}': { type: 'array', minItems: 1, items: uuid } },
  };
  const hasGeneration = minor >= CONSUMER_GENERATION_SINCE;
  const hasType = minor >= CONSUMER_TYPE_SINCE;
  return {
    type: 'object',
    properties: {
      allocations: {
        type: 'object',
        minProperties: leastProviders,
        patternProperties: { [UUID_KEY]: allocation },
        additionalProperties: false,
      },
      project_id: identifier,
      user_id: identifier,
      ...(hasGeneration ? { consumer_generation: { type: ['integer', 'null'] } } : {}),
      ...(minor >= MAPPINGS_SINCE ? { mappings } : {}),
      ...(hasType ? { consumer_type: { ...identifier, pattern: CLASS } } : {}),
    },
    additionalProperties: false,
    required: [
      'allocations',
      'project_id',
      'user_id',
      ...(hasGeneration ? ['consumer_generation'] : []),
      ...(hasType ? ['consumer_type'] : []),
    ],
  };
}

export function reshaperSchema(minor: number): BodySchema {
  return {
    type: 'object',
    properties: {
      inventories: {
        type: 'object',
        patternProperties: { [UUID_KEY]: putInventoriesSchema },
        minProperties: 1,
        additionalProperties: false,
      },
      allocations: allocationsSchema(minor, 0),
    },
    required: ['inventories', 'allocations'],
    additionalProperties: false,
  };
}
