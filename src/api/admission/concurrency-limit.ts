// How many writes may be under way at once: the number at which the process does most, found by trying. It grows by one
// while there is more to do and nothing suffers, and shrinks by a part when the event loop is late (the processor is
// busy) or the quickest write of a while takes far longer than one does at rest (a queue stands somewhere below: CoDel,
// RFC 8289). Pure but for what it is told.

export const LIMITS = { least: 4, first: 16, most: 64 } as const;

/** It is judged once per so much time. */
const WINDOW_MS = 100;
/** Of the event loop, on the average of a window. Well below the bound within which refusals must be answered. */
const LATE_MS = 10;
/** The quickest write of a window may take so many times as long as at rest, and so much longer. */
const SLOWDOWN = { factor: 2, addedMs: 25 } as const;
/** Fewer writes than that say nothing about a queue. */
const TELLING_WRITES = 8;
const SHRINK = 0.8;
/** What "at rest" means is forgotten slowly, so that a store that has become slower is not taken for a queue for ever. */
const REST_DRIFT_PER_WINDOW = 1.002;

export class ConcurrencyLimit {
  #limit: number = LIMITS.first;
  #restMs = Number.POSITIVE_INFINITY;
  #windowStartMs: number | undefined;
  #lateMs = 0;
  #lateCount = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  #writes = 0;
  #wasReached = false;

  get value(): number {
    return Math.floor(this.#limit);
  }

  /** More was there to do than the limit let. */
  reached(): void {
    this.#wasReached = true;
  }

  wrote(tookMs: number): void {
    this.#writes += 1;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
  }

  /** The event loop was so much too late for a timer; told often while there is work. */
  looped(lateMs: number, nowMs: number): void {
    this.#lateMs += lateMs;
    this.#lateCount += 1;
    this.#windowStartMs ??= nowMs;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) this.#judge();
  }

  /** Nothing is under way any more; the next window starts with the next work. */
  rested(): void {
    this.#startWindow();
  }

  #judge(): void {
    const isLate = this.#lateMs / this.#lateCount > LATE_MS;
    if (isLate || this.#isQueueing()) this.#limit = Math.max(LIMITS.least, this.#limit * SHRINK);
    // Where nothing ends, more of it would only hang, too.
    else if (this.#wasReached && this.#writes > 0)
      this.#limit = Math.min(LIMITS.most, this.#limit + 1);
    this.#restMs *= REST_DRIFT_PER_WINDOW;
    this.#startWindow();
  }

  #isQueueing(): boolean {
    this.#restMs = Math.min(this.#restMs, this.#quickestMs);
    return (
      this.#writes >= TELLING_WRITES &&
      this.#quickestMs > this.#restMs * SLOWDOWN.factor + SLOWDOWN.addedMs
    );
  }

  #startWindow(): void {
    this.#windowStartMs = undefined;
    this.#lateMs = 0;
    this.#lateCount = 0;
    this.#quickestMs = Number.POSITIVE_INFINITY;
    this.#writes = 0;
    this.#wasReached = false;
  }
}
