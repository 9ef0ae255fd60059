// What listeners hear: every entry once, in the order of positions, whether it comes by the tail or by the answer to an
// append of our own, whichever is first. An answer that is ahead of what has been heard waits for the tail.
import type { Log } from '../../env/env.ts';
import type { JournalEntry, JournalFault } from '../port.ts';
import { type KeptEntry, RecentEntries } from './recent-entries.ts';
import { decodeEntry, parseRow, type StoredRow } from './rows.ts';

interface Listener {
  readonly hear: (entry: JournalEntry) => void;
  readonly onGap: (() => void) | undefined;
}

interface Early {
  readonly entry: JournalEntry;
  readonly kept: KeptEntry;
  readonly heard: () => void;
  readonly lost: (cause: JournalFault) => void;
}

export class Hearing {
  readonly recent = new RecentEntries();
  readonly #log: Log;
  readonly #onHead: (position: number) => void;
  readonly #onAhead: () => void;
  readonly #listeners = new Set<Listener>();
  /** Our own that are ahead, by position. */
  readonly #early = new Map<number, Early>();
  #head = 0;

  /** `onHead` is told each position that was heard; `onAhead`, that an answer shows entries of others before it. */
  constructor(log: Log, onHead: (position: number) => void, onAhead: () => void) {
    this.#log = log;
    this.#onHead = onHead;
    this.#onAhead = onAhead;
  }

  get head(): number {
    return this.#head;
  }

  subscribe(hear: Listener['hear'], onGap?: Listener['onGap']): () => void {
    const listener = { hear, onGap };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  leave(): void {
    this.#listeners.clear();
  }

  /** Hearing begins behind this position. */
  startAt(position: number): void {
    this.#head = position;
    this.recent.startAfter(position);
  }

  /** An append of ours was answered. Exactly one of `heard` and `lost` is called, `heard` at once if it can be. */
  own(early: Early): void {
    const { position } = early.kept;
    if (position <= this.#head) return early.heard();
    if (position > this.#head + 1) {
      this.#early.set(position, early);
      return this.#onAhead();
    }
    this.#announce(early.entry, early.kept);
    early.heard();
    this.#tellEarly();
  }

  /** From the tail. Entries that were heard already are left out; a hole before one of them is a gap. */
  others(rows: readonly StoredRow[]): void {
    for (const row of rows) {
      if (row.position <= this.#head) continue;
      if (row.position !== this.#head + 1) this.#skipTo(row.position - 1);
      if (!this.#early.has(row.position)) this.#announceRow(row);
      this.#tellEarly();
    }
  }

  /** Entries up to this position can't be heard any more, but what the store has of them can be read. */
  gap(position: number): void {
    for (const [at, { heard }] of this.#early) {
      if (at > position) continue;
      this.#early.delete(at);
      heard();
    }
    this.#head = position;
    this.recent.startAfter(position);
    this.#onHead(position);
    this.#log.warn(
      { position },
      'some entries of the journal were not heard; listeners look again',
    );
    for (const { onGap } of this.#listeners) this.#guard(position, () => onGap?.());
  }

  /** The session has ended: nothing that waits for the tail will be heard by it. */
  lost(cause: JournalFault): void {
    const waiting = [...this.#early.values()];
    this.#early.clear();
    for (const { lost } of waiting) lost(cause);
  }

  #skipTo(position: number): void {
    this.#log.warn(
      { from: this.#head, to: position },
      'entries of the journal were deleted unheard',
    );
    this.gap(position);
  }

  #tellEarly(): void {
    while (this.#early.size > 0) {
      const early = this.#early.get(this.#head + 1);
      if (early === undefined) return;
      this.#early.delete(this.#head + 1);
      this.#announce(early.entry, early.kept);
      early.heard();
    }
  }

  #announceRow(row: StoredRow): void {
    try {
      const { before: _before, ...kept } = parseRow(row);
      this.#announce(decodeEntry(kept), kept);
    } catch (error) {
      this.#log.error({ err: error, position: row.position }, 'an entry of the journal is damaged');
      this.gap(row.position);
    }
  }

  #announce(entry: JournalEntry, kept: KeptEntry): void {
    this.#head = entry.position;
    this.recent.add(kept);
    this.#onHead(entry.position);
    for (const { hear } of this.#listeners) this.#guard(entry.position, () => hear(entry));
  }

  #guard(position: number, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#log.error({ err: error, position }, 'a journal listener failed');
    }
  }
}
