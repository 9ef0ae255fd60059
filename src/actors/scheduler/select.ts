// The choice of a host: filters, weighers, then the best and its alternates. Pure: equal views give an equal choice.
// Hosts of equal weight are ordered by a hash of server and host, so that servers asked for at the same moment spread.
import { filterHosts } from './candidates.ts';
import type { ServerPlaces } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import type { Candidate, RequestSpec, Selection } from './protocol.ts';
import { allWeighers } from './weighers/all.ts';
import { weighAll } from './weighers/weigher.ts';

/** Further hosts to try when the best one turns out to be taken. */
export const ALTERNATES = 2;

export function selectHosts(
  hosts: Iterable<HostView>,
  spec: RequestSpec,
  places: ServerPlaces,
): Selection {
  const { hosts: passed, refusals } = filterHosts(hosts, spec, places);
  const weights = weighAll(passed, allWeighers);
  const ranked = passed.map((host, i) => ({
    candidate: candidateOf(host, weights[i] ?? 0),
    tie: hashOf(`${spec.serverId}/${host.host}`),
  }));
  ranked.sort((a, b) => b.candidate.weight - a.candidate.weight || a.tie - b.tie);
  return {
    candidates: ranked.slice(0, 1 + ALTERNATES).map(({ candidate }) => candidate),
    refusals,
  };
}

function candidateOf(host: HostView, weight: number): Candidate {
  const { host: name, providerId, availabilityZone, hypervisor } = host;
  return { host: name, node: hypervisor.hostname, providerId, availabilityZone, weight };
}

/** FNV-1a, mixed: only its order matters. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
