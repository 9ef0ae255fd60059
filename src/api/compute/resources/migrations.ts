// /os-migrations: moves of servers between hosts. None can be asked for yet, so the list is empty; its query is checked.
import { badRequest } from '../envelope.ts';
import { multiParam, paginationQuery, singleParam, textQuery } from '../parameter-types.ts';
import type { ComputeCall, ComputeRoute, SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';

const moment = singleParam({ type: 'string', format: 'date-time' });
const first = {
  hidden: textQuery,
  host: textQuery,
  instance_uuid: textQuery,
  source_compute: textQuery,
  status: textQuery,
  migration_type: textQuery,
};
const paged = {
  ...first,
  ...paginationQuery,
  instance_uuid: multiParam({ type: 'string', format: 'uuid' }),
  marker: multiParam({ type: 'string', format: 'uuid' }),
  'changes-since': moment,
};
const bounded = { ...paged, 'changes-before': moment };

function query(
  properties: Readonly<Record<string, JsonSchema>>,
  additionalProperties = false,
): JsonSchema {
  return { type: 'object', properties, additionalProperties };
}

const listMigrations: readonly SchemaRange[] = [
  { until: 58, schema: query(first, true) },
  { since: 59, until: 65, schema: query(paged) },
  { since: 66, until: 79, schema: query(bounded) },
  { since: 80, schema: query({ ...bounded, user_id: textQuery, project_id: textQuery }) },
];

export const migrationRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-migrations',
    query: listMigrations,
    policy: { rule: 'os-migrations:index', persona: 'manager' },
    handler: (call: ComputeCall) => {
      const marker = call.from(59) ? call.queryValue('marker') : undefined;
      if (marker !== undefined) throw badRequest(`Marker ${marker} could not be found.`);
      return { migrations: [] };
    },
  },
];
