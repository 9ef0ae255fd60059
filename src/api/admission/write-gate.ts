// Lets writes through, as many at once as do good (concurrency-limit.ts); a few more wait in line. How long the line
// takes is known from how fast it has been moving, so a write that would wait too long is refused as it comes, and
// not after it has waited. docs/operating.md, "Overload".
import type { Cancel, Env } from '#runtime/env/env.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { LineSpeed } from './line-speed.ts';

/** The line is never longer, however fast it moves. */
const MAX_WAITING = 256;
/** Nor does it take longer, by its present speed. */
const MAX_WAIT_MS = 150;
/** So many may wait through a pause of everything (a disk's, a collection's), up to so long: that is not overload. */
const SHORT_LINE = { most: 32, standingMs: 1_000 } as const;
/** A line that stands still altogether is sent away after this: what is under way hangs. */
const STANDSTILL_MS = 2_000;
/** How often the event loop's lateness is looked at while there is work. */
const LOOK_EVERY_MS = 10;

/** To be called once when the write is over, however it ended. */
export type Leave = () => void;

interface Waiting {
  readonly enter: (leave: Leave) => void;
  readonly refuse: () => void;
  readonly sinceMs: number;
}

export class WriteGate {
  readonly #env: Env;
  readonly #limit = new ConcurrencyLimit();
  readonly #speed = new LineSpeed();
  readonly #line = new Set<Waiting>();
  #under = 0;
  #cancelLook: Cancel | undefined;

  constructor(env: Env) {
    this.#env = env;
  }

  get underWay(): number {
    return this.#under;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Whether one more write would have to wait too long. */
  get isFull(): boolean {
    if (this.#under < this.#limit.value) return false;
    const waiting = this.#line.size;
    if (waiting >= MAX_WAITING) return true;
    const nowMs = this.#env.clock.monotonic();
    if (waiting < SHORT_LINE.most && this.#speed.standingMs(nowMs) <= SHORT_LINE.standingMs)
      return false;
    return this.#speed.waitMs(waiting + 1, nowMs) > MAX_WAIT_MS;
  }

  /**
   * Calls `enter` now or when its turn comes, or `refuse` if the line is or gets stuck. The returned function takes it
   * out of the line, for a client that has gone.
   */
  ask(enter: (leave: Leave) => void, refuse: () => void): Cancel {
    if (this.#under < this.#limit.value) {
      this.#enter(enter);
      return () => undefined;
    }
    this.#limit.reached();
    if (this.isFull) {
      refuse();
      return () => undefined;
    }
    const waiting = { enter, refuse, sinceMs: this.#env.clock.monotonic() };
    this.#line.add(waiting);
    return () => void this.#line.delete(waiting);
  }

  /** One that was refused before it asked: there is more to do than the limit lets. */
  refused(): void {
    this.#limit.reached();
  }

  #enter(enter: (leave: Leave) => void): void {
    const startMs = this.#env.clock.monotonic();
    if (this.#under === 0) this.#speed.began(startMs);
    this.#under += 1;
    this.#lookLater();
    let hasLeft = false;
    enter(() => {
      if (hasLeft) return;
      hasLeft = true;
      this.#left(startMs);
    });
  }

  #left(startMs: number): void {
    const nowMs = this.#env.clock.monotonic();
    this.#under -= 1;
    this.#limit.wrote(nowMs - startMs);
    this.#speed.ended(nowMs, this.#line.size > 0);
    this.#letIn();
  }

  #letIn(): void {
    for (const waiting of this.#line) {
      if (this.#under >= this.#limit.value) return;
      this.#line.delete(waiting);
      this.#enter(waiting.enter);
    }
  }

  #lookLater(): void {
    if (this.#cancelLook !== undefined) return;
    const dueMs = this.#env.clock.monotonic() + LOOK_EVERY_MS;
    this.#cancelLook = this.#env.timers.after(LOOK_EVERY_MS, () => {
      this.#cancelLook = undefined;
      this.#look(dueMs);
    });
  }

  /** Goes on as long as there is work; an idle process is not woken. */
  #look(dueMs: number): void {
    const nowMs = this.#env.clock.monotonic();
    this.#limit.looped(Math.max(0, nowMs - dueMs), nowMs);
    for (const waiting of this.#line) {
      if (nowMs - waiting.sinceMs < STANDSTILL_MS) break;
      this.#line.delete(waiting);
      waiting.refuse();
    }
    this.#letIn();
    if (this.#under > 0) this.#lookLater();
    else this.#limit.rested();
  }
}
