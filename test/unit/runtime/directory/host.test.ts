import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { counterDefinition, counters } from '../entity/counter.ts';
import { add, asked, counterMember, one } from '../entity/counter-member.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

describe('the host of entities', () => {
  let env: VirtualEnv;
  let restoreGlobals: () => void;
  beforeEach(() => {
    env = createVirtualEnv({ seed: 5 });
    restoreGlobals = env.installGlobals();
  });
  afterEach(() => restoreGlobals());

  it('knows no kind that was not registered', async () => {
    const { host } = await counterMember(env);
    await expect(host.ask({ kind: 'lamp', id: 'a' }, add(1), asked)).rejects.toThrow(
      'no entity kind lamp',
    );
    expect(() => host.view({ kind: 'lamp', initial: () => 0 })).toThrow('no entity kind lamp');
  });

  it('says at once that an entity has too much to do', async () => {
    const { host, journal } = await counterMember(env);
    journal.setFaults({ minLatencyMs: 1_000, maxLatencyMs: 1_000 });
    const asks = Array.from({ length: 1_001 }, (_, index) =>
      host.ask(one, add(index % 2 === 0 ? 2 : -2), asked).then(
        () => 'taken',
        (error: { code: string; retryable: boolean }) => `${error.code} ${error.retryable}`,
      ),
    );
    expect(await env.complete(asks[1_000]!, 'the last answer')).toBe('overloaded true');
    expect(env.clock.monotonic()).toBeLessThan(1_000);
    const answers = await env.complete(Promise.all(asks), 'all answers');
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1_000);
  });

  it('gives up waiting at the deadline, while the command may still take effect', async () => {
    const { host, journal } = await counterMember(env);
    journal.setFaults({ minLatencyMs: 500, maxLatencyMs: 500 });
    const answer = host.ask(one, add(2), { ...asked, deadlineMs: 100 });
    await expect(env.complete(answer, 'an answer')).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
      message: 'counter/one gave no answer to counter.add within 100 ms',
    });
    expect(env.clock.monotonic()).toBe(100);
    await env.advance(1_000);
    expect(host.view(counterDefinition).get('one')?.total).toBe(2);
  });

  it('puts a quiet entity out of memory and makes it anew from its state', async () => {
    const { host, system, lights } = await counterMember(env);
    await env.complete(host.ask(one, add(1), asked), 'an add');
    await env.runUntil(() => lights.length === 1, 'the light');
    expect(system.stats().actors).toBe(1);
    await env.advance(45_000);
    expect(system.stats().actors).toBe(0);
    expect(host.view(counterDefinition).get('one')?.total).toBe(1);
    expect(await env.complete(host.ask(one, add(4), asked), 'an add')).toEqual({ total: 5 });
  });

  it('keeps one in memory that has work under way', async () => {
    const { host, system } = await counterMember(env, { run: () => new Promise(() => undefined) });
    await env.complete(host.ask(one, add(1), asked), 'an add');
    await env.advance(300_000);
    expect(system.stats().actors).toBe(1);
  });

  it('takes up work after a start for those alone that have some', async () => {
    const first = await counterMember(env, { run: () => new Promise(() => undefined) });
    await env.complete(first.host.ask(one, add(1), asked), 'an odd add');
    await env.complete(first.host.ask(counters.ref('two'), add(2), asked), 'an even add');
    first.journal.crash();
    const second = await counterMember(env, { disk: first.journal.disk, epoch: 2 });
    expect(second.host.view(counterDefinition).size).toBe(2);
    expect(second.system.stats().actors).toBe(1);
    await env.runUntil(() => second.lights.length === 1, 'the light');
  });

  it('recovers more entities than fit in one page', async () => {
    const first = await counterMember(env);
    const adds = Array.from({ length: 1_101 }, (_, index) =>
      first.host.ask(counters.ref(`c${index}`), add(2), asked),
    );
    await env.complete(Promise.all(adds), 'all adds');
    first.journal.crash();
    const second = await counterMember(env, { disk: first.journal.disk, epoch: 2 });
    expect(second.host.view(counterDefinition).size).toBe(1_101);
  });

  it('takes nothing more once it stops, and ends what is under way', async () => {
    const signals: AbortSignal[] = [];
    const { host, system } = await counterMember(env, {
      run: (_effect, { signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    await env.complete(host.ask(one, add(1), asked), 'an add');
    await env.complete(host.stop(), 'the stop');
    await expect(host.ask(one, add(2), asked)).rejects.toMatchObject({
      code: 'stopped',
      retryable: true,
    });
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    expect(system.stats().actors).toBe(0);
    await env.runUntilIdle();
  });
});
