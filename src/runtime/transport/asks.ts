// The questions of one link that are not answered yet. One timer, set for the earliest deadline, serves all of them:
// most are answered long before, and a timer for each would cost more than the question.
import type { Cancel, Env } from '../env/env.ts';
import type { MemberId } from '../membership/store.ts';
import { TransportFault, type Lane } from './port.ts';

export interface PendingAsk {
  readonly lane: Lane;
  /** Its place among all items of its lane, from 1; sent once so many have left. */
  readonly place: number;
  readonly type: string;
  readonly deadlineMs: number;
  readonly dueMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: TransportFault) => void;
}

export class Asks {
  readonly #env: Env;
  readonly #peer: MemberId;
  readonly #pending = new Map<number, PendingAsk>();
  #lastId = 0;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #cancelTimer: Cancel = () => undefined;

  constructor(env: Env, peer: MemberId) {
    this.#env = env;
    this.#peer = peer;
  }

  get count(): number {
    return this.#pending.size;
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  add(id: number, ask: PendingAsk): void {
    this.#pending.set(id, ask);
    if (ask.dueMs < this.#timerDueMs) this.#setTimer(ask.dueMs);
  }

  /** The question of that number, which is then no longer pending; undefined if its time was over. */
  take(id: number): PendingAsk | undefined {
    const ask = this.#pending.get(id);
    if (ask !== undefined) this.#pending.delete(id);
    return ask;
  }

  /** Ends all of them. */
  end(faultOf: (ask: PendingAsk) => TransportFault): void {
    this.#cancelTimer();
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const ended = [...this.#pending.values()];
    this.#pending.clear();
    for (const ask of ended) ask.reject(faultOf(ask));
  }

  #setTimer(dueMs: number): void {
    this.#cancelTimer();
    this.#timerDueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.#env.clock.monotonic());
    this.#cancelTimer = this.#env.timers.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#env.clock.monotonic();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, ask] of this.#pending) {
      if (ask.dueMs > nowMs) {
        nextMs = Math.min(nextMs, ask.dueMs);
        continue;
      }
      this.#pending.delete(id);
      ask.reject(
        new TransportFault(
          'timeout',
          `member ${this.#peer} has not answered ${ask.type} within ${ask.deadlineMs} ms; whether it acted on it is not known`,
        ),
      );
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#setTimer(nextMs);
  }
}
