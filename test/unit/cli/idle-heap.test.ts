// When the heap is given back: once after each busy while.
import { describe, expect, it } from 'vitest';
import { atStart, nextRest } from '#cli/idle-heap.ts';

const released = (looks: readonly number[]): readonly boolean[] => {
  let rest = atStart;
  return looks.map((busyPart) => {
    const next = nextRest(rest, busyPart);
    const isNow = next.isHeapReleased && !rest.isHeapReleased;
    rest = next;
    return isNow;
  });
};

describe('the heap of a process at rest', () => {
  it('is given back after four quiet looks in a row, and not again', () => {
    expect(released([0, 0.1, 0, 0, 0, 0, 0])).toEqual([
      false,
      false,
      false,
      true,
      false,
      false,
      false,
    ]);
  });

  it('is kept while there is work', () => {
    expect(released([0, 0, 0, 0.11, 0, 0, 0.5, 0, 0, 0])).not.toContain(true);
  });

  it('is given back again after the next busy while', () => {
    const looks = [0, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 0];
    expect(released(looks).flatMap((is, at) => (is ? [at] : []))).toEqual([3, 9]);
  });
});
