// One seed, one trace: what a failed seed is worth. The hash covers every task that ran, in order, with its time.
import { expect, it } from 'vitest';
import { mixNames } from './mixes.ts';
import { planOf } from './plan.ts';
import { runPlan } from './walk.ts';

it.each(mixNames)('a seed of %s runs the same way twice', async (mix) => {
  const plan = planOf(11, mix);
  const first = await runPlan(plan);
  expect(await runPlan(plan)).toEqual(first);
});

it('a walk in which images are made and given up runs the same way twice', async () => {
  const plan = planOf(2578, 'store');
  const first = await runPlan(plan);
  expect(await runPlan(plan)).toEqual(first);
});

it('other seeds run other ways', async () => {
  const hashes = new Set<string>();
  for (const seed of [21, 22, 23, 24]) hashes.add((await runPlan(planOf(seed, 'hosts'))).hash);
  expect(hashes.size).toBe(4);
});
