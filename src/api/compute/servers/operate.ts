// How the API tells an instance what to do, and what its refusals mean to the caller.
import type { OperationParameters } from '#actors/instance/parameters.ts';
import type { OperationName } from '#actors/instance/protocol.ts';
import { type instanceCommands, instances } from '#actors/instance/protocol.ts';
import type { CommandNamed, ReplyOf } from '#runtime/message/protocol.ts';
import { isRefusal, refuse } from '#runtime/message/refusal.ts';
import { refusalFault } from '../envelope.ts';
import type { ComputeCall } from '../route.ts';

type Commands = typeof instanceCommands;

export interface Actor {
  readonly userId: string;
  readonly projectId: string;
  readonly isAdmin: boolean;
}

export function actorOf(call: ComputeCall): Actor {
  const { userId, projectId, isAdmin } = call.caller;
  return { userId, projectId: projectId ?? '', isAdmin };
}

/** Asks the call's server; a refusal ends the request, with `action` as the word for what was asked. */
export async function askServer<T extends keyof Commands>(
  call: ComputeCall,
  action: string,
  command: CommandNamed<Commands, T>,
): Promise<ReplyOf<Commands, T>> {
  const { id } = call.server;
  const answer = await call.context.router.ask<Commands, T>(instances.ref(id), command, {
    requestId: call.requestId,
  });
  if (isRefusal(answer))
    throw refusalFault(refuse(answer.refused, { ...answer.detail, id, action }));
  return answer;
}

/** Starts a lifecycle operation on the call's server. */
export async function operate(
  call: ComputeCall,
  operation: OperationName,
  options: { readonly action?: string; readonly parameters?: OperationParameters } = {},
): Promise<void> {
  await askServer(call, options.action ?? operation, {
    type: 'instance.operate',
    operation,
    operationId: call.context.env.random.uuid(),
    actor: actorOf(call),
    ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
  });
}

/** The same for one that takes parameters. */
export function operateWith(
  call: ComputeCall,
  operation: OperationName,
  parameters: OperationParameters | undefined,
  action: string = operation,
): Promise<void> {
  return operate(call, operation, {
    action,
    ...(parameters === undefined ? {} : { parameters }),
  });
}
