// Server group, policy anti-affinity: a host holds no more of the group's servers than the rule max_server_per_host says
// (1). The claim at the group has the last word; this spares hosts that would be refused there.
import type { Filter } from './filter.ts';

export const serverGroupAntiAffinityFilter: Filter = {
  name: 'ServerGroupAntiAffinityFilter',
  holdsWhenForced: true,
  isPersonal: true,
  refuse: (host, _spec, { group }) => {
    if (group?.policy !== 'anti-affinity') return undefined;
    const there = group.hosts.get(host.host) ?? 0;
    if (there < group.maxServerPerHost) return undefined;
    return `it holds ${there} of the group’s servers, and may hold ${group.maxServerPerHost}`;
  },
};
