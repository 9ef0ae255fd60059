// Another host for a guest that goes on running. The source copies its memory, stands still and closes its grant; only then is
// the destination granted, and goes on (DESIGN §5). Before that every failure leads back to the source, whose guest goes on;
// after it the way is forward, and back only by the destination's word that it runs nothing. docs/flows/live-migration.md.
import type { OperationTable } from './table.ts';

/** A copy that does not move at all is given up by the source long before. */
const COPY_DEADLINE_MS = 30 * 60_000;

export const liveMigrate: OperationTable = {
  name: 'live-migrate',
  action: 'live-migration',
  actionEvent: 'compute_live_migration',
  vmStates: ['active', 'paused'],
  interrupts: [],
  steps: [
    {
      name: 'place',
      effect: 'place-move',
      taskState: 'migrating',
      migrationStatus: 'accepted',
      deadlineMs: 30_000,
      undo: 'release-move',
      failureStatus: 'error',
    },
    {
      name: 'prepare',
      effect: 'prepare-move',
      taskState: 'migrating',
      migrationStatus: 'preparing',
      deadlineMs: 30_000,
    },
    {
      name: 'copy',
      effect: 'copy-guest',
      taskState: 'migrating',
      deadlineMs: COPY_DEADLINE_MS,
      undo: 'keep-guest',
    },
    {
      name: 'hand-over',
      effect: 'hand-over-guest',
      taskState: 'migrating',
      deadlineMs: 60_000,
      grants: 'to-destination',
      undo: 'hand-over-guest',
      undoGrants: 'to-source',
    },
    {
      name: 'finish',
      effect: 'take-over-guest',
      taskState: 'migrating',
      deadlineMs: 300_000,
      undo: 'decline-guest',
      undoGrants: 'release',
      isFinal: true,
    },
    {
      name: 'clean',
      effect: 'clean-handed-over',
      taskState: 'migrating',
      migrationStatus: 'post-migrating',
      deadlineMs: 60_000,
      failure: 'leave-behind',
    },
  ],
  success: { vmState: 'active', power: 'running', keeps: ['paused'] },
  failure: 'restore',
  attempts: 1,
  migration: { type: 'live-migration', succeeded: 'completed', failed: 'failed' },
};
