// Pause: the guest's vCPUs stand still, its memory stays on the host.
import type { OperationTable } from './table.ts';

export const pause: OperationTable = {
  name: 'pause',
  action: 'pause',
  actionEvent: 'compute_pause_instance',
  vmStates: ['active'],
  interrupts: [],
  steps: [{ name: 'pause', effect: 'pause-guest', taskState: 'pausing', deadlineMs: 30_000 }],
  success: { vmState: 'paused', power: 'paused' },
  failure: 'restore',
  attempts: 1,
};

export const unpause: OperationTable = {
  name: 'unpause',
  action: 'unpause',
  actionEvent: 'compute_unpause_instance',
  vmStates: ['paused'],
  interrupts: [],
  steps: [{ name: 'unpause', effect: 'unpause-guest', taskState: 'unpausing', deadlineMs: 30_000 }],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};
