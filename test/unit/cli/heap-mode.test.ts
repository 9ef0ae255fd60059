// When a small heap gives way to a fast one, and back.
import { describe, expect, it } from 'vitest';
import { nextMode } from '#cli/heap-mode.ts';

const after = (looks: readonly number[]): readonly boolean[] => {
  let mode = { isFast: false, quietLooks: 0 };
  return looks.map((busyPart) => {
    mode = nextMode(mode, busyPart);
    return mode.isFast;
  });
};

describe('the heap', () => {
  it('stays small while the event loop has time', () => {
    expect(after([0, 0.3, 0.49])).toEqual([false, false, false]);
  });

  it('is fast from the first busy look on, and through a lull', () => {
    expect(after([0.5, 0.05, 0.2, 0.05])).toEqual([true, true, true, true]);
  });

  it('is small again after twenty quiet looks in a row, not before', () => {
    const quiet = Array.from({ length: 19 }, () => 0.05);
    expect(after([0.9, ...quiet]).at(-1)).toBe(true);
    expect(after([0.9, ...quiet, 0.05]).at(-1)).toBe(false);
    expect(after([0.9, ...quiet, 0.2, 0.05]).at(-1)).toBe(true);
  });
});
