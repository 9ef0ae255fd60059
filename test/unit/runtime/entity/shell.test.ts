import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EntityHost } from '#runtime/directory/host.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { EffectRunner } from '#runtime/entity/effects.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { createActorSystem } from '#runtime/system/system.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { counterDefinition, counters } from './counter.ts';

interface Member {
  readonly host: EntityHost;
  readonly journal: MemoryJournal;
  readonly lights: string[];
  readonly fenced: () => number;
}

const add = (by: number) => ({ type: 'counter.add', by }) as const;
const asked = { requestId: 'req-1' };
const one = counters.ref('one');

describe('the entity shell', () => {
  let env: VirtualEnv;
  let restoreGlobals: () => void;

  beforeEach(() => {
    env = createVirtualEnv({ seed: 1 });
    restoreGlobals = env.installGlobals();
  });
  afterEach(() => restoreGlobals());

  async function member(
    options: { disk?: MemoryJournal['disk']; epoch?: number; run?: EffectRunner } = {},
  ): Promise<Member> {
    const journal = openMemoryJournal({
      env,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
    });
    const lights: string[] = [];
    let fenced = 0;
    const host = new EntityHost({
      env,
      system: createActorSystem({ env, name: `member-${options.epoch ?? 1}` }),
      journal,
      authority: soleAuthority({ epoch: options.epoch ?? 1 }, () => {
        fenced += 1;
      }),
    });
    const light: EffectRunner = async (effect: { id: string }) => {
      lights.push(effect.id);
      return { type: 'counter.lit', round: Number(effect.id.split('/')[1]) } as { type: string };
    };
    host.register({ definition: counterDefinition, run: options.run ?? light });
    await env.complete(host.recover(), 'recovery');
    host.resume();
    return { host, journal, lights, fenced: () => fenced };
  }

  it('answers after the events are durable, and views show them', async () => {
    const { host, journal } = await member();
    const answer = await env.complete(host.ask(one, add(2), asked), 'an add');
    expect(answer).toEqual({ total: 2 });
    expect(await env.complete(journal.read('counter/one', 0), 'a read')).toMatchObject([
      {
        firstVersion: 0,
        version: 1,
        epoch: 1,
        events: [{ type: 'counter.added', version: 1, data: { by: 2 } }],
      },
    ]);
    expect(host.view(counterDefinition).get('one')).toEqual({ total: 2, adds: 1, lit: [] });
  });

  it('decides the next command before the last one is durable', async () => {
    const { host } = await member();
    const answers = Promise.all([2, 4, 6].map((by) => host.ask(one, add(by), asked)));
    expect(await env.complete(answers, 'three adds')).toEqual([
      { total: 2 },
      { total: 6 },
      { total: 12 },
    ]);
  });

  it('holds a refusal back until what it was based on is durable', async () => {
    const { host, journal } = await member();
    journal.setFaults({ minLatencyMs: 50, maxLatencyMs: 50 });
    const order: string[] = [];
    const first = host.ask(one, add(2), asked).then(() => order.push('added'));
    const refused = host
      .ask(one, add(0), asked)
      .then((answer) => order.push(JSON.stringify(answer)));
    await env.complete(Promise.all([first, refused]), 'both answers');
    expect(order).toEqual(['added', '{"refused":"nothing-to-add","detail":{"total":2}}']);
  });

  it('fails everything built on a lost append and goes on from what the journal holds', async () => {
    const { host, journal } = await member();
    await env.complete(host.ask(one, add(2), asked), 'the first add');
    journal.setFaults({ isUnavailable: true });
    const lost = Promise.allSettled([host.ask(one, add(2), asked), host.ask(one, add(2), asked)]);
    const outcomes = await env.complete(lost, 'two failures');
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      ['unavailable', 'unavailable'],
    );
    journal.setFaults({});
    expect(await env.complete(host.ask(one, add(10), asked), 'an add after the fault')).toEqual({
      total: 12,
    });
  });

  it('finds an append whose answer was lost', async () => {
    const { host, journal } = await member();
    journal.setFaults({ lostReplyChance: 1 });
    await expect(
      env.complete(host.ask(one, add(2), asked), 'an unknown outcome'),
    ).rejects.toMatchObject({ code: 'unavailable' });
    journal.setFaults({});
    expect(await env.complete(host.ask(one, add(2), asked), 'the next add')).toEqual({ total: 4 });
  });

  it('tells the asker of a bug, keeps the state and goes on', async () => {
    const { host } = await member();
    await env.complete(host.ask(one, add(2), asked), 'an add');
    await expect(
      env.complete(host.ask(one, { type: 'counter.break' }, asked), 'a bug'),
    ).rejects.toMatchObject({ code: 'crashed' });
    expect(await env.complete(host.ask(one, add(2), asked), 'an add after the bug')).toEqual({
      total: 4,
    });
  });

  it('appends nothing that breaks an invariant', async () => {
    const { host, journal } = await member();
    await expect(
      env.complete(host.ask(one, add(2_000), asked), 'a violation'),
    ).rejects.toMatchObject({ code: 'crashed' });
    expect(await env.complete(journal.read('counter/one', 0), 'a read')).toEqual([]);
  });

  it('starts an effect once it is durably wanted, and only once', async () => {
    const { host, lights } = await member();
    await env.complete(host.ask(one, add(1), asked), 'an odd add');
    await env.runUntil(
      () => host.view(counterDefinition).get('one')?.lit.length === 1,
      'the light',
    );
    await env.complete(host.ask(one, add(2), asked), 'another odd total');
    await env.runUntil(
      () => host.view(counterDefinition).get('one')?.lit.length === 2,
      'the second light',
    );
    expect(lights).toEqual(['light/1', 'light/2']);
  });

  it('tries a failed effect again with a growing wait', async () => {
    const atMs: number[] = [];
    const { host } = await member({
      run: async (_effect, { attempt }) => {
        atMs.push(env.clock.monotonic());
        if (attempt < 4) throw new Error('no light yet');
        return { type: 'counter.lit', round: 1 } as { type: string };
      },
    });
    await env.complete(host.ask(one, add(1), asked), 'an odd add');
    await env.runUntil(
      () => host.view(counterDefinition).get('one')?.lit.length === 1,
      'the light',
    );
    const [first = 0, ...later] = atMs;
    expect(later.map((at) => at - first)).toEqual([100, 300, 700]);
  });

  it('aborts an effect that is wanted no more', async () => {
    const signals: AbortSignal[] = [];
    const { host } = await member({
      run: (_effect, { signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    await env.complete(host.ask(one, add(1), asked), 'an odd add');
    await env.complete(host.ask(one, add(1), asked), 'an even total');
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
  });

  it('takes up its effects after a crash, under the same ids', async () => {
    const first = await member({ run: () => new Promise(() => undefined) });
    await env.complete(first.host.ask(one, add(1), asked), 'an odd add');
    first.journal.crash();
    const second = await member({ disk: first.journal.disk, epoch: 2 });
    await env.runUntil(
      () => second.host.view(counterDefinition).get('one')?.lit.length === 1,
      'the light',
    );
    expect(second.lights).toEqual(['light/1']);
  });

  it('recovers the same state from snapshot and events', async () => {
    const first = await member();
    for (let by = 1; by <= 13; by += 1)
      await env.complete(first.host.ask(one, add(by * 2), asked), `add ${by}`);
    const state = first.host.view(counterDefinition).get('one');
    await env.settle();
    expect(
      (await env.complete(first.journal.loadSnapshot('counter/one'), 'a snapshot'))?.version,
    ).toBe(10);
    first.journal.crash();
    const second = await member({ disk: first.journal.disk, epoch: 2 });
    expect(second.host.view(counterDefinition).get('one')).toEqual(state);
  });

  it('stops when a newer owner has taken over', async () => {
    const old = await member({ epoch: 1 });
    await env.complete(old.host.ask(one, add(2), asked), 'an add by the old owner');
    const next = await member({ disk: old.journal.disk, epoch: 2 });
    await env.complete(next.host.ask(one, add(2), asked), 'an add by the new owner');
    await expect(
      env.complete(old.host.ask(one, add(2), asked), 'an add by the stale owner'),
    ).rejects.toMatchObject({ code: 'moved' });
    expect([old.fenced(), next.fenced()]).toEqual([1, 0]);
    expect(next.host.view(counterDefinition).get('one')?.total).toBe(4);
  });
});
