// Shelve: the guest is stopped and its disk becomes an image, from which the server can be made again anywhere. What fails
// before that image has its bytes leaves the server as it was, and running if it ran. Offload takes what is on the host
// away, with the host's word, and gives its resources back; the ports stay, and so does the server's part of the quota.
import { SHUTDOWN_GRACE_MS } from './power.ts';
import type { OperationTable } from './table.ts';

const REGISTER_MS = 30_000;
/** Whole disks are copied and travel. */
const COPY_MS = 1_800_000;

export const shelve: OperationTable = {
  name: 'shelve',
  action: 'shelve',
  actionEvent: 'compute_shelve_instance',
  vmStates: ['active', 'stopped', 'paused', 'suspended'],
  interrupts: [],
  steps: [
    { name: 'register', effect: 'register-image', taskState: 'shelving', deadlineMs: REGISTER_MS },
    {
      name: 'stop',
      effect: 'stop-guest',
      taskState: 'shelving',
      deadlineMs: SHUTDOWN_GRACE_MS + 60_000,
      undo: 'restart-guest',
    },
    {
      name: 'copy',
      effect: 'snapshot-guest',
      taskState: 'shelving_image_pending_upload',
      deadlineMs: COPY_MS,
    },
    {
      name: 'upload',
      effect: 'upload-snapshot',
      taskState: 'shelving_image_uploading',
      deadlineMs: COPY_MS,
    },
    // A step of its own: until the upload is on record the copy may be wanted again.
    {
      name: 'clean',
      effect: 'drop-snapshot',
      taskState: 'shelving_image_uploading',
      deadlineMs: REGISTER_MS,
    },
  ],
  success: { vmState: 'shelved', power: 'shutdown' },
  failure: 'restore',
  attempts: 1,
};

export const shelveOffload: OperationTable = {
  name: 'shelve-offload',
  action: 'shelveOffload',
  actionEvent: 'compute_shelve_offload_instance',
  vmStates: ['shelved'],
  interrupts: [],
  steps: [
    {
      name: 'destroy',
      effect: 'destroy-guest',
      taskState: 'shelving_offloading',
      deadlineMs: 60_000,
    },
    {
      name: 'release',
      effect: 'release-offloaded',
      taskState: 'shelving_offloading',
      deadlineMs: 60_000,
    },
  ],
  success: { vmState: 'shelved_offloaded', power: 'shutdown' },
  // Tried again by itself: what is left of the host's part is on record.
  failure: 'restore',
  attempts: 1,
  worksWithoutHost: true,
};
