// The Journal for simulation and unit tests: group commits take virtual time, and disks are slow, full or away on
// demand. A crash loses what was not acknowledged, or keeps a prefix of it, as the seed decides; nothing else.
// Several journals may share one disk, as members of a cluster share a store: each hears the others' commits late, in
// order. Not for production: nothing of it outlives the process.
import type { Env } from '../env/env.ts';
import { createMemoryDisk, encodeAppend, encodeSnapshot, type MemoryDisk } from './memory-disk.ts';
import {
  type AppendRequest,
  type AppendResult,
  type EntityIndexRow,
  type EntityKey,
  type Journal,
  type JournalEntry,
  JournalFault,
  type Snapshot,
  type StoredEntity,
} from './port.ts';

export interface MemoryJournalFaults {
  /** How long a commit or a read takes; drawn evenly. Default 0 to 0: one turn of the task list. */
  readonly minLatencyMs?: number;
  readonly maxLatencyMs?: number;
  /** Nothing is stored or read: every call rejects `unavailable`. */
  readonly isUnavailable?: boolean;
  /** Reads work, writes reject `full`. */
  readonly isFull?: boolean;
  /** Chance that a write is stored but its caller hears `unavailable`. */
  readonly lostReplyChance?: number;
  /** Chance that a write is not stored and its caller hears `unavailable`. */
  readonly lostWriteChance?: number;
  /** Chance that the caller of a write hears `unavailable`, and it is done all the same a while later, if it can be then. */
  readonly lateWriteChance?: number;
}

export interface MemoryJournalOptions {
  readonly env: Env;
  /** What is stored; hand the same one to the next journal to simulate a restart. */
  readonly disk?: MemoryDisk;
  readonly faults?: MemoryJournalFaults;
}

export interface MemoryJournal extends Journal {
  readonly disk: MemoryDisk;
  /** From now on; replaces the earlier ones. */
  setFaults(faults: MemoryJournalFaults): void;
  /** The process dies: nobody is answered any more. Open another journal on `disk` to go on. */
  crash(): void;
}

/** A tail looks again after this when the store was away. */
const TAIL_RETRY_MS = 50;

/** A late write is done within this. */
const LATE_WRITE_MS = 3_000;

/** So many of the last entries can be given back. */
const HEARD = 1_000;

interface Write {
  /** Applies it to the disk, tells the listeners, and returns how to answer the caller. */
  commit(): () => void;
  fail(fault: unknown): void;
}

export function openMemoryJournal(options: MemoryJournalOptions): MemoryJournal {
  return new JournalInMemory(options);
}

class JournalInMemory implements MemoryJournal {
  readonly disk: MemoryDisk;
  readonly #env: Env;
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  /** Committed by anyone and not yet told here. */
  #unheard: JournalEntry[] = [];
  /** What was heard lately, for a store that loses it. */
  #heard: JournalEntry[] = [];
  #rollbacks: number;
  #generation: number;
  #isHearingLater = false;
  #isCommitting = false;
  readonly #leaveDisk: () => void;
  #faults: MemoryJournalFaults;
  #waiting: Write[] = [];
  #inFlight: Write[] = [];
  #idle: (() => void)[] = [];
  #head: number;
  #status: 'open' | 'closed' | 'crashed' = 'open';

  constructor({ env, disk = createMemoryDisk(), faults = {} }: MemoryJournalOptions) {
    this.#env = env;
    this.disk = disk;
    this.#faults = faults;
    this.#head = disk.head();
    this.#rollbacks = disk.rollbacks;
    this.#generation = disk.generation;
    disk.onRollBack(() => this.#hearLater());
    this.#leaveDisk = disk.subscribe((entry) => {
      this.#unheard.push(entry);
      if (!this.#isCommitting) this.#hearLater();
    });
  }

  setFaults(faults: MemoryJournalFaults): void {
    this.#faults = faults;
  }

  crash(): void {
    this.#status = 'crashed';
    this.#leaveDisk();
    this.#listeners.clear();
    const unanswered = [...this.#inFlight, ...this.#waiting];
    const kept = Math.floor(this.#env.random.float() * (unanswered.length + 1));
    for (const write of unanswered.slice(0, kept)) write.commit();
    [this.#waiting, this.#inFlight] = [[], []];
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    const append = encodeAppend(request);
    const committed = await this.#write(
      () => this.disk.append(append, this.#env.clock.now()),
      // What was committed before it is heard before it.
      () => this.#hearAll(),
    );
    return committed.result;
  }

  read(key: EntityKey, fromVersion: number): Promise<readonly JournalEntry[]> {
    return this.#readLater(() => this.disk.read(key, fromVersion));
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    const encoded = encodeSnapshot(snapshot);
    await this.#write(() => this.disk.saveSnapshot(encoded));
  }

  loadSnapshot(key: EntityKey): Promise<Snapshot | undefined> {
    return this.#readLater(() => this.disk.loadSnapshot(key));
  }

  keys(
    kind: string,
    after: EntityKey | undefined,
    limit: number,
  ): Promise<readonly EntityIndexRow[]> {
    return this.#readLater(() => this.disk.keys(kind, after, limit));
  }

  load(keys: readonly EntityKey[]): Promise<readonly StoredEntity[]> {
    return this.#readLater(() => keys.map((key) => this.disk.load(key)));
  }

  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  entriesAfter(position: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.#readLater(() => this.disk.entriesAfter(position, limit));
  }

  head(): number {
    return this.#head;
  }

  generation(): number {
    return this.#generation;
  }

  latest(): Promise<number> {
    return this.#readLater(() => this.disk.head());
  }

  nextEpoch(name: string): Promise<number> {
    return this.#write(() => this.disk.nextEpoch(name));
  }

  compact(key: EntityKey, beforeVersion: number): Promise<void> {
    return this.#write(() => this.disk.compact(key, beforeVersion));
  }

  async close(): Promise<void> {
    if (this.#status !== 'open') return;
    this.#status = 'closed';
    if (this.#inFlight.length > 0)
      await new Promise<void>((resolve) => void this.#idle.push(resolve));
    this.#leaveDisk();
    this.#listeners.clear();
  }

  #write<T>(apply: () => T, tell?: (outcome: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#status === 'crashed') return;
      if (this.#status === 'closed') return reject(closedFault());
      const commit = (): (() => void) => {
        this.#comeBack();
        this.#isCommitting = true;
        try {
          const outcome = apply();
          tell?.(outcome);
          return () => resolve(outcome);
        } finally {
          this.#isCommitting = false;
        }
      };
      this.#waiting.push({ commit, fail: reject });
      if (this.#inFlight.length === 0) this.#startGroup();
    });
  }

  #readLater<T>(get: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#status === 'crashed') return;
      if (this.#status === 'closed') return reject(closedFault());
      this.#afterLatency(() => {
        if (this.#faults.isUnavailable === true) return reject(awayFault());
        try {
          this.#comeBack();
          resolve(get());
        } catch (fault) {
          reject(fault);
        }
      });
    });
  }

  #startGroup(): void {
    this.#inFlight = this.#waiting;
    this.#waiting = [];
    this.#afterLatency(() => this.#commitAll());
  }

  #commitAll(): void {
    const group = this.#inFlight;
    this.#inFlight = [];
    for (const write of group) this.#settle(write);
    if (this.#waiting.length > 0) return this.#startGroup();
    for (const done of this.#idle) done();
    this.#idle = [];
  }

  #settle(write: Write): void {
    const { lateWriteChance = 0 } = this.#faults;
    if (lateWriteChance === 0 || !(this.#env.random.float() < lateWriteChance))
      return settleWrite(write, this.#faults, this.#env);
    write.fail(awayFault());
    this.#env.timers.after(this.#env.random.float() * LATE_WRITE_MS, () => {
      if (this.#status === 'open') write.commit();
    });
  }

  #afterLatency(fn: () => void): void {
    const { minLatencyMs = 0, maxLatencyMs = minLatencyMs } = this.#faults;
    const run = (): void => {
      if (this.#status !== 'crashed') fn();
    };
    if (maxLatencyMs === 0) return void this.#env.timers.soon(run);
    const latencyMs = minLatencyMs + this.#env.random.float() * (maxLatencyMs - minLatencyMs);
    this.#env.timers.after(latencyMs, run);
  }

  /** Others' commits arrive a little later, and not while the store is away. */
  #hearLater(): void {
    if (this.#isHearingLater || this.#status !== 'open') return;
    this.#isHearingLater = true;
    this.#afterLatency(() => {
      this.#isHearingLater = false;
      if (this.#faults.isUnavailable !== true) {
        this.#comeBack();
        return this.#hearAll();
      }
      this.#env.timers.after(TAIL_RETRY_MS, () => this.#hearLater());
    });
  }

  /** The store went back in time: it gets back what was heard of it, before anything else is asked of it. */
  #comeBack(): void {
    if (this.#rollbacks === this.disk.rollbacks) return;
    this.#rollbacks = this.disk.rollbacks;
    const recovered = this.disk.giveBack(this.#generation, [...this.#heard, ...this.#unheard]);
    this.#generation = this.disk.generation;
    this.#env.log.warn({ recovered }, 'the store went back in time and got back what was heard');
    this.#hearAll();
    this.#head = this.disk.head();
  }

  #hearAll(): void {
    for (const entry of this.#unheard.splice(0)) {
      this.#head = entry.position;
      this.#heard.push(entry);
      if (this.#heard.length > HEARD * 2) this.#heard = this.#heard.slice(-HEARD);
      for (const listener of this.#listeners) {
        try {
          listener(entry);
        } catch (error) {
          this.#env.log.error(
            { err: error, position: entry.position },
            'a journal listener failed',
          );
        }
      }
    }
  }
}

function settleWrite(write: Write, faults: MemoryJournalFaults, env: Env): void {
  const { isUnavailable, isFull, lostWriteChance = 0, lostReplyChance = 0 } = faults;
  const draw = lostWriteChance + lostReplyChance > 0 ? env.random.float() : 1;
  if (isUnavailable === true || draw < lostWriteChance) return write.fail(awayFault());
  if (isFull === true) return write.fail(new JournalFault('full', 'the journal’s disk is full'));
  try {
    const answer = write.commit();
    if (draw < lostWriteChance + lostReplyChance) write.fail(awayFault());
    else answer();
  } catch (fault) {
    write.fail(fault);
  }
}

function awayFault(): JournalFault {
  return new JournalFault('unavailable', 'the journal is unavailable');
}

function closedFault(): JournalFault {
  return new JournalFault('closed', 'the journal is closed');
}
