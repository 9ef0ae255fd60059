// What administrators are told of the health of a server's host (`host_status`, from 2.16). It hangs on the host and on
// who answers now, not on the server, so it is never part of a cached text. Pure.
import type { InstanceState } from '#actors/instance/state.ts';
import type { ComputeContext } from '../context.ts';

export type HostStatus = 'UP' | 'UNKNOWN' | 'DOWN' | 'MAINTENANCE' | '';

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
