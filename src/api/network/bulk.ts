// Making several things by one request: all of them, or none. They are entities of their own, so what was made before one
// failed is undone here, and tried again if the store is away by then.
import type { Env } from '#runtime/env/env.ts';
import { isPassing } from '#api/passing-trouble.ts';

/** What can't be undone now is tried again so often; meanwhile it is seen in lists and may be deleted by hand. */
const UNDO_TRIES = 60;
const UNDO_EVERY_MS = 5_000;

export interface Making<T, R> {
  readonly wanted: readonly T[];
  readonly make: (one: T) => Promise<R>;
  /** Repeatable. */
  readonly undo: (made: R) => Promise<void>;
}

/** One after the other; when one fails, those made before are undone and its error stands. */
export async function makeAll<T, R>(
  env: Pick<Env, 'timers' | 'log'>,
  { wanted, make, undo }: Making<T, R>,
): Promise<readonly R[]> {
  const made: R[] = [];
  try {
    for (const one of wanted) made.push(await make(one));
  } catch (error) {
    await undoAll(env, made, undo, UNDO_TRIES);
    throw error;
  }
  return made;
}

async function undoAll<R>(
  env: Pick<Env, 'timers' | 'log'>,
  made: readonly R[],
  undo: (made: R) => Promise<void>,
  tries: number,
): Promise<void> {
  const left: R[] = [];
  for (const one of made) {
    try {
      await undo(one);
    } catch (error) {
      if (isPassing(error) && tries > 1) left.push(one);
      else env.log.warn({ err: error }, 'a part of a request that failed could not be undone');
    }
  }
  if (left.length > 0)
    env.timers.after(UNDO_EVERY_MS, () => void undoAll(env, left, undo, tries - 1));
}
