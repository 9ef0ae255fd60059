// Settles quota that was reserved for servers: looks whether each came to be. One that did not (the API process died
// between reserving and creating) can never be created any more, and its quota goes back.
import type { Router } from '#runtime/directory/router.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { instances } from '../instance/protocol.ts';
import type { projectCommands, ProjectState } from './protocol.ts';

export function projectEffects(services: {
  readonly router: Router;
  readonly states: StateView<ProjectState>;
}): (
  effect: { readonly id: string },
  context: EffectContext,
) => Promise<CommandNamed<typeof projectCommands, 'project.settle'> | undefined> {
  return async (effect, { entityId }) => {
    const pending = [...(services.states.get(entityId)?.pending.keys() ?? [])];
    const existing: string[] = [];
    const missing: string[] = [];
    for (const serverId of pending) {
      const answer = await services.router.ask(
        instances.ref(serverId),
        { type: 'instance.abandon' },
        { requestId: `req-${effect.id}` },
      );
      (!isRefusal(answer) && answer.exists ? existing : missing).push(serverId);
    }
    return { type: 'project.settle', existing, missing };
  };
}
