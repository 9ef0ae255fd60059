// Controllers that have no link to a host, and reach it through one that has.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFault } from '#actors/node/protocol.ts';
import { testImage } from '#test/support/test-image.ts';
import { type Controller, type Member, MemberWorld } from './member-world.ts';

const running = { power: 'running', stopped: false };

let world: MemberWorld;
let cut: Controller;
let other: Controller;
let member: Member;

beforeEach(async () => {
  world = new MemberWorld();
  [member] = (await world.started(2)) as [Member];
  [cut, other] = world.controllers as [Controller, Controller];
  world.grant('host-1');
  for (const [from, to] of [
    [cut.id, member.id],
    [member.id, cut.id],
  ] as const)
    world.network.cut(from, to);
  await world.until(() => !cut.transport.isConnected(member.id), 'the link to end');
});
afterEach(() => world.dispose());

describe('a host that this controller has no link to', () => {
  it('is up as long as another controller sees it', async () => {
    expect([cut, other].map(({ nodes }) => nodes.isUp('host-1'))).toEqual([true, true]);
    world.kill(member);
    await world.until(() => !cut.nodes.isUp('host-1'), 'the news of its end');
    expect(other.nodes.isUp('host-1')).toBe(false);
  });

  it('gets orders through the other one, each done once', async () => {
    const order = world.order('node.build');
    expect(await world.complete(cut.nodes.perform('host-1', order), 'the build')).toEqual(running);
    expect(await world.complete(cut.nodes.perform('host-1', order), 'the repeat')).toEqual(running);
    expect(world.incarnation()).toBe(1);
  });

  it('gets images to keep through the other one, by a link of the one that asks', async () => {
    await world.complete(cut.nodes.cacheImage('host-1', testImage), 'the image');
    await world.until(() => world.host('host-1').images.size === 1, 'the image to be there');
    expect(world.fetches.map(({ url }) => new URL(url).host)).toEqual([cut.id]);
  });

  it('tells its own faults through the other one', async () => {
    const asked = cut.nodes.perform('host-1', world.order('node.build', { runEpoch: 2 }));
    await world.complete(asked, 'the build');
    const stale = cut.nodes.perform('host-1', world.order('node.build', { runEpoch: 1 }));
    const code = stale.catch((fault: NodeFault) => fault.code);
    expect(await world.complete(code, 'the fault')).toBe('stale-grant');
  });

  it('is unreachable when the link to the other controller ends, too', async () => {
    world.network.cut(cut.id, other.id);
    world.network.cut(other.id, cut.id);
    await world.until(() => !cut.transport.isConnected(other.id), 'that link to end');
    expect(cut.nodes.isUp('host-1')).toBe(false);
    const asked = cut.nodes.perform('host-1', world.order('node.build'));
    const code = asked.catch((fault: NodeFault) => fault.code);
    expect(await world.complete(code, 'the fault')).toBe('host-unreachable');
  });

  it('is seen again by itself when the link is back', async () => {
    world.network.healAll();
    await world.until(() => cut.transport.isConnected(member.id), 'the link');
    await world.until(() => cut.nodes.isUp('host-1'), 'its status');
    world.network.cut(cut.id, other.id);
    world.network.cut(other.id, cut.id);
    await world.until(() => !cut.transport.isConnected(other.id), 'the other link to end');
    expect(cut.nodes.isUp('host-1')).toBe(true);
  });
});

describe('a controller', () => {
  it('takes no sightings and relays from compute members', async () => {
    const impostor = await world.impostor('host-2');
    for (const type of ['node.sight', 'node.relay', 'node.relay-image']) {
      const body = { isAll: true, up: ['host-9'], down: [], host: 'host-1', type: 'node.perform' };
      const asked = impostor.ask(other.id, { type, version: 1, body }, { deadlineMs: 1_000 });
      const code = asked.catch((fault: { code: string }) => fault.code);
      expect(await world.complete(code, 'the refusal')).toBe('refused');
    }
    expect(other.nodes.isUp('host-9')).toBe(false);
  });
});
