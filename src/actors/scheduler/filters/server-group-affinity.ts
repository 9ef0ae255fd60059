// Server group, policy affinity: once one of the group's servers has a host, the others go there.
// The claim at the group has the last word; this spares hosts that would be refused there.
import type { Filter } from './filter.ts';

export const serverGroupAffinityFilter: Filter = {
  name: 'ServerGroupAffinityFilter',
  holdsWhenForced: true,
  isPersonal: true,
  refuse: (host, _spec, { group }) => {
    if (group?.policy !== 'affinity' || group.hosts.size === 0 || group.hosts.has(host.host))
      return undefined;
    return `the group’s servers are on ${[...group.hosts.keys()].slice(0, 3).join(', ')}`;
  },
};
