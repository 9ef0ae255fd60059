// A write of the placement API over two providers, with the process dying at each of its moments in turn: after the next
// start it is done at both or at neither, nothing is kept from others, and a second death on the way changes nothing.
import { expect, it } from 'vitest';
import { placementDefinition } from '#actors/placement/entity.ts';
import {
  ALL_WRITES,
  consumerLock,
  placementWrites,
  type WritePart,
} from '#actors/placement/protocol.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { SimulatedCloud } from '#test/support/simulated-cloud.ts';

const ids = ['left', 'right'] as const;
const asked = { requestId: 'req-write' };

function part(providerId: string, VCPU: number): WritePart {
  const allocation = { resources: { VCPU }, projectId: 'p', userId: 'u', generation: 1 };
  return {
    providerId,
    op: { kind: 'change', change: { holders: [{ consumer: 'c', allocation }], steps: 1 } },
  };
}

/** With two providers of four VCPUs each. */
async function prepared(seed: string): Promise<SimulatedCloud> {
  const cloud = new SimulatedCloud({ seed });
  const { assembly } = await cloud.boot();
  let isDone = false;
  const made = ids.map(async (id) => {
    const ref = providers.ref(id);
    const { router } = assembly;
    await router.ask(ref, { type: 'provider.create', writeId: `make-${id}`, name: id }, asked);
    const inventory = { total: 4, reserved: 0, minUnit: 1, maxUnit: 4, stepSize: 1 };
    const inventories = { VCPU: { ...inventory, allocationRatio: 1 } };
    await router.ask(
      ref,
      { type: 'provider.set-inventories', expectedGeneration: 0, inventories },
      asked,
    );
  });
  void Promise.all(made).then(() => (isDone = true));
  await cloud.env.runUntil(() => isDone, 'the providers to be there');
  return cloud;
}

/** Begins the write; resolves when it is settled or the process is dead. */
async function write(cloud: SimulatedCloud, parts: readonly WritePart[]): Promise<void> {
  const { running } = cloud;
  running?.assembly.router
    .ask(
      placementWrites.ref(ALL_WRITES),
      {
        type: 'placement.begin',
        writeId: 'w',
        seen: 0,
        locks: [consumerLock('c')],
        parts: [...parts],
      },
      asked,
    )
    .catch(() => undefined);
  await settled(cloud);
}

function settled(cloud: SimulatedCloud): Promise<void> {
  return cloud.env.runUntil(
    () => cloud.running?.isDead === true || (outcomes(cloud) > 0 && pending(cloud) === 0),
    'the write to settle',
    120_000,
  );
}

const writes = (cloud: SimulatedCloud) =>
  cloud.running?.assembly.entities.view(placementDefinition).get(ALL_WRITES);
const outcomes = (cloud: SimulatedCloud): number => writes(cloud)?.outcomes.length ?? 0;
const pending = (cloud: SimulatedCloud): number => Object.keys(writes(cloud)?.writes ?? {}).length;

function shown(cloud: SimulatedCloud): readonly (readonly [number, number])[] {
  const view = cloud.running?.assembly.entities.view(providerDefinition);
  return ids.map((id) => {
    const state = view?.get(id);
    return [state?.used['VCPU'] ?? 0, Object.keys(state?.pending ?? {}).length] as const;
  });
}

const none = [
  [0, 0],
  [0, 0],
];

/** How many moments the write has, without a death. */
async function moments(parts: readonly WritePart[]): Promise<number> {
  const cloud = await prepared('count');
  try {
    const before = cloud.running?.boundaries.passed ?? 0;
    await write(cloud, parts);
    return (cloud.running?.boundaries.passed ?? 0) - before;
  } finally {
    cloud.dispose();
  }
}

it.each([
  [
    'is agreed to',
    [part('left', 1), part('right', 2)],
    [
      [1, 0],
      [2, 0],
    ],
  ],
  ['is refused by one', [part('left', 1), part('right', 5)], none],
] as const)(
  'a write that %s comes to its end, wherever the process dies',
  async (_what, parts, end) => {
    const count = await moments(parts);
    expect(count).toBeGreaterThan(12);
    for (let dieAt = 1; dieAt <= count; dieAt += 1) {
      const cloud = await prepared(`die-${dieAt}`);
      try {
        cloud.running?.boundaries.arm(dieAt);
        await write(cloud, parts);
        expect(cloud.running?.isDead).toBe(true);
        await cloud.boot();
        const begun = pending(cloud) > 0 || outcomes(cloud) > 0;
        if (begun) await settled(cloud);
        expect({ dieAt, left: shown(cloud) }).toEqual({ dieAt, left: begun ? end : none });
      } finally {
        cloud.dispose();
      }
    }
  },
);
