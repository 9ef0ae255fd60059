// One seed, one trace: what a failed seed is worth. The hash covers every task that ran, in order, with its time.
import { expect, it } from 'vitest';
import { walk } from './random-walk.ts';

it.each([11, 12, 13, 14, 15])('seed %d runs the same way twice', async (seed) => {
  const first = await walk(seed);
  expect(await walk(seed)).toEqual(first);
});

it('other seeds run other ways', async () => {
  const hashes = new Set<string>();
  for (const seed of [21, 22, 23, 24]) hashes.add((await walk(seed)).hash);
  expect(hashes.size).toBe(4);
});
