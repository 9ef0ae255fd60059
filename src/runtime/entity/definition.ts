// What makes a durable actor: four pure functions (DESIGN §2). The shell in entity.ts runs them.
// Nothing here may know time, chance or I/O: facts bring them in as plain values.
import type { CommandCatalog, CommandOf, EventCatalog, EventOf } from '../message/protocol.ts';
import type { Refusal } from '../message/refusal.ts';

/** What the shell knows at the moment of a command. */
export interface Facts {
  /** Wall time in milliseconds, for people. */
  readonly nowMs: number;
  /** The request that this command is part of: `req-…`. */
  readonly requestId: string;
}

export interface Accepted<E, R> {
  /** May be empty: then nothing is appended. */
  readonly events: readonly E[];
  readonly reply: R;
}

/** Work that must be under way while the state says so. Equal ids are the same work, also after a crash. */
export interface Effect {
  readonly id: string;
  readonly kind: string;
  /** Wait this long before the first try (a retry's back-off, a deadline's timer). */
  readonly afterMs?: number;
  /** The request that it serves: what it reports carries this id. */
  readonly requestId?: string;
}

export interface EntityDefinition<
  S,
  P extends CommandCatalog = CommandCatalog,
  V extends EventCatalog = EventCatalog,
  X extends Effect = Effect,
> {
  readonly kind: string;
  readonly commands: P;
  readonly events: V;
  /** Shape number of the state in snapshots; another number makes the shell replay from events. */
  readonly schema: number;
  initial(id: string): S;
  decide(state: S, command: CommandOf<P>, facts: Facts): Accepted<EventOf<V>, unknown> | Refusal;
  /** Total: never fails, never looks at a clock. */
  evolve(state: S, event: EventOf<V>): S;
  todo(state: S): readonly X[];
  /** What must never be; empty when all is well. Checked after every evolve, in production too. */
  invariants(state: S): readonly string[];
  /** In one word or two, for the log: `active/-`. A change is logged when the words change. */
  describe?(state: S): string;
  /** Snapshot after this many events; default 100. Large states want more. */
  readonly snapshotEvery?: number;
  /** Events that a snapshot covers are of no further interest: drop them. */
  readonly dropsHistory?: boolean;
}

/** Any definition, seen by those who run all kinds alike. */
export interface AnyEntityDefinition {
  readonly kind: string;
  readonly commands: CommandCatalog;
  readonly events: EventCatalog;
  readonly schema: number;
  initial(id: string): unknown;
  decide(
    state: never,
    command: never,
    facts: Facts,
  ): Accepted<{ readonly type: string }, unknown> | Refusal;
  evolve(state: never, event: never): unknown;
  todo(state: never): readonly Effect[];
  invariants(state: never): readonly string[];
  describe?(state: never): string;
  readonly snapshotEvery?: number;
  readonly dropsHistory?: boolean;
}

export function accept<E, R>(events: readonly E[], reply: R): Accepted<E, R> {
  return { events, reply };
}
