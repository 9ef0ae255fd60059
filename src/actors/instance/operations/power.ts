// Power on and off. A guest that ignores the power button is switched off after its grace.
import type { OperationTable } from './table.ts';

/** How long a guest may take to shut down by itself (nova.conf shutdown_timeout). */
export const SHUTDOWN_GRACE_MS = 60_000;

export const start: OperationTable = {
  name: 'start',
  action: 'start',
  actionEvent: 'compute_start_instance',
  vmStates: ['stopped'],
  interrupts: [],
  steps: [{ name: 'start', effect: 'start-guest', taskState: 'powering-on', deadlineMs: 60_000 }],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};

export const stop: OperationTable = {
  name: 'stop',
  action: 'stop',
  actionEvent: 'compute_stop_instance',
  vmStates: ['active', 'error'],
  interrupts: [],
  steps: [
    {
      name: 'stop',
      effect: 'stop-guest',
      taskState: 'powering-off',
      deadlineMs: SHUTDOWN_GRACE_MS + 30_000,
    },
  ],
  success: { vmState: 'stopped', power: 'shutdown' },
  failure: 'restore',
  attempts: 1,
};
