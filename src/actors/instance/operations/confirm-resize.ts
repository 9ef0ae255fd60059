// The end of a move that is kept: what the source still has is removed, then its claim is given back.
import type { OperationTable } from './table.ts';

export const confirmResize: OperationTable = {
  name: 'confirm-resize',
  action: 'confirmResize',
  actionEvent: 'compute_confirm_resize',
  vmStates: ['resized'],
  interrupts: [],
  steps: [
    {
      name: 'clean',
      effect: 'clean-source',
      taskState: 'resize_confirming',
      migrationStatus: 'confirming',
      deadlineMs: 60_000,
    },
    {
      name: 'release',
      effect: 'release-source',
      taskState: 'resize_confirming',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
  migration: { succeeded: 'confirmed', failed: 'finished' },
  needsMove: true,
  keepsMove: true,
  followsPower: true,
};
