// /os-migrations: moves of servers between hosts and resizes, of living servers and of those deleted lately. Managers see
// those of their project, without hosts; administrators see all.
import type { MigrationRecord } from '#actors/instance/migrations.ts';
import { migrationNumber } from '#actors/instance/migrations.ts';
import { badRequest } from '../envelope.ts';
import { parseIsoTime } from '../formats.ts';
import { multiParam, paginationQuery, singleParam, textQuery } from '../parameter-types.ts';
import { allows } from '../policy.ts';
import type { ComputeCall, ComputeRoute, SchemaRange } from '../route.ts';
import { type MigrationOf, migrationView } from '../servers/views/migration.ts';
import type { JsonSchema } from '../validation.ts';
import { linksField, MAX_PAGE, nextLink } from './paging.ts';

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
    policy: 'os-migrations:index',
    handler: listAll,
  },
];

async function listAll(call: ComputeCall): Promise<unknown> {
  await call.context.views.barrier();
  const found = allMigrations(call).filter(({ server, record }) =>
    isAsked(call, server.id, record),
  );
  const newestFirst = found.sort((one, other) => isLater(one.record, other.record));
  if (!call.from(59)) return { migrations: newestFirst.reverse().map((one) => view(call, one)) };
  const page = pageAfter(call, newestFirst);
  const last = page.at(-1);
  const isFull = last !== undefined && page.length === limitOf(call);
  const links = isFull
    ? [{ rel: 'next', href: nextLink(call, '/os-migrations', last.record.id) }]
    : [];
  return {
    migrations: page.map((one) => view(call, one)),
    ...linksField('migrations', links),
  };
}

/** Newest first; of one moment by number, as Nova sorts by created_at and id. */
function isLater(one: MigrationRecord, other: MigrationRecord): number {
  return other.createdAtMs - one.createdAtMs || migrationNumber(other.id) - migrationNumber(one.id);
}

function allMigrations(call: ComputeCall): MigrationOf[] {
  const { reads, caller } = call;
  const seesAll = allows(call, 'os-migrations:index:all_projects');
  const own = caller.projectId ?? '';
  const servers = [...reads.living(seesAll ? undefined : own)];
  for (const server of reads.deleted())
    if (seesAll || server.request?.projectId === own) servers.push(server);
  return servers.flatMap((server) => server.migrations.map((record) => ({ server, record })));
}

function isAsked(call: ComputeCall, serverId: string, record: MigrationRecord): boolean {
  const asked = (name: string): string | undefined => call.queryValue(name);
  const is = (name: string, ...values: readonly (string | undefined)[]): boolean => {
    const wanted = asked(name);
    return wanted === undefined || values.includes(wanted);
  };
  const at = (name: string, minor: number, otherwise: number): number => {
    const text = call.from(minor) ? asked(name) : undefined;
    return (text === undefined ? undefined : parseIsoTime(text)) ?? otherwise;
  };
  const since = at('changes-since', 59, Number.NEGATIVE_INFINITY);
  const before = at('changes-before', 66, Number.POSITIVE_INFINITY);
  if (before < since)
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  return (
    is('host', record.source?.host, record.destination?.host) &&
    is('source_compute', record.source?.host) &&
    is('instance_uuid', serverId) &&
    is('status', record.status) &&
    is('migration_type', record.type) &&
    (!call.from(80) || (is('user_id', record.userId) && is('project_id', record.projectId))) &&
    record.updatedAtMs >= since &&
    record.updatedAtMs <= before
  );
}

function limitOf(call: ComputeCall): number {
  return Math.min(Number(call.queryValue('limit') ?? MAX_PAGE), MAX_PAGE);
}

function pageAfter(call: ComputeCall, sorted: readonly MigrationOf[]): readonly MigrationOf[] {
  const marker = call.queryValue('marker');
  const at = marker === undefined ? -1 : sorted.findIndex(({ record }) => record.id === marker);
  if (marker !== undefined && at < 0) throw badRequest(`Marker ${marker} could not be found.`);
  return sorted.slice(at + 1, at + 1 + limitOf(call));
}

function view(call: ComputeCall, of: MigrationOf): unknown {
  const path = `/servers/${of.server.id}/migrations/${migrationNumber(of.record.id)}`;
  return migrationView(of, {
    microversion: call.microversion,
    showsHosts: allows(call, 'os-migrations:index:host'),
    addressOf: (host) => call.context.hosts.get(host)?.hypervisor?.hostIp,
    links: [
      { rel: 'self', href: `${call.selfBase}${path}` },
      { rel: 'bookmark', href: `${call.bookmarkBase}${path}` },
    ],
  });
}
