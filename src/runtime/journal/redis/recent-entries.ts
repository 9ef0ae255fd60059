// The entries heard last, as they are stored: what a store that went back in time is given back. Bounded; what is older
// is forgotten, and a store that lost more than this is refused.
import type { RawEntry } from './rows.ts';

export type KeptEntry = Omit<RawEntry, 'before'>;

const mostEntries = 10_000;
const mostCharacters = 16_000_000;

export class RecentEntries {
  readonly #entries: KeptEntry[] = [];
  #start = 0;
  #characters = 0;
  #after = 0;

  /** Everything heard after this position is kept. */
  get after(): number {
    return this.#after;
  }

  get last(): KeptEntry | undefined {
    return this.#entries.at(-1);
  }

  all(): readonly KeptEntry[] {
    return this.#entries.slice(this.#start);
  }

  add(entry: KeptEntry): void {
    this.#entries.push(entry);
    this.#characters += sizeOf(entry);
    while (this.#entries.length - this.#start > mostEntries || this.#isTooLarge()) {
      const oldest = this.#entries[this.#start]!;
      this.#start += 1;
      this.#characters -= sizeOf(oldest);
      this.#after = oldest.position;
    }
    if (this.#start > mostEntries) {
      this.#entries.splice(0, this.#start);
      this.#start = 0;
    }
  }

  /** Nothing before `position` counts any more: hearing begins anew behind it. */
  startAfter(position: number): void {
    this.#entries.length = 0;
    this.#start = 0;
    this.#characters = 0;
    this.#after = position;
  }

  #isTooLarge(): boolean {
    return this.#characters > mostCharacters && this.#entries.length - this.#start > 1;
  }
}

function sizeOf(entry: KeptEntry): number {
  return entry.text.length + entry.about.length;
}
