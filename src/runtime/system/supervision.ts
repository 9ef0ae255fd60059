// When a crashed actor may run again: so many restarts within a window, each after a longer wait, then never.
import { assert } from '../assert.ts';
import type { Env } from '../env/env.ts';
import type { Supervision } from './actor.ts';

const defaults: Required<Supervision> = {
  maxRestarts: 5,
  windowMs: 60_000,
  backoffMs: 100,
  whenExhausted: 'escalate',
};
const longestBackoffMs = 30_000;

export function supervisionOf(given: Supervision | undefined): Required<Supervision> {
  const chosen = given === undefined ? defaults : { ...defaults, ...given };
  assert(chosen.maxRestarts >= 0, 'maxRestarts is 0 or more');
  assert(chosen.windowMs > 0 && chosen.backoffMs >= 0, 'windowMs and backoffMs are times');
  return chosen;
}

/** Remembers the crashes of one actor that are still within its window. */
export class RestartBudget {
  #crashesMs: number[] = [];

  /** How long to wait before the restart; undefined when there have been too many. */
  takeBackoffMs(policy: Required<Supervision>, env: Env): number | undefined {
    const nowMs = env.clock.monotonic();
    const oldestMs = nowMs - policy.windowMs;
    this.#crashesMs = this.#crashesMs.filter((crashMs) => crashMs > oldestMs);
    if (this.#crashesMs.length >= policy.maxRestarts) return undefined;
    const doubled = policy.backoffMs * 2 ** this.#crashesMs.length;
    this.#crashesMs.push(nowMs);
    // Half of the wait is chance, so that actors felled by one cause do not come back as one crowd.
    return Math.min(doubled, longestBackoffMs) * (0.5 + env.random.float() / 2);
  }
}
