// Query strings that several resources share. Data only.
import { paginationQuery } from '../parameter-types.ts';
import type { SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';

/** What Nova says from 2.75 on: nothing but what is listed. Before, anything more is ignored. */
export function queryRanges(
  properties: Readonly<Record<string, JsonSchema>>,
): readonly SchemaRange[] {
  return [
    { until: 74, schema: { type: 'object', properties, additionalProperties: true } },
    { since: 75, schema: { type: 'object', properties, additionalProperties: false } },
  ];
}

export const anyQuery: JsonSchema = { type: 'object', properties: {}, additionalProperties: true };

export const pagedQuery: JsonSchema = {
  type: 'object',
  properties: paginationQuery,
  additionalProperties: true,
};

/** Calls that take no parameters: ignored until 2.101, refused since. */
export const openQuery: readonly SchemaRange[] = [
  { until: 101, schema: anyQuery },
  { since: 102, schema: { type: 'object', properties: {}, additionalProperties: false } },
];
