// Rebuild: a new root disk from an image, on the same host, with the same ports and addresses. A server that was shut off
// stays so. The image is brought to the host first: one that can't be had leaves the server's disk and record as they were.
// What fails after that leaves no disk to rely on: the next start or hard reboot makes it anew (`needsRebuild`).
import type { OperationTable } from './table.ts';

export const rebuild: OperationTable = {
  name: 'rebuild',
  action: 'rebuild',
  actionEvent: 'compute_rebuild_instance',
  vmStates: ['active', 'stopped', 'error'],
  interrupts: [],
  steps: [
    { name: 'fetch', effect: 'fetch-image', taskState: 'rebuilding', deadlineMs: 300_000 },
    {
      name: 'rebuild',
      effect: 'rebuild-guest',
      taskState: 'rebuild_spawning',
      deadlineMs: 300_000,
    },
  ],
  success: { vmState: 'active', power: 'running', keeps: ['stopped'] },
  failure: 'error',
  attempts: 1,
};
