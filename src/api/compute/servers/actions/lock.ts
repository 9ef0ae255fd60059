// `lock` and `unlock`: a locked server takes no orders but an administrator's. A lock by an administrator from outside
// the project is one that its members can't undo.
import { demand } from '../../policy.ts';
import type { ComputeAction, ComputeCall } from '../../route.ts';
import { actorOf, askServer } from '../operate.ts';

const lockBody = {
  type: 'object',
  properties: {
    lock: {
      type: ['object', 'null'],
      properties: { locked_reason: { type: 'string', minLength: 1, maxLength: 255 } },
      additionalProperties: false,
    },
  },
  required: ['lock'],
  additionalProperties: false,
} as const;

const isOwner = ({ caller, server }: ComputeCall): boolean =>
  caller.projectId === server.request?.projectId;

export const lockAction: ComputeAction = {
  name: 'lock',
  policy: 'os-lock-server:lock',
  body: [{ since: 73, schema: lockBody }],
  success: 202,
  handler: async (call) => {
    const owns = isOwner(call);
    if (owns && call.server.locked) return;
    const { lock } = call.body as { readonly lock: { readonly locked_reason?: string } | null };
    const reason = call.from(73) ? lock?.locked_reason : undefined;
    await askServer(call, 'lock', {
      type: 'instance.lock',
      actor: { ...actorOf(call), isAdmin: call.caller.isAdmin && !owns },
      locked: true,
      ...(reason === undefined ? {} : { reason }),
    });
  },
};

export const unlockAction: ComputeAction = {
  name: 'unlock',
  policy: 'os-lock-server:unlock',
  success: 202,
  handler: async (call) => {
    const isExpected = call.server.locked && call.server.lockedByAdmin !== isOwner(call);
    if (!isExpected && call.server.locked) demand(call, 'os-lock-server:unlock:unlock_override');
    await askServer(call, 'unlock', {
      type: 'instance.lock',
      actor: actorOf(call),
      locked: false,
    });
  },
};
