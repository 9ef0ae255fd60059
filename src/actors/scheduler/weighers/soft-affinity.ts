// Server group, policy soft-affinity: prefers hosts that hold more of the group's servers.
import type { Weigher } from './weigher.ts';

export const softAffinityWeigher: Weigher = {
  name: 'ServerGroupSoftAffinityWeigher',
  multiplier: 'softAffinity',
  aggregateKey: 'soft_affinity_weight_multiplier',
  isPersonal: true,
  weigh: (host, _spec, { group }) =>
    group?.policy === 'soft-affinity' ? (group.hosts.get(host.host) ?? 0) : 0,
};
