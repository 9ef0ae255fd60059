// An image of a server's disk, as it is at one moment: a guest that runs stands still while its disk is copied, and goes on
// while the copy is made whole and uploaded. A backup is the same, and then the oldest ones beyond the rotation go. Whatever
// becomes of it, no image is left without bytes: `unfinishedImage` is removed once no operation works on it any more, also
// when another one has begun by then (`leftImages`).
import type { OperationTable, Step } from './table.ts';

const REGISTER_MS = 30_000;
/** Whole disks are copied and travel. */
const COPY_MS = 1_800_000;

const disks = ['active', 'stopped', 'paused', 'suspended'] as const;

const steps: readonly Step[] = [
  {
    name: 'register',
    effect: 'register-image',
    taskState: 'image_snapshot_pending',
    deadlineMs: REGISTER_MS,
  },
  { name: 'copy', effect: 'snapshot-guest', taskState: 'image_snapshot', deadlineMs: COPY_MS },
  { name: 'upload', effect: 'upload-snapshot', taskState: 'image_uploading', deadlineMs: COPY_MS },
  // A step of its own: until the upload is on record the copy may be wanted again.
  {
    name: 'clean',
    effect: 'drop-snapshot',
    taskState: 'image_uploading',
    deadlineMs: REGISTER_MS,
  },
];

export const snapshot: OperationTable = {
  name: 'snapshot',
  action: 'createImage',
  actionEvent: 'compute_snapshot_instance',
  vmStates: disks,
  interrupts: [],
  steps,
  success: { vmState: 'active', power: 'running', keeps: disks },
  failure: 'restore',
  attempts: 1,
};

export const backup: OperationTable = {
  ...snapshot,
  name: 'backup',
  action: 'createBackup',
  actionEvent: 'compute_backup_instance',
  steps: [
    ...steps.map((step) =>
      step.name === 'register' ? { ...step, taskState: 'image_backup' as const } : step,
    ),
    {
      name: 'rotate',
      effect: 'rotate-backups',
      taskState: 'image_uploading',
      deadlineMs: REGISTER_MS,
    },
  ],
};
