// Operations that begin by themselves when their moment has come: a move is confirmed, a deleted server is deleted for good,
// a shelved one leaves its host. All in the owner's name: it is what they agreed to by asking for what went before.
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { Env } from '#runtime/env/env.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { instanceCommands, OperationName } from './protocol.ts';
import { OFFLOAD_AGAIN_MS } from './shelving.ts';
import type { InstanceState } from './state.ts';
import type { InstanceEffect } from './todo.ts';

type Operate = CommandNamed<typeof instanceCommands, 'instance.operate'>;

interface Timed {
  readonly kind: 'auto-confirm' | 'reclaim' | 'auto-offload';
  readonly effect: InstanceEffect;
  readonly state: InstanceState;
  readonly context: EffectContext;
}

/** Undefined when it is not wanted any more. */
export async function timedOperation(
  env: Pick<Env, 'clock' | 'timers'>,
  timed: Timed,
): Promise<Operate | undefined> {
  const { kind, effect, state, context } = timed;
  switch (kind) {
    case 'auto-confirm':
      return ofOwner(state, 'confirm-resize', effect.operationId);
    case 'reclaim':
      if (!(await untilMoment(env, context, state.reclaimAtMs ?? 0))) return undefined;
      return ofOwner(state, 'delete', `${effect.id}-${state.id}`);
    case 'auto-offload':
      if (!(await untilMoment(env, context, state.shelved?.offloadAtMs ?? 0, waitsAtMostMs(state))))
        return undefined;
      return ofOwner(state, 'shelve-offload', `${effect.id}-${state.id}`);
    default:
      return unreachable(kind);
  }
}

function ofOwner(
  { request }: InstanceState,
  operation: OperationName,
  operationId: string,
): Operate {
  const { userId = '', projectId = '' } = request ?? {};
  const actor = { userId, projectId, isAdmin: true };
  return { type: 'instance.operate', operation, operationId, actor };
}

/** One that has left its host in part waits for no clock that was set back. */
function waitsAtMostMs({ shelved }: InstanceState): number {
  return shelved?.isLeaving === true ? OFFLOAD_AGAIN_MS : Number.POSITIVE_INFINITY;
}

/** Clocks are set now and then. */
const LOOK_MS = 60_000;

/**
 * Waits by the clock on the wall, so that the wait goes on after a crash and does not begin anew, and no longer than
 * `longestMs` from now. False if it was given up.
 */
async function untilMoment(
  env: Pick<Env, 'clock' | 'timers'>,
  { signal }: EffectContext,
  atMs: number,
  longestMs = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const endMs = env.clock.monotonic() + longestMs;
  for (;;) {
    const leftMs = Math.min(atMs - env.clock.now(), endMs - env.clock.monotonic());
    if (signal.aborted) return false;
    if (leftMs <= 0) return true;
    await new Promise<void>((resolve) => {
      const cancel = env.timers.after(Math.min(leftMs, LOOK_MS), resolve);
      signal.addEventListener('abort', () => (cancel(), resolve()), { once: true });
    });
  }
}
