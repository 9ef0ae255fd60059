// Prefers the host with the most processors left, so that servers spread.
import { freeOf } from '../host-view.ts';
import type { Weigher } from './weigher.ts';

export const cpuWeigher: Weigher = {
  name: 'CPUWeigher',
  multiplier: 'cpu',
  aggregateKey: 'cpu_weight_multiplier',
  least: 0,
  weigh: (host) => freeOf(host, 'VCPU'),
};
