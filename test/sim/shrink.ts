// Makes a failed walk shorter: leaves out steps as long as what is left fails in the same way (delta debugging). Chance
// inside the walk comes from its seed, so each try is one run.
import type { Step } from './acts.ts';
import type { Plan } from './plan.ts';
import { runPlan } from './walk.ts';

export interface Shrunk {
  readonly steps: readonly Step[];
  /** Steps that the walk took as it was planned. */
  readonly of: number;
  readonly violations: readonly string[];
  readonly story: readonly string[];
  readonly tries: number;
}

/** Undefined if the plan does not fail. */
export async function shrink(plan: Plan, withinMs: number): Promise<Shrunk | undefined> {
  const untilMs = performance.now() + withinMs;
  const first = await runPlan(plan);
  const all = [...plan.steps, ...plan.more].slice(0, first.stepsRun);
  const wanted = signatures(first.violations);
  if (wanted.size === 0) return undefined;
  let best: Shrunk = { ...first, steps: all, of: all.length, tries: 1 };
  let tries = 1;
  for (let size = Math.ceil(all.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = 0; from < best.steps.length && performance.now() < untilMs; ) {
      const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)];
      const { violations, story } = await runPlan({ ...plan, steps, more: [] });
      tries += 1;
      if ([...signatures(violations)].some((one) => wanted.has(one))) {
        best = { steps, of: all.length, violations, story, tries };
        isShorter = true;
      } else from += size;
    }
    if (performance.now() >= untilMs) break;
    if (!isShorter || size > 1) size = size === 1 ? 0 : Math.floor(size / 2);
  }
  return { ...best, tries };
}

/** What kind of violation it is, whichever servers, hosts and numbers it names. */
function signatures(violations: readonly string[]): ReadonlySet<string> {
  return new Set(
    violations.map((one) =>
      one
        .replace(/^after [a-z ]+: /, '')
        .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
        .replaceAll(/\d+/g, 'N')
        .replace(/[a-z-]+-ID-N/, 'OPERATION'),
    ),
  );
}
