// For the few calls that Nova answers only when the work on the host is done: waits for a server's state, by its changes
// and within a bound, and tells what became of an operation by the record of it.
import type { ActionRecord, InstanceState } from '#actors/instance/state.ts';
import type { OperationName } from '#actors/instance/protocol.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { operations } from '#actors/instance/operations/all.ts';
import { ComputeFault } from '../../envelope.ts';
import type { ComputeCall } from '../../route.ts';
import { operate } from '../operate.ts';

/** Longer than all steps of such an operation and their undo may take. */
const OPERATION_MS = 240_000;

/** The server once it is so; undefined when it was not in time. */
export function untilServer(
  { context, server: { id } }: ComputeCall,
  isSo: (server: InstanceState) => boolean,
  withinMs: number,
): Promise<InstanceState | undefined> {
  return new Promise((resolve) => {
    const settle = (server: InstanceState | undefined): void => {
      cancel();
      unsubscribe();
      resolve(server);
    };
    const cancel = context.env.timers.after(withinMs, () => settle(undefined));
    const unsubscribe = context.servers.subscribe((change) => {
      if (change.id === id && isSo(change.after)) settle(change.after);
    });
    const now = context.servers.get(id);
    if (now !== undefined && isSo(now)) settle(now);
  });
}

export interface OperationFailure {
  /** Of the operation's fault: 500 for trouble inside. */
  readonly code: number;
  readonly message: string;
}

/** Starts an operation and waits for its end. A refusal ends the request; a failure is for the caller to put in words. */
export async function operateToEnd(
  call: ComputeCall,
  operation: OperationName,
  options: { readonly action: string; readonly parameters: OperationParameters },
): Promise<OperationFailure | undefined> {
  await operate(call, operation, options);
  const { action } = operations[operation];
  const record = ({ actions }: InstanceState): ActionRecord | undefined =>
    actions.findLast((one) => one.requestId === call.requestId && one.action === action);
  const isOver = (server: InstanceState): boolean =>
    record(server)?.events.every(({ result }) => result !== undefined) === true;
  const ended = await untilServer(call, isOver, OPERATION_MS);
  if (ended === undefined)
    throw new ComputeFault(
      500,
      `The operation ${action} on instance ${call.server.id} was not done within ${OPERATION_MS / 1000} s; its state shows what becomes of it.`,
    );
  const failed = record(ended)?.events.find(({ result }) => result === 'Error');
  if (failed === undefined) return undefined;
  const { code = 500, details = '' } = failed;
  return { code, message: details.split('\n')[0] ?? '' };
}
