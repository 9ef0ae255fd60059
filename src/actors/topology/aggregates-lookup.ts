// Reads the aggregates: which ones a host is in, and which availability zone that puts it in. Pure.
import { type Aggregate, type AggregatesState, ZONE_KEY } from './aggregates-protocol.ts';
import type { HostState } from './protocol.ts';

type Aggregates = Pick<AggregatesState, 'aggregates'> | undefined;

export function aggregateOf(state: Aggregates, number: number): Aggregate | undefined {
  return state?.aggregates.find((aggregate) => aggregate.number === number);
}

export function aggregatesOfHost(state: Aggregates, host: string): readonly Aggregate[] {
  return state?.aggregates.filter((aggregate) => aggregate.hosts.includes(host)) ?? [];
}

/** That of its aggregates, if one names a zone; else the one that the host started with. */
export function zoneOfHost(
  state: Aggregates,
  host: Pick<HostState, 'id' | 'availabilityZone'>,
): string {
  const aggregate = state?.aggregates.find(
    ({ hosts, metadata }) => metadata[ZONE_KEY] !== undefined && hosts.includes(host.id),
  );
  return aggregate?.metadata[ZONE_KEY] ?? host.availabilityZone;
}
