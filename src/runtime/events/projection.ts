// Read models: the states of all entities of one kind, kept in memory, fed by the journal's commits in order.
// A read that follows an acknowledged write sees it: `barrier` waits for the journal's head (DESIGN §4, reads).

export interface StateChange<S> {
  readonly id: string;
  /** Number of events in the entity's stream. */
  readonly version: number;
  readonly before: S | undefined;
  readonly after: S;
  readonly events: readonly { readonly type: string }[];
  readonly requestId: string | undefined;
  readonly atMs: number;
}

/** All states of one kind. Listeners run in commit order, before the command's asker hears of it. */
export interface StateView<S> {
  get(id: string): S | undefined;
  values(): IterableIterator<S>;
  readonly size: number;
  subscribe(listener: (change: StateChange<S>) => void): () => void;
}

export interface Views {
  /** The store can't be read now: views may lack writes that others made since. Reads go on, and say so. */
  readonly isStale: boolean;
  /**
   * Resolves when every write acknowledged before this call is visible in all views, and never rejects: with the store
   * away it resolves within a bound all the same, and `isStale` is true by then.
   */
  barrier(): Promise<void>;
}
