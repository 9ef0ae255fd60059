// Reads the whole journal through its port, as a process that recovers would, and looks for what must never be in it: a gap,
// an entry under an epoch below an earlier one's, an append stored twice, a run-epoch granted twice or before the old one
// was given back (R3). What is dropped behind snapshots is not looked for.
import type { EntityKey, Journal, JournalEntry, StoredEvent } from '#runtime/journal/port.ts';

export interface JournalReport {
  readonly entries: number;
  readonly streams: number;
  /** In words. */
  readonly violations: readonly string[];
  /** Request ids of clients in what the entries say. */
  readonly requestIds: ReadonlySet<string>;
}

interface Stream {
  version: number;
  epoch: number;
  readonly appends: Set<string>;
  runEpoch: number;
  grantedTo: string | undefined;
}

const PAGE = 1_000;
const LOADED_AT_ONCE = 200;

export async function checkJournal(journal: Journal): Promise<JournalReport> {
  const check = new JournalCheck();
  let position = 0;
  for (;;) {
    const entries = await journal.entriesAfter(position, PAGE);
    for (const entry of entries) check.take(entry);
    position = entries.at(-1)?.position ?? position;
    if (entries.length === 0) break;
  }
  await check.compareLoaded(journal);
  return check.report();
}

class JournalCheck {
  readonly #streams = new Map<EntityKey, Stream>();
  readonly #violations: string[] = [];
  readonly #requestIds = new Set<string>();
  #entries = 0;
  #position = 0;

  take(entry: JournalEntry): void {
    const { key, position, firstVersion, version, epoch, requestId, events } = entry;
    this.#entries += 1;
    const say = (words: string): void =>
      void this.#violations.push(`journal, ${key} at position ${position}: ${words}`);
    if (position <= this.#position) say(`comes after position ${this.#position}`);
    this.#position = position;
    const stream = this.#streamOf(key, firstVersion);
    if (firstVersion !== stream.version)
      say(`begins at version ${firstVersion}, the entry before ends at ${stream.version}`);
    if (version - firstVersion !== events.length)
      say(`holds ${events.length} events for versions ${firstVersion} to ${version}`);
    if (epoch < stream.epoch) say(`is of epoch ${epoch}, after one of epoch ${stream.epoch}`);
    if (requestId !== undefined && stream.appends.has(requestId))
      say(`append ${requestId} is stored twice`);
    if (requestId !== undefined) stream.appends.add(requestId);
    stream.version = version;
    stream.epoch = Math.max(stream.epoch, epoch);
    for (const event of events) this.#event(stream, event, say);
  }

  /** What recovery would be given ends where the commits end. */
  async compareLoaded(journal: Journal): Promise<void> {
    const keys = [...this.#streams.keys()];
    for (let from = 0; from < keys.length; from += LOADED_AT_ONCE) {
      const loaded = await journal.load(keys.slice(from, from + LOADED_AT_ONCE));
      for (const { key, snapshot, entries } of loaded) {
        const version = entries.at(-1)?.version ?? snapshot?.version ?? 0;
        const expected = this.#streams.get(key)?.version;
        if (version !== expected)
          this.#violations.push(
            `journal, ${key}: recovery reads up to version ${version}, the commits end at ${expected}`,
          );
        const first = entries[0]?.firstVersion ?? version;
        const covered = snapshot?.version ?? 0;
        if (first > covered)
          this.#violations.push(
            `journal, ${key}: nothing tells of versions ${covered} to ${first}`,
          );
      }
    }
  }

  report(): JournalReport {
    return {
      entries: this.#entries,
      streams: this.#streams.size,
      violations: this.#violations,
      requestIds: this.#requestIds,
    };
  }

  #streamOf(key: EntityKey, firstVersion: number): Stream {
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const stream: Stream = {
      version: firstVersion,
      epoch: 0,
      appends: new Set(),
      runEpoch: 0,
      grantedTo: undefined,
    };
    this.#streams.set(key, stream);
    return stream;
  }

  #event(stream: Stream, { type, data }: StoredEvent, say: (words: string) => void): void {
    const { requestId, runEpoch, host } = (data ?? {}) as {
      readonly requestId?: string;
      readonly runEpoch?: number;
      readonly host?: string;
    };
    if (requestId !== undefined) this.#requestIds.add(requestId);
    if (runEpoch === undefined || host === undefined) return;
    if (type === 'instance.granted') {
      if (stream.grantedTo !== undefined)
        say(`run-epoch ${runEpoch} is granted to ${host} while ${stream.grantedTo} has one`);
      if (runEpoch <= stream.runEpoch)
        say(
          `run-epoch ${runEpoch} is granted again, to ${host}; the last one was ${stream.runEpoch}`,
        );
      stream.runEpoch = runEpoch;
      stream.grantedTo = host;
    }
    if (type === 'instance.released-by-host') stream.grantedTo = undefined;
  }
}
