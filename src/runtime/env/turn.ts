// A pause of one turn of the event loop, so that what has arrived meanwhile gets its turn.
import type { Env } from './env.ts';

export function nextTurn({ timers }: Pick<Env, 'timers'>): Promise<void> {
  return new Promise((resolve) => void timers.soon(resolve));
}
