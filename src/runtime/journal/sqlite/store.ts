// The journal's tables as operations, synchronous, inside the worker. Whoever calls the writing ones holds a
// transaction (worker.ts), so a refusal must come before the first change. Every entry read is checked against the
// chain of checksums of its stream, so a torn or edited log is found and never replayed.
import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { crc32 } from './checksum.ts';
import { StoreFault } from './fault.ts';
import type {
  AppendOp,
  AppendReply,
  EntityPage,
  EntryPage,
  EntryRow,
  SaveSnapshotOp,
  SnapshotRow,
} from './protocol.ts';

/** A page of entries ends after so many, or so many characters, whichever comes first. */
const pageEntries = 500;
const pageLength = 1_000_000;
/** A page of entities ends with the one that brings it over this. */
const entityPageLength = 4_000_000;

type StreamRow = readonly [
  id: number,
  version: number,
  epoch: number,
  chain: number,
  baseVersion: number,
  baseChain: number,
];

const entryColumns = `
  e.position, s.key, e.version - e.event_count, e.version, e.epoch, e.request_id, e.at_ms, e.events, e.chain,
  coalesce(
    (SELECT p.chain FROM entries p WHERE p.stream = e.stream AND p.version < e.version
      ORDER BY p.version DESC LIMIT 1),
    s.base_chain)`;

type CheckedRow = readonly [...EntryRow, chain: number, previousChain: number];

const sql = {
  stream: 'SELECT id, version, epoch, chain, base_version, base_chain FROM streams WHERE key = ?',
  addStream: 'INSERT INTO streams (key, version, epoch, chain) VALUES (?, ?, ?, ?) RETURNING id',
  moveStream: 'UPDATE streams SET version = ?, epoch = ?, chain = ? WHERE id = ?',
  rebaseStream: 'UPDATE streams SET base_version = ?, base_chain = ? WHERE id = ?',
  addEntry: `INSERT INTO entries
    (position, stream, version, event_count, epoch, request_id, at_ms, events, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  dropEntries: 'DELETE FROM entries WHERE stream = ? AND version <= ?',
  lastCovered: `SELECT version, chain FROM entries WHERE stream = ? AND version <= ?
    ORDER BY version DESC LIMIT 1`,
  request: 'SELECT version FROM requests WHERE stream = ? AND request_id = ?',
  addRequest: `INSERT INTO requests
    (position, stream, request_id, version, stored_ms) VALUES (?, ?, ?, ?, ?)`,
  prune: `DELETE FROM requests WHERE stored_ms < ?
    AND position IN (SELECT position FROM requests ORDER BY position LIMIT ?)`,
  snapshot: 'SELECT version, schema, position, state, checksum FROM snapshots WHERE stream = ?',
  saveSnapshot: `INSERT OR REPLACE INTO snapshots
    (stream, version, schema, position, state, checksum) VALUES (?, ?, ?, ?, ?, ?)`,
  nextCounter: `INSERT INTO counters (name, value) VALUES (?, 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value`,
  raiseCounter: `INSERT INTO counters (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  counter: 'SELECT value FROM counters WHERE name = ?',
  lastPosition: 'SELECT max(position) FROM entries',
  keys: 'SELECT key, version FROM streams WHERE key > ? AND key < ? ORDER BY key LIMIT ?',
  entriesOf: `SELECT ${entryColumns} FROM entries e JOIN streams s ON s.id = e.stream
    WHERE e.stream = ? AND e.version > ? ORDER BY e.version LIMIT ?`,
  entriesAfter: `SELECT ${entryColumns} FROM entries e JOIN streams s ON s.id = e.stream
    WHERE e.position > ? ORDER BY e.position LIMIT ?`,
} as const;

/** The rows of those statements that give at most one. */
interface OneRow {
  readonly stream: StreamRow;
  readonly addStream: readonly [id: number];
  readonly lastCovered: readonly [version: number, chain: number];
  readonly request: readonly [version: number];
  readonly snapshot: readonly [
    version: number,
    schema: number,
    position: number,
    state: string,
    checksum: number,
  ];
  readonly nextCounter: readonly [value: number];
  readonly counter: readonly [value: number];
  readonly lastPosition: readonly [position: number | null];
}

/** Name of the counter that keeps the head when compaction drops the entry that held it. No epoch has a blank name. */
const headCounter = '';

export class Store {
  /** Position of the last entry written; goes back with a transaction that is rolled back. */
  head: number;
  readonly #db: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof sql, StatementSync>>;
  readonly #encoder = new TextEncoder();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = prepareAll(db);
    const [last] = this.#row('lastPosition') ?? [0];
    const [kept] = this.#row('counter', headCounter) ?? [0];
    this.head = Math.max(last ?? 0, kept);
  }

  begin(): void {
    this.#db.exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#db.exec('COMMIT');
  }

  /** SQLite has rolled back by itself after some errors. */
  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  close(): void {
    this.#db.close();
  }

  append(op: AppendOp): AppendReply {
    const stream = this.#stream(op.key);
    const refusal =
      this.#fenced(op) ?? (stream === undefined ? refuseFirst(op) : this.#refusal(stream, op));
    if (refusal !== undefined) return refusal;
    const version = op.expectedVersion + op.eventCount;
    const { key, epoch, requestId, atMs, text } = op;
    const position = this.head + 1;
    const entry = [
      position,
      key,
      op.expectedVersion,
      version,
      epoch,
      requestId,
      atMs,
      text,
    ] as const;
    const chain = this.#chain(entry, stream?.[3] ?? 0);
    const id = stream?.[0] ?? this.#addStream(key, version, epoch, chain);
    if (stream !== undefined) this.#run('moveStream', version, epoch, chain, id);
    this.#run(
      'addEntry',
      position,
      id,
      version,
      op.eventCount,
      epoch,
      requestId,
      atMs,
      text,
      chain,
    );
    if (requestId !== null) this.#run('addRequest', position, id, requestId, version, op.nowMs);
    this.head = position;
    return ['ok', version, position];
  }

  saveSnapshot({ key, version, schema, position, text }: SaveSnapshotOp): void {
    const stream = this.#stream(key);
    const streamVersion = stream?.[1] ?? 0;
    if (stream === undefined || version > streamVersion) {
      const message = `a snapshot of ${key} at ${version} is ahead of its stream at ${streamVersion}`;
      throw new StoreFault('assertion', message);
    }
    const [stored] = this.#row('snapshot', stream[0]) ?? [0];
    if (stored > version) return;
    const checksum = this.#snapshotChecksum(key, { version, schema, position, text });
    this.#run('saveSnapshot', stream[0], version, schema, position, text, checksum);
  }

  nextEpoch(name: string): number {
    if (name === headCounter) throw new StoreFault('assertion', 'an epoch counter needs a name');
    return this.#row('nextCounter', name)?.[0] ?? 0;
  }

  compact(key: string, beforeVersion: number): void {
    const stream = this.#stream(key);
    if (stream === undefined) return;
    const [snapshotVersion] = this.#row('snapshot', stream[0]) ?? [0];
    const covered = Math.min(beforeVersion, snapshotVersion);
    const last = this.#row('lastCovered', stream[0], covered);
    if (last === undefined) return;
    this.#run('rebaseStream', ...last, stream[0]);
    this.#run('dropEntries', stream[0], covered);
    this.#run('raiseCounter', headCounter, this.head);
  }

  prune(beforeMs: number, limit: number): number {
    return Number(this.#statements.prune.run(beforeMs, limit).changes);
  }

  read(key: string, fromVersion: number): EntryPage {
    const stream = this.#stream(key);
    if (stream === undefined) return { rows: [], isLast: true };
    return this.#readStream(key, stream, fromVersion);
  }

  loadSnapshot(key: string): SnapshotRow | undefined {
    const stream = this.#stream(key);
    return stream === undefined ? undefined : this.#snapshot(key, stream);
  }

  /** One answer per key, in order, for as many of the first keys as fit. */
  load(keys: readonly string[]): readonly EntityPage[] {
    const pages: EntityPage[] = [];
    let size = 0;
    for (const key of keys) {
      const page = this.#entity(key);
      pages.push(page);
      size += sizeOf(page.entries.rows) + (page.snapshot?.text.length ?? 0);
      if (size > entityPageLength) break;
    }
    return pages;
  }

  keys(
    kind: string,
    after: string | undefined,
    limit: number,
  ): readonly (readonly [string, number])[] {
    // '0' is the character after '/', so this is the end of the kind's range.
    const rows: unknown = this.#statements.keys.all(after ?? `${kind}/`, `${kind}0`, limit);
    return rows as readonly (readonly [string, number])[];
  }

  entriesAfter(position: number, limit: number): EntryPage {
    return this.#page('entriesAfter', [position], limit);
  }

  /** By the counter that the epoch came from: somebody has taken a higher number since. */
  #fenced({ fence, epoch }: AppendOp): AppendReply | undefined {
    const [newest] = (fence === null ? undefined : this.#row('counter', fence)) ?? [0];
    return epoch < newest ? ['fenced', newest] : undefined;
  }

  #refusal(stream: StreamRow, op: AppendOp): AppendReply | undefined {
    const [id, version, epoch] = stream;
    if (op.epoch < epoch) return ['fenced', epoch];
    if (op.requestId !== null) {
      const done = this.#row('request', id, op.requestId);
      if (done !== undefined) return ['duplicate', done[0]];
    }
    return op.expectedVersion === version ? undefined : ['conflict', version];
  }

  #addStream(key: string, version: number, epoch: number, chain: number): number {
    return this.#row('addStream', key, version, epoch, chain)?.[0] ?? 0;
  }

  #entity(key: string): EntityPage {
    const stream = this.#stream(key);
    if (stream === undefined) return { snapshot: undefined, entries: { rows: [], isLast: true } };
    const snapshot = this.#snapshot(key, stream);
    return { snapshot, entries: this.#readStream(key, stream, snapshot?.version ?? 0) };
  }

  #snapshot(key: string, stream: StreamRow): SnapshotRow | undefined {
    const row = this.#row('snapshot', stream[0]);
    if (row === undefined) return undefined;
    const [version, schema, position, text, checksum] = row;
    const snapshot = { version, schema, position, text };
    if (this.#snapshotChecksum(key, snapshot) !== checksum) {
      throw new StoreFault('corrupt', `${key}: the snapshot at version ${version} is damaged`);
    }
    return snapshot;
  }

  /** Checks, besides each entry, that none is missing: neither between two nor at the end. */
  #readStream(key: string, stream: StreamRow, fromVersion: number): EntryPage {
    const [id, streamVersion, , , baseVersion] = stream;
    const page = this.#page('entriesOf', [id, fromVersion], Number.MAX_SAFE_INTEGER);
    let reached = Math.max(fromVersion, baseVersion);
    for (const [, , firstVersion, version] of page.rows) {
      if (firstVersion > reached) throw missing(key, reached + 1, firstVersion);
      reached = version;
    }
    if (page.isLast && reached < streamVersion) throw missing(key, reached + 1, streamVersion);
    return page;
  }

  #page(
    statement: 'entriesOf' | 'entriesAfter',
    from: readonly number[],
    limit: number,
  ): EntryPage {
    const rows: EntryRow[] = [];
    const most = Math.min(limit, pageEntries);
    let size = 0;
    for (const row of this.#statements[statement].iterate(...from, most + 1)) {
      if (rows.length === most || size > pageLength) return { rows, isLast: false };
      const entry = this.#checked(row as unknown as CheckedRow);
      size += entry[7].length;
      rows.push(entry);
    }
    return { rows, isLast: true };
  }

  #checked(row: CheckedRow): EntryRow {
    const [position, key, firstVersion, version, epoch, requestId, atMs, text, chain, previous] =
      row;
    const entry = [position, key, firstVersion, version, epoch, requestId, atMs, text] as const;
    if (this.#chain(entry, previous) === chain) return entry;
    throw new StoreFault('corrupt', `${key}: the entry at version ${version} is damaged`);
  }

  #chain(entry: EntryRow, previous: number): number {
    const [, key, firstVersion, version, epoch, requestId, atMs, text] = entry;
    const about = `${previous} ${key} ${firstVersion} ${version} ${epoch} ${requestId} ${atMs} `;
    return crc32(this.#encoder.encode(`${about}${text}`));
  }

  #snapshotChecksum(key: string, { version, schema, position, text }: SnapshotRow): number {
    const about = `${key} ${version} ${schema} ${position} `;
    return crc32(this.#encoder.encode(`${about}${text}`));
  }

  #stream(key: string): StreamRow | undefined {
    return this.#row('stream', key);
  }

  #run(statement: keyof typeof sql, ...values: (string | number | null)[]): void {
    this.#statements[statement].run(...values);
  }

  #row<K extends keyof OneRow>(
    statement: K,
    ...values: (string | number)[]
  ): OneRow[K] | undefined {
    return this.#statements[statement].get(...values) as OneRow[K] | undefined;
  }
}

function refuseFirst(op: AppendOp): AppendReply | undefined {
  return op.expectedVersion === 0 ? undefined : ['conflict', 0];
}

function sizeOf(rows: readonly EntryRow[]): number {
  return rows.reduce((size, row) => size + row[7].length, 0);
}

function missing(key: string, first: number, last: number): StoreFault {
  return new StoreFault('corrupt', `${key}: events ${first} to ${last} are missing`);
}

function prepareAll(db: DatabaseSync): Readonly<Record<keyof typeof sql, StatementSync>> {
  const prepared = Object.entries(sql).map(([name, text]) => {
    const statement = db.prepare(text);
    statement.setReturnArrays(true);
    return [name, statement] as const;
  });
  return Object.fromEntries(prepared) as Record<keyof typeof sql, StatementSync>;
}
