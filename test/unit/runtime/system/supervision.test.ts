// Crashes: restart with limits and back-off, then failure, then the parent's turn.
import { describe, expect, it, onTestFinished } from 'vitest';

import { assert, AssertionFault } from '#runtime/assert.ts';
import type { SpawnOptions } from '#runtime/system/actor.ts';
import { createActorSystem } from '#runtime/system/system.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

import { createGate, createWorld, tellAll, type World } from './world.ts';

/** Crashes on 'crash', notes everything else with the virtual time. */
function fragile(
  world: World,
  name = 'a',
  rest: Partial<SpawnOptions<string>> = {},
): SpawnOptions<string> {
  return {
    name,
    handler: (message) => {
      if (message === 'crash') throw new Error(`${name} broke`);
      world.note(`${name} ${message}`);
    },
    ...rest,
  };
}

describe('restart', () => {
  it('a crash loses its message only: the actor is restarted, then goes on with the next', async () => {
    const world = createWorld();
    const { env, system, notes, note, faults } = world;
    const onRestart = (error: unknown): void => note(`restart after ${String(error)}`);
    const ref = system.spawn(fragile(world, 'a', { onRestart }));
    tellAll(ref, ['1', 'crash', '2']);
    await env.runUntilIdle();
    expect(notes).toEqual(['a 1', 'restart after Error: a broke', 'a 2']);
    expect(faults).toEqual([
      { path: 'a', kind: 'restarting', isEscalated: false, error: new Error('a broke') },
    ]);
    expect(system.stats()).toEqual({ actors: 1, restarts: 1, failures: 0 });
    expect(system.deadLetters.counts.crashed).toBe(1);
  });

  it('without onRestart, onStart runs again', async () => {
    const world = createWorld();
    const ref = world.system.spawn(fragile(world, 'a', { onStart: () => world.note('start') }));
    tellAll(ref, ['crash', '1']);
    await world.env.runUntilIdle();
    expect(world.notes).toEqual(['start', 'start', 'a 1']);
  });

  it('each wait in the window doubles, within half of chance', async () => {
    const world = createWorld();
    const { env, system } = world;
    const restartsMs: number[] = [];
    let sinceMs = 0;
    const ref = system.spawn(
      fragile(world, 'a', {
        supervision: { maxRestarts: 4, windowMs: 60_000, backoffMs: 100 },
        onRestart: () => {
          restartsMs.push(env.clock.monotonic() - sinceMs);
          sinceMs = env.clock.monotonic();
        },
      }),
    );
    tellAll(ref, ['crash', 'crash', 'crash', 'crash']);
    await env.runUntilIdle();
    expect(restartsMs).toHaveLength(4);
    for (const [index, waitedMs] of restartsMs.entries()) {
      expect(waitedMs).toBeGreaterThanOrEqual(50 * 2 ** index);
      expect(waitedMs).toBeLessThanOrEqual(100 * 2 ** index);
    }
  });

  it('messages wait during the back-off and are not lost', async () => {
    const world = createWorld();
    const { env, system, notes } = world;
    const ref = system.spawn(fragile(world, 'a', { supervision: { backoffMs: 1_000 } }));
    ref.tell('crash');
    await env.advance(10);
    ref.tell('1');
    await env.advance(10);
    expect(notes).toEqual([]);
    await env.runUntilIdle();
    expect(notes).toEqual(['a 1']);
  });

  it('crashes outside the window are forgiven', async () => {
    const world = createWorld();
    const { env, system } = world;
    const ref = system.spawn(
      fragile(world, 'a', { supervision: { maxRestarts: 1, windowMs: 10_000 } }),
    );
    for (let round = 0; round < 5; round += 1) {
      ref.tell('crash');
      await env.advance(10_001);
    }
    expect(system.stats()).toEqual({ actors: 1, restarts: 5, failures: 0 });
  });

  it('children are stopped before the restart', async () => {
    const world = createWorld();
    const { env, system, notes, note } = world;
    const parent = system.spawn(fragile(world, 'p', { onRestart: () => note('p restarted') }));
    system.spawn({ name: 'c', parent, handler: () => undefined, onStop: () => note('c stopped') });
    parent.tell('crash');
    await env.runUntilIdle();
    expect(notes).toEqual(['c stopped', 'p restarted']);
    expect(system.stats().actors).toBe(1);
  });

  it('a restart that fails counts as a crash', async () => {
    const world = createWorld();
    const { env, system, notes, note } = world;
    let tries = 0;
    const onRestart = (): void => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
      note('restarted');
    };
    const ref = system.spawn(fragile(world, 'a', { onRestart }));
    tellAll(ref, ['crash', '1']);
    await env.runUntilIdle();
    expect(notes).toEqual(['restarted', 'a 1']);
    expect(system.stats().restarts).toBe(3);
  });

  it('a start that fails is tried again, then is a failure', async () => {
    const world = createWorld();
    const { env, system, faults } = world;
    const onStart = (): Promise<void> => Promise.reject(new Error('no journal'));
    system.spawn(fragile(world, 'a', { onStart, supervision: { maxRestarts: 2 } }));
    await env.runUntilIdle();
    expect(faults.map(({ kind }) => kind)).toEqual(['restarting', 'restarting', 'failed']);
    expect(system.stats().actors).toBe(0);
  });

  it('a stop ends the back-off at once and runs no restart', async () => {
    const world = createWorld();
    const { env, system, notes, note } = world;
    const ref = system.spawn(
      fragile(world, 'a', {
        supervision: { backoffMs: 10_000 },
        onRestart: () => note('restarted'),
        onStop: () => note('stopped'),
      }),
    );
    ref.tell('crash');
    await env.settle();
    await env.complete(system.stop(ref), 'the stop', 0);
    await env.runUntilIdle();
    expect(notes).toEqual(['stopped']);
  });

  it('a crash while stopping neither restarts nor fails the actor', async () => {
    const { env, system, faults } = createWorld();
    const gate = createGate();
    const handler = async (): Promise<void> => {
      await gate.opened;
      throw new Error('late crash');
    };
    const ref = system.spawn<string>({ name: 'a', handler });
    ref.tell('go');
    await env.settle();
    const stopped = system.stop(ref);
    gate.open();
    await env.complete(stopped, 'the stop');
    expect({ faults, letters: system.deadLetters.counts.crashed }).toEqual({
      faults: [],
      letters: 1,
    });
  });
});

describe('failure', () => {
  const once = { maxRestarts: 0 } as const;

  it('at the root stops the actor and is reported; what waits becomes dead letters', async () => {
    const world = createWorld();
    const { env, system, notes, note, faults } = world;
    const ref = system.spawn(
      fragile(world, 'a', { supervision: once, onStop: () => note('stopped') }),
    );
    tellAll(ref, ['crash', '1', '2']);
    await env.runUntilIdle();
    expect(notes).toEqual(['stopped']);
    expect(faults).toEqual([
      { path: 'a', kind: 'failed', isEscalated: false, error: new Error('a broke') },
    ]);
    expect(system.deadLetters.counts).toEqual({ overloaded: 0, stopped: 2, crashed: 1 });
    expect(system.stats()).toEqual({ actors: 0, restarts: 0, failures: 1 });
  });

  it('of a child crashes its parent, one message at a time, which stops the other children', async () => {
    const world = createWorld();
    const { env, system, notes, note, faults } = world;
    const gate = createGate();
    const parent = system.spawn<string>({
      name: 'p',
      handler: async (message) => {
        note(`begin ${message}`);
        await gate.opened;
        note(`end ${message}`);
      },
      onRestart: (error) => note(`restart: ${(error as Error).message}`),
    });
    const child = system.spawn(fragile(world, 'c', { parent, supervision: once }));
    system.spawn({
      name: 'sibling',
      parent,
      handler: () => undefined,
      onStop: () => note('sibling stopped'),
    });
    parent.tell('1');
    await env.settle();
    child.tell('crash');
    await env.settle();
    parent.tell('2');
    expect(notes).toEqual(['begin 1']);
    gate.open();
    await env.runUntilIdle();
    expect(notes).toEqual([
      'begin 1',
      'end 1',
      'sibling stopped',
      'restart: child p/c has failed',
      'begin 2',
      'end 2',
    ]);
    expect(faults.map(({ path, kind, isEscalated }) => ({ path, kind, isEscalated }))).toEqual([
      { path: 'p/c', kind: 'failed', isEscalated: true },
      { path: 'p', kind: 'restarting', isEscalated: false },
    ]);
  });

  it('goes up the tree as far as it must', async () => {
    const world = createWorld();
    const { env, system, faults } = world;
    const root = system.spawn(fragile(world, 'r', { supervision: once }));
    const middle = system.spawn(fragile(world, 'm', { parent: root, supervision: once }));
    const leaf = system.spawn(fragile(world, 'l', { parent: middle, supervision: once }));
    leaf.tell('crash');
    await env.runUntilIdle();
    expect(faults.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      'r/m/l failed',
      'r/m failed',
      'r failed',
    ]);
    expect(system.stats().actors).toBe(0);
  });

  it('with whenExhausted stop leaves the parent alone', async () => {
    const world = createWorld();
    const { env, system, notes, faults } = world;
    const parent = system.spawn(fragile(world, 'p'));
    const supervision = { ...once, whenExhausted: 'stop' } as const;
    const child = system.spawn(fragile(world, 'c', { parent, supervision }));
    child.tell('crash');
    await env.runUntilIdle();
    parent.tell('goes on');
    await env.settle();
    expect(notes).toEqual(['p goes on']);
    expect(faults).toMatchObject([{ path: 'p/c', kind: 'failed', isEscalated: false }]);
    expect(system.stats().actors).toBe(1);
  });

  it('reaches a parent whose mailbox is full', async () => {
    const world = createWorld();
    const { env, system, faults } = world;
    const gate = createGate();
    const parent = system.spawn<string>({ name: 'p', capacity: 1, handler: () => gate.opened });
    const child = system.spawn(fragile(world, 'c', { parent, supervision: once }));
    parent.tell('1');
    await env.settle();
    child.tell('crash');
    await env.settle();
    gate.open();
    await env.runUntilIdle();
    expect(faults.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      'p/c failed',
      'p restarting',
    ]);
  });

  it('a fault listener that fails keeps nobody from the news', async () => {
    const world = createWorld();
    const { env, system, logged } = world;
    system.onFault(() => {
      throw new Error('broken listener');
    });
    const heard: string[] = [];
    const leave = system.onFault(({ kind }) => heard.push(kind));
    const ref = system.spawn(fragile(world));
    ref.tell('crash');
    await env.runUntilIdle();
    leave();
    ref.tell('crash');
    await env.runUntilIdle();
    expect(heard).toEqual(['restarting']);
    expect(logged.filter((line) => line === 'error: a fault listener failed')).toHaveLength(2);
  });

  it('equal seeds give equal histories of crashes', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const world = createWorld(seed);
      const { env, system, notes } = world;
      const root = system.spawn(fragile(world, 'r', { onRestart: () => world.note('r again') }));
      for (let index = 0; index < 8; index += 1) {
        const name = `c${index}`;
        const onRestart = (): void => world.note(`${name} again @${env.clock.monotonic()}`);
        const child = system.spawn(
          fragile(world, name, { parent: root, onRestart, supervision: { maxRestarts: 2 } }),
        );
        tellAll(child, ['1', 'crash', '2', 'crash', '3', ...(index === 4 ? ['crash'] : [])]);
      }
      await env.runUntilIdle();
      return { notes, hash: env.traceHash() };
    };
    const first = await run(11);
    expect(await run(11)).toEqual(first);
    expect(await run(12)).not.toEqual(first);
  });
});

describe('a bug in the facade itself', () => {
  it('ends the process rather than leave an actor that accepts messages and handles none', async () => {
    const brokenLog = { ...silentLog, warn: () => assert(false, 'the log is broken') };
    const env = createVirtualEnv({ seed: 1, log: brokenLog });
    onTestFinished(env.installGlobals());
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    const system = createActorSystem({ env, name: 'test' });
    const ref = system.spawn<string>({
      name: 'a',
      handler: () => Promise.reject(new Error('crash')),
    });
    ref.tell('x');
    await env.settle();
    expect(uncaught).toEqual([new AssertionFault('the log is broken')]);
  });
});
