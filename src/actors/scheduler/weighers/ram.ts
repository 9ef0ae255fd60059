// Prefers the host with the most memory left, so that servers spread.
import { freeOf } from '../host-view.ts';
import type { Weigher } from './weigher.ts';

export const ramWeigher: Weigher = {
  name: 'RAMWeigher',
  multiplier: 'ram',
  aggregateKey: 'ram_weight_multiplier',
  least: 0,
  weigh: (host) => freeOf(host, 'MEMORY_MB'),
};
