// The hypervisor does at last what a process asked for that has died since, under a grant that is over: no guest may come of
// it, wherever the guest's disks are by then, and none that runs may suffer (docs/adr/0019-paths-of-a-run.md).
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeOrder } from '#actors/node/protocol.ts';
import type { SimulatedOperation } from '#hypervisor/simulated/faults.ts';
import { NodeWorld, serverId } from './node-world.ts';

let world: NodeWorld;
beforeEach(() => {
  world = new NodeWorld();
});
afterEach(() => world.dispose());

const storageId = 'simulated-host-1';
const signal = new AbortController().signal;

/** Leaves an order hanging in a call of the hypervisor, as a process does that dies then; returns what ends the call. */
async function hung(
  call: SimulatedOperation,
  type: NodeOrder['type'],
): Promise<() => Promise<unknown>> {
  const release = world.host.faults.hang(call);
  const outcome = world
    .executor()
    .perform(world.order(type), signal)
    .catch((error: unknown) => error);
  await world.env.settle();
  return () => {
    release();
    return world.env.complete(outcome, `the late ${call}`);
  };
}

const receive = { disks: [], sourceStorageId: storageId } as const;

/** How the server gets from run-epoch 1 to 2 with its disks on this host. */
const ways: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'a resize on the same host',
    async () => {
      await world.perform('node.leave');
      await world.perform('node.receive', { runEpoch: 2, ...receive });
    },
  ],
  [
    'a move and its revert',
    async () => {
      await world.perform('node.leave');
      await world.perform('node.take-back', { runEpoch: 2, starts: false });
    },
  ],
  [
    'a deletion of all and a new build',
    async () => {
      await world.perform('node.destroy');
      await world.perform('node.build', { runEpoch: 2, starts: false });
    },
  ],
  [
    'a deletion that leaves the files to the other end',
    async () => {
      await world.perform('node.destroy', { spareStorage: storageId });
      await world.perform('node.receive', { runEpoch: 2, ...receive });
    },
  ],
  [
    'a newer grant, after it was fenced',
    async () => void (await world.perform('node.receive', { runEpoch: 2, ...receive })),
  ],
];

describe.each(ways)('after %s', (_, moved) => {
  it('a late start makes no guest, and the new grant starts its own', async () => {
    const late = await hung('create', 'node.build');
    await moved();
    expect(String(await late())).toContain('there is no disk file');
    expect(world.guest()).toBeUndefined();
    await world.perform('node.start', { runEpoch: 2 });
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 2 });
  });

  it('a late start is in nobody’s way once the new grant’s guest runs', async () => {
    const late = await hung('create', 'node.build');
    await moved();
    await world.perform('node.start', { runEpoch: 2 });
    await late();
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 2 });
    await world.perform('node.stop', { runEpoch: 2 });
    expect(world.guest()).toBeUndefined();
  });

  it('a late resume makes no guest', async () => {
    await world.perform('node.build');
    await world.perform('node.suspend');
    const late = await hung('restore', 'node.resume');
    await moved();
    await late();
    expect(world.guest()).toBeUndefined();
  });

  it('a late suspend leaves the new guest as it is', async () => {
    await world.perform('node.build');
    const late = await hung('save', 'node.suspend');
    await moved();
    await world.perform('node.start', { runEpoch: 2 });
    await late();
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 2 });
    expect(world.hasSavedMemory()).toBe(false);
  });
});

it('a late start under the grant that still holds is found by the next order', async () => {
  const late = await hung('create', 'node.build');
  await late();
  expect(world.guest()).toEqual({ power: 'running', runEpoch: 1 });
  expect(await world.perform('node.start')).toEqual({ power: 'running', stopped: false });
});

it('a late start that comes before the grant is over is ended with it', async () => {
  const late = await hung('create', 'node.build');
  const withdraw = world.host.faults.hang('withdraw');
  const leaving = world.executor().perform(world.order('node.leave'), signal);
  await world.env.settle();
  await late();
  expect(world.guest()).toEqual({ power: 'running', runEpoch: 1 });
  withdraw();
  expect(await world.env.complete(leaving, 'the leave')).toMatchObject({ stopped: true });
  expect(world.guest()).toBeUndefined();
  expect(world.host.files.filesOf(serverId).some(({ name }) => name.startsWith('run-'))).toBe(
    false,
  );
});
