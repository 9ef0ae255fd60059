// Request schemas of /os-services, by microversion. Data only.
import { booleanParam, textQuery } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { queryRanges } from '../query-schemas.ts';

const host: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-zA-Z0-9-._]*$',
};
const text: JsonSchema = { type: 'string', minLength: 1, maxLength: 255 };
const named = { host, binary: text, disabled_reason: text };

function body(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export const updateService: readonly SchemaRange[] = [
  { until: 10, schema: body(named, ['host', 'binary']) },
  {
    since: 11,
    until: 52,
    schema: body({ ...named, forced_down: booleanParam }, ['host', 'binary']),
  },
  {
    since: 53,
    schema: body(
      {
        status: { type: 'string', enum: ['enabled', 'disabled'] },
        disabled_reason: text,
        forced_down: booleanParam,
      },
      [],
    ),
  },
];

export const listServices: readonly SchemaRange[] = queryRanges({
  host: textQuery,
  binary: textQuery,
});
