// Counts a host's servers; a negative multiplier spreads them, a positive one packs them.
import type { Weigher } from './weigher.ts';

export const numInstancesWeigher: Weigher = {
  name: 'NumInstancesWeigher',
  multiplier: 'numInstances',
  aggregateKey: 'num_instances_weight_multiplier',
  weigh: (host) => host.instances,
};
