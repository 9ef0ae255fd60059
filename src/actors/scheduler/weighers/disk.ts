// Prefers the host with the most disk left, so that servers spread.
import { freeOf } from '../host-view.ts';
import type { Weigher } from './weigher.ts';

export const diskWeigher: Weigher = {
  name: 'DiskWeigher',
  multiplier: 1,
  weigh: (host) => freeOf(host, 'DISK_GB'),
};
