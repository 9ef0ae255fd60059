// What administrators are told of the health of a server's host (`host_status`, from 2.16). It hangs on the host and on
// who answers now, not on the server, so it is never part of a cached text. Pure.
import type { InstanceState } from '#actors/instance/state.ts';
import type { ComputeContext } from '../context.ts';
import { allows } from '../policy.ts';
import type { ComputeCall } from '../route.ts';

export type HostStatus = 'UP' | 'UNKNOWN' | 'DOWN' | 'MAINTENANCE' | '';

/** Which of them the caller is told: by default administrators all, others none. */
export function hostStatusSight(call: ComputeCall): 'all' | 'unknown' | 'none' {
  if (!call.from(16)) return 'none';
  if (allows(call, 'servers:show:host_status')) return 'all';
  return allows(call, 'servers:show:host_status:unknown-only') ? 'unknown' : 'none';
}

export function hostStatusField(
  call: ComputeCall,
  server: InstanceState,
): { readonly host_status?: HostStatus } {
  const sees = hostStatusSight(call);
  if (sees === 'none') return {};
  const status = hostStatusOf(server, call.context);
  return sees === 'all' || status === 'UNKNOWN' ? { host_status: status } : {};
}

export function hostStatusOf(
  state: InstanceState,
  { hosts, nodes }: Pick<ComputeContext, 'hosts' | 'nodes'>,
): HostStatus {
  if (state.grant === undefined) return '';
  const host = hosts.get(state.grant.host);
  if (host === undefined) return '';
  if (host.forcedDown) return 'DOWN';
  if (!host.enabled) return 'MAINTENANCE';
  return nodes.isUp(state.grant.host) ? 'UP' : 'UNKNOWN';
}
