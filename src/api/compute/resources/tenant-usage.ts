// /os-simple-tenant-usage: how long the servers of projects ran within a period, and what that comes to.
// Servers count from their first start to their end; deleted ones as long as the read model remembers them.
import type { InstanceState } from '#actors/instance/state.ts';
import { badRequest, notFound } from '../envelope.ts';
import { paginationQuery, textQuery } from '../parameter-types.ts';
import type { ComputeCall, ComputeRoute, SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';
import { momentOf, momentOrNull } from './moments.ts';
import { type Link, linksField, pageOf } from './paging.ts';

const period = { start: textQuery, end: textQuery, detailed: textQuery };
const HOUR_MS = 3_600_000;

function query(
  properties: Readonly<Record<string, JsonSchema>>,
  additionalProperties: boolean,
): JsonSchema {
  return { type: 'object', properties, additionalProperties };
}

const usageQuery: readonly SchemaRange[] = [
  { until: 39, schema: query(period, true) },
  { since: 40, until: 74, schema: query({ ...period, ...paginationQuery }, true) },
  { since: 75, schema: query({ ...period, ...paginationQuery }, false) },
];

export const tenantUsageRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-simple-tenant-usage',
    query: usageQuery,
    policy: 'os-simple-tenant-usage:list',
    handler: async (call) => {
      // The router takes a path with a slash at its end for this one; to Nova it is a project without a name.
      if (/\/(\?|$)/.test(call.url)) throw notFound();
      const isDetailed = call.query['detailed']?.[0] === '1';
      const { usages, links } = await usagesOf(call, undefined, '/os-simple-tenant-usage');
      return {
        tenant_usages: usages.map(({ server_usages: servers, ...sums }) =>
          isDetailed ? { ...sums, server_usages: servers } : sums,
        ),
        ...linksField('tenant_usages', links),
      };
    },
  },
  {
    method: 'GET',
    path: '/os-simple-tenant-usage/:id',
    query: usageQuery,
    policy: 'os-simple-tenant-usage:show',
    policyTarget: (call) => ({ projectId: call.params['id'] }),
    handler: async (call) => {
      const projectId = call.params['id'] ?? '';
      const path = `/os-simple-tenant-usage/${projectId}`;
      const { usages, links } = await usagesOf(call, projectId, path);
      return { tenant_usage: usages[0] ?? {}, ...linksField('tenant_usage', links) };
    },
  },
];

interface Period {
  readonly startMs: number;
  readonly stopMs: number;
  readonly nowMs: number;
}

function periodOf(call: ComputeCall): Period {
  const nowMs = call.context.env.clock.now();
  const startMs = timeOf(call.query['start']?.[0], nowMs);
  const endMs = timeOf(call.query['end']?.[0], nowMs);
  if (startMs >= endMs)
    throw badRequest('Invalid start time. The start time cannot occur after the end time.');
  return { startMs, stopMs: Math.min(endMs, nowMs), nowMs };
}

/** `2026-01-01T00:00:00`, with a fraction or without; a blank for the T only with one. UTC. */
function timeOf(text: string | undefined, otherwiseMs: number): number {
  if (text === undefined || text === '') return otherwiseMs;
  const form =
    /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?| \d{2}:\d{2}:\d{2}\.\d{1,6})$/;
  const atMs = form.test(text) ? Date.parse(`${text.replace(' ', 'T')}Z`) : Number.NaN;
  if (Number.isNaN(atMs))
    throw badRequest(
      `Invalid datetime string: Datetime is in invalid format. Value: ${text.slice(0, 64)}`,
    );
  return atMs;
}

type ServerUsage = ReturnType<typeof usageOf>;
type TenantUsage = ReturnType<typeof summed>;

/** Grouped by project; pages are cut over the servers, by project and id, as Nova does. */
async function usagesOf(
  call: ComputeCall,
  projectId: string | undefined,
  path: string,
): Promise<{ readonly usages: readonly TenantUsage[]; readonly links: readonly Link[] }> {
  const within = periodOf(call);
  await call.context.views.barrier();
  const servers = [...serversOf(call, projectId)]
    .filter((server) => ranWithin(server, within))
    .sort((one, other) => compare(orderOf(one), orderOf(other)));
  const page = call.from(40)
    ? pageOf(call, { items: servers, idOf: (server) => server.id, path })
    : { items: servers, links: [] };
  const byProject = new Map<string, ServerUsage[]>();
  for (const server of page.items) {
    const usage = usageOf(server, within);
    const usages = byProject.get(usage.tenant_id);
    if (usages === undefined) byProject.set(usage.tenant_id, [usage]);
    else usages.push(usage);
  }
  return {
    usages: [...byProject].map(([tenant, usages]) => summed(tenant, usages, within)),
    links: page.links,
  };
}

function* serversOf(call: ComputeCall, projectId: string | undefined): Iterable<InstanceState> {
  yield* call.reads.living(projectId);
  for (const server of call.reads.deleted())
    if (projectId === undefined || server.request?.projectId === projectId) yield server;
}

function ranWithin(server: InstanceState, { startMs, stopMs }: Period): boolean {
  const { launchedAtMs, terminatedAtMs } = server;
  if (launchedAtMs === undefined || launchedAtMs > stopMs) return false;
  return terminatedAtMs === undefined || terminatedAtMs > startMs;
}

function orderOf(server: InstanceState): string {
  return `${server.request?.projectId ?? ''}/${server.id}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function usageOf(server: InstanceState, { startMs, stopMs, nowMs }: Period) {
  const { request, launchedAtMs = 0, terminatedAtMs } = server;
  const flavor = request?.flavor;
  const fromMs = Math.max(launchedAtMs, startMs);
  const untilMs = Math.min(terminatedAtMs ?? stopMs, stopMs);
  return {
    hours: Math.max(0, untilMs - fromMs) / HOUR_MS,
    flavor: flavor?.name ?? '',
    instance_id: server.id,
    name: request?.name ?? '',
    memory_mb: flavor?.ramMiB ?? 0,
    local_gb: (flavor?.diskGiB ?? 0) + (flavor?.ephemeralGiB ?? 0),
    vcpus: flavor?.vcpus ?? 0,
    tenant_id: request?.projectId ?? '',
    started_at: momentOf(launchedAtMs),
    ended_at: momentOrNull(terminatedAtMs),
    state: terminatedAtMs === undefined ? server.vmState : 'terminated',
    uptime: Math.floor(((terminatedAtMs ?? nowMs) - launchedAtMs) / 1000),
  };
}

function summed(tenantId: string, usages: readonly ServerUsage[], within: Period) {
  const sum = (figure: (usage: ServerUsage) => number): number =>
    usages.reduce((total, usage) => total + figure(usage) * usage.hours, 0);
  return {
    tenant_id: tenantId,
    server_usages: usages,
    total_local_gb_usage: sum((usage) => usage.local_gb),
    total_vcpus_usage: sum((usage) => usage.vcpus),
    total_memory_mb_usage: sum((usage) => usage.memory_mb),
    total_hours: sum(() => 1),
    start: momentOf(within.startMs),
    stop: momentOf(within.stopMs),
  };
}
