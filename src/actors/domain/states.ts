// Nova's three words for a server's condition, and the one that users see. Values are spelled as on the wire.
// vm_state: stable; task_state: what is being done; power_state: what the hypervisor says.

export const vmStates = [
  'building',
  'active',
  'paused',
  'suspended',
  'stopped',
  'rescued',
  'resized',
  'soft-delete',
  'deleted',
  'error',
  'shelved',
  'shelved_offloaded',
] as const;
export type VmState = (typeof vmStates)[number];

export const taskStates = [
  'scheduling',
  'block_device_mapping',
  'networking',
  'spawning',
  'image_snapshot',
  'image_snapshot_pending',
  'image_pending_upload',
  'image_uploading',
  'image_backup',
  'updating_password',
  'resize_prep',
  'resize_migrating',
  'resize_migrated',
  'resize_finish',
  'resize_reverting',
  'resize_confirming',
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
  'powering-off',
  'powering-on',
  'rescuing',
  'unrescuing',
  'rebuilding',
  'rebuild_block_device_mapping',
  'rebuild_spawning',
  'migrating',
  'deleting',
  'soft-deleting',
  'restoring',
  'shelving',
  'shelving_image_pending_upload',
  'shelving_image_uploading',
  'shelving_offloading',
  'unshelving',
] as const;
export type TaskState = (typeof taskStates)[number];

/** nova.objects.fields.InstancePowerState: the numbers of the API. */
export const powerStates = {
  nostate: 0,
  running: 1,
  paused: 3,
  shutdown: 4,
  crashed: 6,
  suspended: 7,
} as const;
export type PowerState = keyof typeof powerStates;

type TaskStatuses = { readonly default: string } & { readonly [T in TaskState]?: string };

/** vm_state × task_state → status (nova.api.openstack.common, _STATE_MAP). */
const statuses: Readonly<Record<VmState, TaskStatuses>> = {
  active: {
    default: 'ACTIVE',
    rebooting: 'REBOOT',
    reboot_pending: 'REBOOT',
    reboot_started: 'REBOOT',
    rebooting_hard: 'HARD_REBOOT',
    reboot_pending_hard: 'HARD_REBOOT',
    reboot_started_hard: 'HARD_REBOOT',
    updating_password: 'PASSWORD',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
    migrating: 'MIGRATING',
    resize_prep: 'RESIZE',
    resize_migrating: 'RESIZE',
    resize_migrated: 'RESIZE',
    resize_finish: 'RESIZE',
  },
  building: { default: 'BUILD' },
  stopped: {
    default: 'SHUTOFF',
    resize_prep: 'RESIZE',
    resize_migrating: 'RESIZE',
    resize_migrated: 'RESIZE',
    resize_finish: 'RESIZE',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
    migrating: 'MIGRATING',
  },
  resized: { default: 'VERIFY_RESIZE', resize_reverting: 'REVERT_RESIZE' },
  paused: { default: 'PAUSED', migrating: 'MIGRATING' },
  suspended: { default: 'SUSPENDED' },
  rescued: { default: 'RESCUE' },
  error: {
    default: 'ERROR',
    rebuilding: 'REBUILD',
    rebuild_block_device_mapping: 'REBUILD',
    rebuild_spawning: 'REBUILD',
  },
  deleted: { default: 'DELETED' },
  'soft-delete': { default: 'SOFT_DELETED' },
  shelved: { default: 'SHELVED' },
  shelved_offloaded: { default: 'SHELVED_OFFLOADED' },
};

/** The status that the API shows: `ACTIVE`, `BUILD`, `SHUTOFF`, … */
export function statusOf(vmState: VmState, taskState: TaskState | undefined): string {
  const row = statuses[vmState];
  return (taskState === undefined ? undefined : row[taskState]) ?? row.default;
}

/** What a status stands for: these task states of a vm_state, or all that have no status of their own. */
export interface StatusMeaning {
  readonly vmState: VmState;
  readonly taskStates: readonly TaskState[] | 'any-other';
}

/** For list filters; empty for an unknown status. */
export function statesOfStatus(status: string): readonly StatusMeaning[] {
  const wanted = status.toUpperCase();
  return vmStates.flatMap((vmState): StatusMeaning[] => {
    const { default: usual, ...others } = statuses[vmState];
    if (usual === wanted) return [{ vmState, taskStates: 'any-other' }];
    const tasks = (Object.keys(others) as TaskState[]).filter(
      (task) => statuses[vmState][task] === wanted,
    );
    return tasks.length > 0 ? [{ vmState, taskStates: tasks }] : [];
  });
}
