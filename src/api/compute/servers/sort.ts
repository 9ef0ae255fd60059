// The order of a server list: keys and directions as asked, then age and id, so that pages never overlap.
// Pure but for the faults thrown.
import { powerStates } from '#actors/domain/states.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { present } from '#runtime/assert.ts';
import { badRequest, forbidden } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';
import { ignoredSortKeys, type sortKeyNames } from './schemas-list.ts';

export interface ServerOrder {
  /** Newest first by age and id: the order in which the read model keeps them. */
  readonly isDefault: boolean;
  compare(left: InstanceState, right: InstanceState): number;
}

type SortKey = (typeof sortKeyNames)[number] | 'locked';
type Value = string | number | undefined;
type Direction = 'asc' | 'desc';

export function serverOrder(call: ComputeCall): ServerOrder {
  const { keys, directions } = usableKeys(call);
  if (directions.length > keys.length)
    throw badRequest('Invalid input received: Sort direction size exceeds sort key size');
  const wrong = directions.find((direction) => direction !== 'asc' && direction !== 'desc');
  if (wrong !== undefined)
    throw badRequest('Invalid input received: Unknown sort direction, must be one of: asc, desc');
  const rest = (directions[0] ?? 'asc') as Direction;
  const parts = keys.map((key, index): [SortKey, Direction] => [
    key,
    (directions[index] ?? rest) as Direction,
  ]);
  if (!keys.includes('created_at')) parts.push(['created_at', rest]);
  if (!keys.includes('uuid')) parts.push(['uuid', rest]);
  return {
    isDefault: parts.join(' ') === 'created_at,desc uuid,desc',
    compare: (left, right) => {
      for (const [key, direction] of parts) {
        const order = compareValues(valueOf[key](left), valueOf[key](right));
        if (order !== 0) return direction === 'asc' ? order : -order;
      }
      return 0;
    },
  };
}

function usableKeys(call: ComputeCall): { keys: SortKey[]; directions: string[] } {
  const keys = (call.query['sort_key'] ?? []).map((key) => key.trim());
  const directions = (call.query['sort_dir'] ?? []).map((direction) => direction.trim());
  if (keys.length === 0) keys.push('created_at');
  if (directions.length === 0) directions.push('desc');
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index];
    const usable = key === 'locked' && call.from(73);
    if (usable || !ignoredSortKeys.some((ignored) => ignored === key)) continue;
    keys.splice(index, 1);
    directions.splice(index, 1);
  }
  const closed = keys.find((key) => key === 'host' || key === 'node');
  if (closed !== undefined && !call.caller.isAdmin)
    throw forbidden(`Only administrators can sort servers by ${closed}`);
  const known = keys.filter((key): key is SortKey => Object.hasOwn(valueOf, key));
  return { keys: known, directions };
}

const ask = (state: InstanceState) => present(state.request, `request of server ${state.id}`);

const valueOf: Readonly<Record<SortKey, (state: InstanceState) => Value>> = {
  access_ip_v4: (state) => ask(state).accessIPv4,
  access_ip_v6: (state) => ask(state).accessIPv6,
  auto_disk_config: (state) => ask(state).diskConfig,
  availability_zone: (state) => state.grant?.availabilityZone ?? ask(state).availabilityZone,
  config_drive: (state) => (ask(state).configDrive ? 'True' : ''),
  created_at: (state) => state.createdAtMs,
  display_description: (state) => ask(state).description,
  display_name: (state) => ask(state).name,
  host: (state) => state.grant?.host,
  hostname: (state) => ask(state).hostname,
  image_ref: (state) => ask(state).image?.id,
  instance_type_id: (state) => ask(state).flavor.id,
  kernel_id: () => undefined,
  key_name: (state) => ask(state).key?.name,
  launch_index: (state) => ask(state).launchIndex,
  launched_at: (state) => state.launchedAtMs,
  locked: (state) => Number(state.locked),
  locked_by: (state) => (state.locked ? (state.lockedByAdmin ? 'admin' : 'owner') : undefined),
  node: (state) => state.grant?.node,
  power_state: (state) => powerStates[state.powerState],
  progress: () => 0,
  project_id: (state) => ask(state).projectId,
  ramdisk_id: () => undefined,
  root_device_name: () => undefined,
  task_state: (state) => state.taskState,
  terminated_at: (state) => state.terminatedAtMs,
  updated_at: (state) => state.updatedAtMs,
  user_id: (state) => ask(state).userId,
  uuid: (state) => state.id,
  vm_state: (state) => state.vmState,
};

/** Nothing comes before something; text in either case. */
function compareValues(left: Value, right: Value): number {
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const [a, b] = [String(left).toLowerCase(), String(right).toLowerCase()];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
