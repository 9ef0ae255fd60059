// Settles quota that was reserved for servers: looks whether each came to be. One that did not (the API process died
// between reserving and creating) can never be created any more, and its quota goes back.
import type { Router } from '#runtime/directory/router.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { bucketEntries } from '../domain/bucket-map.ts';
import { instances } from '../instance/protocol.ts';
import type { projectCommands, ProjectState } from './protocol.ts';

export interface ProjectServices {
  readonly env: Env;
  readonly router: Router;
  readonly states: StateView<ProjectState>;
}
type Settle = CommandNamed<typeof projectCommands, 'project.settle'>;

/** A create may still be on its way to a server that was reserved for a moment ago. */
const SETTLED_AFTER_MS = 20_000;

export function projectEffects(
  services: ProjectServices,
): (effect: { readonly id: string }, context: EffectContext) => Promise<Settle | undefined> {
  return async (effect, { entityId }) => {
    const state = services.states.get(entityId);
    if (state === undefined) return undefined;
    const nowMs = services.env.clock.now();
    const existing: string[] = [];
    const missing: string[] = [];
    for (const [serverId, reservedMs] of bucketEntries(state.pending)) {
      // One of the future was made before the clock was set back: nobody knows how long ago.
      const isRecent = reservedMs <= nowMs && reservedMs > nowMs - SETTLED_AFTER_MS;
      if (isRecent) continue;
      const requestId = `req-${effect.id}`;
      const answer = await services.router.ask(
        instances.ref(serverId),
        { type: 'instance.abandon' },
        { requestId },
      );
      (!isRefusal(answer) && answer.exists ? existing : missing).push(serverId);
    }
    return { type: 'project.settle', existing, missing };
  };
}
