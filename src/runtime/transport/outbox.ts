// What waits to be sent on one lane of a link: items are encoded when they come (so their size is known and later
// changes of the caller's objects change nothing) and leave together, as few frames as fit.
import { encodeFrame, headerBytes, type Session } from './frame.ts';

/** Frames are closed at this size; one larger item makes one larger frame. */
const gatherBytes = 64 * 1024;
/** What has left is let go of after so many items, even if the box is never empty. */
const compactAfter = 4096;

export interface OutboxLimits {
  readonly frameBytes: number;
  readonly unsentBytes: number;
}

export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #session: Session;
  #items: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;
  #seq = 0;
  #sent = 0;

  constructor(session: Session, limits: OutboxLimits) {
    this.#session = session;
    this.#limits = limits;
  }

  /** How many items have left so far. */
  get sent(): number {
    return this.#sent;
  }

  /** How many items have come so far. */
  get added(): number {
    return this.#sent + this.#items.length - this.#first;
  }

  get isEmpty(): boolean {
    return this.#first === this.#items.length;
  }

  fits(item: Uint8Array): boolean {
    return item.length + headerBytes <= this.#limits.frameBytes;
  }

  /** False, and nothing added, when too much is waiting. An empty box takes whatever fits into a frame. */
  add(item: Uint8Array): boolean {
    if (!this.isEmpty && this.#bytes + item.length > this.#limits.unsentBytes) return false;
    this.#items.push(item);
    this.#bytes += item.length;
    return true;
  }

  /** The next frame; undefined if nothing waits. */
  take(): Uint8Array | undefined {
    if (this.isEmpty) return undefined;
    let end = this.#first;
    let bytes = 0;
    const mostBytes = Math.min(gatherBytes, this.#limits.frameBytes - headerBytes);
    do {
      bytes += this.#items[end]?.length ?? 0;
      end += 1;
    } while (end < this.#items.length && bytes + (this.#items[end]?.length ?? 0) <= mostBytes);
    const isAll = this.#first === 0 && end === this.#items.length;
    const taken = isAll ? this.#items : this.#items.slice(this.#first, end);
    this.#sent += end - this.#first;
    this.#bytes -= bytes;
    this.#first = end;
    if (end === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (end > compactAfter) {
      this.#items = this.#items.slice(end);
      this.#first = 0;
    }
    this.#seq += 1;
    return encodeFrame(this.#session, this.#seq, taken);
  }
}
