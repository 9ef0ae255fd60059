// Small changes are refused while a server is being built, in error, or gone to the shelf (nova: check_instance_state),
// before the instance is asked.
import type { VmState } from '#actors/domain/states.ts';
import { conflict } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

const restStates: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

/** Throws the 409 that says what `action` met. */
export function requireRestState({ server }: ComputeCall, action: string): void {
  if (restStates.includes(server.vmState)) return;
  throw conflict(
    `Cannot '${action}' instance ${server.id} while it is in vm_state ${server.vmState}`,
  );
}
