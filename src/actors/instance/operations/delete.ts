// The end of a server, from any state: first the guest, with the host's word that it is gone for good, then what it
// held. Nothing is given back before that word, so nothing can be held twice. Without it the server stays as it was; only
// what a move had claimed that was interrupted goes.
import type { OperationTable } from './table.ts';

export const remove: OperationTable = {
  name: 'delete',
  action: 'delete',
  actionEvent: 'compute_terminate_instance',
  vmStates: 'any',
  interrupts: 'any',
  steps: [
    {
      name: 'destroy',
      effect: 'destroy-guest',
      taskState: 'deleting',
      deadlineMs: 60_000,
      undo: 'release-interrupted',
    },
    { name: 'release', effect: 'release-all', taskState: 'deleting', deadlineMs: 60_000 },
  ],
  success: { vmState: 'deleted', power: 'nostate' },
  failure: 'error',
  attempts: 1,
};
