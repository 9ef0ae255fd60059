// Random histories: seeds that failed once are replayed first, for ever; then so many that are drawn anew in each run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { walk } from './random-walk.ts';

const remembered = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8')) as {
  readonly seeds: readonly { readonly seed: number; readonly found: string }[];
};
const first = Number(process.env['KILONOVA_SEED'] ?? 1);
const count = Number(process.env['KILONOVA_SEEDS'] ?? 400);
const batch = 20;

/** Seeds whose history ends badly, each with its story. */
async function unsound(from: number, to: number, calm = false): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (let seed = from; seed <= to; seed += 1) {
    const { violations, steps } = await walk(seed, { calm });
    if (violations.length > 0) found.push({ seed, violations, steps });
  }
  return found;
}

describe('a random history ends with nothing broken, stuck or left over', () => {
  it.each(remembered.seeds)('seed $seed, which once found: $found', async ({ seed }) => {
    expect(await unsound(seed, seed)).toEqual([]);
  });

  const batches = Array.from({ length: Math.ceil(count / batch) }, (_, index) => ({
    from: first + index * batch,
    to: Math.min(first + count, first + (index + 1) * batch) - 1,
  }));
  it('seeds 1 to 50 without deaths, with nothing for audits to mend', {
    timeout: 120_000,
  }, async () => {
    expect(await unsound(1, 50, true)).toEqual([]);
  });

  it.each(batches)('seeds $from to $to', { timeout: 120_000 }, async ({ from, to }) => {
    expect(await unsound(from, to)).toEqual([]);
  });
});
