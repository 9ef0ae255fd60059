// Counts the servers that a host is building or changing; its multiplier is negative, so that idle hosts are preferred.
import type { Weigher } from './weigher.ts';

export const ioOpsWeigher: Weigher = {
  name: 'IoOpsWeigher',
  multiplier: 'ioOps',
  aggregateKey: 'io_ops_weight_multiplier',
  least: 0,
  weigh: (host) => host.ioOps,
};
