// Request schemas of /os-aggregates, by microversion. Data only.
import { fqdnParam, looseNameParam, nameParam } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';

const zoneName: JsonSchema = { type: 'string', minLength: 1, maxLength: 255, format: 'az_name' };
const looseZoneName: JsonSchema = { ...zoneName, format: 'az_name_with_leading_trailing_spaces' };
const orNull = (schema: JsonSchema): JsonSchema => ({ oneOf: [schema, { type: 'null' }] });

/** `{ aggregate: {…} }` and its like. */
function wrapped(name: string, schema: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: { [name]: schema },
    required: [name],
    additionalProperties: false,
  };
}

function createBody(name: JsonSchema, zone: JsonSchema): JsonSchema {
  return wrapped('aggregate', {
    type: 'object',
    properties: { name, availability_zone: orNull(zone) },
    required: ['name'],
    additionalProperties: false,
  });
}

function updateBody(zone: JsonSchema): JsonSchema {
  return wrapped('aggregate', {
    type: 'object',
    properties: { name: looseNameParam, availability_zone: orNull(zone) },
    additionalProperties: false,
    anyOf: [{ required: ['name'] }, { required: ['availability_zone'] }],
  });
}

export const createAggregate: readonly SchemaRange[] = [
  { until: 0, schema: createBody(looseNameParam, looseZoneName) },
  { since: 1, schema: createBody(nameParam, zoneName) },
];

export const updateAggregate: readonly SchemaRange[] = [
  { until: 0, schema: updateBody(looseZoneName) },
  { since: 1, schema: updateBody(zoneName) },
];

const hostBody = (action: string): readonly SchemaRange[] => [
  {
    schema: wrapped(action, {
      type: 'object',
      properties: { host: fqdnParam },
      required: ['host'],
      additionalProperties: false,
    }),
  },
];

export const addHost = hostBody('add_host');
export const removeHost = hostBody('remove_host');

export const setMetadata: readonly SchemaRange[] = [
  {
    schema: wrapped('set_metadata', {
      type: 'object',
      properties: {
        metadata: {
          type: 'object',
          patternProperties: {
            '^[a-zA-Z0-9-_:. ]{1,255}$': { type: ['string', 'null'], maxLength: 255 },
          },
          additionalProperties: false,
        },
      },
      required: ['metadata'],
      additionalProperties: false,
    }),
  },
];
