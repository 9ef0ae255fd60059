// What a step of a walk can be: something that a user does, or something that goes wrong. A step is plain data that was
// drawn before the walk began, so that a failed walk can be run again with fewer of them. Numbers in it that choose
// among what is there (a controller, a host, a server) count round, so that every step means something in every walk.
import type { SeededRandom } from '#test/support/seeded-random.ts';
import type { Walk } from './walk.ts';

export type Args = Readonly<Record<string, number | string | boolean>>;

export interface Step {
  readonly act: string;
  readonly args: Args;
  /** Time until the next step, in virtual ms. */
  readonly waitMs: number;
}

export interface Act {
  draw(random: SeededRandom): Args;
  /** What has happened, in words; undefined if there was nothing to do it to. */
  run(walk: Walk, args: never): string | undefined;
}

/** An act whose arguments are what it draws. */
export function act<A extends Args>(
  draw: (random: SeededRandom) => A,
  run: (walk: Walk, args: A) => string | undefined,
): Act {
  return { draw, run };
}

/** The item that a number chooses, counting round. */
export function chosen<T>(items: readonly T[], number: number): T | undefined {
  return items[number % items.length];
}
