// Request schemas of flavors, their extra specs and access, by microversion. Data only.
import {
  booleanParam,
  looseNameParam,
  metadataParam,
  multiParam,
  nameParam,
  paginationQuery,
  regexQuery,
  textQuery,
} from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { queryRanges } from '../query-schemas.ts';

const MAX_INT = 0x7fffffff;
const MAX_RXTX_FACTOR = 3.40282e38;

const positive: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]+$',
  minimum: 1,
  maximum: MAX_INT,
};
const natural: JsonSchema = { ...positive, minimum: 0 };
const description: JsonSchema = {
  type: ['string', 'null'],
  minLength: 0,
  maxLength: 65_535,
  pattern: '^[^\\p{C}]*$',
};

const createFields: Readonly<Record<string, JsonSchema>> = {
  name: nameParam,
  id: {
    type: ['string', 'number', 'null'],
    minLength: 0,
    maxLength: 255,
    pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$',
  },
  ram: positive,
  vcpus: positive,
  disk: natural,
  'OS-FLV-EXT-DATA:ephemeral': natural,
  swap: natural,
  rxtx_factor: {
    type: ['number', 'string'],
    pattern: '^[0-9]+(\\.[0-9]+)?$',
    minimum: 0,
    maximum: MAX_RXTX_FACTOR,
  },
  'os-flavor-access:is_public': booleanParam,
};

function wrapped(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return {
    type: 'object',
    properties: { flavor: { type: 'object', properties, required, additionalProperties: false } },
    required: ['flavor'],
    additionalProperties: false,
  };
}

const { rxtx_factor: _gone, ...newFields } = createFields;
const needed = ['name', 'ram', 'vcpus', 'disk'];

export const createFlavor: readonly SchemaRange[] = [
  { until: 0, schema: wrapped({ ...createFields, name: looseNameParam }, needed) },
  { since: 1, until: 54, schema: wrapped(createFields, needed) },
  { since: 55, until: 101, schema: wrapped({ ...createFields, description }, needed) },
  { since: 102, schema: wrapped({ ...newFields, description }, needed) },
];

export const updateFlavor: readonly SchemaRange[] = [
  { since: 55, schema: wrapped({ description }, ['description']) },
];

const listParameters: Readonly<Record<string, JsonSchema>> = {
  ...paginationQuery,
  is_public: textQuery,
  minRam: textQuery,
  minDisk: textQuery,
  sort_key: multiParam({
    type: 'string',
    enum: [
      'created_at',
      'description',
      'disabled',
      'ephemeral_gb',
      'flavorid',
      'id',
      'is_public',
      'memory_mb',
      'name',
      'root_gb',
      'rxtx_factor',
      'swap',
      'updated_at',
      'vcpu_weight',
      'vcpus',
    ],
  }),
  sort_dir: multiParam({ type: 'string', enum: ['asc', 'desc'] }),
};

export const listFlavors: readonly SchemaRange[] = [
  ...queryRanges(listParameters).map((range) =>
    range.until === undefined ? { ...range, until: 101 } : range,
  ),
  {
    since: 102,
    schema: {
      type: 'object',
      properties: { ...listParameters, name: regexQuery },
      additionalProperties: false,
    },
  },
];

export const createSpecs: readonly SchemaRange[] = [
  {
    schema: {
      type: 'object',
      properties: { extra_specs: metadataParam },
      required: ['extra_specs'],
      additionalProperties: false,
    },
  },
];

export const updateSpec: readonly SchemaRange[] = [
  { schema: { ...metadataParam, minProperties: 1, maxProperties: 1 } },
];

function accessAction(name: string): readonly SchemaRange[] {
  const tenant: JsonSchema = { type: 'string', minLength: 1, maxLength: 255 };
  return [
    {
      schema: {
        type: 'object',
        properties: {
          [name]: {
            type: 'object',
            properties: { tenant },
            required: ['tenant'],
            additionalProperties: false,
          },
        },
        required: [name],
        additionalProperties: false,
      },
    },
  ];
}

export const addAccess = accessAction('addTenantAccess');
export const removeAccess = accessAction('removeTenantAccess');
