// /os-instance_usage_audit_log: how far each host has come with telling what its servers used in the last period. Usage
// is told here by /os-simple-tenant-usage from the servers themselves; no host runs such a task, and this says so.
import { badRequest } from '../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';
import { registeredHosts } from './hosts/service-rows.ts';
import { openQuery } from './query-schemas.ts';

const PATH = '/os-instance_usage_audit_log';

export const usageAuditLogRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: PATH,
    query: openQuery,
    policy: 'os-instance-usage-audit-log:list',
    handler: async (call) => ({
      instance_usage_audit_logs: await logBefore(call, call.context.env.clock.now()),
    }),
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    query: openQuery,
    policy: 'os-instance-usage-audit-log:show',
    handler: async (call) => ({
      instance_usage_audit_log: await logBefore(call, momentIn(call.params['id'] ?? '')),
    }),
  },
];

/** `2026-01-31 12:00:00`, with or without a fraction. */
function momentIn(text: string): number {
  const isShaped = /^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?$/.test(text);
  const [date = '', time = ''] = text.split(' ');
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number);
  const atMs = Date.UTC(year, month - 1, day, hour, minute, Math.floor(second));
  const isDate = new Date(atMs).getUTCDate() === day && new Date(atMs).getUTCMonth() === month - 1;
  if (!isShaped || !isDate || hour > 23 || minute > 59 || second >= 60)
    throw badRequest(`Invalid timestamp for date ${text}`);
  return atMs;
}

async function logBefore(call: ComputeCall, beforeMs: number): Promise<object> {
  await call.context.views.barrier();
  const hosts = registeredHosts(call.context).map(({ id }) => id);
  const before = new Date(beforeMs);
  const monthAgo = (months: number): string => {
    const start = Date.UTC(before.getUTCFullYear(), before.getUTCMonth() - months, 1);
    return new Date(start).toISOString().slice(0, 19).replace('T', ' ');
  };
  return {
    period_beginning: monthAgo(1),
    period_ending: monthAgo(0),
    num_hosts: hosts.length,
    num_hosts_done: 0,
    num_hosts_running: 0,
    num_hosts_not_run: hosts.length,
    hosts_not_run: hosts,
    total_instances: 0,
    total_errors: 0,
    overall_status:
      hosts.length === 0
        ? 'ALL hosts done. 0 errors.'
        : `0 of ${hosts.length} hosts done. 0 errors.`,
    log: {},
  };
}
