// Rescue: the guest boots another system, with its own root disk as the second one; unrescue boots it as before.
import { SHUTDOWN_GRACE_MS } from './power.ts';
import type { OperationTable } from './table.ts';

export const rescue: OperationTable = {
  name: 'rescue',
  action: 'rescue',
  actionEvent: 'compute_rescue_instance',
  vmStates: ['active', 'stopped', 'error'],
  interrupts: [],
  steps: [
    {
      name: 'rescue',
      effect: 'rescue-guest',
      taskState: 'rescuing',
      deadlineMs: SHUTDOWN_GRACE_MS + 180_000,
    },
  ],
  success: { vmState: 'rescued', power: 'running' },
  failure: 'error',
  attempts: 1,
};

export const unrescue: OperationTable = {
  name: 'unrescue',
  action: 'unrescue',
  actionEvent: 'compute_unrescue_instance',
  vmStates: ['rescued'],
  interrupts: [],
  steps: [
    { name: 'unrescue', effect: 'unrescue-guest', taskState: 'unrescuing', deadlineMs: 120_000 },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 1,
};
