// One address more or less on a port that a server has: first in the network service, then in the DHCP of its host. What
// the network service did stays, whatever becomes of the rest: the next start of the guest brings it to the host.
import type { OperationTable } from './table.ts';

export const changeAddresses: OperationTable = {
  name: 'change-addresses',
  action: 'changeFixedIps',
  actionEvent: 'compute_change_fixed_ips',
  vmStates: ['active', 'paused', 'stopped', 'suspended', 'rescued'],
  interrupts: [],
  steps: [
    {
      name: 'addresses',
      effect: 'change-addresses',
      taskState: 'networking',
      deadlineMs: 60_000,
    },
    { name: 'host', effect: 'attach-interface', taskState: 'networking', deadlineMs: 60_000 },
  ],
  success: {
    vmState: 'active',
    power: 'running',
    keeps: ['paused', 'stopped', 'suspended', 'rescued'],
  },
  failure: 'restore',
  attempts: 1,
};
