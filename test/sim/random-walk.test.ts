// Random histories: what failed once is replayed first, for ever; then some seeds of every mix. CI runs ten thousand
// (npm run sim); this is the part of it that everybody runs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Step } from './acts.ts';
import { type MixName, mixNames } from './mixes.ts';
import { planOf } from './plan.ts';
import { runPlan } from './walk.ts';

interface Remembered {
  readonly seed: number;
  readonly mix: MixName;
  readonly found: string;
  /** The shortest schedule that failed, if it was kept: it means the same when plans are drawn otherwise. */
  readonly steps?: readonly Step[];
}

const { seeds: remembered } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8'),
) as { readonly seeds: readonly Remembered[] };
const first = Number(process.env['KILONOVA_SEED'] ?? 1);
const count = Number(process.env['KILONOVA_SEEDS'] ?? 72);
const batch = 4;

describe('a random history ends with nothing broken, stuck or left over', () => {
  it.each(remembered)('seed $seed of $mix, which once found: $found', async (one) => {
    const plan = planOf(one.seed, one.mix);
    const kept = one.steps === undefined ? plan : { ...plan, steps: one.steps, more: [] };
    const { violations, story } = await runPlan(kept);
    expect({ violations, story: violations.length > 0 ? story : [] }).toEqual({
      violations: [],
      story: [],
    });
  });

  const batches = mixNames.flatMap((mix) => {
    const share = Math.ceil(count / mixNames.length);
    return Array.from({ length: Math.ceil(share / batch) }, (_, index) => ({
      mix,
      from: first + index * batch,
      to: Math.min(first + share, first + (index + 1) * batch) - 1,
    }));
  });
  it.each(batches)(
    'seeds $from to $to of $mix',
    { timeout: 120_000 },
    async ({ mix, from, to }) => {
      for (let seed = from; seed <= to; seed += 1) {
        const { violations, story } = await runPlan(planOf(seed, mix));
        const told = violations.length > 0 ? story : [];
        expect({ seed, violations, story: told }).toEqual({ seed, violations: [], story: [] });
      }
    },
  );
});
