// Request schemas of server groups by microversion: one policy, from 2.15 on also the soft ones, from 2.64 on with its
// rules and no list around it. Data only.
import { groupPolicies } from '#actors/group/protocol.ts';
import {
  multiParam,
  nameParam,
  nonNegativeInteger,
  positiveInteger,
} from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { queryRanges } from '../query-schemas.ts';

function body(properties: Readonly<Record<string, JsonSchema>>, required: string): JsonSchema {
  return {
    type: 'object',
    properties: {
      server_group: {
        type: 'object',
        properties: { name: nameParam, ...properties },
        required: ['name', required],
        additionalProperties: false,
      },
    },
    required: ['server_group'],
    additionalProperties: false,
  };
}

function policies(known: readonly string[]): JsonSchema {
  return {
    type: 'array',
    items: { type: 'string', enum: [...known] },
    uniqueItems: true,
    minItems: 1,
    maxItems: 1,
  };
}

const policy: JsonSchema = { type: 'string', enum: [...groupPolicies] };
const rules: JsonSchema = {
  type: 'object',
  properties: { max_server_per_host: positiveInteger },
  additionalProperties: false,
};

export const createServerGroup: readonly SchemaRange[] = [
  { until: 14, schema: body({ policies: policies(['anti-affinity', 'affinity']) }, 'policies') },
  { since: 15, until: 63, schema: body({ policies: policies(groupPolicies) }, 'policies') },
  { since: 64, schema: body({ policy, rules }, 'policy') },
];

export const listServerGroups: readonly SchemaRange[] = queryRanges({
  all_projects: multiParam({ type: 'string' }),
  limit: multiParam(nonNegativeInteger),
  offset: multiParam(nonNegativeInteger),
});
