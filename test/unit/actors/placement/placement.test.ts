import { describe, expect, test } from 'vitest';
import { placementEffects } from '#actors/placement/effects.ts';
import { placementDefinition, placementNamesDefinition } from '#actors/placement/entity.ts';
import {
  ALL_WRITES,
  consumerLock,
  type PlacementCommand,
  placementWrites,
  type WritePart,
} from '#actors/placement/protocol.ts';
import { MAX_LOCKS, MAX_WRITES } from '#actors/placement/writes-core.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { runEntity } from '../run-entity.ts';

const asked = { requestId: 'req-1' };
const begin = (writeId: string, locks: readonly string[], seen = 0): PlacementCommand => ({
  type: 'placement.begin',
  writeId,
  seen,
  locks: [...locks],
  parts: [],
});

describe('writes', () => {
  test('a lock is held by one at a time, and who had read before it was let go reads again', () => {
    const writes = runEntity(placementDefinition, ALL_WRITES);
    writes.send(begin('one', ['a', 'b']));
    expect(writes.refusal(begin('two', ['b', 'c'])).refused).toBe('write-overtaken');
    expect(writes.send(begin('three', ['c']))).toEqual({});
    writes.send({ type: 'placement.settle', writeId: 'one' });
    expect(writes.refusal(begin('two', ['b'], 0)).refused).toBe('write-overtaken');
    expect(writes.send(begin('two', ['b'], 1))).toEqual({});
    expect(writes.state.outcomes).toEqual([{ writeId: 'one', refusal: undefined }]);
  });

  test('a repeat begins nothing, also after the end', () => {
    const writes = runEntity(placementDefinition, ALL_WRITES);
    writes.send(begin('one', ['a']));
    writes.send(begin('one', ['a']));
    writes.send({ type: 'placement.settle', writeId: 'one' });
    writes.send(begin('one', ['a']));
    writes.send({ type: 'placement.settle', writeId: 'one' });
    expect(writes.events.map(({ type }) => type)).toEqual(['placement.begun', 'placement.settled']);
  });

  test('what every provider agreed to is not refused any more', () => {
    const writes = runEntity(placementDefinition, ALL_WRITES);
    writes.send(begin('one', ['a']));
    writes.send({ type: 'placement.prepared', writeId: 'one' });
    const refusal = { refused: 'late', detail: {} };
    writes.send({ type: 'placement.refuse', writeId: 'one', refusal });
    expect(writes.state.writes['one']?.phase).toBe('committing');
  });

  test('there are only so many at once, and only so many locks are remembered', () => {
    const writes = runEntity(placementDefinition, ALL_WRITES);
    for (let i = 0; i < MAX_WRITES; i += 1) writes.send(begin(`w${i}`, [`l${i}`]));
    expect(writes.refusal(begin('more', ['more'])).refused).toBe('write-overtaken');
    for (let i = 0; i < MAX_WRITES; i += 1)
      writes.send({ type: 'placement.settle', writeId: `w${i}` });
    for (let i = 0; i < MAX_LOCKS + 2; i += 1) {
      writes.send(begin(`x${i}`, [`lock${i}`], writes.state.seq));
      writes.send({ type: 'placement.settle', writeId: `x${i}` });
    }
    expect(writes.state.recent.size + writes.state.older.size).toBeLessThanOrEqual(MAX_LOCKS);
    expect(writes.state.forgotten).toBeGreaterThan(0);
    expect(writes.refusal(begin('old', ['new'], writes.state.forgotten - 1)).refused).toBe(
      'write-overtaken',
    );
    expect(writes.send(begin('old', ['new'], writes.state.forgotten))).toEqual({});
  });
});

describe('names', () => {
  test('stand once each, in the order in which they were made', () => {
    const names = runEntity(placementNamesDefinition, 'all');
    const add = (name: string, mustBeNew = false) =>
      names.send({ type: 'placement-names.add', list: 'traits', name, mustBeNew });
    expect([add('B'), add('A'), add('B')]).toEqual([
      { isNew: true },
      { isNew: true },
      { isNew: false },
    ]);
    expect(add('A', true)).toMatchObject({ refused: 'name-exists' });
    const remove = (name: string) =>
      names.send({ type: 'placement-names.remove', list: 'traits', name });
    expect([remove('B'), remove('B')]).toMatchObject([{}, { refused: 'name-not-found' }]);
    names.send({ type: 'placement-names.rename', list: 'traits', name: 'A', to: 'C' });
    expect(names.state).toEqual({ traits: ['C'], classes: [] });
  });
});

const kinds = [placementDefinition, providerDefinition];
const given = (VCPU: number) => ({
  resources: { VCPU },
  projectId: 'p',
  userId: 'u',
  generation: 1,
});
const part = (providerId: string, consumer: string, VCPU: number): WritePart => ({
  providerId,
  op: {
    kind: 'change',
    change: { holders: [{ consumer, allocation: given(VCPU) }], steps: 1 },
  },
});

async function twoProviders(): Promise<PureCluster> {
  const cluster = pureCluster(kinds, () => 1);
  for (const id of ['p1', 'p2']) {
    const { router } = cluster;
    await router.ask(
      providers.ref(id),
      { type: 'provider.create', writeId: `made-${id}`, name: id },
      asked,
    );
    const inventory = { total: 4, reserved: 0, minUnit: 1, maxUnit: 4, stepSize: 1 };
    await router.ask(
      providers.ref(id),
      {
        type: 'provider.set-inventories',
        expectedGeneration: 0,
        inventories: { VCPU: { ...inventory, allocationRatio: 1 } },
      },
      asked,
    );
  }
  return cluster;
}

/** Runs effects until none is wanted; every try of a provider goes through `around`. */
async function settle(
  cluster: PureCluster,
  around: (ask: () => Promise<unknown>, type: string) => Promise<unknown> = (ask) => ask(),
): Promise<void> {
  const view = cluster.view(placementDefinition);
  const router = {
    ask: (ref: never, command: { type: string }, options: never) =>
      around(() => cluster.router.ask(ref, command, options), command.type),
  } as unknown as Router;
  const run = placementEffects({ router, states: view });
  const wanted = () =>
    placementDefinition.todo(view.get(ALL_WRITES) ?? placementDefinition.initial(''));
  for (let attempt = 1; wanted().length > 0; attempt += 1) {
    if (attempt > 50) throw new Error('the writes do not settle');
    for (const effect of wanted()) {
      const context = { entityId: ALL_WRITES, attempt } as never;
      try {
        const report = await run(effect, context);
        if (report !== undefined)
          await cluster.router.ask(placementWrites.ref(ALL_WRITES), report, asked);
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'away') throw error;
      }
    }
  }
}

function used(cluster: PureCluster): readonly unknown[] {
  const view = cluster.view(providerDefinition);
  return ['p1', 'p2'].map((id) => {
    const provider = view.get(id);
    return [provider?.used['VCPU'] ?? 0, Object.keys(provider?.pending ?? {}).length];
  });
}

function start(cluster: PureCluster, parts: readonly WritePart[]): Promise<unknown> {
  return cluster.router.ask(
    placementWrites.ref(ALL_WRITES),
    {
      type: 'placement.begin',
      writeId: 'w',
      seen: 0,
      locks: [consumerLock('c')],
      parts: [...parts],
    },
    asked,
  );
}

describe('seeing a write through', () => {
  test('changes all providers', async () => {
    const cluster = await twoProviders();
    await start(cluster, [part('p1', 'c', 1), part('p2', 'c', 2)]);
    await settle(cluster);
    expect(used(cluster)).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  test('changes none when one refuses, and tells which', async () => {
    const cluster = await twoProviders();
    await start(cluster, [part('p1', 'c', 1), part('p2', 'c', 5)]);
    await settle(cluster);
    expect(used(cluster)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const [outcome] = cluster.view(placementDefinition).get(ALL_WRITES)?.outcomes ?? [];
    expect(outcome?.refusal).toMatchObject({
      refused: 'claim-refused',
      detail: { provider: 'p2', reason: 'max-unit' },
    });
  });

  test('comes to the same end wherever an answer is lost', async () => {
    const orders = 4;
    for (let lost = 1; lost <= orders; lost += 1) {
      const cluster = await twoProviders();
      await start(cluster, [part('p1', 'c', 1), part('p2', 'c', 2)]);
      let asks = 0;
      await settle(cluster, async (ask) => {
        asks += 1;
        const isLost = asks === lost;
        const answer = await ask();
        if (isLost) throw new Error('away');
        return answer;
      });
      expect(asks).toBeGreaterThan(orders);
      expect(used(cluster)).toEqual([
        [1, 0],
        [2, 0],
      ]);
    }
  });

  test('gives up a write whose provider is away too long, and takes back the rest', async () => {
    const cluster = await twoProviders();
    await start(cluster, [part('p1', 'c', 1), part('p2', 'c', 2)]);
    let prepares = 0;
    await settle(cluster, (ask, type) => {
      if (type === 'provider.prepare') prepares += 1;
      return type === 'provider.prepare' && prepares % 2 === 0
        ? Promise.reject(new Error('away'))
        : ask();
    });
    expect(used(cluster)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const late = await cluster.router.ask(
      providers.ref('p2'),
      {
        type: 'provider.prepare',
        writeId: 'w',
        alone: false,
        change: { holders: [], steps: 1 },
      },
      asked,
    );
    expect(isRefusal(late) && late.refused).toBe('write-closed');
  });
});
