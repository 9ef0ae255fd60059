// Deletion that can be taken back: the guest is switched off and everything else is kept, until the server is restored, or
// deleted for good by a user or when its time is over (reclaim_instance_interval).
import type { OperationTable } from './table.ts';

export const softDelete: OperationTable = {
  name: 'soft-delete',
  action: 'delete',
  actionEvent: 'compute_soft_delete_instance',
  vmStates: ['active', 'paused', 'suspended', 'stopped', 'rescued', 'shelved', 'error'],
  interrupts: [
    'powering-on',
    'powering-off',
    'rebooting',
    'rebooting_hard',
    'pausing',
    'unpausing',
    'suspending',
    'resuming',
    'image_snapshot_pending',
    'image_snapshot',
    'image_backup',
    'image_uploading',
  ],
  steps: [
    {
      name: 'power-off',
      effect: 'power-off-guest',
      taskState: 'soft-deleting',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'soft-delete', power: 'shutdown' },
  failure: 'error',
  attempts: 1,
};

export const restore: OperationTable = {
  name: 'restore',
  action: 'restore',
  actionEvent: 'compute_restore_instance',
  vmStates: ['soft-delete'],
  interrupts: [],
  steps: [{ name: 'start', effect: 'start-guest', taskState: 'restoring', deadlineMs: 60_000 }],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};
