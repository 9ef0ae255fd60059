// How anyone talks to an entity, wherever it lives. In one process: local.ts; in a cluster: by shard owner.
// Commands arrive at least once: `decide` knows a repeat by the ids that the command carries and answers it
// as before, without events.
import type { CommandCatalog, CommandNamed, EntityRef, ReplyOf } from '../message/protocol.ts';
import type { Refusal } from '../message/refusal.ts';

export interface AskOptions {
  /** The request that this is part of (`req-…`); it is stored with the events and comes back in Facts. */
  readonly requestId: string;
  /** Default 30 000. The ask rejects with a RuntimeFault `timeout` after it; the command may still take effect. */
  readonly deadlineMs?: number;
}

export interface Router {
  /**
   * Resolves once the command's events are durable, or with a refusal, or rejects with a RuntimeFault
   * (overloaded, timeout, unavailable …).
   */
  ask<P extends CommandCatalog, T extends keyof P & string>(
    ref: EntityRef<P>,
    command: CommandNamed<P, T>,
    options: AskOptions,
  ): Promise<ReplyOf<P, T> | Refusal>;
}
