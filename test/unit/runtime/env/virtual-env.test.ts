// What the virtual Env promises to every simulated test.
import { describe, expect, it } from 'vitest';

import type { Env } from '#runtime/env/env.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

function createEnv(seed: number | string = 1): VirtualEnv {
  return createVirtualEnv({ seed });
}

/** Ten chains of tasks that draw chance and set timers; the order in which they ran is the result. */
async function runChains(seed: number): Promise<{ ran: string[]; hash: string }> {
  const env = createEnv(seed);
  const ran: string[] = [];
  const step = (chain: number, left: number): void => {
    ran.push(`${chain}.${left}@${env.clock.monotonic()}`);
    if (left === 0) return;
    const next = async (): Promise<void> => {
      await Promise.resolve();
      step(chain, left - 1);
    };
    if (env.random.chance(0.5)) env.timers.soon(() => void next());
    else env.timers.after(env.random.below(5), () => void next());
  };
  for (let chain = 0; chain < 10; chain += 1) env.timers.soon(() => step(chain, 20));
  await env.runUntilIdle();
  return { ran, hash: env.traceHash() };
}

describe('virtual env', () => {
  it('equal seeds give equal runs and hashes, other seeds other ones', async () => {
    const [first, again, other] = [await runChains(7), await runChains(7), await runChains(8)];
    expect(again).toEqual(first);
    expect(other.ran).not.toEqual(first.ran);
    expect(other.hash).not.toBe(first.hash);
  });

  it('timers run in the order of (time, scheduling) and see their own time', async () => {
    const env = createEnv();
    const ran: string[] = [];
    for (const [name, delayMs] of [
      ['d', 20],
      ['b', 5],
      ['c', 5],
      ['a', 1],
    ] as const) {
      env.timers.after(delayMs, () => ran.push(`${name}@${env.clock.monotonic()}`));
    }
    await env.runUntilIdle();
    expect(ran).toEqual(['a@1', 'b@5', 'c@5', 'd@20']);
  });

  it('advance stops at each timer on the way and leaves later ones waiting', async () => {
    const env = createEnv();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(env.clock.monotonic());
      env.timers.after(10, again);
    };
    env.timers.after(10, again);
    await env.advance(35);
    expect({ ran, nowMs: env.clock.monotonic() }).toEqual({ ran: [10, 20, 30], nowMs: 35 });
  });

  it('settle does not move time', async () => {
    const env = createEnv();
    const ran: string[] = [];
    env.timers.after(1, () => ran.push('timer'));
    env.timers.soon(() => ran.push('soon'));
    await env.settle();
    expect({ ran, nowMs: env.clock.monotonic() }).toEqual({ ran: ['soon'], nowMs: 0 });
  });

  it('cancelled tasks and timers do not run', async () => {
    const env = createEnv();
    const ran: string[] = [];
    env.timers.soon(() => ran.push('soon'))();
    env.timers.after(1, () => ran.push('timer'))();
    await env.runUntilIdle();
    expect(ran).toEqual([]);
  });

  it('promises settle between two tasks', async () => {
    const env = createEnv();
    const ran: string[] = [];
    const task = (name: string) => async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      ran.push(`${name} begun`);
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      ran.push(`${name} done`);
    };
    env.timers.soon(() => void task('a')());
    env.timers.soon(() => void task('b')());
    await env.settle();
    const [first, second] = ran[0] === 'a begun' ? ['a', 'b'] : ['b', 'a'];
    expect(ran).toEqual([`${first} begun`, `${first} done`, `${second} begun`, `${second} done`]);
  });

  it('waiting in vain fails and names what was waited for', async () => {
    const env = createEnv();
    await expect(env.runUntil(() => false, 'the moon', 10)).rejects.toThrow(/the moon/);
    await expect(env.complete(new Promise(() => {}), 'a reply', 10)).rejects.toThrow(/a reply/);
  });

  it('complete gives the outcome of a promise that needs virtual time', async () => {
    const env = createEnv();
    const late = new Promise<string>(
      (resolve) => void env.timers.after(60_000, () => resolve('late')),
    );
    expect(await env.complete(late, 'the late one')).toBe('late');
  });

  it('a run that never ends is stopped', async () => {
    const env = createVirtualEnv({ seed: 1, maxTasks: 100 });
    const again = (): void => void env.timers.soon(again);
    again();
    await expect(env.settle()).rejects.toThrow(/still busy after 100 tasks/);
  });

  it('an error in a task comes out of the run', async () => {
    const env = createEnv();
    env.timers.soon(() => {
      throw new Error('broken task');
    });
    await expect(env.settle()).rejects.toThrow('broken task');
  });

  it('a killed member’s tasks and timers never run', async () => {
    const env = createEnv();
    const ran: string[] = [];
    const start = (name: string, memberEnv: Env): void => {
      memberEnv.timers.soon(() => ran.push(`${name} soon`));
      memberEnv.timers.after(5, () => ran.push(`${name} later`));
    };
    const [kept, killed] = [env.member('kept'), env.member('killed')];
    start('kept', kept.env);
    start('killed', killed.env);
    killed.kill();
    await env.runUntilIdle();
    expect(ran).toEqual(['kept soon', 'kept later']);
  });

  it('a member that stands still does what came due when it goes on, its time having passed', async () => {
    const env = createEnv();
    const ran: string[] = [];
    const stopped = env.member('stopped');
    const note = (what: string) => (): void => void ran.push(`${what}@${env.clock.monotonic()}`);
    stopped.env.timers.after(5, note('timer'));
    stopped.env.timers.soon(note('soon'));
    env.timers.after(7, note('world'));
    stopped.pause();
    await env.advance(10);
    expect(ran).toEqual(['world@7']);
    stopped.resume();
    await env.settle();
    expect(ran.toSorted()).toEqual(['soon@10', 'timer@10', 'world@7']);
  });

  it('what a member’s task sets by the global timers is the member’s', async () => {
    const env = createEnv();
    const ran: string[] = [];
    const killed = env.member('killed');
    const restore = env.installGlobals();
    try {
      const setAll = (who: string) => (): void => {
        setImmediate(() => ran.push(`${who} immediate`));
        void Promise.resolve().then(() => setTimeout(() => ran.push(`${who} timeout`), 5));
      };
      env.timers.soon(setAll('world'));
      killed.env.timers.soon(setAll('killed'));
      env.timers.after(1, () => killed.kill());
      await env.runUntilIdle();
    } finally {
      restore();
    }
    expect(ran.toSorted()).toEqual(['killed immediate', 'world immediate', 'world timeout']);
  });

  it('one member’s wall clock can step alone', async () => {
    const env = createVirtualEnv({ seed: 1, startMs: 1_000 });
    const [one, other] = [env.member('one'), env.member('other')];
    one.stepWallClock(-400);
    await env.advance(5);
    expect([one, other].map((member) => member.env.clock.now())).toEqual([605, 1_005]);
    expect(one.env.clock.monotonic()).toBe(5);
  });

  it('the wall clock can step while the monotonic clock stays', async () => {
    const env = createVirtualEnv({ seed: 1, startMs: 1_000 });
    env.stepWallClock(-400);
    await env.advance(5);
    expect([env.clock.now(), env.clock.monotonic()]).toEqual([605, 5]);
  });

  it('ids are version 4 UUIDs and repeat with the seed', () => {
    const ids = (): string[] => {
      const { random } = createEnv('ids');
      return [random.uuid(), random.uuid()];
    };
    expect(ids()).toEqual(ids());
    for (const id of ids()) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(ids()).size).toBe(2);
  });

  it('installed globals follow virtual time and are given back', async () => {
    const env = createVirtualEnv({ seed: 3, startMs: 5_000 });
    const real = [setImmediate, setTimeout, setInterval, Date, Math.random];
    const ran: string[] = [];
    const restore = env.installGlobals();
    try {
      setImmediate((name: string) => ran.push(name), 'immediate');
      setTimeout(
        () => ran.push(`timeout ${Date.now()} ${new Date().toISOString()}`),
        1_000,
      ).unref();
      const interval = setInterval(() => {
        ran.push(`interval ${Date.now()}`);
        if (Date.now() >= 5_600) clearInterval(interval);
      }, 300);
      clearTimeout(setTimeout(() => ran.push('cancelled'), 10));
      await env.runUntilIdle();
    } finally {
      restore();
    }
    expect(ran).toEqual([
      'immediate',
      'interval 5300',
      'interval 5600',
      'timeout 6000 1970-01-01T00:00:06.000Z',
    ]);
    expect([setImmediate, setTimeout, setInterval, Date, Math.random]).toEqual(real);
  });
});
