// What the shell does when the journal does not say what became of an append, and when its entity crashes too often.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { counterDefinition } from './counter.ts';
import { add, asked, breakIt, counterMember, lit, one } from './counter-member.ts';

let env: VirtualEnv;
let restoreGlobals: () => void;
beforeEach(() => {
  env = createVirtualEnv({ seed: 3 });
  restoreGlobals = env.installGlobals();
});
afterEach(() => restoreGlobals());

it('an append whose answer was lost is seen, and its effects start, once the journal can be read again', async () => {
  const { host, journal, lights } = await counterMember(env);
  journal.setFaults({ lostReplyChance: 1 });
  const answer = host.ask(one, add(1), asked);
  await expect(env.complete(answer, 'an add')).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
  });
  journal.setFaults({ isUnavailable: true });
  await env.advance(5_000);
  journal.setFaults({});
  const view = host.view(counterDefinition);
  await env.runUntil(() => view.get('one')?.lit.length === 1, 'the light', 60_000);
  expect(view.get('one')).toEqual({ total: 1, adds: 1, lit: [1] });
  expect(lights).toEqual(['light/1']);
});

it('an append that was given up for lost and is stored later is seen, and its effects start unasked', async () => {
  const { host, journal, lights } = await counterMember(env);
  journal.setFaults({ lateWriteChance: 1 });
  await expect(env.complete(host.ask(one, add(1), asked), 'an add')).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
  });
  journal.setFaults({});
  const view = host.view(counterDefinition);
  // By then it was read anew, in vain.
  await env.advance(300);
  expect(view.get('one')).toBeUndefined();
  await env.runUntil(() => view.get('one')?.lit.length === 1, 'the light', 60_000);
  expect(view.get('one')).toEqual({ total: 1, adds: 1, lit: [1] });
  expect(lights).toEqual(['light/1']);
});

it('what is written before an append that was given up for lost keeps that one out', async () => {
  const { host, journal } = await counterMember(env);
  await env.complete(host.ask(one, add(2), asked), 'an add');
  journal.setFaults({ lateWriteChance: 1 });
  await expect(env.complete(host.ask(one, add(4), asked), 'an add')).rejects.toThrow('not known');
  journal.setFaults({});
  expect(await env.complete(host.ask(one, add(8), asked), 'an add')).toEqual({ total: 10 });
  await env.advance(60_000);
  expect(host.view(counterDefinition).get('one')).toMatchObject({ total: 10, adds: 2 });
});

it('an effect whose report was stored, but not answered, is not carried out again on the old state', async () => {
  const lights: string[] = [];
  const { host, journal } = await counterMember(env, {
    run: async (effect: { id: string }) => {
      lights.push(effect.id);
      journal.setFaults({ lostReplyChance: 1 });
      return lit(effect);
    },
  });
  await env.complete(host.ask(one, add(1), asked), 'an add');
  await env.runUntil(() => lights.length > 0, 'the light');
  await env.advance(1);
  journal.setFaults({ isUnavailable: true });
  await env.advance(5_000);
  journal.setFaults({});
  await env.advance(60_000);
  expect(host.view(counterDefinition).get('one')?.lit).toEqual([1]);
  expect(lights).toEqual(['light/1']);
});

it('a state that is read anew is not taken up by a process that stops', async () => {
  const { host, journal, lights } = await counterMember(env);
  journal.setFaults({ lostReplyChance: 1 });
  await expect(env.complete(host.ask(one, add(1), asked), 'an add')).rejects.toThrow('not known');
  journal.setFaults({});
  await env.complete(host.stop(), 'the stop');
  await env.advance(60_000);
  expect(lights).toEqual([]);
});

it('commands that were decided on a lost append fail with it, and the next one is decided on the truth', async () => {
  const { host, journal } = await counterMember(env);
  await env.complete(host.ask(one, add(2), asked), 'an add');
  journal.setFaults({ isFull: true });
  const answers = [4, 6].map((by) =>
    host.ask(one, add(by), asked).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    ),
  );
  expect(await env.complete(Promise.all(answers), 'the answers')).toEqual([
    'unavailable',
    'unavailable',
  ]);
  journal.setFaults({});
  expect(await env.complete(host.ask(one, add(8), asked), 'an add')).toEqual({ total: 10 });
});

it('a command is not taken while the truth can not be read', async () => {
  const { host, journal } = await counterMember(env);
  journal.setFaults({ isUnavailable: true });
  for (const by of [2, 4]) {
    const answer = host.ask(one, add(by), asked);
    await expect(env.complete(answer, 'an add')).rejects.toMatchObject({ code: 'unavailable' });
  }
  journal.setFaults({});
  expect(await env.complete(host.ask(one, add(2), asked), 'an add')).toEqual({ total: 2 });
});

it('an entity that crashed too often goes on with what it has to do, unasked', async () => {
  let runs = 0;
  const signals: AbortSignal[] = [];
  const { host, system } = await counterMember(env, {
    run: async (effect: { id: string }, { signal }) => {
      signals.push(signal);
      runs += 1;
      return runs === 1 ? new Promise(() => undefined) : lit(effect);
    },
  });
  await env.complete(host.ask(one, add(1), asked), 'an add');
  const crashes = Array.from({ length: 21 }, () =>
    host.ask(one, breakIt, asked).catch((error: { code: string }) => error.code),
  );
  const failures: string[] = [];
  system.onFault(({ kind }) => failures.push(kind));
  await env.complete(Promise.all(crashes), 'the crashes');
  expect(failures.at(-1)).toBe('failed');
  expect(signals.map((signal) => signal.aborted)).toEqual([true]);
  const view = host.view(counterDefinition);
  await env.runUntil(() => view.get('one')?.lit.length === 1, 'the light', 60_000);
  expect(runs).toBe(2);
});

it('commands that crash hold up nobody behind them', async () => {
  const { host } = await counterMember(env);
  const crashes = Array.from({ length: 20 }, () =>
    host.ask(one, breakIt, asked).catch((error: { code: string }) => error.code),
  );
  const answer = host.ask(one, add(2), asked);
  expect(await env.complete(Promise.all(crashes), 'the crashes')).toEqual(
    Array.from({ length: 20 }, () => 'crashed'),
  );
  expect(await env.complete(answer, 'an add')).toEqual({ total: 2 });
  expect(env.clock.monotonic()).toBeLessThan(100);
});
