// The choice of a host: filters, weighers, then the best and its alternates. Pure: equal views give an equal choice.
// It looks at every host: what the host index (host-index.ts) is held to, and how a choice is explained.
import { filterHosts } from './candidates.ts';
import type { FilterContext } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import type { Candidate, RequestSpec, Selection } from './protocol.ts';
import { tieOrder } from './tie-order.ts';
import { allWeighers } from './weighers/all.ts';
import { weighEach, weightOf } from './weighers/weigher.ts';

/** Further hosts to try when the best one turns out to be taken. */
export const ALTERNATES = 2;

/** The order of the hosts is part of the choice among equal ones. */
export function selectHosts(
  hosts: readonly HostView[],
  spec: RequestSpec,
  context: FilterContext,
): Selection {
  const { hosts: passed, refusals } = filterHosts(hosts, spec, context);
  const slots = new Map(hosts.map((host, slot) => [host.host, slot]));
  const order = tieOrder(spec.serverId, hosts.length);
  const rank = (host: HostView): number => order.rank(slots.get(host.host) ?? 0);
  return { candidates: bestOf(passed, { spec, context, rank }), refusals };
}

/** The best of hosts that have passed the filters; `rank` orders those of equal weight. */
export function bestOf(
  hosts: readonly HostView[],
  by: {
    readonly spec: RequestSpec;
    readonly context: FilterContext;
    readonly rank: (host: HostView) => number;
  },
): readonly Candidate[] {
  const rows = weighEach(hosts, allWeighers, by);
  const ranked = hosts.map((host, i) => ({
    candidate: candidateOf(host, weightOf(rows[i] ?? [])),
    tie: by.rank(host),
  }));
  ranked.sort((a, b) => b.candidate.weight - a.candidate.weight || a.tie - b.tie);
  return ranked.slice(0, 1 + ALTERNATES).map(({ candidate }) => candidate);
}

export function candidateOf(host: HostView, weight: number): Candidate {
  const { host: name, providerId, availabilityZone, hypervisor } = host;
  return { host: name, node: hypervisor.hostname, providerId, availabilityZone, weight };
}
