// Unshelve: a server that still has its host is started there; one that was offloaded is scheduled like a new one, and made
// from its image, whose content its disk then has in itself. The image is removed afterwards. A host that fails is left for
// another one; with none left the server is shelved and offloaded as before.
import type { OperationTable } from './table.ts';

export const unshelve: OperationTable = {
  name: 'unshelve',
  action: 'unshelve',
  actionEvent: 'compute_unshelve_instance',
  vmStates: ['shelved'],
  interrupts: [],
  steps: [{ name: 'start', effect: 'start-guest', taskState: 'unshelving', deadlineMs: 60_000 }],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};

export const unshelveOffloaded: OperationTable = {
  name: 'unshelve-offloaded',
  action: 'unshelve',
  actionEvent: 'compute_unshelve_instance',
  vmStates: ['shelved_offloaded'],
  interrupts: [],
  steps: [
    {
      name: 'place',
      effect: 'place-unshelved',
      taskState: 'unshelving',
      deadlineMs: 30_000,
      grants: 'place',
      undo: 'release-unshelved',
    },
    {
      name: 'build',
      effect: 'build-guest',
      taskState: 'spawning',
      deadlineMs: 1_800_000,
      undo: 'destroy-guest',
      retryFrom: 'place',
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 3,
  worksWithoutHost: true,
};
