// The faults of the simulated network: what they do to links and messages, and that a seed decides all of it.
import { describe, expect, it } from 'vitest';

import type { LinkEvent, Received, Transport } from '#runtime/transport/port.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { NetworkFaults } from '#runtime/transport/memory/faults.ts';
import {
  createVirtualEnv,
  type VirtualEnv,
  type VirtualMember,
} from '#test/support/virtual-env.ts';

interface Node {
  readonly transport: Transport;
  readonly member: VirtualMember;
  readonly heard: Received[];
  readonly events: LinkEvent[];
}

interface World {
  readonly env: VirtualEnv;
  readonly network: MemoryNetwork;
  readonly join: (name: string, incarnation?: number) => Node;
  readonly linkAll: (names: readonly string[]) => Promise<Readonly<Record<string, Node>>>;
}

function createWorld(seed: number | string, faults: Partial<NetworkFaults> = {}): World {
  const env = createVirtualEnv({ seed });
  const network = createMemoryNetwork({ env, faults });
  const join = (name: string, incarnation = 1): Node => {
    const member = env.member(name);
    const transport = network.join(name, member.env, incarnation);
    const heard: Received[] = [];
    const events: LinkEvent[] = [];
    transport.onMessage((message) => {
      heard.push(message);
      env.trace(`${name} heard ${JSON.stringify(message.body)} of ${message.from}`);
      return message.body;
    });
    transport.onLink((event) => {
      events.push(event);
      env.trace(`${name}: ${event.type} ${event.peer}`);
    });
    return { transport, member, heard, events };
  };
  const linkAll = async (names: readonly string[]): Promise<Readonly<Record<string, Node>>> => {
    const nodes = Object.fromEntries(names.map((name) => [name, join(name)]));
    const peers = names.map((id) => ({ id, addresses: [`memory:${id}`] }));
    for (const { transport } of Object.values(nodes)) transport.setPeers(peers);
    const isWhole = (): boolean =>
      Object.values(nodes).every((node) => node.transport.connected().length === names.length - 1);
    await env.runUntil(isWhole, 'all links', 60_000);
    return nodes;
  };
  return { env, network, join, linkAll };
}

const message = (body: unknown) => ({ type: 'test.thing', version: 1, body });

function nodeOf(nodes: Readonly<Record<string, Node>>, name: string): Node {
  const node = nodes[name];
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

/** Sends numbers from a to b for a while, under whatever faults there are. */
async function chatter(world: World, a: Node, b: Node, rounds: number): Promise<number> {
  let sent = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < 3; index += 1)
      if (a.transport.tell(b.transport.self, message(sent))) sent += 1;
    await world.env.advance(7);
  }
  await world.env.advance(10_000);
  return sent;
}

describe('the simulated network', () => {
  it('gives equal runs for equal seeds, faults included, and other ones for others', async () => {
    const run = async (seed: number): Promise<string> => {
      const world = createWorld(seed, {
        delayMs: [0.1, 20],
        lossRate: 0.01,
        repeatRate: 0.05,
        reorderRate: 0.02,
      });
      const nodes = await world.linkAll(['a', 'b', 'c']);
      await chatter(world, nodeOf(nodes, 'a'), nodeOf(nodes, 'b'), 200);
      world.network.cut('a', 'c');
      await chatter(world, nodeOf(nodes, 'c'), nodeOf(nodes, 'a'), 50);
      return world.env.traceHash();
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('a repeated frame has no effect', async () => {
    const world = createWorld('repeats', { repeatRate: 0.5, delayMs: [0.1, 20] });
    const nodes = await world.linkAll(['a', 'b']);
    const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
    const sent = await chatter(world, a, b, 300);
    expect(b.heard.map(({ body }) => body)).toEqual(Array.from({ length: sent }, (_, n) => n));
    expect(b.events.map((event) => event.type)).toEqual(['up']);
  });

  it.each([
    ['lost', { lossRate: 0.02 }],
    ['out of turn', { reorderRate: 0.3 }],
  ])(
    'after a frame that is %s the link breaks and comes back; nothing comes twice',
    async (_, faults) => {
      const world = createWorld('gaps', { delayMs: [0.1, 20] });
      const nodes = await world.linkAll(['a', 'b']);
      const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
      world.network.setFaults(faults);
      const sent = await chatter(world, a, b, 300);
      const bodies = b.heard.map(({ body }) => Number(body));
      expect(bodies, 'in order, none twice').toEqual(
        [...new Set(bodies)].sort((one, other) => one - other),
      );
      expect(bodies.length).toBeLessThan(sent);
      expect(bodies.length).toBeGreaterThan(sent / 4);
      const downs = b.events.filter((event) => event.type === 'down');
      expect(downs.length).toBeGreaterThan(0);
      world.network.setFaults({ lossRate: 0, reorderRate: 0 });
      await world.env.runUntil(
        () => a.transport.isConnected('b') && b.transport.isConnected('a'),
        'a link',
        5000,
      );
    },
  );

  it('a cut one way ends the link at both ends within some seconds; healed, it comes back', async () => {
    const world = createWorld('one way');
    const nodes = await world.linkAll(['a', 'b']);
    const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
    world.network.cut('a', 'b');
    a.transport.tell('b', message('lost'));
    b.transport.tell('a', message('heard'));
    await world.env.advance(1900);
    expect(a.transport.isConnected('b') && b.transport.isConnected('a')).toBe(true);
    await world.env.advance(2500);
    expect(a.transport.isConnected('b') || b.transport.isConnected('a')).toBe(false);
    expect([a.heard.map(({ body }) => body), b.heard]).toEqual([['heard'], []]);
    world.network.heal('a', 'b');
    await world.env.runUntil(
      () => a.transport.isConnected('b') && b.transport.isConnected('a'),
      'a link',
      5000,
    );
    expect(b.heard).toEqual([]);
  });

  it('a cut shorter than the silence that links bear loses nothing', async () => {
    const world = createWorld('short');
    const nodes = await world.linkAll(['a', 'b']);
    const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
    world.network.cut('a', 'b');
    for (let index = 0; index < 10; index += 1) a.transport.tell('b', message(index));
    await world.env.advance(1500);
    expect(b.heard).toEqual([]);
    world.network.heal('a', 'b');
    await world.env.advance(100);
    expect(b.heard.map(({ body }) => body)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(b.events.map((event) => event.type)).toEqual(['up']);
  });

  it('a partition cuts between its groups; others keep their links', async () => {
    const world = createWorld('partition');
    const nodes = await world.linkAll(['a', 'b', 'c', 'd']);
    world.network.partition([['a', 'b'], ['c']]);
    await world.env.advance(5000);
    const linksOf = (name: string) => [...nodeOf(nodes, name).transport.connected()].sort();
    expect(['a', 'b', 'c', 'd'].map(linksOf)).toEqual([
      ['b', 'd'],
      ['a', 'd'],
      ['d'],
      ['a', 'b', 'c'],
    ]);
    world.network.healAll();
    await world.env.runUntil(() => linksOf('c').length === 3, 'all links', 5000);
  });

  it('the peers of a killed process hear of it at once, those of a dark machine by its silence', async () => {
    for (const [how, leastMs, mostMs] of [
      ['process', 0, 10],
      ['machine', 1900, 2100],
    ] as const) {
      const world = createWorld(how);
      const nodes = await world.linkAll(['a', 'b']);
      const b = nodeOf(nodes, 'b');
      const startedMs = world.env.clock.monotonic();
      nodeOf(nodes, 'a').member.kill();
      world.network.kill('a', how);
      await world.env.runUntil(() => !b.transport.isConnected('a'), 'the end', 5000);
      const tookMs = world.env.clock.monotonic() - startedMs;
      expect(tookMs).toBeGreaterThanOrEqual(leastMs);
      expect(tookMs).toBeLessThanOrEqual(mostMs);
      const again = world.join('a', 2);
      again.transport.setPeers([{ id: 'b', addresses: ['memory:b'] }]);
      await world.env.runUntil(() => b.transport.isConnected('a'), 'a link', 5000);
      expect(b.events.at(-1)).toMatchObject({ type: 'up', hello: { incarnation: 2 } });
    }
  });

  it('a paused member is given up by its peers, and finds that out when it goes on', async () => {
    const world = createWorld('pause');
    const nodes = await world.linkAll(['a', 'b']);
    const b = nodeOf(nodes, 'b');
    world.network.pause('a');
    await world.env.advance(1900);
    expect(b.transport.isConnected('a')).toBe(true);
    await world.env.advance(300);
    expect(b.transport.isConnected('a')).toBe(false);
    world.network.resume('a');
    await world.env.runUntil(() => b.transport.isConnected('a'), 'a link', 10_000);
  });

  it('a link that breaks under way may have delivered a question or not; the asker can’t tell', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const world = createWorld(seed, { delayMs: [0.1, 20] });
      const nodes = await world.linkAll(['a', 'b']);
      const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
      const asked = a.transport
        .ask('b', message(1), { deadlineMs: 60_000 })
        .catch((cause: unknown) => String((cause as { code?: unknown }).code));
      await world.env.advance(world.env.random.float() * 20);
      world.network.breakLink('a', 'b');
      const outcome = await world.env.complete(asked, 'an outcome', 60_000);
      outcomes.add(`${String(outcome)}, ${b.heard.length === 0 ? 'not heard' : 'heard'}`);
    }
    expect([...outcomes].sort()).toEqual([
      '1, heard',
      'disconnected, heard',
      'disconnected, not heard',
    ]);
  });

  it('a slow link takes its time, and refuses more than its bounds', async () => {
    const world = createWorld('slow');
    const nodes = await world.linkAll(['a', 'b']);
    const [a, b] = [nodeOf(nodes, 'a'), nodeOf(nodes, 'b')];
    world.network.setRate('a', 'b', 100);
    const startedMs = world.env.clock.monotonic();
    const part = message(new Uint8Array(100_000));
    for (let index = 0; index < 5; index += 1)
      expect(a.transport.tell('b', part, 'bulk')).toBe(true);
    await world.env.runUntil(() => b.heard.length === 5, 'five parts', 60_000);
    expect(world.env.clock.monotonic() - startedMs).toBeGreaterThan(4900);
    let taken = 0;
    while (a.transport.tell('b', part, 'bulk')) taken += 1;
    expect(taken).toBeGreaterThan(100);
    expect(taken).toBeLessThan(200);
  });

  it('an older start of a member does not take the place of a newer one', async () => {
    const world = createWorld('stale');
    const nodes = await world.linkAll(['a', 'b']);
    const b = nodeOf(nodes, 'b');
    world.network.kill('a');
    const newer = world.join('a', 5);
    newer.transport.setPeers([{ id: 'b', addresses: ['memory:b'] }]);
    const isNewerUp = (): boolean => {
      const last = b.events.at(-1);
      return last?.type === 'up' && last.hello.incarnation === 5;
    };
    await world.env.runUntil(isNewerUp, 'the link of the newer start', 5000);
    world.network.kill('a');
    const stale = world.join('a', 4);
    stale.transport.setPeers([{ id: 'b', addresses: ['memory:b'] }]);
    await world.env.advance(10_000);
    expect(b.transport.isConnected('a')).toBe(false);
    expect(stale.transport.isConnected('b')).toBe(false);
  });
});
