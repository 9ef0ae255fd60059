// Actors of one process: supervised, watched, stopped in order, with bounded mailboxes and dead letters.
// How they behave stands in actor.ts; nact runs the mailboxes underneath and is seen nowhere else (DESIGN §4).
import { assert } from '../assert.ts';
import type { Env } from '../env/env.ts';
import type { ActorFault, ActorRef, AnyActorRef, SpawnOptions, Termination } from './actor.ts';
import { Cell, type CellHost } from './cell.ts';
import { DeadLetterOffice, type DeadLetters } from './dead-letters.ts';
import { RuntimeFault } from './faults.ts';
import { createMailboxes } from './mailboxes.ts';

export type { ActorContext, ActorFault, ActorRef, AnyActorRef, Reply } from './actor.ts';
export type { SpawnOptions, Supervision, Termination } from './actor.ts';

export interface ActorSystemOptions {
  readonly env: Env;
  readonly name: string;
  /** An actor that takes longer than this to stop, once its children have, is cut off. Default 30 000. */
  readonly stopDeadlineMs?: number;
}

export interface SystemStats {
  /** Actors that have not stopped. */
  readonly actors: number;
  readonly restarts: number;
  readonly failures: number;
}

export interface ActorSystem {
  readonly name: string;
  readonly deadLetters: DeadLetters;
  /** Throws a RuntimeFault `stopped` if the system or the parent has stopped. */
  spawn<M>(options: SpawnOptions<M>): ActorRef<M>;
  /**
   * Resolves when the actor has stopped: its children, the message in hand, onStop, then watchers are told. Messages
   * still waiting become dead letters. Never rejects.
   */
  stop(ref: AnyActorRef): Promise<void>;
  /** Calls `watcher` once when the actor has ended, soon if it has already. Returns the way out. */
  watch(ref: AnyActorRef, watcher: (end: Termination) => void): () => void;
  /** Hears of every crash and failure, which are logged in any case. Returns the way out. */
  onFault(listener: (fault: ActorFault) => void): () => void;
  stats(): SystemStats;
  /** Stops all actors, those without a parent one by one, the youngest first. Nothing can be spawned afterwards. */
  shutdown(): Promise<void>;
  /** What kill -9 does, for simulations: nothing runs any more, nobody is told, no onStop. */
  abandon(): void;
}

export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  return new System(options);
}

class System implements ActorSystem, CellHost {
  readonly name: string;
  readonly env: Env;
  readonly stopDeadlineMs: number;
  readonly deadLetters: DeadLetterOffice;
  readonly mailboxes;
  isAbandoned = false;
  readonly #roots = new Set<Cell>();
  readonly #faultListeners = new Set<(fault: ActorFault) => void>();
  readonly #stats = { actors: 0, restarts: 0, failures: 0 };
  #lastId = 0;
  #shutdown: Promise<void> | undefined;

  constructor({ env, name, stopDeadlineMs = 30_000 }: ActorSystemOptions) {
    this.name = name;
    this.env = env;
    this.stopDeadlineMs = stopDeadlineMs;
    this.deadLetters = new DeadLetterOffice(env);
    this.mailboxes = createMailboxes(name);
  }

  spawn<M>(options: SpawnOptions<M>): ActorRef<M> {
    if (this.#shutdown !== undefined) {
      throw new RuntimeFault(
        'stopped',
        `${options.name} can't be spawned: ${this.name} has stopped`,
      );
    }
    const parent = options.parent === undefined ? undefined : this.#cellOf(options.parent);
    return new Cell(this, options as SpawnOptions<unknown>, parent);
  }

  stop(ref: AnyActorRef): Promise<void> {
    return this.#cellOf(ref).end();
  }

  watch(ref: AnyActorRef, watcher: (end: Termination) => void): () => void {
    return this.#cellOf(ref).watch(watcher);
  }

  onFault(listener: (fault: ActorFault) => void): () => void {
    this.#faultListeners.add(listener);
    return () => void this.#faultListeners.delete(listener);
  }

  stats(): SystemStats {
    return { ...this.#stats };
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stopRoots();
    return this.#shutdown;
  }

  abandon(): void {
    this.isAbandoned = true;
    this.mailboxes.dispose();
  }

  added(cell: Cell, isRoot: boolean): number {
    if (isRoot) this.#roots.add(cell);
    this.#stats.actors += 1;
    this.#lastId += 1;
    return this.#lastId;
  }

  removed(cell: Cell): void {
    this.#roots.delete(cell);
    this.#stats.actors -= 1;
  }

  report(fault: ActorFault): void {
    const { error, ...about } = fault;
    if (fault.kind === 'restarting') {
      this.#stats.restarts += 1;
      this.env.log.warn({ ...about, err: error }, 'an actor crashed and is restarted');
    } else {
      this.#stats.failures += 1;
      this.env.log.error({ ...about, err: error }, 'an actor failed');
    }
    for (const listener of this.#faultListeners) {
      try {
        listener(fault);
      } catch (listenerError) {
        this.env.log.error({ err: listenerError }, 'a fault listener failed');
      }
    }
  }

  async #stopRoots(): Promise<void> {
    for (const root of [...this.#roots].reverse()) await root.end();
    this.mailboxes.dispose();
  }

  #cellOf(ref: AnyActorRef): Cell {
    assert(ref instanceof Cell && ref.host === this, `${ref.path} is no actor of ${this.name}`);
    return ref;
  }
}
