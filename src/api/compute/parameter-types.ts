// Building blocks of request schemas that several calls share, named as Nova names them. Data only.
import type { JsonSchema } from './validation.ts';

const trueWords = ['True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'];
const falseWords = ['False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'];

export const booleanParam: JsonSchema = {
  type: ['boolean', 'string'],
  enum: [true, ...trueWords, false, ...falseWords],
};

export const noneParam: JsonSchema = { enum: ['None', null, {}] };

export const positiveInteger: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]*$',
  minimum: 1,
  minLength: 1,
};

export const nonNegativeInteger: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]*$',
  minimum: 0,
  minLength: 1,
};

export const nameParam: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  format: 'name',
};

/** /v2 lets names begin and end with spaces. */
export const looseNameParam: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  format: 'name_with_leading_trailing_spaces',
};

export const nameOrNone: JsonSchema = {
  oneOf: [{ type: 'string', minLength: 1, maxLength: 255 }, { type: 'null' }],
};

export const descriptionParam: JsonSchema = {
  type: ['string', 'null'],
  minLength: 0,
  maxLength: 255,
  pattern: '^[^\\p{C}\\p{Zl}\\p{Zp}]*$',
};

export const hostnameParam: JsonSchema = {
  type: 'string',
  minLength: 2,
  maxLength: 63,
  pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$',
};

export const fqdnParam: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9-._]*$',
};

export const uuidParam: JsonSchema = { type: 'string', format: 'uuid' };

export const flavorRef: JsonSchema = { type: ['string', 'integer'], minLength: 1 };

export const projectIdParam: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9-]*$',
};

/** Keys and values of server metadata and flavor-like maps. */
export const metadataParam: JsonSchema = {
  type: 'object',
  patternProperties: { '^[a-zA-Z0-9-_:. ]{1,255}$': { type: 'string', maxLength: 255 } },
  additionalProperties: false,
};

export const ipAddress: JsonSchema = {
  type: 'string',
  oneOf: [{ format: 'ipv4' }, { format: 'ipv6' }],
};

export const tagParam: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 60,
  pattern: '^[^,/]*$',
};

/** A query parameter that may be given several times. */
export function multiParam(schema: JsonSchema): JsonSchema {
  return { type: 'array', items: schema };
}

/** A query parameter that may be given once. */
export function singleParam(schema: JsonSchema): JsonSchema {
  return { type: 'array', items: schema, maxItems: 1 };
}

export const textQuery: JsonSchema = multiParam({ type: 'string' });
export const regexQuery: JsonSchema = multiParam({ type: 'string', format: 'regex' });

export const paginationQuery: Readonly<Record<string, JsonSchema>> = {
  limit: multiParam(nonNegativeInteger),
  marker: multiParam({ type: 'string' }),
};

/** What the strings of booleanParam mean (strutils.bool_from_string). */
export function isTrue(value: unknown): boolean {
  return (
    value === true ||
    (typeof value === 'string' &&
      ['1', 't', 'true', 'on', 'y', 'yes'].includes(value.trim().toLowerCase()))
  );
}
