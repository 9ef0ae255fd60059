// Telling and asking: order, one at a time, bounds, dead letters, and replies that never leave an asker hanging.
import { describe, expect, it } from 'vitest';

import type { Reply } from '#runtime/system/actor.ts';
import { isRuntimeFault } from '#runtime/system/faults.ts';

import { createGate, createWorld, tellAll } from './world.ts';

interface Question {
  readonly type: 'question';
  readonly reply: Reply<string>;
}
const question = (reply: Reply<string>): Question => ({ type: 'question', reply });

describe('tell', () => {
  it('an actor handles its messages in order, one at a time', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({
      name: 'a',
      handler: async (message) => {
        note(`begin ${message}`);
        await new Promise<void>((resolve) => void env.timers.after(env.random.below(9), resolve));
        note(`end ${message}`);
      },
    });
    tellAll(ref, ['1', '2', '3']);
    await env.runUntilIdle();
    expect(notes).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('handlers never run inside tell', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: note });
    ref.tell('handled');
    note('told');
    await env.settle();
    expect(notes).toEqual(['told', 'handled']);
  });

  it('the seed alone decides how actors take turns', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const { env, system, notes, note } = createWorld(seed);
      const refs = ['a', 'b', 'c', 'd'].map((name) =>
        system.spawn<number>({ name, handler: (message) => note(`${name}${message}`) }),
      );
      for (const ref of refs) tellAll(ref, [1, 2, 3]);
      await env.settle();
      return notes;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
    expect(first.filter((line) => line.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
  });

  it('a full mailbox refuses at once and takes messages again when there is room', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', capacity: 2, handler: note });
    expect(tellAll(ref, ['1', '2', '3'])).toEqual([true, true, false]);
    expect(ref.backlog).toBe(2);
    await env.settle();
    expect(ref.backlog).toBe(0);
    expect(ref.tell('4')).toBe(true);
    await env.settle();
    expect(notes).toEqual(['1', '2', '4']);
    expect(system.deadLetters.counts).toEqual({ overloaded: 1, stopped: 0, crashed: 0 });
  });

  it('the message in hand counts against the bound', async () => {
    const { env, system } = createWorld();
    const gate = createGate();
    const ref = system.spawn<string>({ name: 'a', capacity: 1, handler: () => gate.opened });
    ref.tell('1');
    await env.settle();
    expect(ref.tell('2')).toBe(false);
    gate.open();
    await env.settle();
    expect(ref.tell('3')).toBe(true);
  });

  it('a stopped actor takes no message', async () => {
    const { env, system, notes, note } = createWorld();
    const ref = system.spawn<string>({ name: 'a', handler: note });
    await env.complete(system.stop(ref), 'the stop');
    expect(ref.tell('late')).toBe(false);
    await env.settle();
    expect(notes).toEqual([]);
    expect(system.deadLetters.counts.stopped).toBe(1);
  });
});

describe('ask', () => {
  it('gives the reply, also one that comes after the handler has returned', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<Question>({
      name: 'a',
      handler: ({ reply }) => void env.timers.after(50, () => reply('yes')),
    });
    const asked = ref.ask(question, { deadlineMs: 1_000 });
    expect(await env.complete(asked, 'the reply')).toBe('yes');
    expect(env.clock.monotonic()).toBe(50);
  });

  it('only the first reply counts, and a late one does nothing', async () => {
    const { env, system } = createWorld();
    const replies: Reply<string>[] = [];
    const ref = system.spawn<Question>({
      name: 'a',
      handler: ({ reply }) => void replies.push(reply),
    });
    const [first, second] = [
      ref.ask(question, { deadlineMs: 10 }),
      ref.ask(question, { deadlineMs: 10 }),
    ];
    const outcome = second.catch((error: unknown) => error);
    await env.settle();
    replies[0]?.('one');
    replies[0]?.fail(new Error('two'));
    await env.advance(10);
    replies[1]?.('late');
    expect(await first).toBe('one');
    expect(await outcome).toMatchObject({ code: 'timeout', retryable: true });
  });

  it('a handler can fail the reply with an error of its own', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<Question>({
      name: 'a',
      handler: ({ reply }) => reply.fail(new Error('no')),
    });
    const asked = ref.ask(question, { deadlineMs: 10 });
    await expect(env.complete(asked, 'the reply')).rejects.toThrow('no');
    expect(system.stats().restarts).toBe(0);
  });

  it('without a reply it times out at its deadline and names the actor', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<Question>({ name: 'deaf', handler: () => undefined });
    const asked = ref.ask(question, { deadlineMs: 250 });
    await expect(env.complete(asked, 'the timeout')).rejects.toThrow(
      /deaf gave no answer within 250 ms/,
    );
    expect(env.clock.monotonic()).toBe(250);
  });

  it('a crash of its handler, a full mailbox, and a stopped actor are answered at once', async () => {
    const { env, system } = createWorld();
    const cause = new Error('broken');
    const crashing = system.spawn<Question>({ name: 'a', handler: () => Promise.reject(cause) });
    const full = system.spawn<Question>({ name: 'b', capacity: 0, handler: () => undefined });
    const gone = system.spawn<Question>({ name: 'c', handler: () => undefined });
    await env.complete(system.stop(gone), 'the stop');
    const outcomes = Promise.allSettled(
      [crashing, full, gone].map((ref) => ref.ask(question, { deadlineMs: 60_000 })),
    );
    expect(await env.complete(outcomes, 'the outcomes', 0)).toMatchObject([
      { reason: { code: 'crashed', retryable: false, cause } },
      { reason: { code: 'overloaded', retryable: true } },
      { reason: { code: 'stopped', retryable: true } },
    ]);
    expect(env.clock.monotonic()).toBe(0);
    expect(
      system.deadLetters
        .recent()
        .map(({ path, reason, messageType }) => ({ path, reason, messageType })),
    ).toEqual([
      { path: 'b', reason: 'overloaded', messageType: 'question' },
      { path: 'c', reason: 'stopped', messageType: 'question' },
      { path: 'a', reason: 'crashed', messageType: 'question' },
    ]);
  });

  it('a crash also fails the asks that were handled but not yet answered, and only those', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<Question | { readonly type: 'crash' }>({
      name: 'a',
      handler: (message) => {
        if (message.type === 'crash') throw new Error('broken');
        if (env.clock.monotonic() > 0) message.reply('after the restart');
      },
    });
    const before = ref.ask(question, { deadlineMs: 60_000 });
    ref.tell({ type: 'crash' });
    const after = ref.ask(question, { deadlineMs: 60_000 });
    const outcomes = Promise.allSettled([before, after]);
    expect(await env.complete(outcomes, 'the outcomes')).toMatchObject([
      { reason: { code: 'crashed' } },
      { value: 'after the restart' },
    ]);
    expect(env.clock.monotonic()).toBeLessThanOrEqual(100);
  });

  it('a stop fails the waiting asks and the unanswered ones at once', async () => {
    const { env, system } = createWorld();
    const gate = createGate();
    const ref = system.spawn<Question>({ name: 'a', handler: () => gate.opened });
    const outcomes = Promise.allSettled(
      [1, 2].map(() => ref.ask(question, { deadlineMs: 60_000 })),
    );
    await env.settle();
    const stopped = system.stop(ref);
    gate.open();
    await env.complete(stopped, 'the stop');
    expect(await env.complete(outcomes, 'the outcomes', 0)).toMatchObject([
      { reason: { code: 'stopped' } },
      { reason: { code: 'stopped' } },
    ]);
  });

  it('faults can be told from other errors', async () => {
    const { env, system } = createWorld();
    const ref = system.spawn<Question>({ name: 'a', capacity: 0, handler: () => undefined });
    const asked = ref.ask(question, { deadlineMs: 1 }).catch((error: unknown) => error);
    const error = await env.complete(asked, 'the fault');
    expect([
      isRuntimeFault(error),
      isRuntimeFault(error, 'overloaded'),
      isRuntimeFault(error, 'timeout'),
    ]).toEqual([true, true, false]);
    expect(isRuntimeFault(new Error('other'))).toBe(false);
  });
});

describe('dead letters', () => {
  it('are counted for ever, described for a while, and heard with their messages', async () => {
    const { env, system } = createWorld();
    const heard: unknown[] = [];
    const leave = system.deadLetters.subscribe((letter, message) =>
      heard.push([letter.path, message]),
    );
    const ref = system.spawn<{ readonly type: string }>({
      name: 'a',
      capacity: 0,
      handler: () => undefined,
    });
    ref.tell({ type: 'first' });
    leave();
    for (let index = 0; index < 149; index += 1) ref.tell({ type: `message-${index}` });
    await env.settle();
    expect(heard).toEqual([['a', { type: 'first' }]]);
    expect(system.deadLetters.total).toBe(150);
    const recent = system.deadLetters.recent();
    expect(recent.map(({ messageType }) => messageType)).toEqual(
      Array.from({ length: 100 }, (_, index) => `message-${index + 49}`),
    );
    expect(recent[0]).toEqual({
      path: 'a',
      reason: 'overloaded',
      messageType: 'message-49',
      atMs: env.clock.now(),
    });
  });

  it('do not flood the log', async () => {
    const { env, system, logged } = createWorld();
    const ref = system.spawn<string>({ name: 'a', capacity: 0, handler: () => undefined });
    for (let round = 0; round < 3; round += 1) {
      for (let index = 0; index < 100; index += 1) ref.tell('x');
      await env.advance(1_000);
    }
    expect(logged).toEqual(['warn: dead letters', 'warn: dead letters', 'warn: dead letters']);
  });

  it('a listener that fails takes nothing from the sender', () => {
    const { system, logged } = createWorld();
    system.deadLetters.subscribe(() => {
      throw new Error('broken listener');
    });
    const ref = system.spawn<string>({ name: 'a', capacity: 0, handler: () => undefined });
    expect(ref.tell('x')).toBe(false);
    expect(logged).toContain('error: a dead letter listener failed');
  });
});
