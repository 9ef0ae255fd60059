// The Journal for simulation and unit tests: group commits take virtual time, and disks are slow, full or away on
// demand. A crash loses what was not acknowledged, or keeps a prefix of it, as the seed decides; nothing else.
// Not for production: nothing of it outlives the process.
import type { Env } from '../env/env.ts';
import { createMemoryDisk, encodeAppend, encodeSnapshot, type MemoryDisk } from './memory-disk.ts';
import { JournalFault, type Journal, type JournalEntry } from './port.ts';

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

interface Write {
  /** Applies it to the disk, tells the listeners, and returns how to answer the caller. */
  commit(): () => void;
  fail(fault: unknown): void;
}

export function openMemoryJournal(options: MemoryJournalOptions): MemoryJournal {
  const { env, disk = createMemoryDisk() } = options;
  const listeners = new Set<(entry: JournalEntry) => void>();
  let faults = options.faults ?? {};
  let waiting: Write[] = [];
  let inFlight: Write[] = [];
  let head = disk.head();
  let status: 'open' | 'closed' | 'crashed' = 'open';
  let idle: (() => void)[] = [];

  const afterLatency = (fn: () => void): void => {
    const { minLatencyMs = 0, maxLatencyMs = minLatencyMs } = faults;
    const run = (): void => {
      if (status !== 'crashed') fn();
    };
    if (maxLatencyMs === 0) return void env.timers.soon(run);
    const latencyMs = minLatencyMs + env.random.float() * (maxLatencyMs - minLatencyMs);
    env.timers.after(latencyMs, run);
  };

  const commitAll = (): void => {
    const group = inFlight;
    inFlight = [];
    for (const write of group) settleWrite(write, faults, env);
    if (waiting.length > 0) return startGroup();
    for (const done of idle) done();
    idle = [];
  };
  const startGroup = (): void => {
    inFlight = waiting;
    waiting = [];
    afterLatency(commitAll);
  };

  const write = <T>(apply: () => T, tell?: (outcome: T) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      if (status === 'crashed') return;
      if (status === 'closed') return reject(closedFault());
      const commit = (): (() => void) => {
        const outcome = apply();
        tell?.(outcome);
        return () => resolve(outcome);
      };
      waiting.push({ commit, fail: reject });
      if (inFlight.length === 0) startGroup();
    });

  const readLater = <T>(get: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (status === 'crashed') return;
      if (status === 'closed') return reject(closedFault());
      afterLatency(() => {
        if (faults.isUnavailable === true) return reject(awayFault());
        try {
          resolve(get());
        } catch (fault) {
          reject(fault);
        }
      });
    });

  const announce = (entry: JournalEntry | undefined): void => {
    if (entry === undefined) return;
    head = entry.position;
    for (const listener of listeners) {
      try {
        listener(entry);
      } catch (error) {
        env.log.error({ err: error, position: entry.position }, 'a journal listener failed');
      }
    }
  };

  return {
    disk,
    setFaults: (next) => void (faults = next),
    crash: () => {
      status = 'crashed';
      listeners.clear();
      const unanswered = [...inFlight, ...waiting];
      const kept = Math.floor(env.random.float() * (unanswered.length + 1));
      for (const write of unanswered.slice(0, kept)) write.commit();
      [waiting, inFlight] = [[], []];
    },
    append: async (request) => {
      const append = encodeAppend(request);
      const committed = await write(
        () => disk.append(append, env.clock.now()),
        ({ entry }) => announce(entry),
      );
      return committed.result;
    },
    read: (key, fromVersion) => readLater(() => disk.read(key, fromVersion)),
    saveSnapshot: async (snapshot) => {
      const encoded = encodeSnapshot(snapshot);
      await write(() => disk.saveSnapshot(encoded));
    },
    loadSnapshot: (key) => readLater(() => disk.loadSnapshot(key)),
    keys: (kind, after, limit) => readLater(() => disk.keys(kind, after, limit)),
    load: (keys) => readLater(() => keys.map((key) => disk.load(key))),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    entriesAfter: (position, limit) => readLater(() => disk.entriesAfter(position, limit)),
    head: () => head,
    nextEpoch: (name) => write(() => disk.nextEpoch(name)),
    compact: (key, beforeVersion) => write(() => disk.compact(key, beforeVersion)),
    close: async () => {
      if (status !== 'open') return;
      status = 'closed';
      if (inFlight.length > 0) await new Promise<void>((resolve) => void idle.push(resolve));
      listeners.clear();
    },
  };
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
