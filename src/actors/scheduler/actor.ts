// The scheduler as an actor: placements queue in its mailbox, and when they are too many the next ones are told so at
// once. It remembers nothing; any controller may run several.
import type { ActorRef, ActorSystem, Reply } from '#runtime/system/system.ts';
import type { RequestSpec, Selection } from './protocol.ts';
import type { ViewScheduler } from './view-scheduler.ts';

interface SelectMessage {
  readonly spec: RequestSpec;
  readonly reply: Reply<Selection>;
}

const MAILBOX = 5_000;
const DEADLINE_MS = 10_000;

export class SchedulerActor {
  readonly #ref: ActorRef<SelectMessage>;

  constructor(options: {
    readonly system: ActorSystem;
    readonly name: string;
    readonly scheduler: ViewScheduler;
  }) {
    const { system, name, scheduler } = options;
    this.#ref = system.spawn<SelectMessage>({
      name,
      capacity: MAILBOX,
      handler: async ({ spec, reply }) => {
        try {
          reply(await scheduler.select(spec));
        } catch (error) {
          reply.fail(error);
          throw error;
        }
      },
    });
  }

  /** Rejects with a RuntimeFault: overloaded, timeout, crashed, stopped. */
  select(spec: RequestSpec): Promise<Selection> {
    return this.#ref.ask((reply) => ({ spec, reply }), { deadlineMs: DEADLINE_MS });
  }
}
