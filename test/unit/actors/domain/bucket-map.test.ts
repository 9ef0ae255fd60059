import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BucketMap,
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketHas,
  bucketKeys,
  bucketSet,
  emptyBuckets,
} from '#actors/domain/bucket-map.ts';

type Step = { readonly key: string; readonly value: number | undefined };
const steps = fc.array(
  fc.record({
    key: fc.oneof(
      fc.constantFrom('a', 'b', '__proto__', 'constructor', ''),
      fc.string({ maxLength: 6 }),
    ),
    value: fc.option(fc.integer(), { nil: undefined }),
  }),
  { maxLength: 300 },
);

function apply(map: BucketMap<number>, { key, value }: Step): BucketMap<number> {
  return value === undefined ? bucketDelete(map, key) : bucketSet(map, key, value);
}

describe('a bucket map', () => {
  test('holds what a Map holds after the same changes', () => {
    fc.assert(
      fc.property(steps, (changes) => {
        const model = new Map<string, number>();
        let map = emptyBuckets<number>();
        for (const step of changes) {
          map = apply(map, step);
          if (step.value === undefined) model.delete(step.key);
          else model.set(step.key, step.value);
        }
        expect(map.size).toBe(model.size);
        expect(new Map(bucketEntries(map))).toEqual(model);
        expect(new Set(bucketKeys(map))).toEqual(new Set(model.keys()));
        for (const { key } of changes) {
          expect(bucketGet(map, key)).toBe(model.get(key));
          expect(bucketHas(map, key)).toBe(model.has(key));
        }
      }),
    );
  });

  test('leaves the map that it was made from as it was', () => {
    fc.assert(
      fc.property(steps, steps, (first, then) => {
        const before = first.reduce(apply, emptyBuckets<number>());
        const copy = structuredClone(before);
        then.reduce(apply, before);
        expect(before).toEqual(copy);
      }),
    );
  });

  test('spreads ten thousand UUID-like keys so that a bucket stays short', () => {
    let map = emptyBuckets<number>();
    for (let i = 0; i < 10_000; i += 1)
      map = bucketSet(map, `1b9d6bcd-bbfd-4b2d-9b5d-${i.toString(16).padStart(12, '0')}`, i);
    expect(map.size).toBe(10_000);
    expect(Math.max(...map.buckets.map((bucket) => bucket.length))).toBeLessThan(48);
  });

  test('deleting an unknown key gives the same map back', () => {
    const map = bucketSet(emptyBuckets<number>(), 'a', 1);
    expect(bucketDelete(map, 'b')).toBe(map);
  });
});
