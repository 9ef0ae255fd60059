// Drives a pure definition for tests: commands go in, state and every event so far come out. Invariants are checked
// after each command, as the shell does.
import type { EntityDefinition } from '#runtime/entity/definition.ts';
import type {
  CommandCatalog,
  CommandOf,
  EventCatalog,
  EventOf,
} from '#runtime/message/protocol.ts';
import { isRefusal, type Refusal } from '#runtime/message/refusal.ts';

export interface EntityRun<S, P extends CommandCatalog, V extends EventCatalog> {
  readonly state: S;
  readonly events: readonly EventOf<V>[];
  nowMs: number;
  requestId: string;
  /** The reply or the refusal. */
  send(command: CommandOf<P>): unknown;
  /** The refusal's code; throws when the command was accepted. */
  refusal(command: CommandOf<P>): Refusal;
}

export function runEntity<S, P extends CommandCatalog, V extends EventCatalog>(
  definition: EntityDefinition<S, P, V>,
  id: string,
): EntityRun<S, P, V> {
  const events: EventOf<V>[] = [];
  let state = definition.initial(id);
  let requests = 0;
  const run = {
    nowMs: 1_000,
    requestId: '',
    get state() {
      return state;
    },
    events,
    send(command: CommandOf<P>): unknown {
      requests += 1;
      const requestId = run.requestId === '' ? `req-${requests}` : run.requestId;
      const outcome = definition.decide(state, command, { nowMs: run.nowMs, requestId });
      if (isRefusal(outcome)) return outcome;
      for (const event of outcome.events) {
        state = definition.evolve(state, event);
        events.push(event);
      }
      const broken = definition.invariants(state);
      if (broken.length > 0) throw new Error(broken.join('; '));
      return outcome.reply;
    },
    refusal(command: CommandOf<P>): Refusal {
      const answer = run.send(command);
      if (!isRefusal(answer)) throw new Error(`${command.type} was accepted`);
      return answer;
    },
  };
  return run;
}
