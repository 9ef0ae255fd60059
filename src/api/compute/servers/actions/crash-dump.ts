// `trigger_crash_dump`, from 2.17: the guest's processors are interrupted as by a hardware fault, and a system that is set
// up for it dumps its memory. What the system does about it, nobody outside can tell; the server's state stays as it is.
import type { VmState } from '#actors/domain/states.ts';
import { NodeFault } from '#actors/node/protocol.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { ComputeFault, conflict, refusalFault } from '../../envelope.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';

const ACTION = 'trigger_crash_dump';
/** Where Nova allows it. */
const vmStates: readonly VmState[] = ['active', 'paused', 'rescued', 'resized', 'error'];
/** An interrupt that has not reached the host by then is given up. */
const GIVE_UP_MS = 10_000;

const body = {
  type: 'object',
  properties: { [ACTION]: { type: 'null' } },
  required: [ACTION],
  additionalProperties: false,
} as const;

export const crashDumpAction: ComputeAction = {
  name: ACTION,
  since: 17,
  policy: 'servers:trigger_crash_dump',
  body: [{ schema: body }],
  success: 202,
  handler: interrupt,
};

async function interrupt(call: ComputeCall): Promise<void> {
  const { server, context, requestId } = call;
  const { id, grant } = server;
  checkState(call);
  if (grant === undefined) throw conflict(`Instance ${id} is not ready`);
  const { random, timers } = context.env;
  const abort = new AbortController();
  const cancel = timers.after(GIVE_UP_MS, () => abort.abort());
  const order = {
    type: 'node.crash-dump',
    orderId: random.uuid(),
    serverId: id,
    runEpoch: grant.runEpoch,
    requestId,
  } as const;
  try {
    await context.nodes.perform(grant.host, order, { signal: abort.signal });
  } catch (error) {
    throw faultFor(error, id);
  } finally {
    cancel();
  }
}

function checkState({ server, caller }: ComputeCall): void {
  const { id, vmState, taskState, locked } = server;
  if (locked && !caller.isAdmin) throw refusalFault(refuse('instance-locked', { id }));
  const met = vmStates.includes(vmState)
    ? { attribute: 'task_state', state: taskState }
    : { attribute: 'vm_state', state: vmState };
  if (met.state !== undefined)
    throw refusalFault(refuse('instance-wrong-state', { id, action: ACTION, ...met }));
}

function faultFor(error: unknown, id: string): unknown {
  if (!(error instanceof NodeFault)) return error;
  if (error.code === 'not-found')
    return conflict(`Cannot '${ACTION}' instance ${id}: its guest does not run`);
  const words = `Instance ${id} can't be interrupted now: ${error.message}`;
  return new ComputeFault(503, words, { 'retry-after': '1' });
}
