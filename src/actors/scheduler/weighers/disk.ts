// Prefers the host with the most disk left, so that servers spread.
import { freeOf } from '../host-view.ts';
import type { Weigher } from './weigher.ts';

export const diskWeigher: Weigher = {
  name: 'DiskWeigher',
  multiplier: 'disk',
  aggregateKey: 'disk_weight_multiplier',
  least: 0,
  weigh: (host) => freeOf(host, 'DISK_GB'),
};
