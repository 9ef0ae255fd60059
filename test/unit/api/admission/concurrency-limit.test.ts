// How the number of writes at once follows what it is told of the event loop and of the writes' own times.
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit, LIMITS } from '#api/admission/concurrency-limit.ts';

class Told {
  readonly limit = new ConcurrencyLimit();
  #nowMs = 0;

  /** Windows of eleven looks at the loop each, with as many writes. */
  windows(
    count: number,
    told: { lateMs?: number; writeMs?: number; writes?: number; isReached?: boolean },
  ): number {
    const { lateMs = 0, writeMs = 10, writes = 11, isReached = true } = told;
    for (let window = 0; window < count; window += 1) {
      if (isReached) this.limit.reached();
      for (let write = 0; write < writes; write += 1) this.limit.wrote(writeMs);
      for (let look = 0; look < 11; look += 1) {
        this.limit.looped(lateMs, this.#nowMs);
        this.#nowMs += 10;
      }
    }
    return this.limit.value;
  }
}

describe('the limit of writes at once', () => {
  it('grows by one a window while there is more to do, up to its most', () => {
    const told = new Told();
    expect(told.windows(3, {})).toBe(LIMITS.first + 3);
    expect(told.windows(200, {})).toBe(LIMITS.most);
  });

  it('stays where it is while nobody waits', () => {
    expect(new Told().windows(50, { isReached: false })).toBe(LIMITS.first);
  });

  it('shrinks by a fifth a window while the event loop is late, down to its least', () => {
    const told = new Told();
    expect(told.windows(1, { lateMs: 11 })).toBe(12);
    expect(told.windows(50, { lateMs: 11 })).toBe(LIMITS.least);
  });

  it('shrinks while even the quickest write takes far longer than at rest', () => {
    const told = new Told();
    const before = told.windows(4, { writeMs: 10 });
    expect(told.windows(1, { writeMs: 44 })).toBe(before + 1);
    expect(told.windows(4, { writeMs: 50 })).toBeLessThan(before);
  });

  it('does not take a store that is always slow for a queue', () => {
    expect(new Told().windows(10, { writeMs: 400 })).toBe(LIMITS.first + 10);
  });

  it('learns nothing from a few slow writes', () => {
    const told = new Told();
    const before = told.windows(4, { writeMs: 10 });
    expect(told.windows(4, { writeMs: 900, writes: 7 })).toBe(before + 4);
  });
});
