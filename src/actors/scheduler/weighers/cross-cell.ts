// Prefers hosts of the cell that a moving server is in. There is one cell, so that no host is in another and all have the
// same figure; the weigher has its place for the day when there are more.
import type { Weigher } from './weigher.ts';

export const crossCellWeigher: Weigher = {
  name: 'CrossCellWeigher',
  multiplier: 'crossCellMove',
  aggregateKey: 'cross_cell_move_weight_multiplier',
  weigh: () => 0,
};
