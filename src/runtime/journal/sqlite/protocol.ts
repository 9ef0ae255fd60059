// What the main thread and the journal's worker say to each other. Types only, so that the worker loads nothing for it.
// Events and states cross as text: the worker never looks into them.

export interface AppendOp {
  readonly op: 'append';
  readonly key: string;
  readonly expectedVersion: number;
  readonly epoch: number;
  /** Counter that the epoch was taken from. */
  readonly fence: string | null;
  readonly requestId: string | null;
  readonly atMs: number;
  /** Wall clock of the journal, by which request ids grow old. */
  readonly nowMs: number;
  readonly eventCount: number;
  readonly text: string;
}

export interface SaveSnapshotOp {
  readonly op: 'saveSnapshot';
  readonly key: string;
  readonly version: number;
  readonly schema: number;
  readonly position: number;
  readonly text: string;
}

export type WriteOp =
  | AppendOp
  | SaveSnapshotOp
  | { readonly op: 'nextEpoch'; readonly name: string }
  | { readonly op: 'compact'; readonly key: string; readonly beforeVersion: number }
  /** Forgets at most `limit` of the oldest request ids, if stored before `beforeMs`; answers how many. */
  | { readonly op: 'prune'; readonly beforeMs: number; readonly limit: number };

export type ReadOp =
  | { readonly op: 'read'; readonly key: string; readonly fromVersion: number }
  | { readonly op: 'loadSnapshot'; readonly key: string }
  | { readonly op: 'load'; readonly keys: readonly string[] }
  | {
      readonly op: 'keys';
      readonly kind: string;
      readonly after: string | undefined;
      readonly limit: number;
    }
  | { readonly op: 'entriesAfter'; readonly position: number; readonly limit: number };

export type Op = WriteOp | ReadOp | { readonly op: 'close' };

export interface WorkerRequest {
  readonly id: number;
  readonly op: Op;
}

/** Numbers tell what each append became: a bare array is the cheapest thing to clone. */
export type AppendReply =
  | readonly ['ok', version: number, position: number]
  | readonly ['fenced', epoch: number]
  | readonly ['duplicate', version: number]
  | readonly ['conflict', version: number];

export type EntryRow = readonly [
  position: number,
  key: string,
  firstVersion: number,
  version: number,
  epoch: number,
  requestId: string | null,
  atMs: number,
  text: string,
];

/** Entries up to the bound of a page; `isLast` when nothing is left behind them. */
export interface EntryPage {
  readonly rows: readonly EntryRow[];
  readonly isLast: boolean;
}

export interface SnapshotRow {
  readonly version: number;
  readonly schema: number;
  readonly position: number;
  readonly text: string;
}

export interface EntityPage {
  readonly snapshot: SnapshotRow | undefined;
  readonly entries: EntryPage;
}

/** `assertion` is a bug of the caller; the others are the codes of JournalFault. */
export interface FaultReply {
  readonly code: 'unavailable' | 'full' | 'corrupt' | 'assertion';
  readonly message: string;
}

export type WorkerReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: FaultReply };

export type WorkerMessage =
  | { readonly type: 'ready'; readonly head: number }
  | { readonly type: 'refused'; readonly fault: FaultReply }
  | { readonly type: 'replies'; readonly replies: readonly WorkerReply[] };

export interface WorkerInit {
  readonly path: string;
  /** Bound of the database file, or undefined for that of the disk. */
  readonly maxBytes: number | undefined;
}
