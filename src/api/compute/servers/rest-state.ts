// Small changes are refused while a server is not at rest (nova: check_instance_state), before the instance is asked.
import type { VmState } from '#actors/domain/states.ts';
import { conflict } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

const restStates: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

/** Throws the 409 that says what `action` met. */
export function requireRestState(
  { server }: ComputeCall,
  action: string,
  options: { readonly allowTask: boolean },
): void {
  const met = restStates.includes(server.vmState)
    ? options.allowTask || server.taskState === undefined
      ? undefined
      : `task_state ${server.taskState}`
    : `vm_state ${server.vmState}`;
  if (met !== undefined)
    throw conflict(`Cannot '${action}' instance ${server.id} while it is in ${met}`);
}
