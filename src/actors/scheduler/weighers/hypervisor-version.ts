// Prefers hosts with the newest hypervisor.
import type { Weigher } from './weigher.ts';

export const hypervisorVersionWeigher: Weigher = {
  name: 'HypervisorVersionWeigher',
  multiplier: 'hypervisorVersion',
  aggregateKey: 'hypervisor_version_weight_multiplier',
  weigh: (host) => host.hypervisor.version,
};
