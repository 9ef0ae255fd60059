// The end of a move that is taken back: the destination's guest and disks go, by its word, then the source may run the guest
// again with the disks that it has kept. Also the way out of a move whose undo was given up, from `error`.
import type { OperationTable } from './table.ts';

export const revertResize: OperationTable = {
  name: 'revert-resize',
  action: 'revertResize',
  actionEvent: 'compute_revert_resize',
  vmStates: ['resized', 'error'],
  interrupts: [],
  steps: [
    {
      name: 'leave',
      effect: 'leave-destination',
      taskState: 'resize_reverting',
      migrationStatus: 'reverting',
      deadlineMs: 60_000,
      grants: 'to-source',
    },
    {
      name: 'return',
      effect: 'return-guest',
      taskState: 'resize_reverting',
      deadlineMs: 120_000,
    },
    {
      name: 'release',
      effect: 'release-move',
      taskState: 'resize_reverting',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 1,
  migration: { succeeded: 'reverted', failed: 'error' },
  needsMove: true,
  followsPower: true,
};
