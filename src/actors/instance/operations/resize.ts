// Another flavor, or another host, for a server whose guest is down meanwhile. The source keeps the disks as they were, and
// both ends keep their claims, until the move is confirmed or taken back (VERIFY_RESIZE). Until the destination is granted
// every failure leads back to the source.
import type { OperationTable, Step } from './table.ts';
import { SHUTDOWN_GRACE_MS } from './power.ts';

/** Copying disks takes as long as they are large; a host that answers no more is noticed by this. */
export const COPY_DEADLINE_MS = 900_000;

const steps: readonly Step[] = [
  {
    name: 'place',
    effect: 'place-move',
    taskState: 'resize_prep',
    migrationStatus: 'pre-migrating',
    deadlineMs: 30_000,
    undo: 'release-move',
  },
  {
    name: 'prepare',
    effect: 'prepare-move',
    taskState: 'resize_prep',
    deadlineMs: 30_000,
    undo: 'return-guest',
  },
  {
    name: 'leave',
    effect: 'leave-host',
    taskState: 'resize_migrating',
    migrationStatus: 'migrating',
    deadlineMs: SHUTDOWN_GRACE_MS + 60_000,
    grants: 'to-destination',
    undo: 'leave-host',
    undoGrants: 'to-source',
  },
  {
    name: 'receive',
    effect: 'receive-disks',
    taskState: 'resize_migrated',
    migrationStatus: 'post-migrating',
    deadlineMs: COPY_DEADLINE_MS,
    undo: 'leave-destination',
    undoGrants: 'release',
  },
  { name: 'finish', effect: 'finish-move', taskState: 'resize_finish', deadlineMs: 120_000 },
];

const shared = {
  vmStates: ['active', 'stopped'],
  interrupts: [],
  steps,
  success: { vmState: 'resized', power: 'running' },
  failure: 'restore',
  attempts: 1,
  followsPower: true,
} as const;

export const resize: OperationTable = {
  ...shared,
  name: 'resize',
  action: 'resize',
  actionEvent: 'compute_prep_resize',
  migration: { type: 'resize', succeeded: 'finished', failed: 'error' },
};

export const migrate: OperationTable = {
  ...shared,
  name: 'migrate',
  action: 'migrate',
  actionEvent: 'compute_prep_resize',
  migration: { type: 'migration', succeeded: 'finished', failed: 'error' },
};
