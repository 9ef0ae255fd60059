// Request schemas of key pairs, by microversion. Data only.
import { multiParam, paginationQuery } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';

const name: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  format: 'keypair_name_20',
};
const nameWithDots: JsonSchema = { ...name, format: 'keypair_name_292' };
const publicKey: JsonSchema = { type: 'string' };
const type: JsonSchema = { type: 'string', enum: ['ssh', 'x509'] };
const userId: JsonSchema = { type: 'string', minLength: 1, maxLength: 255 };

function wrapped(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return {
    type: 'object',
    properties: { keypair: { type: 'object', properties, required, additionalProperties: false } },
    required: ['keypair'],
    additionalProperties: false,
  };
}

const typed = { name, type, public_key: publicKey };
export const createKeypair: readonly SchemaRange[] = [
  { until: 1, schema: wrapped({ name, public_key: publicKey }, ['name']) },
  { since: 2, until: 9, schema: wrapped(typed, ['name']) },
  { since: 10, until: 91, schema: wrapped({ ...typed, user_id: userId }, ['name']) },
  {
    since: 92,
    schema: wrapped({ ...typed, name: nameWithDots, user_id: userId }, ['public_key', 'name']),
  },
];

function query(
  properties: Readonly<Record<string, JsonSchema>>,
  additionalProperties = true,
): JsonSchema {
  return { type: 'object', properties, additionalProperties };
}

const byUser = { user_id: multiParam({ type: 'string' }) };
const paged = { ...byUser, ...paginationQuery };

export const listKeypairs: readonly SchemaRange[] = [
  { until: 9, schema: query({}) },
  { since: 10, until: 34, schema: query(byUser) },
  { since: 35, until: 74, schema: query(paged) },
  { since: 75, schema: query(paged, false) },
];

/** Of show and delete. */
export const ofOneUser: readonly SchemaRange[] = [
  { until: 9, schema: query({}) },
  { since: 10, until: 74, schema: query(byUser) },
  { since: 75, schema: query(byUser, false) },
];
