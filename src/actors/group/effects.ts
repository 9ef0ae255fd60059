// Settles members that joined before their servers were created: looks whether each came to be. One that did not (the
// API process died in between) can never be created any more, and leaves its group.
import type { Router } from '#runtime/directory/router.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { instances } from '../instance/protocol.ts';
import { pendingServers } from './core.ts';
import type { serverGroupCommands, ServerGroupsState } from './protocol.ts';

export interface ServerGroupServices {
  readonly env: Env;
  readonly router: Router;
  readonly states: StateView<ServerGroupsState>;
}
type Settle = CommandNamed<typeof serverGroupCommands, 'server-group.settle'>;

/** A create may still be on its way to a server that joined a moment ago. */
const SETTLED_AFTER_MS = 20_000;

export function serverGroupEffects(
  services: ServerGroupServices,
): (effect: { readonly id: string }, context: EffectContext) => Promise<Settle | undefined> {
  return async (effect, { entityId }) => {
    const state = services.states.get(entityId);
    if (state === undefined) return undefined;
    const nowMs = services.env.clock.now();
    const existing: string[] = [];
    const missing: string[] = [];
    for (const { serverId, sinceMs } of pendingServers(state)) {
      // One of the future was made before the clock was set back: nobody knows how long ago.
      const isRecent = sinceMs <= nowMs && sinceMs > nowMs - SETTLED_AFTER_MS;
      if (isRecent) continue;
      const answer = await services.router.ask(
        instances.ref(serverId),
        { type: 'instance.abandon' },
        { requestId: `req-${effect.id}` },
      );
      (!isRefusal(answer) && answer.exists ? existing : missing).push(serverId);
    }
    return { type: 'server-group.settle', existing, missing };
  };
}
