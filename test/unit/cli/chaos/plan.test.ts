// The plan of faults: the same for the same seed, and never so much at once that nothing is left to do the work.
import { describe, expect, it } from 'vitest';
import { type PlannedFault, planFaults, type TargetKind } from '#cli/chaos/plan.ts';
import { seededRandom } from '#runtime/env/seeded-random.ts';

const plan = (seed: number): readonly PlannedFault[] =>
  planFaults({ random: seededRandom(seed), forMs: 600_000, controllers: 3, computes: 3 });

/** How many of a kind are away at the moment at which one goes away. */
function mostAway(faults: readonly PlannedFault[], kind: TargetKind): number {
  const ofKind = faults.filter(({ target }) => target.kind === kind);
  return Math.max(
    ...ofKind.map(
      ({ atMs }) =>
        ofKind.filter((other) => other.atMs <= atMs && atMs < other.atMs + other.forMs).length,
    ),
  );
}

describe('a plan of faults', () => {
  it('is the same for the same seed and another one for another', () => {
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('leaves one controller and one compute member alone at any time', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const faults = plan(seed);
      expect(mostAway(faults, 'controller')).toBe(2);
      expect(mostAway(faults, 'compute')).toBeLessThanOrEqual(2);
      expect(mostAway(faults, 'redis')).toBe(1);
    }
  });

  it('kills and stops every member, for less and for more than a lease', () => {
    const faults = plan(3);
    const kinds = new Set(
      faults.map(({ target, does }) => `${does} ${target.kind} ${target.index}`),
    );
    expect(kinds.size).toBe(14);
    const stops = faults.filter(({ does, target }) => does === 'stop' && target.kind !== 'redis');
    expect(stops.some(({ forMs }) => forMs < 2_500)).toBe(true);
    expect(stops.some(({ forMs }) => forMs > 3_300)).toBe(true);
  });

  it('begins nothing after its time, and goes in the order of time', () => {
    const times = plan(4).map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(600_000);
  });
});
