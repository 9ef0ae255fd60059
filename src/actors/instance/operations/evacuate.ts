// Away from a host that is dead: with proof that it is, its grant is over without its word (DESIGN §5, FENCED), and the server
// is built anew elsewhere under the next run-epoch. When that host comes back it is told, and takes its old copy away.
import type { OperationTable } from './table.ts';

export const evacuate: OperationTable = {
  name: 'evacuate',
  action: 'evacuate',
  actionEvent: 'compute_rebuild_instance',
  vmStates: ['active', 'stopped', 'error'],
  // What was asked of the dead host is given up; a server that is being moved has its own way back.
  interrupts: [
    'powering-on',
    'powering-off',
    'rebooting',
    'rebooting_hard',
    'pausing',
    'unpausing',
    'suspending',
    'resuming',
  ],
  steps: [
    {
      name: 'fence',
      effect: 'prove-fenced',
      taskState: 'rebuilding',
      migrationStatus: 'accepted',
      deadlineMs: 30_000,
      grants: 'fence',
      failure: 'restore',
    },
    {
      name: 'place',
      effect: 'place-evacuated',
      taskState: 'rebuilding',
      migrationStatus: 'pre-migrating',
      deadlineMs: 30_000,
      grants: 'place',
      undo: 'release-evacuated',
    },
    { name: 'build', effect: 'build-guest', taskState: 'rebuild_spawning', deadlineMs: 300_000 },
    {
      name: 'release',
      effect: 'release-fenced',
      taskState: 'rebuild_spawning',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 1,
  migration: { type: 'evacuation', succeeded: 'done', failed: 'failed' },
  followsPower: true,
};
