// Keeps the states of all entities as the journal has them, whoever writes: read once at the start, then entry by entry.
// What our own shells are writing they commit themselves. Reads wait here for what the store has (barrier) or for a
// position that an answer named. When the store is away they go on, and say that they are stale.
import type { Env } from '../env/env.ts';
import type { EntityKey, Journal, JournalEntry, StoredEntity } from '../journal/port.ts';
import type { AnyEntityDefinition } from '../entity/definition.ts';
import { decodeEvent, recoverEntity } from '../entity/codec.ts';
import type { EntityStates } from '../entity/states.ts';

export interface FollowedKind {
  readonly definition: AnyEntityDefinition;
  readonly states: EntityStates;
}

export interface FollowerOptions {
  readonly env: Env;
  readonly journal: Journal;
  readonly kinds: ReadonlyMap<string, FollowedKind>;
  /** Others write to the journal, too: reads must ask it how far they have come. */
  readonly isShared: boolean;
  /** Whether a shell of this process will commit this entry's state. */
  isOurs(entry: JournalEntry): boolean;
  /** An entry that no shell here waits for; it is told before its state is in the views. */
  onOvertaken(entry: JournalEntry): void;
}

interface Waiter {
  readonly position: number;
  readonly resolve: (isReached: boolean) => void;
}

const PAGE = 500;
const REREAD_MS = 500;
/** A read waits no longer than this for the store; then it is answered from what is known, marked stale. */
const BARRIER_MS = 1_000;
/** And no longer than this when the last one waited in vain. */
const STALE_BARRIER_MS = 150;

export class Follower {
  readonly #options: FollowerOptions;
  /** Heard while everything is being read: applied afterwards. */
  #held: JournalEntry[] | undefined;
  /** Entities that are behind until they are read anew. */
  readonly #behind = new Set<EntityKey>();
  readonly #waiters = new Set<Waiter>();
  #unsubscribe: () => void = () => undefined;
  #isStale = false;
  #isStopped = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The last barrier did not reach the store, states are behind it, or they follow it no more. */
  get isStale(): boolean {
    const isBehind = this.#behind.size > 0 || this.#held !== undefined;
    return this.#isStale || isBehind || this.#isStopped;
  }

  /** Reads every entity, and follows from there. Resolves with their number. */
  async start(): Promise<number> {
    this.#unsubscribe = this.#options.journal.subscribe(
      (entry) => this.#hear(entry),
      () => void this.#startOver(),
    );
    return this.#readAll();
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    for (const waiter of this.#waiters) this.#settle(waiter, false);
  }

  /** Resolves when every write acknowledged by anyone before this call is in the states; never rejects. */
  async barrier(): Promise<void> {
    const { journal, isShared, env } = this.#options;
    if (!isShared) return;
    const withinMs = this.isStale ? STALE_BARRIER_MS : BARRIER_MS;
    const asked = journal.latest().then(
      (position) => this.reached(position, withinMs),
      () => false,
    );
    this.#isStale = !(await firstOf(asked, env, withinMs));
  }

  /** Whether the states have come to a position of the journal within the time. */
  reached(position: number, withinMs: number): Promise<boolean> {
    const { env, journal } = this.#options;
    if (this.#isStopped) return Promise.resolve(false);
    if (journal.head() >= position && this.#held === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = env.timers.after(withinMs, () => this.#settle(waiter, false));
      const waiter: Waiter = {
        position,
        resolve: (isReached) => {
          cancel();
          resolve(isReached);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #settle(waiter: Waiter, isReached: boolean): void {
    if (this.#waiters.delete(waiter)) waiter.resolve(isReached);
  }

  #tellWaiters(): void {
    if (this.#waiters.size === 0 || this.#held !== undefined) return;
    const head = this.#options.journal.head();
    for (const waiter of this.#waiters) if (waiter.position <= head) this.#settle(waiter, true);
  }

  async #readAll(): Promise<number> {
    this.#held = [];
    let entities = 0;
    for (const kind of this.#options.kinds.keys()) entities += await this.#readKind(kind);
    const held = this.#held;
    this.#held = undefined;
    for (const entry of held) this.#apply(entry);
    this.#tellWaiters();
    return entities;
  }

  async #readKind(kind: string): Promise<number> {
    const { journal } = this.#options;
    let entities = 0;
    let after: EntityKey | undefined;
    for (;;) {
      const rows = await journal.keys(kind, after, PAGE);
      if (rows.length === 0) return entities;
      for (const stored of await journal.load(rows.map((row) => row.key))) {
        await this.#learn(stored);
        entities += 1;
      }
      after = rows.at(-1)?.key;
    }
  }

  /** What is stored of an entity becomes its state here, if that is news. */
  async #learn(stored: StoredEntity): Promise<void> {
    const { kind, id } = partsOf(stored.key);
    const followed = this.#options.kinds.get(kind);
    if (followed === undefined) return;
    const { definition, states } = followed;
    const { state, version, atMs } = await recoverEntity(this.#options.journal, definition, stored);
    const known = states.versionOf(id);
    if (version <= known) return;
    const missed = known === 0 ? [] : stored.entries.filter((entry) => entry.version > known);
    const events = missed.flatMap((entry) =>
      entry.events.map((event) => decodeEvent(definition.events, event)),
    );
    const before = known === 0 ? undefined : states.get(id);
    states.commit({ id, version, before, after: state, events, requestId: undefined, atMs });
  }

  #hear(entry: JournalEntry): void {
    if (this.#held !== undefined) this.#held.push(entry);
    else this.#apply(entry);
    this.#tellWaiters();
  }

  #apply(entry: JournalEntry): void {
    const { kind, id } = partsOf(entry.key);
    const followed = this.#options.kinds.get(kind);
    if (followed === undefined || this.#options.isOurs(entry)) return;
    const { definition, states } = followed;
    const known = states.versionOf(id);
    if (entry.version <= known) return;
    this.#options.onOvertaken(entry);
    if (entry.firstVersion !== known) return this.reread(entry.key);
    const before: unknown = known === 0 ? undefined : states.get(id);
    const events = entry.events.map((event) => decodeEvent(definition.events, event));
    const after = events.reduce(
      (state: unknown, event) => definition.evolve(state as never, event as never),
      before ?? definition.initial(id),
    );
    const { version, atMs } = entry;
    states.commit({ id, version, before, after, events, requestId: undefined, atMs });
  }

  /** Until it works: a state that stays behind would be a lie. */
  reread(key: EntityKey): void {
    if (this.#isStopped || this.#behind.has(key)) return;
    this.#behind.add(key);
    const { journal, env } = this.#options;
    const read = async (): Promise<void> => {
      for (const stored of await journal.load([key])) await this.#learn(stored);
      this.#behind.delete(key);
    };
    read().catch((error: unknown) => {
      env.log.warn(
        { err: error, entity: key },
        'an entity could not be read anew; trying again soon',
      );
      env.timers.after(REREAD_MS, () => {
        this.#behind.delete(key);
        this.reread(key);
      });
    });
  }

  /** The journal lost the thread: everything is compared with what is stored. */
  async #startOver(): Promise<void> {
    const { env } = this.#options;
    if (this.#isStopped || this.#held !== undefined) return;
    env.log.warn({}, 'the journal lost the thread; all states are read anew');
    try {
      await this.#readAll();
    } catch (error) {
      env.log.warn({ err: error }, 'the states could not be read anew; trying again soon');
      env.timers.after(REREAD_MS, () => {
        this.#held = undefined;
        void this.#startOver();
      });
    }
  }
}

/** The outcome of the promise, or false when the time is over first. */
function firstOf(promise: Promise<boolean>, env: Env, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = env.timers.after(withinMs, () => resolve(false));
    const settle = (outcome: boolean): void => {
      cancel();
      resolve(outcome);
    };
    void promise.then(settle);
  });
}

export function partsOf(key: EntityKey): { readonly kind: string; readonly id: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash), id: key.slice(slash + 1) };
}
