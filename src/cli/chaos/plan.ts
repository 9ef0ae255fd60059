// What is done to whom and when, drawn from a seed before anything starts, so that a run can be repeated as far as real
// processes allow. Never more at once than what leaves the cluster work to do: one member of each kind stays. Pure.
import type { SeededRandom } from '#runtime/env/seeded-random.ts';

export type TargetKind = 'controller' | 'compute' | 'redis';

export interface Target {
  readonly kind: TargetKind;
  /** From 0; Redis is one. */
  readonly index: number;
}

/** kill: -9, started again after `forMs`. stop: SIGSTOP, SIGCONT after `forMs`. */
export interface PlannedFault {
  readonly atMs: number;
  readonly target: Target;
  readonly does: 'kill' | 'stop';
  readonly forMs: number;
  /** Also when the member has not come back yet from the last one; else it waits until it has. */
  readonly isMerciless: boolean;
}

export interface PlanOptions {
  readonly random: SeededRandom;
  readonly forMs: number;
  readonly controllers: number;
  readonly computes: number;
}

/** Between two faults, drawn evenly. */
const GAP_MS = { least: 300, most: 2_200 } as const;
/** Until a member that was started again can be hit once more; Redis gets time in which something can be done. */
const RECOVERY_MS: Readonly<Record<TargetKind, number>> = {
  controller: 2_500,
  compute: 1_500,
  redis: 6_000,
};
/** How often each kind is hit. */
const WEIGHTS: readonly TargetKind[] = [
  ...Array<TargetKind>(5).fill('controller'),
  ...Array<TargetKind>(3).fill('compute'),
  ...Array<TargetKind>(2).fill('redis'),
];
const KILLED_MS = { least: 100, most: 4_000 } as const;
/** Shorter than the lease of a controller (3 s): it must go on as if nothing had been. */
const SHORT_STOP_MS = { least: 200, most: 2_400 } as const;
/** Longer than the lease: others must have taken over, and it must see that. */
const LONG_STOP_MS = { least: 3_400, most: 8_000 } as const;
/** Without Redis nothing can be acknowledged: not for too long. */
const REDIS_AWAY_MS = { least: 100, most: 3_000 } as const;

export function planFaults(options: PlanOptions): readonly PlannedFault[] {
  const { random, forMs } = options;
  const faults: PlannedFault[] = [];
  for (let atMs = draw(random, GAP_MS); atMs < forMs; atMs += draw(random, GAP_MS)) {
    const target = chooseTarget(options, faults, atMs);
    if (target === undefined) continue;
    const does = random.chance(0.6) ? 'kill' : 'stop';
    const isMerciless = random.chance(0.25);
    faults.push({ atMs, target, does, forMs: durationOf(random, target.kind, does), isMerciless });
  }
  return faults;
}

/** Undefined if enough of the drawn kind is away already. */
function chooseTarget(
  options: PlanOptions,
  faults: readonly PlannedFault[],
  atMs: number,
): Target | undefined {
  const { random, controllers, computes } = options;
  const kind = random.pick(WEIGHTS);
  const count = { controller: controllers, compute: computes, redis: 1 }[kind];
  const isBusy = (index: number): boolean =>
    faults.some(
      (fault) =>
        fault.target.kind === kind &&
        fault.target.index === index &&
        atMs < fault.atMs + fault.forMs + RECOVERY_MS[kind],
    );
  const free = Array.from({ length: count }, (_, index) => index).filter((index) => !isBusy(index));
  const mustStay = kind === 'redis' ? 0 : 1;
  return free.length <= mustStay ? undefined : { kind, index: random.pick(free) };
}

function durationOf(random: SeededRandom, kind: TargetKind, does: 'kill' | 'stop'): number {
  if (kind === 'redis') return draw(random, REDIS_AWAY_MS);
  if (does === 'kill') return draw(random, KILLED_MS);
  return draw(random, random.chance(0.5) ? SHORT_STOP_MS : LONG_STOP_MS);
}

function draw(
  random: SeededRandom,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  return least + random.below(most - least + 1);
}
