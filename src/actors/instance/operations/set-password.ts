// Tells the guest's agent a new password. A guest without one is as it was, and so is the server.
import type { OperationTable } from './table.ts';

export const setPassword: OperationTable = {
  name: 'set-password',
  action: 'changePassword',
  actionEvent: 'compute_set_admin_password',
  vmStates: ['active'],
  interrupts: [],
  steps: [
    {
      name: 'set',
      effect: 'set-password',
      taskState: 'updating_password',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'active', power: 'running' },
  failure: 'restore',
  attempts: 1,
};
