// Every operation by name. A new one joins here, and by that joins the documents, path tests and crash tests.
import type { OperationName } from '../protocol.ts';
import { evacuate } from './evacuate.ts';
import { changeAddresses } from './change-addresses.ts';
import { confirmResize } from './confirm-resize.ts';
import { create } from './create.ts';
import { attachInterface, detachInterface } from './interfaces.ts';
import { remove } from './delete.ts';
import { pause, unpause } from './pause.ts';
import { start, stop } from './power.ts';
import { reboot, rebootHard } from './reboot.ts';
import { liveMigrate } from './live-migrate.ts';
import { migrate, resize } from './resize.ts';
import { revertResize } from './revert-resize.ts';
import { rebuild } from './rebuild.ts';
import { rescue, unrescue } from './rescue.ts';
import { backup, snapshot } from './snapshot.ts';
import { setPassword } from './set-password.ts';
import { restore, softDelete } from './soft-delete.ts';
import { resume, suspend } from './suspend.ts';
import { shelve, shelveOffload } from './shelve.ts';
import { unshelve, unshelveOffloaded } from './unshelve.ts';
import type { OperationTable, Step } from './table.ts';

export const operations: Readonly<Record<OperationName, OperationTable>> = {
  create,
  delete: remove,
  start,
  stop,
  reboot,
  'reboot-hard': rebootHard,
  pause,
  unpause,
  suspend,
  resume,
  resize,
  migrate,
  'confirm-resize': confirmResize,
  'revert-resize': revertResize,
  rebuild,
  rescue,
  unrescue,
  snapshot,
  backup,
  'soft-delete': softDelete,
  restore,
  evacuate,
  'attach-interface': attachInterface,
  'detach-interface': detachInterface,
  shelve,
  'shelve-offload': shelveOffload,
  unshelve,
  'unshelve-offloaded': unshelveOffloaded,
  'set-password': setPassword,
  'change-addresses': changeAddresses,
  'live-migrate': liveMigrate,
};

/** The step with this index, which must exist: indices in states come from the same tables. */
export function stepAt(operation: OperationName, index: number): Step {
  const step = operations[operation].steps[index];
  if (step === undefined) throw new Error(`operation ${operation} has no step ${index}`);
  return step;
}

/** The highest step at or below `index`, which has failed, that is to be taken back; nothing before a final step that is done. */
export function nextUndo(operation: OperationName, index: number): number | undefined {
  for (let step = index; step >= 0; step -= 1) {
    const { undo, isFinal } = stepAt(operation, step);
    if (isFinal === true && step !== index) return undefined;
    if (undo !== undefined) return step;
  }
  return undefined;
}
