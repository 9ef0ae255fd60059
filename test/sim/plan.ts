// The steps of a walk, drawn from its seed and mix before it begins: plain data, the same for ever.
import { seededRandom, type SeededRandom } from '#test/support/seeded-random.ts';
import type { Step } from './acts.ts';
import { type Mix, type MixName, mixes } from './mixes.ts';
import { type NemesisName, nemeses } from './nemeses.ts';
import { type UserActName, userActs } from './users.ts';

export interface Plan {
  readonly seed: number;
  readonly mix: MixName;
  readonly hosts: number;
  readonly controllers: number;
  readonly shutdownMs: number;
  readonly slowChance: number;
  readonly steps: readonly Step[];
  /** Run as well, one by one, for as long as the walk has met too few faults or events. */
  readonly more: readonly Step[];
}

/** How many steps of each kind are drawn: enough that most walks meet 50 faults and 2 000 events with them. */
const FAULTS = 64;
const REQUESTS = 64;
/** So many times as many follow, of which a walk takes what it is short of. */
const MORE = 6;
const FIRST_REQUESTS = 3;

export function planOf(seed: number, mixName: MixName): Plan {
  const mix: Mix = mixes[mixName];
  const random = seededRandom(`plan ${mixName} ${seed}`);
  const drawn = random.fork('steps');
  return {
    seed,
    mix: mixName,
    hosts: between(random, mix.hosts),
    controllers: between(random, mix.controllers),
    shutdownMs: random.below(3_000),
    slowChance: random.pick([0, 0.3, 0.5]),
    steps: drawSteps(drawn, mix),
    more: Array.from({ length: MORE }, () => drawSteps(drawn, mix)).flat(),
  };
}

function drawSteps(random: SeededRandom, mix: Mix): readonly Step[] {
  const steps: Step[] = [];
  let [faults, requests] = [FAULTS, REQUESTS];
  while (faults + requests > 0) {
    // Users come first, so that there is something to break.
    const isUser =
      random.below(faults + requests) < requests || requests > REQUESTS - FIRST_REQUESTS;
    if (isUser && requests > 0) {
      requests -= 1;
      const name = weighed(random, mix.users);
      steps.push({ act: name, args: userActs[name].draw(random), waitMs: waitMs(random) });
    } else {
      faults -= 1;
      const name = weighed(random, mix.nemeses);
      steps.push({ act: name, args: nemeses[name].draw(random), waitMs: waitMs(random) });
    }
  }
  return steps;
}

/** Mostly in the middle of what the last step began, now and then after it. */
function waitMs(random: SeededRandom): number {
  const draw = random.below(100);
  if (draw < 35) return random.below(8);
  if (draw < 75) return random.below(120);
  return draw < 97 ? random.below(2_000) : random.below(30_000);
}

function between(random: SeededRandom, [least, most]: readonly [number, number]): number {
  return least + random.below(most - least + 1);
}

function weighed<Name extends UserActName | NemesisName>(
  random: SeededRandom,
  weights: Readonly<Partial<Record<Name, number>>>,
): Name {
  const entries = Object.entries(weights) as [Name, number][];
  let draw = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [name, weight] of entries) {
    draw -= weight;
    if (draw < 0) return name;
  }
  throw new Error('a mix needs at least one weight');
}
