// The production Env against the machine's real clocks; waits end by events, never by guessed times.
import { describe, expect, it } from 'vitest';

import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const env = realEnv(silentLog);

describe('real env', () => {
  it('the monotonic clock does not run backwards and a timer takes its time', async () => {
    const startedMs = env.clock.monotonic();
    await new Promise<void>((resolve) => void env.timers.after(5, resolve));
    expect(env.clock.monotonic() - startedMs).toBeGreaterThanOrEqual(4);
  });

  it('soon runs after pending promises', async () => {
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      env.timers.soon(() => {
        ran.push('soon');
        resolve();
      });
      void Promise.resolve().then(() => ran.push('promise'));
    });
    expect(ran).toEqual(['promise', 'soon']);
  });

  it('cancelled timers and tasks do not run', async () => {
    const ran: string[] = [];
    env.timers.after(1, () => ran.push('timer'))();
    env.timers.soon(() => ran.push('soon'))();
    await new Promise<void>((resolve) => void env.timers.after(5, resolve));
    expect(ran).toEqual([]);
  });

  it('a delay beyond 31 bits does not fire at once', async () => {
    let fired = false;
    const cancel = env.timers.after(2 ** 40, () => void (fired = true));
    await new Promise<void>((resolve) => void env.timers.after(5, resolve));
    cancel();
    expect(fired).toBe(false);
  });

  it('a delay that is no number or negative is a bug', () => {
    expect(() => env.timers.after(Number.NaN, () => {})).toThrow(/0 ms or more/);
    expect(() => env.timers.after(-1, () => {})).toThrow(/0 ms or more/);
  });

  it('chance has the promised shapes', () => {
    const [id, other] = [env.random.uuid(), env.random.uuid()];
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id).not.toBe(other);
    expect(env.random.bytes(24)).toHaveLength(24);
    expect(Buffer.from(env.random.bytes(24))).not.toEqual(Buffer.from(env.random.bytes(24)));
    const float = env.random.float();
    expect(float >= 0 && float < 1).toBe(true);
  });
});
