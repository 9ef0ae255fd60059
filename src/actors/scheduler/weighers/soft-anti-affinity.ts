// Server group, policy soft-anti-affinity: prefers hosts that hold fewer of the group's servers.
import type { Weigher } from './weigher.ts';

export const softAntiAffinityWeigher: Weigher = {
  name: 'ServerGroupSoftAntiAffinityWeigher',
  multiplier: 'softAntiAffinity',
  aggregateKey: 'soft_anti_affinity_weight_multiplier',
  isPersonal: true,
  weigh: (host, _spec, { group }) => {
    const there = group?.policy === 'soft-anti-affinity' ? group.hosts.get(host.host) : undefined;
    return there === undefined ? 0 : -there;
  },
};
