// What must last: per entity an ordered stream of events, appended under (expected version, owner epoch, request id).
// The journal never looks into event data. Adapters: memory.ts (simulation), sqlite/ (one machine); all of them
// pass test/contract/journal. Why the checks are as they are: DESIGN §4 (journal, ownership).

/** `kind/id`. */
export type EntityKey = `${string}/${string}`;

export interface StoredEvent {
  readonly type: string;
  readonly version: number;
  readonly data: unknown;
}

export interface AppendRequest {
  readonly key: EntityKey;
  /** Events in the stream before this append. */
  readonly expectedVersion: number;
  /** The owner's epoch. The stream remembers the highest it has accepted; a lower one is fenced from then on. */
  readonly epoch: number;
  /**
   * The counter (`nextEpoch`) that the epoch was taken from. As soon as somebody has taken a higher number from it, the
   * append is fenced, even on a stream that the new owner has not touched yet.
   */
  readonly fence?: string;
  /** Names this append to make it safe to repeat: a second append to the key under the same id is a duplicate. */
  readonly requestId: string | undefined;
  /** At least one; all become durable together or not at all. */
  readonly events: readonly StoredEvent[];
  /** Wall clock, for people. */
  readonly atMs: number;
}

/** Checked in the order fenced, duplicate, conflict. `version` is the stream's; a duplicate's is what its first append gave. */
export type AppendResult =
  | { readonly ok: true; readonly version: number; readonly position: number }
  | { readonly ok: false; readonly reason: 'fenced'; readonly epoch: number }
  | { readonly ok: false; readonly reason: 'duplicate'; readonly version: number }
  | { readonly ok: false; readonly reason: 'conflict'; readonly version: number };

/** One append as it was committed. */
export interface JournalEntry {
  /** Place in the order of all commits: grows with each, may skip numbers. */
  readonly position: number;
  readonly key: EntityKey;
  /** Events in the stream before this entry. */
  readonly firstVersion: number;
  /** Events in the stream after it. */
  readonly version: number;
  readonly epoch: number;
  readonly requestId: string | undefined;
  readonly events: readonly StoredEvent[];
  readonly atMs: number;
}

export interface Snapshot {
  readonly key: EntityKey;
  /** Events that the state covers. */
  readonly version: number;
  /** Shape number of `state`. */
  readonly schema: number;
  readonly state: unknown;
  /** Position of the last entry that the state covers. */
  readonly position: number;
}

export interface EntityIndexRow {
  readonly key: EntityKey;
  readonly version: number;
}

/** What recovery needs of one entity: the snapshot, if any, and every entry after it. */
export interface StoredEntity {
  readonly key: EntityKey;
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly JournalEntry[];
}

/** Every method may reject with a JournalFault; an append that does so may still have taken effect. */
export interface Journal {
  /** Appends to one key take effect in the order of the calls; callers need not wait in between. */
  append(request: AppendRequest): Promise<AppendResult>;
  /** Entries of one stream whose events come after `fromVersion`, oldest first. */
  read(key: EntityKey, fromVersion: number): Promise<readonly JournalEntry[]>;
  /** Replaces an older one; an older one than the stored is ignored. Never ahead of the stream. */
  saveSnapshot(snapshot: Snapshot): Promise<void>;
  loadSnapshot(key: EntityKey): Promise<Snapshot | undefined>;
  /** Streams of a kind in the byte order of their keys, after `after`, at most `limit`. */
  keys(
    kind: string,
    after: EntityKey | undefined,
    limit: number,
  ): Promise<readonly EntityIndexRow[]>;
  /** For recovery in pages: one answer per key, in the order asked, in one round trip. */
  load(keys: readonly EntityKey[]): Promise<readonly StoredEntity[]>;
  /**
   * Hears every entry committed from now on, by whatever process, in position order; one of ours before its append
   * resolves. Returns the way out. A shared store may lose the thread (it was away for too long, or went back in time):
   * then `onGap` is called, once all that is known to be committed can be read again, and hearing goes on from there.
   */
  subscribe(listener: (entry: JournalEntry) => void, onGap?: () => void): () => void;
  /** Entries of all streams after a position, in position order, at most `limit`. Compacted ones are gone. */
  entriesAfter(position: number, limit: number): Promise<readonly JournalEntry[]>;
  /** Position of the last entry that listeners have heard; 0 when there is none. */
  head(): number;
  /** Position of the last entry that any process has committed, as the store says now; never below an acknowledged one. */
  latest(): Promise<number>;
  /**
   * Grows when the store may have gone back in time (restored, failed over), once this journal has given back to it what
   * it had heard and the store had lost. Epochs of an older generation are fenced from the moment the store has a new one.
   */
  generation(): number;
  /**
   * A durable counter per name: 1, 2, 3 … It never repeats a number, not even after a crash. A replicated store may skip
   * ahead (the generation of the store is the upper part of the number), so that one rolled back repeats none either.
   */
  nextEpoch(name: string): Promise<number>;
  /** Drops entries up to and including `beforeVersion`, as far as the snapshot covers them. */
  compact(key: EntityKey, beforeVersion: number): Promise<void>;
  /** Finishes what was asked before; later calls reject `closed`. */
  close(): Promise<void>;
}

/** An epoch is the store's generation times this, plus a number counted within the generation. */
export const GENERATION_SIZE = 2 ** 32;

/** unavailable: try again later. full: no room; nothing was stored. corrupt: stored data is damaged. closed: by us. */
export type JournalFaultCode = 'unavailable' | 'full' | 'corrupt' | 'closed';

export class JournalFault extends Error {
  override readonly name = 'JournalFault';
  readonly code: JournalFaultCode;
  readonly retryable: boolean;

  constructor(code: JournalFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unavailable' || code === 'full';
  }
}
