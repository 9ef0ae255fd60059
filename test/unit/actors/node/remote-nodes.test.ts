// Orders over links that break, and to members that die, restart, talk nonsense or are not who they were.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFault, NodeOrder } from '#actors/node/protocol.ts';
import { type Controller, type Member, MemberWorld } from './member-world.ts';
import { serverId } from './node-world.ts';

const running = { power: 'running', stopped: false };

let world: MemberWorld;
let controller: Controller;
let member: Member;

beforeEach(async () => {
  world = new MemberWorld();
  const [only] = await world.started();
  member = only!;
  controller = world.controllers[0]!;
  world.grant('host-1');
});
afterEach(() => world.dispose());

const give = (order: NodeOrder, options?: { readonly signal?: AbortSignal }) =>
  controller.nodes.perform('host-1', order, options);
/** The report or the code of the fault. */
const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((fault: NodeFault) => fault.code);
const slow = (delayMs: number) =>
  world.host('host-1').faults.next('create', { kind: 'delay', delayMs });

describe('an order', () => {
  it('that takes minutes is waited for, and done once', async () => {
    slow(200_000);
    expect(await world.complete(give(world.order('node.build')), 'the build')).toEqual(running);
    expect(world.env.clock.monotonic()).toBeGreaterThan(200_000);
    expect(world.incarnation()).toBe(1);
  });

  it('whose link breaks on the way is joined when it is given again', async () => {
    slow(5_000);
    const order = world.order('node.build');
    const first = outcome(give(order));
    await world.env.advance(1_000);
    world.network.breakLink(controller.id, member.id);
    expect(await world.complete(first, 'the fault')).toBe('host-unreachable');
    await world.until(() => controller.transport.isConnected(member.id), 'the link');
    expect(await world.complete(give({ ...order }), 'the build')).toEqual(running);
    expect(world.incarnation()).toBe(1);
  });

  it('whose reply is lost is answered as before when it is given again', async () => {
    const order = world.order('node.build');
    const first = outcome(give(order));
    await world.until(() => world.incarnation() === 1, 'the guest');
    world.network.cut(member.id, controller.id);
    expect(await world.complete(first, 'the fault')).toBe('host-unreachable');
    world.host('host-1').killGuest(serverId);
    world.network.healAll();
    await world.until(() => controller.transport.isConnected(member.id), 'the link');
    expect(await world.complete(give({ ...order }), 'the build')).toEqual(running);
    expect(world.incarnation()).toBe(1);
  });

  it('that was cut off by the death of its member is done by the next start', async () => {
    slow(5_000);
    const order = world.order('node.build', { ownerEpoch: 3 });
    const first = outcome(give(order));
    await world.env.advance(1_000);
    world.kill(member);
    expect(await world.complete(first, 'the fault')).toBe('host-unreachable');
    expect(controller.nodes.isUp('host-1')).toBe(false);
    member = await world.member('host-1');
    await world.until(() => controller.nodes.isUp('host-1'), 'the host to be up');
    expect(await world.complete(give({ ...order }), 'the build')).toEqual(running);
    expect(world.incarnation()).toBe(1);
    const late = outcome(give(world.order('node.stop', { ownerEpoch: 2 })));
    expect(await world.complete(late, 'the late one')).toBe('stale-owner');
  });

  it('that was done before its member died is found done', async () => {
    const order = world.order('node.build');
    await world.complete(give(order), 'the build');
    world.kill(member);
    member = await world.member('host-1');
    await world.until(() => controller.nodes.isUp('host-1'), 'the host to be up');
    expect(await world.complete(give(order), 'the repeat')).toEqual(running);
    expect(world.incarnation()).toBe(1);
  });

  it('that nobody wants any more is not asked for again', async () => {
    slow(3_600_000);
    const abort = new AbortController();
    const given = outcome(give(world.order('node.build'), { signal: abort.signal }));
    await world.env.advance(25_000);
    abort.abort();
    expect(await world.complete(given, 'the end', 10_000)).toBe('host-unreachable');
  });

  it('that never ends is left to who gave it after 20 minutes', async () => {
    world.host('host-1').faults.hang('create');
    const given = outcome(give(world.order('node.build')));
    expect(await world.complete(given, 'the end', 21 * 60_000)).toBe('host-unreachable');
    expect(world.env.clock.monotonic()).toBeGreaterThan(20 * 60_000);
  });

  it('to a member that has not read its ledger yet is turned away', async () => {
    world.kill(member);
    await world.until(() => !controller.transport.isConnected(member.id), 'the end of the link');
    const { starting } = world.starting('host-1', { id: member.id, diskMs: 3_000 });
    await world.until(() => controller.transport.isConnected(member.id), 'the link');
    const early = give(world.order('node.build'));
    await expect(world.complete(early, 'the answer', 100)).rejects.toMatchObject({
      code: 'host-unreachable',
      retryable: true,
      message: 'host host-1 is starting',
    });
    await world.complete(starting, 'the start');
    await world.until(() => controller.nodes.isUp('host-1'), 'the host to be up');
    expect(await world.complete(give(world.order('node.build')), 'the build')).toEqual(running);
  });
});

describe('a member that sends nonsense', () => {
  it('is told from one that has done it, and is asked again', async () => {
    await world.stop(member);
    await world.impostor('host-1', 'newer');
    const given = give(world.order('node.build'));
    await expect(world.complete(given, 'the answer')).rejects.toMatchObject({
      code: 'hypervisor',
      retryable: true,
      message: expect.stringContaining('host host-1 answers what makes no sense here'),
    });
    const output = controller.nodes.consoleOutput('host-1', serverId, 10);
    await expect(world.complete(output, 'the console')).rejects.toMatchObject({
      code: 'hypervisor',
    });
  });
});

describe('a host', () => {
  it('is down while its member has no link, and up when it has one again', async () => {
    world.network.cut(controller.id, member.id);
    await world.until(() => !controller.nodes.isUp('host-1'), 'the host to be down', 5_000);
    const given = outcome(give(world.order('node.build')));
    expect(await world.complete(given, 'the answer', 100)).toBe('host-unreachable');
    world.network.healAll();
    await world.until(() => controller.nodes.isUp('host-1'), 'the host to be up', 10_000);
  });

  it('of a revoked member is down and gets no orders', async () => {
    world.records = world.records.map((one) =>
      one.id === member.id ? { ...one, isRevoked: true } : one,
    );
    expect(controller.nodes.isUp('host-1')).toBe(false);
    const given = outcome(give(world.order('node.build')));
    expect(await world.complete(given, 'the answer')).toBe('host-unreachable');
    expect(world.incarnation()).toBeUndefined();
  });

  it('that is set up anew is reached at its new member', async () => {
    await world.stop(member);
    const other = await world.member('host-1', 'anew');
    await world.until(() => controller.nodes.isUp('host-1'), 'the host to be up');
    await world.complete(give(world.order('node.build')), 'the build');
    expect(other.assembly.node.isUp).toBe(true);
  });

  it('is not up by what an earlier start of its member said', async () => {
    world.kill(member);
    await world.until(() => !controller.transport.isConnected(member.id), 'the end of the link');
    await world.impostor('host-1', member.id);
    expect(controller.nodes.isUp('host-1')).toBe(false);
  });
});
