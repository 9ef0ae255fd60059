// What a member's orders need of the cloud, through controllers that come and go: images, networks, config drives.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFault, NodeOrder } from '#actors/node/protocol.ts';
import { testImageBytes } from '#test/support/test-image.ts';
import { type Controller, type Member, MemberWorld } from './member-world.ts';
import { networkId, serverId } from './node-world.ts';

let world: MemberWorld;
let member: Member;
let one: Controller;
let two: Controller;

beforeEach(async () => {
  world = new MemberWorld();
  [member] = (await world.started(2)) as [Member];
  [one, two] = world.controllers as [Controller, Controller];
  world.grant('host-1');
});
afterEach(() => world.dispose());

const perform = (order: NodeOrder): Promise<unknown> =>
  world.complete(one.nodes.perform('host-1', order), order.type);
const fault = (order: NodeOrder): Promise<unknown> =>
  perform(order).catch(({ code, retryable, message }: NodeFault) => ({ code, retryable, message }));
const running = { power: 'running', stopped: false };
const hostOf = (url: string) => new URL(url).host;

describe('an image', () => {
  it('comes once from a controller, by a link for this host', async () => {
    await perform(world.order('node.build'));
    expect(world.fetches).toHaveLength(1);
    expect(new URL(world.fetches[0]!.url).searchParams.get('host')).toBe('host-1');
  });

  it('that breaks off half-way goes on from there at another controller', async () => {
    world.breakFetchAfter = 1_000;
    expect(await perform(world.order('node.build'))).toEqual(running);
    expect(world.fetches.map(({ offset }) => offset)).toEqual([0, 1_000]);
    expect(new Set(world.fetches.map(({ url }) => hostOf(url))).size).toBe(2);
  });

  it('whose bytes one controller does not have comes from the other', async () => {
    one.hasBytes = false;
    expect(await perform(world.order('node.build'))).toEqual(running);
    expect(hostOf(world.fetches.at(-1)!.url)).toBe(two.id);
  });

  it('that nobody has is given up after some tries, and may be tried again', async () => {
    one.hasBytes = false;
    two.hasBytes = false;
    expect(await fault(world.order('node.build'))).toMatchObject({ retryable: true });
    expect(world.fetches).toHaveLength(6);
    expect(world.incarnation()).toBeUndefined();
    one.hasBytes = true;
    two.hasBytes = true;
    expect(await perform(world.order('node.build'))).toEqual(running);
  });

  it('with other bytes than its digest says is refused', async () => {
    testImageBytes[5] = 1;
    try {
      expect(await fault(world.order('node.build'))).toMatchObject({
        code: 'image-refused',
        retryable: false,
      });
    } finally {
      testImageBytes[5] = 0;
    }
  });
});

describe('a network', () => {
  const plugged = () => world.host('host-1').networks.get(networkId);

  it('is made as it is now, with the metadata port of this host', async () => {
    const spec = world.networks.get(networkId)!;
    const subnets = spec.subnets.map((subnet) => ({ ...subnet, dnsServers: ['10.0.0.9'] }));
    world.networks.set(networkId, { ...spec, subnets });
    await perform(world.order('node.build'));
    expect(plugged()).toMatchObject({ subnets, metadataPort: 8_775 });
  });

  it('that is gone fails the order, and leaves the host at the next look', async () => {
    await world.until(() => plugged() !== undefined, 'the network');
    world.networks.clear();
    expect(await fault(world.order('node.build'))).toMatchObject({
      code: 'network',
      message: `network ${networkId} is not there any more`,
    });
    await world.until(() => plugged() === undefined, 'the network to leave', 61_000);
  });

  it('stays while no controller knows for sure', async () => {
    await world.until(() => plugged() !== undefined, 'the network');
    world.networks.clear();
    for (const controller of world.controllers) controller.isStale = true;
    await world.env.advance(200_000);
    expect(plugged()).toBeDefined();
    world.network.partition([[member.id], [one.id, two.id]]);
    for (const controller of world.controllers) controller.isStale = false;
    await world.env.advance(200_000);
    expect(plugged()).toBeDefined();
  });
});

describe('an order', () => {
  it('that a controller can not help with now is left to be tried again', async () => {
    for (const controller of world.controllers) controller.isStale = true;
    expect(await fault(world.order('node.build'))).toMatchObject({
      code: 'host-unreachable',
      retryable: true,
    });
    for (const controller of world.controllers) controller.isStale = false;
    expect(await perform(world.order('node.build'))).toEqual(running);
  });

  it('for a server that is not granted to the host starts nothing, and says why', async () => {
    world.servers.delete(serverId);
    expect(await fault(world.order('node.build'))).toMatchObject({
      code: 'hypervisor',
      message: expect.stringContaining('granted to host host-1'),
    });
    expect(world.incarnation()).toBeUndefined();
  });
});
