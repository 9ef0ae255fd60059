// How fast a line of waiting requests moves: writes end in bursts (the journal commits many at once), so it is the
// average over a while that tells. Pure but for what it is told.

const WINDOW_MS = 100;
/** Weight of the newest window. */
const NEWEST = 0.3;
/** No end for so long is nothing special: a disk that flushes, a pause for garbage. */
const PAUSE_MS = 300;

export class LineSpeed {
  #intervalMs = 0;
  #windowStartMs: number | undefined;
  #ends = 0;
  #lastEndMs: number | undefined;

  /** A write has ended. What ends while nobody waits tells how many there are, not how fast they can be. */
  ended(nowMs: number, isAwaited: boolean): void {
    this.#lastEndMs = nowMs;
    if (!isAwaited || this.#windowStartMs === undefined) {
      this.#startWindow(nowMs);
      return;
    }
    this.#ends += 1;
    const windowMs = nowMs - this.#windowStartMs;
    if (windowMs < WINDOW_MS) return;
    const intervalMs = windowMs / this.#ends;
    this.#intervalMs =
      this.#intervalMs === 0
        ? intervalMs
        : this.#intervalMs + NEWEST * (intervalMs - this.#intervalMs);
    this.#startWindow(nowMs);
  }

  /** How long the one behind so many others will wait; a line that has stopped gets slower the longer it stands. */
  waitMs(position: number, nowMs: number): number {
    return position * this.#intervalMs + Math.max(0, this.standingMs(nowMs) - PAUSE_MS);
  }

  /** Since the last write ended. */
  standingMs(nowMs: number): number {
    return this.#lastEndMs === undefined ? 0 : nowMs - this.#lastEndMs;
  }

  /** The first write after a rest: what was known is of another time. */
  began(nowMs: number): void {
    this.#intervalMs = 0;
    this.#lastEndMs = nowMs;
    this.#startWindow(nowMs);
  }

  #startWindow(nowMs: number): void {
    this.#windowStartMs = nowMs;
    this.#ends = 0;
  }
}
