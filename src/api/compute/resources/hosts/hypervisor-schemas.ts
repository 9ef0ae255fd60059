// Query schemas of /os-hypervisors, by microversion. Data only.
import { booleanParam, paginationQuery, singleParam } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { anyQuery, pagedQuery } from '../query-schemas.ts';

const withServers = { with_servers: singleParam(booleanParam) };
const pattern: JsonSchema = singleParam({ type: 'string', minLength: 1 });

export const listHypervisors: readonly SchemaRange[] = [
  { until: 32, schema: anyQuery },
  { since: 33, until: 52, schema: pagedQuery },
  {
    since: 53,
    schema: {
      type: 'object',
      properties: { ...paginationQuery, ...withServers, hypervisor_hostname_pattern: pattern },
      additionalProperties: false,
    },
  },
];

export const showHypervisor: readonly SchemaRange[] = [
  { until: 52, schema: anyQuery },
  { since: 53, schema: { type: 'object', properties: withServers, additionalProperties: false } },
];
