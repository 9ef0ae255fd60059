// What survives a crash of a simulated process: the streams, snapshots, request ids and counters of memory.ts.
// All of it is synchronous and checked; values are kept encoded, so that no caller can change what was stored.
import { assert } from '../assert.ts';
import { checkAppend, checkCovered, checkEpochName, kindOf } from './checks.ts';
import { decodeEvents, decodeState, encodeEvents, encodeState } from './codec.ts';
import {
  GENERATION_SIZE,
  JournalFault,
  type AppendRequest,
  type AppendResult,
  type EntityIndexRow,
  type EntityKey,
  type JournalEntry,
  type Snapshot,
  type StoredEntity,
} from './port.ts';

/** Request ids are remembered this long, and so are the repeats that they answer. */
export const requestMemoryMs = 24 * 3_600_000;

interface Row extends Omit<JournalEntry, 'events'> {
  text: string;
}

interface Stream {
  version: number;
  epoch: number;
  rows: Row[];
  readonly requests: Map<string, { readonly version: number; readonly storedMs: number }>;
  snapshot: EncodedSnapshot | undefined;
}

export interface Committed {
  readonly result: AppendResult;
  readonly entry: JournalEntry | undefined;
}

/** An append whose events are encoded already: what is stored is what was handed in, whatever the caller does later. */
export interface EncodedAppend {
  readonly request: AppendRequest;
  readonly text: string;
}

export function encodeAppend(request: AppendRequest): EncodedAppend {
  const text = encodeEvents(request.events);
  checkAppend(request, text);
  return { request, text };
}

export type EncodedSnapshot = Omit<Snapshot, 'state'> & { readonly text: string };

export function encodeSnapshot({ state, ...about }: Snapshot): EncodedSnapshot {
  return { ...about, text: encodeState(state) };
}

export interface MemoryDisk {
  append(append: EncodedAppend, nowMs: number): Committed;
  read(key: EntityKey, fromVersion: number): readonly JournalEntry[];
  saveSnapshot(snapshot: EncodedSnapshot): void;
  loadSnapshot(key: EntityKey): Snapshot | undefined;
  keys(kind: string, after: EntityKey | undefined, limit: number): readonly EntityIndexRow[];
  load(key: EntityKey): StoredEntity;
  entriesAfter(position: number, limit: number): readonly JournalEntry[];
  head(): number;
  nextEpoch(name: string): number;
  /** Number last taken from a counter; 0 if none was. */
  epochOf(name: string): number;
  /** See Journal.generation. */
  readonly generation: number;
  /** So often has the store gone back in time. */
  readonly rollbacks: number;
  /** The store goes back: its last so many entries, and every counter since, were never there. */
  rollBack(entries: number): void;
  /**
   * A journal comes back to a store that went back in time, with the generation it knew and what it has heard. What the
   * store lost of that is stored again, as far as the streams still fit; returns how many entries were.
   */
  giveBack(generation: number, heard: readonly JournalEntry[]): number;
  /** Hears of the store going back to a position. */
  onRollBack(listener: (position: number) => void): void;
  /** Hears every commit at once, whichever journal made it. Returns the way out. */
  subscribe(listener: (entry: JournalEntry) => void): () => void;
  compact(key: EntityKey, beforeVersion: number): void;
  /** Flips a bit of the stored entry that holds event number `version`, as bad hardware would. */
  damage(key: EntityKey, version: number): void;
}

export function createMemoryDisk(): MemoryDisk {
  return new Disk();
}

class Disk implements MemoryDisk {
  readonly #streams = new Map<EntityKey, Stream>();
  readonly #kinds = new Map<string, { keys: EntityKey[]; sorted: boolean }>();
  readonly #counters = new Map<string, number>();
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  readonly #damaged = new Set<Row>();
  /** Every step of a counter, with the head at that time. */
  readonly #steps: { readonly name: string; readonly before: number; readonly head: number }[] = [];
  readonly #rollBackListeners: ((position: number) => void)[] = [];
  #isGenerationDue = false;
  generation = 0;
  rollbacks = 0;
  #log: Row[] = [];
  #dropped = 0;
  #head = 0;

  append({ request, text }: EncodedAppend, nowMs: number): Committed {
    const stream = this.#streams.get(request.key);
    const refusal = this.#fenced(request) ?? refusalOf(stream ?? newStream(), request);
    if (refusal !== undefined) return { result: refusal, entry: undefined };
    return this.#store(request, text, nowMs);
  }

  #store(
    { key, epoch, requestId, events, atMs }: Omit<AppendRequest, 'expectedVersion' | 'fence'>,
    text: string,
    nowMs: number,
  ): Committed {
    const stream = this.#streams.get(key) ?? newStream();
    if (stream.version === 0) this.#add(key, stream);
    const firstVersion = stream.version;
    const version = firstVersion + events.length;
    this.#head += 1;
    const position = this.#head;
    const row: Row = { position, key, firstVersion, version, epoch, requestId, atMs, text };
    stream.rows.push(row);
    stream.version = version;
    stream.epoch = epoch;
    forgetOldRequests(stream, nowMs);
    if (requestId !== undefined) stream.requests.set(requestId, { version, storedMs: nowMs });
    this.#log.push(row);
    const entry = this.#open(row);
    for (const listener of this.#listeners) listener(entry);
    return { result: { ok: true, version, position: this.#head }, entry };
  }

  #fenced({ fence, epoch }: AppendRequest): AppendResult | undefined {
    const newest = fence === undefined ? 0 : this.epochOf(fence);
    const least = Math.max(newest, this.generation * GENERATION_SIZE);
    return epoch < least ? { ok: false, reason: 'fenced', epoch: least } : undefined;
  }

  rollBack(entries: number): void {
    const lost = this.#log.splice(Math.max(0, this.#log.length - entries));
    for (const { key, firstVersion } of lost.reverse()) {
      const stream = this.#streams.get(key);
      if (stream === undefined) continue;
      stream.rows.pop();
      stream.version = firstVersion;
      stream.epoch = stream.rows.at(-1)?.epoch ?? 0;
      for (const [id, { version }] of stream.requests)
        if (version > firstVersion) stream.requests.delete(id);
      if ((stream.snapshot?.version ?? 0) > firstVersion) stream.snapshot = undefined;
      if (firstVersion === 0) this.#remove(key);
    }
    this.#head = this.#log.at(-1)?.position ?? 0;
    while ((this.#steps.at(-1)?.head ?? -1) > this.#head) {
      const { name, before } = this.#steps.pop()!;
      this.#counters.set(name, before);
    }
    this.rollbacks += 1;
    this.#isGenerationDue = true;
    for (const listener of this.#rollBackListeners) listener(this.#head);
  }

  giveBack(generation: number, heard: readonly JournalEntry[]): number {
    if (this.#isGenerationDue || generation > this.generation) {
      this.generation = Math.max(generation, this.generation) + 1;
      this.#isGenerationDue = false;
    }
    let restored = 0;
    for (const entry of heard) {
      const stream = this.#streams.get(entry.key);
      if ((stream?.version ?? 0) !== entry.firstVersion) continue;
      this.#store(entry, encodeEvents(entry.events), entry.atMs);
      restored += 1;
    }
    return restored;
  }

  onRollBack(listener: (position: number) => void): void {
    this.#rollBackListeners.push(listener);
  }

  read(key: EntityKey, fromVersion: number): readonly JournalEntry[] {
    const rows = this.#streams.get(key)?.rows ?? [];
    return rows.filter((row) => row.version > fromVersion).map((row) => this.#open(row));
  }

  saveSnapshot(snapshot: EncodedSnapshot): void {
    const { key, version } = snapshot;
    const stream = this.#streams.get(key);
    checkCovered(key, version, stream?.version ?? 0);
    if (stream === undefined || (stream.snapshot?.version ?? 0) > version) return;
    stream.snapshot = snapshot;
  }

  loadSnapshot(key: EntityKey): Snapshot | undefined {
    const snapshot = this.#streams.get(key)?.snapshot;
    if (snapshot === undefined) return undefined;
    const { text, ...about } = snapshot;
    return { ...about, state: decodeState(text) };
  }

  keys(kind: string, after: EntityKey | undefined, limit: number): readonly EntityIndexRow[] {
    const index = this.#kinds.get(kind);
    if (index === undefined) return [];
    if (!index.sorted) index.keys.sort(compareKeys);
    index.sorted = true;
    const isAfter = (key: EntityKey): boolean => compareKeys(key, after ?? '') > 0;
    const from = firstWhere(index.keys, isAfter);
    return index.keys
      .slice(from, from + limit)
      .map((key) => ({ key, version: this.#streams.get(key)?.version ?? 0 }));
  }

  load(key: EntityKey): StoredEntity {
    const snapshot = this.loadSnapshot(key);
    return { key, snapshot, entries: this.read(key, snapshot?.version ?? 0) };
  }

  entriesAfter(position: number, limit: number): readonly JournalEntry[] {
    const low = firstWhere(this.#log, (row) => row.position > position);
    const found: JournalEntry[] = [];
    for (let at = low; at < this.#log.length && found.length < limit; at += 1) {
      const row = this.#log[at]!;
      if (!this.#isCompacted(row)) found.push(this.#open(row));
    }
    return found;
  }

  head(): number {
    return this.#head;
  }

  nextEpoch(name: string): number {
    checkEpochName(name);
    const before = this.epochOf(name);
    const next = Math.max(before, this.generation * GENERATION_SIZE) + 1;
    this.#steps.push({ name, before, head: this.#head });
    this.#counters.set(name, next);
    return next;
  }

  epochOf(name: string): number {
    return this.#counters.get(name) ?? 0;
  }

  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  compact(key: EntityKey, beforeVersion: number): void {
    const stream = this.#streams.get(key);
    const covered = Math.min(beforeVersion, stream?.snapshot?.version ?? 0);
    if (stream === undefined) return;
    const kept = stream.rows.filter((row) => row.version > covered);
    this.#dropped += stream.rows.length - kept.length;
    stream.rows = kept;
    if (this.#dropped * 2 <= this.#log.length) return;
    this.#log = this.#log.filter((row) => !this.#isCompacted(row));
    this.#dropped = 0;
  }

  damage(key: EntityKey, version: number): void {
    const rows = this.#streams.get(key)?.rows ?? [];
    const row = rows.find((row) => row.firstVersion < version && version <= row.version);
    assert(row !== undefined, `${key} has no event ${version} to damage`);
    this.#damaged.add(row);
  }

  #add(key: EntityKey, stream: Stream): void {
    this.#streams.set(key, stream);
    const kind = kindOf(key);
    const index = this.#kinds.get(kind) ?? { keys: [], sorted: true };
    this.#kinds.set(kind, index);
    index.keys.push(key);
    index.sorted = false;
  }

  #remove(key: EntityKey): void {
    this.#streams.delete(key);
    const index = this.#kinds.get(kindOf(key));
    index?.keys.splice(index.keys.indexOf(key), 1);
  }

  #isCompacted(row: Row): boolean {
    const first = this.#streams.get(row.key)?.rows[0];
    return first === undefined || row.position < first.position;
  }

  #open(row: Row): JournalEntry {
    const { text, ...about } = row;
    if (this.#damaged.has(row)) {
      throw new JournalFault(
        'corrupt',
        `${row.key}: the entry at version ${row.version} is damaged`,
      );
    }
    return deepFreeze({ ...about, events: decodeEvents(text) });
  }
}

function newStream(): Stream {
  return { version: 0, epoch: 0, rows: [], requests: new Map(), snapshot: undefined };
}

function refusalOf(stream: Stream, request: AppendRequest): AppendResult | undefined {
  const { epoch, requestId, expectedVersion } = request;
  if (epoch < stream.epoch) return { ok: false, reason: 'fenced', epoch: stream.epoch };
  const done = requestId === undefined ? undefined : stream.requests.get(requestId);
  if (done !== undefined) return { ok: false, reason: 'duplicate', version: done.version };
  if (expectedVersion !== stream.version) {
    return { ok: false, reason: 'conflict', version: stream.version };
  }
  return undefined;
}

function forgetOldRequests(stream: Stream, nowMs: number): void {
  for (const [id, { storedMs }] of stream.requests) {
    if (storedMs > nowMs - requestMemoryMs) return;
    stream.requests.delete(id);
  }
}

/** Index of the first item for which `holds`; it must hold for all later ones too. */
function firstWhere<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** By code points, which is the byte order of UTF-8 (surrogates are moved behind the other units). */
function compareKeys(a: string, b: string): number {
  const rank = (unit: number): number =>
    unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
