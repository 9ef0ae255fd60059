// A port more, or one less, on a server that runs, stands still or is off. The port is made or taken before the guest gets
// it, and given back only after the guest has let go of it: what is left over of either is the instance's loose port
// (interfaces.ts). task_state: Nova shows none; the one that it has for a server's network is shown here.
import type { OperationTable } from './table.ts';

const shared = {
  vmStates: ['active', 'paused', 'stopped'],
  interrupts: [],
  success: { vmState: 'active', power: 'running', keeps: ['paused', 'stopped'] },
  failure: 'restore',
  attempts: 1,
} as const satisfies Partial<OperationTable>;

export const attachInterface: OperationTable = {
  ...shared,
  name: 'attach-interface',
  action: 'attach_interface',
  actionEvent: 'compute_attach_interface',
  steps: [
    { name: 'port', effect: 'take-port', taskState: 'networking', deadlineMs: 60_000 },
    {
      name: 'attach',
      effect: 'attach-interface',
      taskState: 'networking',
      deadlineMs: 90_000,
      undo: 'detach-interface',
    },
  ],
};

export const detachInterface: OperationTable = {
  ...shared,
  name: 'detach-interface',
  action: 'detach_interface',
  actionEvent: 'compute_detach_interface',
  steps: [
    {
      name: 'detach',
      effect: 'detach-interface',
      taskState: 'networking',
      deadlineMs: 90_000,
      undo: 'attach-interface',
    },
  ],
};
