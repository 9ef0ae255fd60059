// The Env of production: the machine's clocks, timers and randomness. The only file in src (with src/cli)
// that may touch those globals; everything else gets them through Env, so that the simulator can replace them.
import { randomFillSync, randomUUID } from 'node:crypto';

import { assert } from '../assert.ts';
import type { Cancel, Clock, Env, Log, Random, Timers } from './env.ts';

/** Node fires at once when a delay does not fit in 31 bits, so longer ones are waited out in pieces. */
const longestTimeoutMs = 2 ** 31 - 1;

export function realEnv(log: Log): Env {
  return { clock, timers, random, log };
}

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

const timers: Timers = { after, soon };

const random: Random = {
  float: () => Math.random(),
  uuid: () => randomUUID(),
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};

function after(delayMs: number, fn: () => void): Cancel {
  assert(delayMs >= 0, `a timer needs a delay of 0 ms or more, not ${delayMs}`);
  let restMs = delayMs;
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const pieceMs = Math.min(restMs, longestTimeoutMs);
    restMs -= pieceMs;
    handle = setTimeout(restMs > 0 ? arm : fn, pieceMs);
  };
  arm();
  return () => clearTimeout(handle);
}

function soon(fn: () => void): Cancel {
  const handle = setImmediate(fn);
  return () => clearImmediate(handle);
}
