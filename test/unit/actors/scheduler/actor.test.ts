import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SchedulerActor } from '#actors/scheduler/actor.ts';
import type { RequestSpec, Selection } from '#actors/scheduler/protocol.ts';
import type { ViewScheduler } from '#actors/scheduler/view-scheduler.ts';
import { createActorSystem } from '#runtime/system/system.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const nothing: Selection = { candidates: [], refusals: [] };
const spec = (serverId: string) => ({ serverId }) as RequestSpec;

describe('the scheduler', () => {
  let env: VirtualEnv;
  let restoreGlobals: () => void;
  beforeEach(() => {
    env = createVirtualEnv({ seed: 1 });
    restoreGlobals = env.installGlobals();
  });
  afterEach(() => restoreGlobals());

  function scheduler(select: (serverId: string) => Promise<Selection>): SchedulerActor {
    const views = { select: (wanted: RequestSpec) => select(wanted.serverId) };
    return new SchedulerActor({
      system: createActorSystem({ env, name: 'test' }),
      name: 'scheduler',
      scheduler: views as ViewScheduler,
    });
  }

  it('answers one after the other, in order', async () => {
    const asked: string[] = [];
    const actor = scheduler(async (serverId) => {
      asked.push(serverId);
      return nothing;
    });
    const answers = Promise.all(['a', 'b', 'c'].map((id) => actor.select(spec(id))));
    expect(await env.complete(answers, 'the answers')).toEqual([nothing, nothing, nothing]);
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it('says at once that too many wait', async () => {
    const gate = Promise.withResolvers<Selection>();
    const actor = scheduler(() => gate.promise);
    const waiting = Array.from({ length: 5_000 }, (_, index) => actor.select(spec(`s${index}`)));
    await expect(env.complete(actor.select(spec('last')), 'an answer')).rejects.toMatchObject({
      code: 'overloaded',
      retryable: true,
    });
    expect(env.clock.monotonic()).toBe(0);
    gate.resolve(nothing);
    expect(await env.complete(Promise.all(waiting), 'all answers')).toHaveLength(5_000);
  });

  it('tells its asker of a bug and serves the next', async () => {
    const actor = scheduler(async (serverId) => {
      if (serverId === 'bad') throw new Error('a bug');
      return nothing;
    });
    const bad = actor.select(spec('bad'));
    await expect(env.complete(bad, 'an answer')).rejects.toThrow('a bug');
    expect(await env.complete(actor.select(spec('good')), 'an answer')).toEqual(nothing);
  });

  it('does not let its asker wait for ever', async () => {
    const actor = scheduler(() => new Promise(() => undefined));
    const answer = actor.select(spec('a'));
    await expect(env.complete(answer, 'an answer')).rejects.toMatchObject({ code: 'timeout' });
    expect(env.clock.monotonic()).toBe(10_000);
  });
});
