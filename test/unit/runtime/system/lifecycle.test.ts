// Starting, stopping and watching actors and whole systems, in order.
import { describe, expect, it } from 'vitest';

import type { ActorRef, Termination } from '#runtime/system/actor.ts';
import { createActorSystem, type ActorSystem } from '#runtime/system/system.ts';

import { createGate, createWorld, tellAll, type World } from './world.ts';

/** a with children a/b (with child a/b/c) and a/d; each notes its stop. */
function spawnTree({ system, note }: World): Record<'a' | 'b' | 'c' | 'd', ActorRef<string>> {
  const spawn = (name: string, parent?: ActorRef<string>): ActorRef<string> =>
    system.spawn<string>({
      name,
      handler: (message) => note(`${name} ${message}`),
      onStop: () => note(`${name} stopped`),
      ...(parent === undefined ? {} : { parent }),
    });
  const a = spawn('a');
  const b = spawn('b', a);
  return { a, b, c: spawn('c', b), d: spawn('d', a) };
}

describe('start', () => {
  it('onStart is done before the first message', async () => {
    const { env, system, notes, note } = createWorld();
    const gate = createGate();
    const ref = system.spawn<string>({
      name: 'a',
      handler: note,
      onStart: async () => {
        await gate.opened;
        note('started');
      },
    });
    ref.tell('first');
    await env.settle();
    expect(notes).toEqual([]);
    gate.open();
    await env.settle();
    expect(notes).toEqual(['started', 'first']);
  });

  it('names make paths, ids are never used again', async () => {
    const world = createWorld();
    const { a, b, c } = spawnTree(world);
    expect([a.path, b.path, c.path]).toEqual(['a', 'a/b', 'a/b/c']);
    await world.env.complete(world.system.stop(a), 'the stop');
    const again = spawnTree(world).a;
    expect([a.id, again.id]).toEqual([1, 5]);
  });

  it('a handler can spawn children, and a hundred siblings are no trouble', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<number>({
      name: 'parent',
      handler: (count, context) => {
        for (let index = 0; index < count; index += 1) {
          context
            .spawn<string>({ name: `child-${index}`, handler: () => note(`${index}`) })
            .tell('go');
        }
      },
    });
    ref.tell(130);
    await env.settle();
    expect(new Set(notes).size).toBe(130);
    expect(system.stats().actors).toBe(131);
    await env.complete(system.stop(ref), 'the stop');
    expect(system.stats().actors).toBe(0);
  });

  it('the place of a stopped actor is used again', async () => {
    const { env, system } = createWorld();
    for (let round = 0; round < 5; round += 1) {
      const refs = Array.from({ length: 100 }, (_, index) =>
        system.spawn<string>({ name: `a${index}`, handler: () => undefined }),
      );
      await env.complete(Promise.all(refs.map((ref) => system.stop(ref))), 'the stops');
    }
    const heard: string[] = [];
    const ref = system.spawn<string>({
      name: 'last',
      handler: (message) => void heard.push(message),
    });
    ref.tell('x');
    await env.settle();
    expect({ heard, actors: system.stats().actors }).toEqual({ heard: ['x'], actors: 1 });
  });
});

describe('stop', () => {
  it('children stop before their parents', async () => {
    const world = createWorld();
    const { a } = spawnTree(world);
    await world.env.complete(world.system.stop(a), 'the stop');
    const { notes } = world;
    expect(notes.toSorted()).toEqual(['a stopped', 'b stopped', 'c stopped', 'd stopped']);
    expect(notes.indexOf('c stopped')).toBeLessThan(notes.indexOf('b stopped'));
    expect(notes.at(-1)).toBe('a stopped');
  });

  it('waits for the message in hand, then runs onStop; the rest become dead letters', async () => {
    const { env, system, notes, note } = createWorld();
    const gate = createGate();
    const ref = system.spawn<string>({
      name: 'a',
      handler: async (message) => {
        note(`begin ${message}`);
        await gate.opened;
        note(`end ${message}`);
      },
      onStop: () => note('stopped'),
    });
    tellAll(ref, ['1', '2', '3']);
    await env.settle();
    const stopped = system.stop(ref);
    await env.advance(1_000);
    expect(notes).toEqual(['begin 1']);
    gate.open();
    await env.complete(stopped, 'the stop');
    expect(notes).toEqual(['begin 1', 'end 1', 'stopped']);
    expect(system.deadLetters.counts).toEqual({ overloaded: 0, stopped: 2, crashed: 0 });
  });

  it('a message accepted but not begun is a dead letter, never lost silently', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: note });
    tellAll(ref, ['1', '2']);
    await env.complete(system.stop(ref), 'the stop');
    expect(notes).toEqual([]);
    expect(system.deadLetters.counts.stopped).toBe(2);
  });

  it('every stop of the same actor waits for the same end', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: note, onStop: () => note('stopped') });
    const stops = [system.stop(ref), system.stop(ref)];
    await env.complete(Promise.all(stops), 'both stops');
    await env.complete(system.stop(ref), 'a third');
    expect(notes).toEqual(['stopped']);
  });

  it('an actor can stop itself after the message in hand', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({
      name: 'a',
      handler: (message, context) => {
        context.stop();
        note(message);
      },
      onStop: () => note('stopped'),
    });
    tellAll(ref, ['1', '2']);
    await env.settle();
    expect(notes).toEqual(['1', 'stopped']);
    expect(ref.tell('3')).toBe(false);
  });

  it('a stopping actor spawns no children', async () => {
    const { env, system } = createWorld();
    const parent = system.spawn<string>({ name: 'a', handler: () => undefined });
    await env.complete(system.stop(parent), 'the stop');
    expect(() => system.spawn({ name: 'b', parent, handler: () => undefined })).toThrow(
      expect.objectContaining({ code: 'stopped' }),
    );
  });

  it('an actor that never comes to an end is cut off at the deadline, and is reported', async () => {
    const { env, system, faults, notes, note } = createWorld(1, { stopDeadlineMs: 5_000 });
    const never = new Promise<void>(() => undefined);
    const parent = system.spawn<string>({
      name: 'p',
      handler: () => undefined,
      onStop: () => note('p stopped'),
    });
    const hung = system.spawn<string>({
      name: 'h',
      parent,
      handler: () => never,
      onStop: () => note('h stopped'),
    });
    tellAll(hung, ['1', '2', '3']);
    await env.settle();
    await env.complete(system.stop(parent), 'the stop');
    await env.settle();
    expect(env.clock.monotonic()).toBe(5_000);
    expect(notes).toEqual(['p stopped']);
    expect(faults).toMatchObject([{ path: 'p/h', kind: 'hung' }]);
    expect(system.deadLetters.counts.stopped).toBe(2);
  });

  it('an onStop that fails stops the actor all the same', async () => {
    const { env, system, logged } = createWorld();
    const ref = system.spawn<string>({
      name: 'a',
      handler: () => undefined,
      onStop: () => Promise.reject(new Error('broken')),
    });
    await env.complete(system.stop(ref), 'the stop');
    expect(system.stats().actors).toBe(0);
    expect(logged).toEqual(['error: an actor’s onStop failed']);
  });

  it('a reference of another system is refused', () => {
    const { env, system } = createWorld();
    const other = createActorSystem({ env, name: 'other' });
    const ref = other.spawn<string>({ name: 'a', handler: () => undefined });
    expect(() => system.stop(ref)).toThrow(/a is no actor of test/);
  });
});

describe('watch', () => {
  const collect = (system: ActorSystem, ref: ActorRef<string>): Termination[] => {
    const ends: Termination[] = [];
    system.watch(ref, (end) => ends.push(end));
    return ends;
  };

  it('tells of a stop once, after onStop', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: note, onStop: () => note('stopped') });
    system.watch(ref, (end) => note(`watcher: ${end.reason}`));
    await env.complete(system.stop(ref), 'the stop');
    await env.settle();
    expect(notes).toEqual(['stopped', 'watcher: stopped']);
  });

  it('tells of a failure with its error', async () => {
    const { env, system } = createWorld();
    const error = new Error('broken');
    const ref = system.spawn<string>({
      name: 'a',
      handler: () => Promise.reject(error),
      supervision: { maxRestarts: 0 },
    });
    const ends = collect(system, ref);
    ref.tell('x');
    await env.settle();
    expect(ends).toEqual([{ reason: 'failed', error }]);
  });

  it('tells of an end that has been, and nothing after leaving', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: () => undefined });
    const left: Termination[] = [];
    system.watch(ref, (end) => left.push(end))();
    await env.complete(system.stop(ref), 'the stop');
    const late = collect(system, ref);
    expect(late).toEqual([]);
    await env.settle();
    expect({ late, left }).toEqual({ late: [{ reason: 'stopped' }], left: [] });
  });

  it('a watcher that fails keeps nobody from the news', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: () => undefined });
    system.watch(ref, () => {
      throw new Error('broken watcher');
    });
    const ends = collect(system, ref);
    await env.complete(system.stop(ref), 'the stop');
    expect(ends).toEqual([{ reason: 'stopped' }]);
  });
});

describe('a system', () => {
  it('shuts down its trees one by one, the youngest first, and spawns nothing afterwards', async () => {
    const { env, system, notes, note } = createWorld();
    for (const name of ['first', 'second', 'third']) {
      system.spawn({ name, handler: () => undefined, onStop: () => note(name) });
    }
    await env.complete(system.shutdown(), 'the shutdown');
    expect(notes).toEqual(['third', 'second', 'first']);
    expect(system.stats().actors).toBe(0);
    expect(() => system.spawn({ name: 'late', handler: () => undefined })).toThrow(
      /can't be spawned/,
    );
    await env.complete(system.shutdown(), 'another shutdown');
  });

  it('once abandoned runs nothing and tells nobody, as after kill -9', async () => {
    const world = createWorld();
    const { env, system, notes } = world;
    const { a, c } = spawnTree(world);
    tellAll(a, ['1', '2']);
    const ends: Termination[] = [];
    system.watch(c, (end) => ends.push(end));
    system.abandon();
    expect(a.tell('3')).toBe(false);
    expect(() => system.spawn({ name: 'late', handler: () => undefined })).toThrow(
      /can't be spawned/,
    );
    await env.runUntilIdle();
    expect({ notes, ends, letters: system.deadLetters.total }).toEqual({
      notes: [],
      ends: [],
      letters: 0,
    });
  });

  it('two systems of one name live side by side', async () => {
    const { env, notes, note } = createWorld();
    const refs = ['x', 'y'].map((word) =>
      createActorSystem({ env, name: 'same' }).spawn<string>({
        name: 'a',
        handler: (message) => note(`${word} ${message}`),
      }),
    );
    for (const ref of refs) ref.tell('hears');
    await env.settle();
    expect(notes.toSorted()).toEqual(['x hears', 'y hears']);
  });
});
