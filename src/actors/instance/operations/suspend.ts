// Suspend: the guest's memory is written to the host's disk and the guest ends; resume reads it back.
import type { OperationTable } from './table.ts';

export const suspend: OperationTable = {
  name: 'suspend',
  action: 'suspend',
  actionEvent: 'compute_suspend_instance',
  vmStates: ['active'],
  interrupts: [],
  steps: [
    { name: 'suspend', effect: 'suspend-guest', taskState: 'suspending', deadlineMs: 120_000 },
  ],
  success: { vmState: 'suspended', power: 'shutdown' },
  failure: 'restore',
  attempts: 1,
};

export const resume: OperationTable = {
  name: 'resume',
  action: 'resume',
  actionEvent: 'compute_resume_instance',
  vmStates: ['suspended'],
  interrupts: [],
  steps: [{ name: 'resume', effect: 'resume-guest', taskState: 'resuming', deadlineMs: 120_000 }],
  success: { vmState: 'active', power: 'running' },
  failure: 'error',
  attempts: 1,
};
