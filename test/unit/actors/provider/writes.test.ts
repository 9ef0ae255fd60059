import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketGet } from '#actors/domain/bucket-map.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import {
  heldKey,
  type Inventory,
  type ProviderChange,
  type ProviderCommand,
} from '#actors/provider/protocol.ts';
import { runEntity } from '../run-entity.ts';

const inventory = (total: number): Inventory => ({
  total,
  reserved: 0,
  minUnit: 1,
  maxUnit: total,
  stepSize: 1,
  allocationRatio: 1,
});

function started(total = 4) {
  const provider = runEntity(providerDefinition, 'rp');
  provider.send({ type: 'provider.create', writeId: 'made', name: 'one' });
  provider.send({
    type: 'provider.set-inventories',
    expectedGeneration: 0,
    inventories: { VCPU: inventory(total) },
  });
  const held = (consumer: string) => bucketGet(provider.state.allocations, consumer);
  const key = (consumer: string) => {
    const allocation = held(consumer);
    return allocation === undefined ? undefined : heldKey(allocation);
  };
  return { provider, held, key };
}

const given = (VCPU: number, generation = 1) => ({
  resources: { VCPU },
  projectId: 'p',
  userId: 'u',
  generation,
});
const change = (
  holders: ProviderChange['holders'],
  more: Partial<ProviderChange> = {},
): ProviderChange => ({ holders, steps: 1, ...more });
const prepare = (writeId: string, what: ProviderChange, alone = false): ProviderCommand => ({
  type: 'provider.prepare',
  writeId,
  change: what,
  alone,
});
const commit = (writeId: string): ProviderCommand => ({ type: 'provider.commit', writeId });
const abort = (writeId: string): ProviderCommand => ({ type: 'provider.abort', writeId });
const claim = (consumer: string, claimId: string, VCPU: number, ownerEpoch?: number) =>
  ({
    type: 'provider.claim',
    consumer,
    claimId,
    resources: { VCPU },
    projectId: 'p',
    userId: 'u',
    ...(ownerEpoch === undefined ? {} : { ownerEpoch }),
  }) as const satisfies ProviderCommand;

describe('a provider', () => {
  test('is made once, and a repeat of the same write changes nothing', () => {
    const provider = runEntity(providerDefinition, 'rp');
    const create = { type: 'provider.create', name: 'one', parentId: 'root' } as const;
    expect(provider.send({ ...create, writeId: 'w' })).toEqual({ generation: 0 });
    expect(provider.send({ ...create, writeId: 'w' })).toEqual({ generation: 0 });
    expect(provider.events).toHaveLength(1);
    expect(provider.refusal({ ...create, writeId: 'other' }).refused).toBe('provider-exists');
    expect(provider.state).toMatchObject({ exists: true, isMade: true, parentId: 'root' });
  });

  test('in use is not removed; afterwards its id may be made anew', () => {
    const { provider } = started();
    provider.send(prepare('w', change([{ consumer: 'c', allocation: given(1) }])));
    const remove = (writeId: string): ProviderCommand => ({ type: 'provider.remove', writeId });
    expect(provider.refusal(remove('r')).refused).toBe('provider-in-use');
    provider.send(commit('w'));
    expect(provider.refusal(remove('r')).refused).toBe('provider-in-use');
    provider.send({ type: 'provider.release', consumer: 'c' });
    provider.send(remove('r'));
    expect(provider.state).toMatchObject({ exists: false, inventories: {}, generation: 0 });
    provider.send({ type: 'provider.create', writeId: 'again', name: 'two' });
    expect(provider.state).toMatchObject({ exists: true, name: 'two' });
  });

  test('a writer that does not know the latest generation is told it', () => {
    const { provider } = started();
    expect(
      provider.refusal({ type: 'provider.set-traits', expectedGeneration: 0, traits: ['A'] }),
    ).toEqual({
      refused: 'provider-generation-conflict',
      detail: { provider: 'rp', expected: 0, actual: 1 },
    });
    provider.send({ type: 'provider.set-traits', expectedGeneration: 1, traits: ['B', 'A', 'B'] });
    expect(provider.state).toMatchObject({ generation: 2, traits: ['A', 'B'] });
    provider.send({ type: 'provider.set-aggregates', aggregates: ['a'] });
    expect(provider.state).toMatchObject({ generation: 2, aggregates: ['a'] });
  });

  test('keeps a class of which somebody holds some', () => {
    const { provider } = started();
    provider.send(claim('s', 'c', 1));
    expect(
      provider.refusal({
        type: 'provider.set-inventories',
        expectedGeneration: 2,
        inventories: { DISK_GB: inventory(1) },
      }),
    ).toMatchObject({ refused: 'inventory-in-use', detail: { resources: ['VCPU'] } });
  });

  test('what the API wrote stays until the host says something new, and beside that', () => {
    const provider = runEntity(providerDefinition, 'rp');
    const says = (VCPU: number): ProviderCommand => ({
      type: 'provider.describe',
      name: 'h',
      inventories: { VCPU: inventory(VCPU), DISK_GB: inventory(9) },
      traits: ['HOST'],
    });
    provider.send(says(4));
    provider.send({
      type: 'provider.set-inventories',
      expectedGeneration: 1,
      inventories: {
        VCPU: { ...inventory(4), allocationRatio: 2 },
        DISK_GB: { ...inventory(9), reserved: 1 },
        CUSTOM_X: inventory(1),
      },
    });
    provider.send({ type: 'provider.set-traits', expectedGeneration: 2, traits: ['OURS'] });
    provider.send(says(4));
    expect(provider.state).toMatchObject({
      generation: 3,
      traits: ['OURS'],
      inventories: { DISK_GB: { reserved: 1 } },
    });
    provider.send(says(8));
    expect(provider.state).toMatchObject({
      generation: 4,
      traits: ['HOST', 'OURS'],
      inventories: {
        VCPU: { total: 8, allocationRatio: 2 },
        DISK_GB: { reserved: 0 },
        CUSTOM_X: { total: 1 },
      },
    });
  });
});

describe('a write', () => {
  test('keeps room for itself from its preparation on, and gives it back when aborted', () => {
    const { provider, held } = started();
    provider.send(prepare('w', change([{ consumer: 'c', allocation: given(3) }])));
    expect(held('c')).toBeUndefined();
    expect(provider.refusal(claim('s', '1', 2)).detail).toMatchObject({ used: 3, capacity: 4 });
    provider.send(abort('w'));
    expect(provider.send(claim('s', '1', 2))).toEqual({ generation: 2 });
    expect(provider.refusal(prepare('w', change([]))).refused).toBe('write-closed');
  });

  test('that gives back frees nothing before it is committed', () => {
    const { provider, key } = started();
    provider.send(claim('s', '1', 4));
    const expects = key('s') ?? '';
    provider.send(prepare('w', change([{ consumer: 's', expects }])));
    expect(provider.refusal(claim('t', '1', 1)).refused).toBe('claim-refused');
    provider.send(commit('w'));
    expect(provider.send(commit('w'))).toEqual({ generation: 3 });
    expect(provider.state.used).toEqual({});
    expect(provider.send(claim('t', '1', 1))).toEqual({ generation: 4 });
  });

  test('alone is committed at once, and once', () => {
    const { provider, held } = started();
    const alone = prepare('w', change([{ consumer: 'c', allocation: given(2) }]), true);
    expect(provider.send(alone)).toEqual({ generation: 2 });
    expect(provider.send(alone)).toEqual({ generation: 2 });
    expect(held('c')).toEqual({ ...given(2), claimId: 'w' });
  });

  test('is refused when another has changed what its consumer holds', () => {
    const { provider, key } = started();
    provider.send(prepare('w', change([{ consumer: 'c', allocation: given(2) }]), true));
    const blind = change([{ consumer: 'c', allocation: given(1, 2) }]);
    expect(provider.refusal(prepare('x', blind)).refused).toBe('allocation-changed');
    const expects = key('c') ?? '';
    provider.send(
      prepare('x', change([{ consumer: 'c', expects, allocation: given(1, 2) }]), true),
    );
    expect(provider.state.used).toEqual({ VCPU: 1 });
    const old = change([{ consumer: 'c', expects, allocation: given(4, 2) }]);
    expect(provider.refusal(prepare('y', old)).refused).toBe('allocation-changed');
  });

  test('over a claim keeps its id and owner, so that the server can give it back', () => {
    const { provider, held, key } = started();
    provider.send(claim('s', 'boot', 1, 7));
    const expects = key('s') ?? '';
    provider.send(prepare('w', change([{ consumer: 's', expects, allocation: given(3) }]), true));
    expect(held('s')).toMatchObject({ claimId: 'boot', ownerEpoch: 7, resources: { VCPU: 3 } });
    provider.send({ type: 'provider.release', consumer: 's', claimId: 'boot', ownerEpoch: 7 });
    expect(provider.state.used).toEqual({});
  });

  test('gives a consumer nothing that let go of everything meanwhile', () => {
    const { provider, held } = started();
    provider.send(prepare('w', change([{ consumer: 's', allocation: given(3) }])));
    expect(provider.refusal(claim('s', '1', 1)).refused).toBe('provider-busy');
    provider.send({ type: 'provider.release', consumer: 's' });
    provider.send(commit('w'));
    expect(held('s')).toBeUndefined();
  });

  test('of inventories needs the generation, and lets a class go that it empties itself', () => {
    const { provider, key } = started();
    provider.send(claim('s', '1', 2));
    const expects = key('s') ?? '';
    const moved = change([{ consumer: 's', expects }], {
      inventories: { DISK_GB: inventory(1) },
      expectedGeneration: 1,
      steps: 3,
    });
    expect(provider.refusal(prepare('w', moved)).refused).toBe('provider-generation-conflict');
    provider.send(prepare('w', { ...moved, expectedGeneration: 2 }));
    expect(provider.refusal(claim('t', '1', 1)).refused).toBe('provider-busy');
    expect(
      provider.refusal({ type: 'provider.set-traits', expectedGeneration: 2, traits: [] }).refused,
    ).toBe('provider-busy');
    expect(provider.send(commit('w'))).toEqual({ generation: 5 });
    expect(provider.state.inventories).toEqual({ DISK_GB: inventory(1) });
  });

  test('of inventories that leaves something in use without a class is refused', () => {
    const { provider } = started();
    provider.send(claim('s', '1', 2));
    const lost = change([], { inventories: {}, expectedGeneration: 2 });
    expect(provider.refusal(prepare('w', lost)).refused).toBe('inventory-in-use');
  });

  test('never takes use above capacity, whatever claims and writes come in which order', () => {
    const consumer = fc.constantFrom('a', 'b', 'c');
    const writeId = fc.constantFrom('w1', 'w2', 'w3', 'w4');
    const step = fc.oneof(
      fc.record({ do: fc.constant('claim'), consumer, amount: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ do: fc.constant('release'), consumer }),
      fc.record({ do: fc.constant('abort'), writeId }),
      fc.record({ do: fc.constant('commit'), writeId }),
      fc.record({
        do: fc.constantFrom('prepare', 'alone'),
        consumer,
        writeId,
        amount: fc.integer({ min: 0, max: 5 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { provider, key } = started();
        for (const [index, one] of steps.entries()) {
          if ('amount' in one && 'writeId' in one) {
            const expects = key(one.consumer);
            const allocation = one.amount === 0 ? {} : { allocation: given(one.amount, index) };
            const holder = { consumer: one.consumer, ...allocation };
            const what = change([expects === undefined ? holder : { ...holder, expects }]);
            provider.send(prepare(one.writeId, what, one.do === 'alone'));
          } else if ('amount' in one) provider.send(claim(one.consumer, `c${index}`, one.amount));
          else if ('writeId' in one)
            provider.send(one.do === 'abort' ? abort(one.writeId) : commit(one.writeId));
          else provider.send({ type: 'provider.release', consumer: one.consumer, claimId: 'none' });
          expect(provider.state.used['VCPU'] ?? 0).toBeLessThanOrEqual(4);
        }
      }),
    );
  });
});
