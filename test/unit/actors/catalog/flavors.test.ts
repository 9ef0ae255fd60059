import { describe, expect, test } from 'vitest';
import { flavorsDefinition, seedFlavors } from '#actors/catalog/entity.ts';
import { flavorsInvariants } from '#actors/catalog/flavors-core.ts';
import { flavorOf } from '#actors/catalog/lookup.ts';
import { ALL_FLAVORS, flavors, type FlavorCommand } from '#actors/catalog/protocol.ts';
import type { Flavor } from '#actors/domain/server.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { runEntity } from '../run-entity.ts';

const flavor = (id: string, more: Partial<Flavor> = {}): Flavor => ({
  id,
  name: `name-${id}`,
  vcpus: 1,
  ramMiB: 64,
  diskGiB: 1,
  ephemeralGiB: 0,
  swapMiB: 0,
  rxtxFactor: 1,
  isPublic: false,
  disabled: false,
  extraSpecs: {},
  ...more,
});
const create = (id: string, more: Partial<Flavor> = {}): FlavorCommand => ({
  type: 'flavor.create',
  flavor: flavor(id, more),
});
const started = (...ids: string[]) => {
  const run = runEntity(flavorsDefinition, ALL_FLAVORS);
  for (const id of ids) run.send(create(id));
  return run;
};

describe('flavors', () => {
  test('have unique ids and unique names', () => {
    const run = started('a');
    expect(run.refusal(create('a', { name: 'other' }))).toEqual({
      refused: 'flavor-exists',
      detail: { field: 'id', value: 'a' },
    });
    expect(run.refusal(create('b', { name: 'name-a' }))).toEqual({
      refused: 'flavor-exists',
      detail: { field: 'name', value: 'name-a' },
    });
  });

  test('a create that arrives twice under one request is answered as before', () => {
    const run = started();
    run.requestId = 'req-same';
    expect(run.send(create('a'))).toEqual({});
    expect(run.send(create('a'))).toEqual({});
    expect(run.events).toHaveLength(1);
    run.requestId = 'req-other';
    expect(run.refusal(create('a')).refused).toBe('flavor-exists');
  });

  test('a delete that arrives twice is answered as before; another one is not found', () => {
    const run = started('a');
    run.requestId = 'req-same';
    const gone = { type: 'flavor.delete', flavorId: 'a' } as const;
    expect(run.send(gone)).toEqual({});
    expect(run.send(gone)).toEqual({});
    run.requestId = 'req-other';
    expect(run.refusal(gone)).toEqual({ refused: 'flavor-not-found', detail: { flavorId: 'a' } });
    expect(run.state.records).toEqual([]);
  });

  test('are described and lose the description', () => {
    const run = started('a');
    run.nowMs = 7;
    run.send({ type: 'flavor.describe', flavorId: 'a', description: 'words' });
    expect(flavorOf(run.state, 'a')).toMatchObject({
      flavor: { description: 'words' },
      updatedAtMs: 7,
    });
    run.send({ type: 'flavor.describe', flavorId: 'a', description: null });
    expect(flavorOf(run.state, 'a')?.flavor).toEqual(flavor('a'));
  });

  test('gain, change and lose extra specs', () => {
    const run = started('a');
    run.send({ type: 'flavor.set-specs', flavorId: 'a', specs: { x: '1', y: '2' } });
    run.send({ type: 'flavor.set-specs', flavorId: 'a', specs: { y: '3' } });
    expect(flavorOf(run.state, 'a')?.flavor.extraSpecs).toEqual({ x: '1', y: '3' });
    const remove = { type: 'flavor.remove-spec', flavorId: 'a', key: 'x' } as const;
    run.send(remove);
    expect(flavorOf(run.state, 'a')?.flavor.extraSpecs).toEqual({ y: '3' });
    expect(run.refusal(remove)).toEqual({
      refused: 'extra-spec-not-found',
      detail: { flavorId: 'a', key: 'x' },
    });
  });

  test('are shared with a project once', () => {
    const run = started('a');
    const add = { type: 'flavor.add-access', flavorId: 'a', projectId: 'p' } as const;
    run.send(add);
    expect(flavorOf(run.state, 'a')?.access).toEqual(['p']);
    expect(run.refusal(add).refused).toBe('flavor-access-exists');
    const remove = { ...add, type: 'flavor.remove-access' } as const;
    run.send(remove);
    expect(flavorOf(run.state, 'a')?.access).toEqual([]);
    expect(run.refusal(remove).refused).toBe('flavor-access-not-found');
  });

  test('two of one id or name are reported', () => {
    const run = started('a');
    const { records } = run.state;
    expect(flavorsInvariants({ ...run.state, records: [...records, ...records] })).toEqual([
      'two flavors have the id a',
      'two flavors are named name-a',
    ]);
  });
});

describe('seeding', () => {
  test('makes the default flavors once; deleted ones stay deleted', async () => {
    const cluster = pureCluster([flavorsDefinition], () => 1);
    const view = cluster.view(flavorsDefinition);
    const names = () => (view.get(ALL_FLAVORS)?.records ?? []).map((record) => record.flavor.name);
    await seedFlavors(cluster.router, 'req-1');
    expect(names()).toEqual([
      'm1.nano',
      'm1.tiny',
      'm1.micro',
      'm1.small',
      'm1.medium',
      'm1.large',
      'm1.xlarge',
    ]);
    await cluster.router.ask(
      flavors.ref(ALL_FLAVORS),
      { type: 'flavor.delete', flavorId: '5' },
      { requestId: 'req-2' },
    );
    await seedFlavors(cluster.router, 'req-3');
    expect(names()).not.toContain('m1.xlarge');
  });

  test('leaves out what is taken already', () => {
    const run = started('a');
    run.send({
      type: 'flavor.seed',
      flavors: [flavor('a', { name: 'x' }), flavor('b', { name: 'name-a' }), flavor('c')],
    });
    expect(run.state.records.map(({ flavor: { id } }) => id)).toEqual(['a', 'c']);
  });
});
