// The durable states of all entities of one kind in this process: what shells start from and what views read.
// Only committed states get in, so whoever reads here sees nothing that a crash could take back.
import type { StateChange, StateView } from '../events/projection.ts';

interface Held {
  readonly state: unknown;
  readonly version: number;
}

export class EntityStates implements StateView<unknown> {
  readonly #held = new Map<string, Held>();
  readonly #listeners = new Set<(change: StateChange<unknown>) => void>();

  get size(): number {
    return this.#held.size;
  }

  get(id: string): unknown {
    return this.#held.get(id)?.state;
  }

  versionOf(id: string): number {
    return this.#held.get(id)?.version ?? 0;
  }

  *values(): IterableIterator<unknown> {
    for (const held of this.#held.values()) yield held.state;
  }

  *ids(): IterableIterator<string> {
    yield* this.#held.keys();
  }

  subscribe(listener: (change: StateChange<unknown>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  commit(change: StateChange<unknown>): void {
    this.#held.set(change.id, { state: change.after, version: change.version });
    for (const listener of this.#listeners) listener(change);
  }

  /** Only for what nobody needs to find again. */
  forget(id: string): void {
    this.#held.delete(id);
  }
}
