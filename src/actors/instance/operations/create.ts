// A new server: find a host and ports, then build the guest there. A host that fails is left for another one.
import type { OperationTable } from './table.ts';

export const create: OperationTable = {
  name: 'create',
  action: 'create',
  actionEvent: 'compute__do_build_and_run_instance',
  vmStates: [],
  interrupts: [],
  steps: [
    {
      name: 'place',
      effect: 'place',
      taskState: 'scheduling',
      deadlineMs: 30_000,
      undo: 'release-placement',
    },
    {
      name: 'build',
      effect: 'build-guest',
      taskState: 'spawning',
      deadlineMs: 300_000,
      undo: 'destroy-guest',
      retryFrom: 'place',
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 3,
};
