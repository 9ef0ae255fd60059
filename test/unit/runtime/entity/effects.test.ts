import { beforeEach, describe, expect, it } from 'vitest';
import type { Effect } from '#runtime/entity/definition.ts';
import { EffectBoard, type EffectContext, type EffectRunner } from '#runtime/entity/effects.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

interface Run {
  readonly id: string;
  readonly atMs: number;
  readonly context: EffectContext;
}

describe('the effects of an entity', () => {
  let env: VirtualEnv;
  let runs: Run[];
  let reports: string[];
  const forever = (): Promise<never> => new Promise(() => undefined);
  const effect = (id: string, afterMs?: number): Effect =>
    afterMs === undefined ? { id, kind: 'work' } : { id, kind: 'work', afterMs };

  beforeEach(() => {
    env = createVirtualEnv({ seed: 1 });
    runs = [];
    reports = [];
  });

  function board(
    run: (run: Run) => Promise<{ readonly type: string } | undefined>,
    report: (type: string) => Promise<void> = async (type) => void reports.push(type),
  ): EffectBoard {
    const runner: EffectRunner = (wanted: Effect, context) => {
      const started = { id: wanted.id, atMs: env.clock.monotonic(), context };
      runs.push(started);
      return run(started);
    };
    return new EffectBoard({
      env,
      entityId: 'one',
      run: runner,
      ownerEpoch: () => 1,
      report: ({ type }) => report(type),
    });
  }
  const times = (): readonly number[] => runs.map(({ atMs }) => atMs);

  it('start once, however often they are wanted', async () => {
    const effects = board(forever);
    effects.reconcile([effect('a')]);
    effects.reconcile([effect('a'), effect('b')]);
    await env.settle();
    expect(runs.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(effects.isIdle).toBe(false);
  });

  it('wait as long as they say', async () => {
    const effects = board(async () => ({ type: 'done' }));
    effects.reconcile([effect('later', 5_000)]);
    await env.advance(4_999);
    expect(runs).toEqual([]);
    await env.advance(1);
    expect(times()).toEqual([5_000]);
    expect(reports).toEqual(['done']);
  });

  it('that are wanted no more before their time never start', async () => {
    const effects = board(forever);
    effects.reconcile([effect('later', 5_000)]);
    effects.reconcile([]);
    await env.advance(10_000);
    expect(runs).toEqual([]);
    expect(effects.isIdle).toBe(true);
  });

  it('report nothing once they are wanted no more', async () => {
    const release = Promise.withResolvers<void>();
    const effects = board(async () => {
      await release.promise;
      return { type: 'too late' };
    });
    effects.reconcile([effect('a')]);
    effects.reconcile([]);
    release.resolve();
    await env.advance(60_000);
    expect(reports).toEqual([]);
    expect(runs.map(({ context }) => context.signal.aborted)).toEqual([true]);
  });

  it('that fail are tried again after 0.1, 0.2, 0.4 s …, at most 30 s', async () => {
    const effects = board(async () => Promise.reject(new Error('no')));
    effects.reconcile([effect('a')]);
    await env.advance(100_000);
    const waits = times()
      .slice(1)
      .map((at, index) => at - (times()[index] ?? 0));
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    expect(runs.map(({ context }) => context.attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('whose report was not taken are done again', async () => {
    let refusals = 2;
    const effects = board(
      async () => ({ type: 'done' }),
      async (type) => {
        refusals -= 1;
        if (refusals >= 0) throw new Error('the journal is away');
        reports.push(type);
      },
    );
    effects.reconcile([effect('a')]);
    await env.advance(1_000);
    expect({ runs: times(), reports }).toEqual({ runs: [0, 100, 300], reports: ['done'] });
  });

  it('with nothing to tell tell nothing', async () => {
    const effects = board(async () => undefined);
    effects.reconcile([effect('a')]);
    await env.advance(60_000);
    expect({ runs: runs.length, reports }).toEqual({ runs: 1, reports: [] });
  });

  it('all end when they are stopped, also those that wait to be tried again', async () => {
    const effects = board(({ id }) =>
      id === 'fails' ? Promise.reject(new Error('no')) : forever(),
    );
    effects.reconcile([effect('runs'), effect('fails'), effect('waits', 1_000)]);
    await env.settle();
    effects.stop();
    await env.advance(120_000);
    expect(runs.map(({ id, context }) => [id, context.signal.aborted])).toEqual([
      ['runs', true],
      ['fails', true],
    ]);
    expect(effects.isIdle).toBe(true);
  });
});
