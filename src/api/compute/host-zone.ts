// Which availability zone a host is in now, as every part of the compute API tells it.
import { zoneOfHost } from '#actors/topology/aggregates-lookup.ts';
import { ALL_AGGREGATES } from '#actors/topology/aggregates-protocol.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { ComputeContext } from './context.ts';

type Topology = Pick<ComputeContext, 'aggregates' | 'hosts'>;

export function zoneOf(
  { aggregates }: Topology,
  host: Pick<HostState, 'id' | 'availabilityZone'>,
): string {
  return zoneOfHost(aggregates.get(ALL_AGGREGATES), host);
}

/** Undefined for a host that is not in the cloud any more. */
export function zoneOfNamed(topology: Topology, name: string): string | undefined {
  const host = topology.hosts.get(name);
  return host?.registered === true ? zoneOf(topology, host) : undefined;
}
