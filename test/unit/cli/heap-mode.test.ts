// When a small heap gives way to a fast one, and back.
import { describe, expect, it } from 'vitest';
import { atStart, type Look, nextMode } from '#cli/heap-mode.ts';

const after = (looks: readonly (number | Look)[]): readonly boolean[] => {
  let mode = atStart;
  return looks.map((look) => {
    mode = nextMode(mode, typeof look === 'number' ? { busyPart: look, memoryMiB: 110 } : look);
    return mode.isFast;
  });
};

const busy = (memoryMiB: number): Look => ({ busyPart: 0.9, memoryMiB });
const quiet = (memoryMiB: number): Look => ({ busyPart: 0.05, memoryMiB });

describe('the heap', () => {
  it('stays small while the event loop has time', () => {
    expect(after([0, 0.3, 0.49])).toEqual([false, false, false]);
  });

  it('is fast from the first busy look on, and through a lull', () => {
    expect(after([0.5, 0.05, 0.2, 0.05])).toEqual([true, true, true, true]);
  });

  it('is small again after twenty quiet looks in a row, not before', () => {
    const looks = Array.from({ length: 19 }, () => 0.05);
    expect(after([0.9, ...looks]).at(-1)).toBe(true);
    expect(after([0.9, ...looks, 0.05]).at(-1)).toBe(false);
    expect(after([0.9, ...looks, 0.2, 0.05]).at(-1)).toBe(true);
  });

  it('is small while the process takes too much, until it takes clearly less', () => {
    const looks = [busy(200), busy(340), busy(341), busy(300), busy(289), busy(300)];
    expect(after(looks)).toEqual([true, true, false, false, true, true]);
  });

  it('may take half as much again as at rest, where that is more', () => {
    const looks = [quiet(600), busy(700), busy(899), busy(901)];
    expect(after(looks)).toEqual([false, true, true, false]);
  });
});
