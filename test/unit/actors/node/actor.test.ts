// The node actor over a simulated host: orders join and are remembered, looks find and act, connections come and go.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeActor } from '#actors/node/actor.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { LocalNodes } from '#actors/node/local-nodes.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { Router } from '#runtime/directory/router.ts';
import { NodeWorld, serverId } from './node-world.ts';

interface Seen {
  readonly serverId: string;
  readonly runEpoch: number;
  readonly power: string;
  readonly reason: string;
}

let world: NodeWorld;
let node: NodeActor;
let seen: Seen[];
let onObserved: () => Promise<void>;

beforeEach(() => {
  world = new NodeWorld();
  seen = [];
  onObserved = async () => undefined;
  const router = {
    ask: async (
      ref: { kind: string; id: string },
      command: { type: string; runEpoch: number; power: string; reason: string },
      options: { requestId: string },
    ) => {
      if (command.type !== 'instance.observed')
        return world.cluster.router.ask(ref, command, options);
      const { runEpoch, power, reason } = command;
      seen.push({ serverId: ref.id, runEpoch, power, reason });
      await onObserved();
      return {};
    },
  } as unknown as Router;
  node = world.node({ router });
});
afterEach(() => world.dispose());

const start = (): Promise<void> => world.env.complete(node.start(), 'the start');
const perform = (order: Parameters<NodeActor['perform']>[0]) =>
  world.env.complete(node.perform(order), order.type);
const looked = (power: string, reason: string, id = serverId): Seen => ({
  serverId: id,
  runEpoch: 1,
  power,
  reason,
});

describe('an order', () => {
  beforeEach(start);

  it('that is repeated while it is under way is done once, and both hear of it', async () => {
    const release = world.host.faults.hang('create');
    const order = world.order('node.build');
    const both = Promise.all([node.perform(order), node.perform({ ...order })]);
    await world.env.settle();
    release();
    expect(await world.env.complete(both, 'the builds')).toEqual([
      { power: 'running', stopped: false },
      { power: 'running', stopped: false },
    ]);
    expect(world.host.guests.find(serverId)?.incarnation).toBe(1);
  });

  it('that is repeated after it was done is answered as before, without doing it', async () => {
    const build = world.order('node.build');
    const report = await perform(build);
    world.host.killGuest(serverId);
    expect(await perform(build)).toEqual(report);
    expect(world.guest()).toBeUndefined();
  });

  it('that failed is done when it is repeated', async () => {
    const build = world.order('node.build');
    world.host.faults.next('create', new HypervisorFault('failed', 'the test says no'));
    await expect(perform(build)).rejects.toThrow('the test says no');
    expect(await perform(build)).toEqual({ power: 'running', stopped: false });
  });

  it('to destroy ends a build in hand, and comes after it', async () => {
    world.host.faults.hang('ensureImage');
    const build = node.perform(world.order('node.build')).catch((error: Error) => error.message);
    await world.env.settle();
    await perform(world.order('node.destroy'));
    expect(await build).toMatch(
      /Building server .* given up for a later one|given up for a later one/,
    );
    expect(world.left()).toEqual([]);
  });

  it('to destroy ends a long shutdown', async () => {
    await perform(world.order('node.build'));
    world.host.heedShutdown(serverId, false);
    const stop = node.perform(world.order('node.stop'));
    await world.env.settle();
    await perform(world.order('node.destroy'));
    expect(await stop).toEqual({ power: 'shutdown', stopped: false });
    expect(world.env.clock.monotonic()).toBeLessThanOrEqual(1_000);
    expect(world.left()).toEqual([]);
  });

  it('waits for the one before it on the same guest, not for other guests', async () => {
    const other = 'bbbbbbbb-0000-4000-8000-000000000002';
    const release = world.host.faults.hang('create');
    const done: string[] = [];
    const bare = { ...world.order('node.build'), orderId: 'other', serverId: other };
    if (bare.type !== 'node.build') throw new Error('a build');
    const orders = [
      node.perform(world.order('node.build')).then(() => done.push('build')),
      node.perform(world.order('node.pause')).then(() => done.push('pause')),
    ];
    await world.env.settle();
    const plan = { ...bare.plan, serverId: other, ports: [] };
    await perform({ ...bare, plan });
    done.push('other');
    release();
    await world.env.complete(Promise.all(orders), 'all');
    expect(done).toEqual(['other', 'build', 'pause']);
  });

  it('over the bound of one guest is turned away at once', async () => {
    world.host.faults.hang('create');
    const answers = Array.from({ length: 17 }, () =>
      node
        .perform(world.order('node.build'))
        .catch((error: { code: string; retryable: boolean }) => error),
    );
    expect(await world.env.complete(answers[16]!, 'the last one')).toMatchObject({
      code: 'host-unreachable',
      retryable: true,
      message: `server ${serverId} has too many orders waiting`,
    });
  });
});

describe('a look at the host', () => {
  it('tells of guests under their grants, and of grants without guests', async () => {
    await world.perform('node.build');
    await start();
    expect(seen).toEqual([looked('running', 'relisted')]);
    world.host.faults.loseEvents(1);
    world.host.killGuest(serverId);
    await world.env.advance(60_000);
    expect(seen).toEqual([looked('running', 'relisted'), looked('shutdown', 'relisted')]);
  });

  it('takes a guest away whose grant is over, and leaves strangers alone', async () => {
    await world.perform('node.destroy');
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 });
    const stranger = 'bbbbbbbb-0000-4000-8000-000000000001';
    const unknown = 'bbbbbbbb-0000-4000-8000-000000000002';
    world.host.startForeignGuest({ id: stranger, name: 'stranger' });
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 }, unknown);
    await start();
    await world.env.settle();
    expect(world.left()).toEqual([]);
    expect([stranger, unknown].map((id) => world.host.guests.find(id)?.power)).toEqual([
      'running',
      'running',
    ]);
    expect(world.host.files.guests()).toEqual([unknown]);
  });

  /** Listed before the server's own guest: what is done while it is told of makes the rest of the list old. */
  async function startFirst(): Promise<void> {
    const first = 'cccccccc-0000-4000-8000-000000000001';
    await world.grants().admit({ serverId: first, runEpoch: 1 });
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 }, first);
  }

  it('believes the report of an order, not what it saw before', async () => {
    await startFirst();
    await world.perform('node.build');
    onObserved = async () => {
      onObserved = async () => undefined;
      await node.perform(world.order('node.stop'));
    };
    await start();
    expect(seen.filter((one) => one.serverId === serverId)).toEqual([]);
    await world.env.advance(60_000);
    expect(
      new Set(seen.filter((one) => one.serverId === serverId).map(({ power }) => power)),
    ).toEqual(new Set(['shutdown']));
  });

  it('does not take away a guest that got a new grant since', async () => {
    await startFirst();
    await world.perform('node.destroy');
    await world.startGuest({ cluster: 'test', host: 'host-1', runEpoch: 1 });
    onObserved = async () => {
      onObserved = async () => undefined;
      await node.perform(world.order('node.build', { runEpoch: 2 }));
    };
    await start();
    expect(world.guest()).toEqual({ power: 'running', runEpoch: 2 });
  });

  it('that finds trouble with one guest still tells of the others, and comes again soon', async () => {
    const others = ['a', 'b', 'c'].map((end) => `cccccccc-0000-4000-8000-00000000000${end}`);
    for (const id of others) await world.grants().admit({ serverId: id, runEpoch: 1 });
    let failures = 1;
    onObserved = async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('this instance is broken');
    };
    await start();
    expect(new Set(seen.map((one) => one.serverId))).toEqual(new Set(others));
    seen.length = 0;
    await world.env.advance(2_000);
    expect(seen).toHaveLength(3);
  });

  it('removes files of servers whose grant is over, and keeps those that nobody knows', async () => {
    const unknown = 'dddddddd-0000-4000-8000-000000000001';
    await world.perform('node.destroy');
    for (const guestId of [serverId, unknown])
      await world.machine.storage.createBlank({ guestId, name: 'disk', sizeBytes: 1_024 });
    await start();
    await world.env.settle();
    expect(world.host.files.guests()).toEqual([unknown]);
  });

  it('makes the networks ready, and takes those away that are gone', async () => {
    await start();
    await world.env.settle();
    expect([...world.host.networks.keys()]).toEqual(world.networkIds);
    world.networkIds = [];
    await world.env.advance(60_000);
    expect([...world.host.networks.keys()]).toEqual([]);
  });
});

describe('an event', () => {
  beforeEach(async () => {
    await world.perform('node.build');
    await start();
    seen.length = 0;
  });

  it('of a crash is told at once, and looked at again when operations are over', async () => {
    world.host.crashGuest(serverId);
    await world.env.settle();
    expect(seen).toEqual([looked('crashed', 'guest.stopped')]);
    await world.env.advance(2_000);
    expect(seen).toEqual([looked('crashed', 'guest.stopped'), looked('crashed', 'guest.stopped')]);
  });

  it('during an order is not told, but the guest is looked at afterwards', async () => {
    const release = world.host.faults.hang('pause');
    const paused = node.perform(world.order('node.pause')).catch(() => 'failed');
    await world.env.settle();
    world.host.killGuest(serverId);
    await world.env.settle();
    expect(seen).toEqual([]);
    release();
    await world.env.complete(paused, 'the pause');
    await world.env.advance(2_000);
    expect(seen).toEqual([looked('shutdown', 'guest.stopped')]);
  });

  it('whose news an order overtakes on its way is looked into again', async () => {
    onObserved = async () => {
      onObserved = async () => undefined;
      await node.perform(world.order('node.unpause'));
    };
    await world.machine.hypervisor.pause(serverId);
    await world.env.settle();
    expect(seen).toEqual([looked('paused', 'guest.paused')]);
    await world.env.advance(2_000);
    expect(seen.at(-1)).toEqual(looked('running', 'order.meanwhile'));
  });

  it('is looked into: what the hypervisor says counts', async () => {
    await world.machine.hypervisor.pause(serverId);
    await world.machine.hypervisor.resume(serverId);
    await world.env.settle();
    expect(seen.map(({ power }) => power).at(-1)).toBe('running');
  });

  it('of a guest without a grant is nobody’s business', async () => {
    world.host.startForeignGuest({ id: 'eeeeeeee-0000-4000-8000-000000000001', name: 'x' });
    await world.env.advance(2_000);
    expect(seen).toEqual([]);
  });
});

describe('the host', () => {
  it('is registered with what it has, and is up', async () => {
    expect(node.isUp).toBe(false);
    await start();
    expect(node.isUp).toBe(true);
    const [host] = world.cluster.view(hostDefinition).values();
    const provider = world.cluster.view(providerDefinition).get(host?.providerId ?? '');
    expect(host).toMatchObject({
      id: 'host-1',
      hypervisor: { type: 'QEMU', cpus: 16, memoryMiB: 65_536, diskGiB: 1_024 },
    });
    expect(provider).toMatchObject({
      name: 'host-1',
      inventories: { VCPU: { total: 16 }, MEMORY_MB: { total: 65_536 }, DISK_GB: { total: 1_024 } },
    });
  });

  it('that does not answer yet is asked again until it does', async () => {
    world.host.loseConnection();
    await start();
    expect(node.isUp).toBe(false);
    await world.env.advance(10_000);
    world.host.restoreConnection();
    await world.env.runUntil(() => node.isUp, 'the host to be up', 3_000);
  });

  it('that hangs holds nobody up for longer than 5 s', async () => {
    const release = world.host.faults.hang('hostInfo');
    await start();
    expect(world.env.clock.monotonic()).toBe(5_000);
    expect(node.isUp).toBe(false);
    release();
    await world.env.runUntil(() => node.isUp, 'the host to be up', 3_000);
  });

  it('goes down with its connection and is looked over when it is back', async () => {
    await world.perform('node.build');
    await start();
    seen.length = 0;
    world.host.loseConnection();
    expect(node.isUp).toBe(false);
    world.host.killGuest(serverId);
    await world.env.advance(5_000);
    expect(seen).toEqual([]);
    world.host.restoreConnection();
    await world.env.settle();
    expect({ isUp: node.isUp, seen }).toEqual({
      isUp: true,
      seen: [looked('shutdown', 'relisted')],
    });
  });

  it('does nothing any more once it is stopped', async () => {
    await world.perform('node.build');
    const release = world.host.faults.hang('list');
    const starting = node.start();
    await world.env.settle();
    await world.env.complete(node.stop(), 'the stop');
    release();
    await world.env.complete(starting, 'the start');
    seen.length = 0;
    world.host.crashGuest(serverId);
    await world.env.runUntilIdle();
    expect(seen).toEqual([]);
  });

  it('whose registration is refused says so and goes on trying', async () => {
    let refusals = 1;
    node = world.node({
      router: {
        ask: async (ref: never, command: { type: string }, options: never) => {
          refusals -= 1;
          if (command.type === 'host.register' && refusals >= 0)
            return { refused: 'host-taken', detail: {} };
          return world.cluster.router.ask(ref, command, options);
        },
      } as unknown as Router,
    });
    await start();
    expect(node.isUp).toBe(false);
    await world.env.advance(2_000);
    expect(node.isUp).toBe(true);
  });
});

describe('the nodes of a process', () => {
  it('are found by host; one that is not there may be asked again later', async () => {
    const nodes = new LocalNodes();
    expect(nodes.isUp('host-1')).toBe(false);
    await expect(nodes.perform('host-1', world.order('node.build'))).rejects.toMatchObject({
      code: 'host-unreachable',
      retryable: true,
      message: 'host host-1 is not reachable now',
    });
    await start();
    nodes.add(node);
    expect({ isUp: nodes.isUp('host-1'), all: nodes.all() }).toEqual({ isUp: true, all: [node] });
    await world.env.complete(nodes.perform('host-1', world.order('node.build')), 'the build');
    const output = nodes.consoleOutput('host-1', serverId, 10_000);
    expect(new TextDecoder().decode(await world.env.complete(output, 'the console'))).toContain(
      'login:',
    );
    nodes.remove('host-1');
    expect(nodes.isUp('host-1')).toBe(false);
    expect(world.cluster.view(instanceDefinition).size).toBe(0);
  });
});
