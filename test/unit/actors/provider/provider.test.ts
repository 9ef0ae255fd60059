import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketGet, bucketHas, bucketKeys } from '#actors/domain/bucket-map.ts';
import { capacityOf, misfitOf } from '#actors/provider/arithmetic.ts';
import {
  evolveProvider,
  initialProvider,
  MAX_CLOSED,
  providerInvariants,
} from '#actors/provider/evolve.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import type { Inventory, ProviderCommand, ProviderState } from '#actors/provider/protocol.ts';
import { runEntity } from '../run-entity.ts';

const inventory = (total: number, more: Partial<Inventory> = {}): Inventory => ({
  total,
  reserved: 0,
  minUnit: 1,
  maxUnit: total,
  stepSize: 1,
  allocationRatio: 1,
  ...more,
});
const describeAs = (inventories: Record<string, Inventory>): ProviderCommand => ({
  type: 'provider.describe',
  name: 'host-1',
  inventories,
  traits: ['B', 'A', 'B'],
});
const claim = (consumer: string, claimId: string, resources: Record<string, number>) =>
  ({
    type: 'provider.claim',
    consumer,
    claimId,
    resources,
    projectId: 'p',
    userId: 'u',
  }) as const satisfies ProviderCommand;
const release = (consumer: string, claimId?: string): ProviderCommand => ({
  type: 'provider.release',
  consumer,
  ...(claimId === undefined ? {} : { claimId }),
});
const started = (inventories: Record<string, Inventory> = { VCPU: inventory(4) }) => {
  const provider = runEntity(providerDefinition, 'rp');
  provider.send(describeAs(inventories));
  return provider;
};

describe('capacity', () => {
  test('is what is not reserved, times the ratio, rounded down', () => {
    expect(capacityOf(inventory(10, { reserved: 3, allocationRatio: 1.5 }))).toBe(10);
    expect(capacityOf(inventory(4, { allocationRatio: 16 }))).toBe(64);
    expect(capacityOf(inventory(2, { reserved: 5 }))).toBe(0);
  });

  test('a misfit says which rule and the figures', () => {
    const memory = inventory(100, { minUnit: 10, maxUnit: 50, stepSize: 5 });
    const misfit = (amount: number, used = 0) =>
      misfitOf(memory, { resource: 'MEMORY_MB', amount, used })?.reason;
    expect(misfit(5)).toBe('min-unit');
    expect(misfit(55)).toBe('max-unit');
    expect(misfit(12)).toBe('step-size');
    expect(misfit(50, 51)).toBe('capacity');
    expect(misfit(50, 50)).toBeUndefined();
    expect(misfit(0, 100)).toBeUndefined();
    expect(misfitOf(undefined, { resource: 'PGPU', amount: 1, used: 0 })).toEqual({
      resource: 'PGPU',
      requested: 1,
      used: 0,
      capacity: 0,
      reason: 'no-inventory',
    });
  });
});

describe('describing', () => {
  test('makes the provider once; the same words again change nothing', () => {
    const provider = started();
    expect(provider.send(describeAs({ VCPU: inventory(4) }))).toEqual({ generation: 1 });
    expect(provider.send(describeAs({ VCPU: inventory(5) }))).toEqual({ generation: 2 });
    expect(provider.send(describeAs({ VCPU: inventory(5), DISK_GB: inventory(1) }))).toEqual({
      generation: 3,
    });
    expect(provider.state).toMatchObject({ exists: true, name: 'host-1', traits: ['A', 'B'] });
  });

  test('may shrink below what is in use: nothing more fits until enough is let go', () => {
    const provider = started();
    provider.send(claim('s1', 'c', { VCPU: 2 }));
    provider.send(claim('s2', 'c', { VCPU: 2 }));
    provider.send(describeAs({ VCPU: inventory(3) }));
    expect(provider.refusal(claim('s3', 'c', { VCPU: 1 })).refused).toBe('claim-refused');
    provider.send(release('s1'));
    expect(provider.send(claim('s3', 'c', { VCPU: 1 }))).toEqual({ generation: 6 });
    expect(provider.state.used).toEqual({ VCPU: 3 });
  });
});

describe('claiming', () => {
  test('needs a described provider', () => {
    const provider = runEntity(providerDefinition, 'rp');
    expect(provider.refusal(claim('s', 'c', { VCPU: 1 }))).toEqual({
      refused: 'provider-not-found',
      detail: { provider: 'rp' },
    });
  });

  test('holds the resources once, however often the same claim arrives', () => {
    const provider = started();
    expect(provider.send(claim('s', 'c', { VCPU: 1, DISK_GB: 0 }))).toEqual({ generation: 2 });
    expect(provider.send(claim('s', 'c', { VCPU: 1 }))).toEqual({ generation: 2 });
    expect(provider.state.used).toEqual({ VCPU: 1 });
  });

  test('refuses with the figures when it does not fit', () => {
    const provider = started();
    provider.send(claim('s', 'c', { VCPU: 3 }));
    expect(provider.refusal(claim('t', 'c', { VCPU: 2 }))).toEqual({
      refused: 'claim-refused',
      detail: {
        resource: 'VCPU',
        requested: 2,
        used: 3,
        capacity: 4,
        reason: 'capacity',
        provider: 'rp',
        providerName: 'host-1',
      },
    });
  });

  test('the same claim id with other resources is refused', () => {
    const provider = started();
    provider.send(claim('s', 'c', { VCPU: 1 }));
    expect(provider.refusal(claim('s', 'c', { VCPU: 2 })).refused).toBe('claim-differs');
  });

  test('a new claim takes the place of the held one, which may not come back', () => {
    const provider = started();
    provider.send(claim('s', 'one', { VCPU: 3 }));
    provider.send(claim('s', 'two', { VCPU: 4 }));
    expect(provider.state.used).toEqual({ VCPU: 4 });
    expect(bucketGet(provider.state.allocations, 's')?.claimId).toBe('two');
    expect(provider.refusal(claim('s', 'one', { VCPU: 3 })).refused).toBe('claim-closed');
  });
});

test('a claim of no more than what is held fits, though the inventory has shrunk below it', () => {
  const provider = started();
  provider.send(claim('s', 'one', { VCPU: 3 }));
  provider.send(describeAs({ VCPU: inventory(1) }));
  expect(provider.refusal(claim('s', 'two', { VCPU: 4 })).refused).toBe('claim-refused');
  provider.send(claim('s', 'two', { VCPU: 3 }));
  provider.send(claim('s', 'three', { VCPU: 2 }));
  expect(provider.state.used).toEqual({ VCPU: 2 });
});

describe('releasing', () => {
  test('gives back exactly what was held and is quiet the second time', () => {
    const provider = started();
    provider.send(claim('s', 'c', { VCPU: 2 }));
    expect(provider.send(release('s', 'c'))).toEqual({ generation: 3 });
    expect(provider.send(release('s', 'c'))).toEqual({ generation: 3 });
    expect(provider.state.used).toEqual({});
    expect(provider.state.allocations.size).toBe(0);
  });

  test('one claim leaves the next one alone, and closes its own id', () => {
    const provider = started();
    provider.send(claim('s', 'one', { VCPU: 1 }));
    provider.send(release('s', 'one'));
    expect(provider.refusal(claim('s', 'one', { VCPU: 1 })).refused).toBe('claim-closed');
    provider.send(claim('s', 'two', { VCPU: 2 }));
    provider.send(release('s', 'one'));
    expect(provider.state.used).toEqual({ VCPU: 2 });
  });

  test('a consumer as a whole can never claim again', () => {
    const provider = started();
    provider.send(claim('s', 'one', { VCPU: 1 }));
    provider.send(release('s'));
    expect(provider.refusal(claim('s', 'two', { VCPU: 1 })).refused).toBe('claim-closed');
    expect(provider.send(release('s', 'two'))).toEqual({ generation: 3 });
  });

  test('before its claim arrives, it still closes the claim', () => {
    const provider = started();
    provider.send(release('s', 'late'));
    expect(provider.refusal(claim('s', 'late', { VCPU: 1 })).refused).toBe('claim-closed');
  });
});

test('the memory of closed claims is bounded and keeps the newest half', () => {
  let state = initialProvider('rp');
  const total = MAX_CLOSED * 2 + 5;
  for (let i = 0; i < total; i += 1)
    state = evolveProvider(state, { type: 'provider.released', consumer: `s${i}` });
  const { recent, older } = state.closed;
  expect(recent.size + older.size).toBeLessThanOrEqual(MAX_CLOSED);
  for (let i = total - MAX_CLOSED / 2; i < total; i += 1)
    expect(bucketHas(recent, `s${i}`) || bucketHas(older, `s${i}`)).toBe(true);
});

/** Classes of the claim of which more is in use than the capacity. */
function overfull(state: ProviderState, claimed: Record<string, number>): string[] {
  return Object.keys(claimed).filter((resource) => {
    const inventory = state.inventories[resource];
    const capacity = inventory === undefined ? 0 : capacityOf(inventory);
    return (claimed[resource] ?? 0) > 0 && (state.used[resource] ?? 0) > capacity;
  });
}

/** What a claim takes more of than its consumer had: of what it had, nothing is asked of the inventory again. */
function grown(
  before: ProviderState,
  { consumer, resources }: Extract<ProviderCommand, { type: 'provider.claim' }>,
): Record<string, number> {
  const held = bucketGet(before.allocations, consumer)?.resources ?? {};
  return Object.fromEntries(
    Object.entries(resources).filter(([resource, amount]) => amount > (held[resource] ?? 0)),
  );
}

test('whatever is asked, no claim takes use above capacity and all comes back', () => {
  const consumer = fc.constantFrom('a', 'b', 'c', 'd');
  const claimId = fc.constantFrom('1', '2', '3');
  const command: fc.Arbitrary<ProviderCommand> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(consumer, claimId, fc.nat(40), fc.nat(9))
        .map(([who, id, cpus, disk]) => claim(who, id, { VCPU: cpus, DISK_GB: disk })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(consumer, fc.option(claimId, { nil: undefined }))
        .map(([who, id]) => release(who, id)),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(20), fc.nat(5), fc.constantFrom(0.5, 1, 1.5, 16))
        .map(([total, reserved, allocationRatio]) =>
          describeAs({
            VCPU: inventory(total, { reserved, allocationRatio }),
            DISK_GB: inventory(10),
          }),
        ),
    },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const provider = started({
        VCPU: inventory(8, { allocationRatio: 4 }),
        DISK_GB: inventory(10),
      });
      for (const each of commands) {
        const before = provider.state;
        provider.send(each);
        const { state } = provider;
        expect(state.generation).toBe(provider.events.length);
        const isNewClaim = each.type === 'provider.claim' && state !== before;
        expect(overfull(state, isNewClaim ? grown(before, each) : {})).toEqual([]);
      }
      const holders = [...bucketKeys(provider.state.allocations)];
      for (const who of holders) provider.send(release(who));
      expect(provider.state.used).toEqual({});
    }),
  );
});

test('a state whose figures do not add up is reported', () => {
  const provider = started();
  provider.send(claim('s', 'c', { VCPU: 2 }));
  expect(providerInvariants({ ...provider.state, used: { VCPU: 5 } })).toEqual([
    '5 VCPU in use where 0 to 4 may be',
    'use {"VCPU":5} is not the sum of the allocations {"VCPU":2}',
  ]);
});
