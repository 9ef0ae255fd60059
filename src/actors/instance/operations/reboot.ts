// Soft: the guest shuts down by itself and is started again (switched off if it doesn't). Hard: off and on.
import { SHUTDOWN_GRACE_MS } from './power.ts';
import type { OperationTable } from './table.ts';

export const reboot: OperationTable = {
  name: 'reboot',
  action: 'reboot',
  actionEvent: 'compute_reboot_instance',
  vmStates: ['active'],
  interrupts: [],
  steps: [
    {
      name: 'reboot',
      effect: 'reboot-guest',
      taskState: 'rebooting',
      deadlineMs: SHUTDOWN_GRACE_MS + 60_000,
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};

export const rebootHard: OperationTable = {
  name: 'reboot-hard',
  action: 'reboot',
  actionEvent: 'compute_reboot_instance',
  vmStates: ['active', 'stopped', 'paused', 'suspended', 'error'],
  interrupts: ['rebooting', 'rebooting_hard', 'resuming', 'unpausing', 'pausing', 'suspending'],
  steps: [
    { name: 'reset', effect: 'reset-guest', taskState: 'rebooting_hard', deadlineMs: 60_000 },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 1,
};
