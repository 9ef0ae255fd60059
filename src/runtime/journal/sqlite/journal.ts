// The Journal on one machine: a SQLite file, held by this process alone, driven by one worker thread so that waiting
// for the disk never holds up the main thread. Calls of one turn of the event loop travel as one message.
// If the thread dies, what was asked is answered `unavailable`, a new one is started, and what had been committed
// unheard is told to the listeners before anything new.
import type { Worker } from 'node:worker_threads';

import { unreachable } from '../../assert.ts';
import type { Cancel, Env } from '../../env/env.ts';
import { nextTurn } from '../../env/turn.ts';
import { checkAppend, checkEpochName, kindOf } from '../checks.ts';
import { decodeEvents, decodeState, encodeEvents, encodeStateInSlices } from '../codec.ts';
import {
  JournalFault,
  type AppendRequest,
  type AppendResult,
  type EntityIndexRow,
  type EntityKey,
  type Journal,
  type JournalEntry,
  type Snapshot,
  type StoredEntity,
} from '../port.ts';
import type {
  AppendReply,
  EntityPage,
  EntryPage,
  EntryRow,
  SnapshotRow,
  WorkerInit,
} from './protocol.ts';
import { startThread } from './thread.ts';
import { WorkerLink } from './worker-link.ts';

export interface SqliteJournalOptions {
  readonly env: Env;
  /** The database file; its directory is made if need be. */
  readonly path: string;
  /** Bound of the file; a write beyond it is refused as `full`. Default: the disk's. */
  readonly maxBytes?: number;
  /** How the worker is started; tests hand in their own to get at the thread. */
  readonly startThread?: (init: WorkerInit) => Worker;
}

/** Request ids are remembered this long, and so are the repeats that they answer. */
const requestMemoryMs = 24 * 3_600_000;
const pruneEveryMs = 600_000;
/** Few enough that a batch does not hold up the appends behind it. */
const pruneBatch = 500;
const catchUpPage = 500;

/** Starts the worker and resolves once the file is open; rejects with a JournalFault that says why it can't be. */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const journal = new SqliteJournal(options);
  await journal.open();
  return journal;
}

class SqliteJournal implements Journal {
  readonly #env: Env;
  readonly #link: WorkerLink;
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  #head = 0;
  #isClosed = false;
  #cancelPrune: Cancel = () => undefined;

  constructor({ env, path, maxBytes, startThread: start = startThread }: SqliteJournalOptions) {
    this.#env = env;
    this.#link = new WorkerLink({
      env,
      path,
      start: () => start({ path, maxBytes }),
      catchUp: (head) => this.#catchUp(head),
    });
  }

  async open(): Promise<void> {
    this.#head = await this.#link.open();
    this.#pruneLater(pruneEveryMs);
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const { key, expectedVersion, epoch, fence = null, requestId = null, atMs } = request;
      const events = [...request.events];
      const text = encodeEvents(events);
      checkAppend(request, text);
      const eventCount = events.length;
      const nowMs = this.#env.clock.now();
      this.#link.send(
        {
          op: 'append',
          key,
          expectedVersion,
          epoch,
          fence,
          requestId,
          atMs,
          nowMs,
          eventCount,
          text,
        },
        (reply: AppendReply) => {
          if (reply[0] === 'ok')
            this.#announce(entryOf({ ...request, events }, reply[2], reply[1]));
          resolve(resultOf(reply));
        },
        reject,
      );
    });
  }

  async read(key: EntityKey, fromVersion: number): Promise<readonly JournalEntry[]> {
    kindOf(key);
    const entries: JournalEntry[] = [];
    for (let after = fromVersion; ; after = entries.at(-1)?.version ?? after) {
      const page = await this.#link.ask<EntryPage>({ op: 'read', key, fromVersion: after });
      entries.push(...page.rows.map(decodeEntry));
      if (page.isLast) return entries;
    }
  }

  async saveSnapshot({ key, version, schema, state, position }: Snapshot): Promise<void> {
    kindOf(key);
    const encoded = encodeStateInSlices(state, () => nextTurn(this.#env));
    const text = typeof encoded === 'string' ? encoded : await encoded;
    await this.#link.ask({ op: 'saveSnapshot', key, version, schema, position, text });
  }

  async loadSnapshot(key: EntityKey): Promise<Snapshot | undefined> {
    const row = await this.#link.ask<SnapshotRow | undefined>({ op: 'loadSnapshot', key });
    return decodeSnapshot(key, row);
  }

  async keys(
    kind: string,
    after: EntityKey | undefined,
    limit: number,
  ): Promise<readonly EntityIndexRow[]> {
    const rows = await this.#link.ask<[EntityKey, number][]>({ op: 'keys', kind, after, limit });
    return rows.map(([key, version]) => ({ key, version }));
  }

  async load(keys: readonly EntityKey[]): Promise<readonly StoredEntity[]> {
    const loaded: StoredEntity[] = [];
    while (loaded.length < keys.length) {
      const rest = keys.slice(loaded.length);
      const pages = await this.#link.ask<EntityPage[]>({ op: 'load', keys: rest });
      for (const [index, page] of pages.entries())
        loaded.push(await this.#entity(rest[index]!, page));
    }
    return loaded;
  }

  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async entriesAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for (let after = position; entries.length < limit; after = entries.at(-1)?.position ?? after) {
      const left = limit - entries.length;
      const page = await this.#link.ask<EntryPage>({
        op: 'entriesAfter',
        position: after,
        limit: left,
      });
      entries.push(...page.rows.map(decodeEntry));
      if (page.isLast) break;
    }
    return entries;
  }

  /** One file, one writer: it never goes back in time while it is open. */
  generation(): number {
    return 0;
  }

  head(): number {
    return this.#head;
  }

  /** The file is ours alone, so nobody else can have committed anything. */
  async latest(): Promise<number> {
    if (this.#isClosed) throw new JournalFault('closed', 'the journal is closed');
    return this.#head;
  }

  async nextEpoch(name: string): Promise<number> {
    checkEpochName(name);
    return this.#link.ask<number>({ op: 'nextEpoch', name });
  }

  async compact(key: EntityKey, beforeVersion: number): Promise<void> {
    await this.#link.ask({ op: 'compact', key, beforeVersion });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPrune();
    await this.#link.close();
    this.#listeners.clear();
  }

  async #entity(key: EntityKey, page: EntityPage): Promise<StoredEntity> {
    const entries = page.entries.rows.map(decodeEntry);
    const last = entries.at(-1);
    if (!page.entries.isLast && last !== undefined)
      entries.push(...(await this.read(key, last.version)));
    return { key, snapshot: decodeSnapshot(key, page.snapshot), entries };
  }

  #announce(entry: JournalEntry): void {
    this.#head = entry.position;
    for (const listener of this.#listeners) {
      try {
        listener(entry);
      } catch (error) {
        this.#env.log.error({ err: error, position: entry.position }, 'a journal listener failed');
      }
    }
  }

  /** After a new thread has opened the file: tells of commits whose replies were lost with the old one. */
  async #catchUp(head: number): Promise<void> {
    while (this.#head < head) {
      const op = { op: 'entriesAfter', position: this.#head, limit: catchUpPage } as const;
      const page = await this.#link.ask<EntryPage>(op, { isRecovery: true });
      for (const row of page.rows) this.#announce(decodeEntry(row));
      if (page.rows.length === 0) return;
    }
  }

  #pruneLater(delayMs: number): void {
    this.#cancelPrune = this.#env.timers.after(delayMs, () => void this.#prune());
  }

  async #prune(): Promise<void> {
    const beforeMs = this.#env.clock.now() - requestMemoryMs;
    try {
      const pruned = await this.#link.ask<number>({ op: 'prune', beforeMs, limit: pruneBatch });
      this.#pruneLater(pruned === pruneBatch ? 0 : pruneEveryMs);
    } catch (error) {
      if (error instanceof JournalFault && error.code === 'closed') return;
      this.#env.log.warn({ err: error }, 'old request ids were not pruned; tried again later');
      this.#pruneLater(pruneEveryMs);
    }
  }
}

function resultOf(reply: AppendReply): AppendResult {
  switch (reply[0]) {
    case 'ok':
      return { ok: true, version: reply[1], position: reply[2] };
    case 'fenced':
      return { ok: false, reason: 'fenced', epoch: reply[1] };
    case 'duplicate':
    case 'conflict':
      return { ok: false, reason: reply[0], version: reply[1] };
    default:
      return unreachable(reply);
  }
}

function entryOf(request: AppendRequest, position: number, version: number): JournalEntry {
  const { key, expectedVersion: firstVersion, epoch, requestId, events, atMs } = request;
  return { position, key, firstVersion, version, epoch, requestId, events, atMs };
}

function decodeEntry(row: EntryRow): JournalEntry {
  const [position, key, firstVersion, version, epoch, requestId, atMs, text] = row;
  const events = decodeStored(key, () => decodeEvents(text));
  const about = { position, key: key as EntityKey, firstVersion, version, epoch, atMs };
  return { ...about, requestId: requestId ?? undefined, events };
}

function decodeSnapshot(key: EntityKey, row: SnapshotRow | undefined): Snapshot | undefined {
  if (row === undefined) return undefined;
  const { text, ...about } = row;
  return { key, ...about, state: decodeStored(key, () => decodeState(text)) };
}

/** The checksum has held, so text that can't be read was written wrongly, or by something else. */
function decodeStored<T>(key: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new JournalFault('corrupt', `${key}: what is stored can't be decoded`, { cause: error });
  }
}
