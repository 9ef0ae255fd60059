// A compute member speaks for its own host and guests granted to it; whatever else it sends changes nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostDefinition } from '#actors/topology/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { type RequestType, nodeMessage } from '#actors/node/wire.ts';
import type { Transport } from '#runtime/transport/port.ts';
import { testImage } from '#test/support/test-image.ts';
import { type Controller, MemberWorld, metadataOf } from './member-world.ts';
import { networkId, serverId } from './node-world.ts';

const foreign = 'aaaaaaaa-0000-4000-8000-000000000009';
const foreignImage = { ...testImage, id: '22222222-2222-4222-8222-222222222222' };
const ungranted = 'aaaaaaaa-0000-4000-8000-000000000008';

let world: MemberWorld;
let controller: Controller;
let liar: Transport;

/** host-1 is honest; the member of host-2 has been taken over. */
beforeEach(async () => {
  world = new MemberWorld();
  await world.started();
  controller = world.controllers[0]!;
  liar = await world.impostor('host-2');
  world.grant('host-1', foreign, foreignImage);
  world.grant('host-2', serverId);
  controller.asked.length = 0;
  controller.log.length = 0;
});
afterEach(() => world.dispose());

const say = async (type: string, body: unknown): Promise<unknown> => {
  const message = { ...nodeMessage(type as RequestType, body as never), requestId: 'req-lie' };
  const answered = liar.ask(controller.id, message, { deadlineMs: 5_000 });
  return world
    .complete(answered, type)
    .catch((fault: Error & { code: string }) => ({ code: fault.code, message: fault.message }));
};
const ask = (kind: string, id: string, command: object) =>
  say('node.ask', { kind, id, command, deadlineMs: 1_000 });
const hypervisor = () => world.cluster.view(hostDefinition).get('host-1')!.hypervisor!;
const register = (hostname: string) => ({
  type: 'host.register',
  serviceId: 'a',
  providerId: world.cluster.view(hostDefinition).get('host-1')!.providerId,
  hypervisor: { ...hypervisor(), hostname },
  availabilityZone: 'nova',
});
const describeProvider = (name: string) => ({
  type: 'provider.describe',
  name,
  inventories: {},
  traits: [],
});
const posted = { type: 'instance.save-password', password: 'secret' };
const observed = (host: string) => ({
  type: 'instance.observed',
  host,
  runEpoch: 1,
  power: 'shutdown',
  reason: 'lies',
});
const states = () =>
  [hostDefinition, providerDefinition].map((definition) => [
    ...world.cluster.view<unknown>(definition as never).values(),
  ]);

describe('a lying member', () => {
  it.each([
    ['registers another host', () => ask('host', 'host-1', register('host-1'))],
    ['registers its host under another name', () => ask('host', 'host-2', register('host-1'))],
    ['registers something else', () => ask('provider', 'host-2', register('host-2'))],
    [
      'describes another provider',
      () => ask('provider', register('').providerId, describeProvider('host-2')),
    ],
    [
      'describes a provider that is not there',
      () => ask('provider', 'x', describeProvider('host-2')),
    ],
    ['reports for another host', () => ask('instance', foreign, observed('host-1'))],
    ['reports to something else', () => ask('project', foreign, observed('host-2'))],
    ['reports another shape', () => ask('instance', serverId, { ...observed('host-2'), power: 9 })],
    [
      'commands a server',
      () => ask('instance', serverId, { type: 'instance.operate', operation: 'delete' }),
    ],
    [
      'grants itself',
      () => ask('instance', foreign, { type: 'instance.step-done', step: 'place' }),
    ],
    [
      'asks for a ledger',
      () => ask('ledger', 'host-1', { type: 'ledger.close', serverId, runEpoch: 9 }),
    ],
    ['wants the drive of another server', () => say('node.config-drive', { serverId: foreign })],
    [
      'wants a drive that nobody was granted',
      () => say('node.config-drive', { serverId: ungranted }),
    ],
    [
      'wants the image of another server',
      () => say('node.image', { serverId: foreign, imageId: foreignImage.id }),
    ],
    ['wants to know another server', () => say('node.metadata', { serverId: foreign })],
    ['posts the password of another server', () => ask('instance', foreign, posted)],
    ['wants another image', () => say('node.image', { serverId, imageId: foreign })],
    ['plays controller', () => say('node.perform', { order: world.order('node.build') })],
    ['makes types up', () => say('node.everything', {})],
  ])('that %s changes nothing, and is logged once', async (_what, lie) => {
    const before = states();
    const first = await lie();
    expect(first).toMatchObject({ code: 'refused', message: expect.stringMatching(/\w+ \w+/) });
    expect(await lie()).toEqual(first);
    expect(states()).toEqual(before);
    expect(controller.asked).toEqual([]);
    expect(controller.log).toEqual([
      {
        level: 'error',
        fields: expect.objectContaining({ member: liar.self, name: 'host-2' }),
        message:
          'a member asked for what it may not; look at its host. Further ones of this kind are not logged',
      },
    ]);
  });

  it('that reports of a guest of another host hears that it is too late, and is logged once', async () => {
    const late = {
      reply: { refused: 'instance-late-report', detail: { host: 'host-2', runEpoch: 1 } },
    };
    expect(await ask('instance', foreign, observed('host-2'))).toEqual(late);
    expect(await ask('instance', foreign, observed('host-2'))).toEqual(late);
    expect(controller.asked).toEqual([]);
    expect(controller.log.map(({ fields }) => fields['kind'])).toEqual([
      'instance.observed of another host’s guest',
    ]);
  });

  it('can say one lie of each kind until it is silent', async () => {
    await ask('instance', foreign, observed('host-1'));
    await ask('host', 'host-1', register('host-1'));
    for (let number = 0; number < 20; number += 1)
      await ask('instance', foreign, { type: `made-up-${number}` });
    expect(controller.log.map(({ fields }) => fields['kind'])).toEqual([
      'instance.observed',
      'host.register',
      'another command',
    ]);
  });

  it.each([
    ['status', 'node.status', { isUp: 'yes' }],
    ['body', 'node.network', 'everything'],
    [
      'deadline',
      'node.ask',
      { kind: 'host', id: 'host-2', command: { type: 'x' }, deadlineMs: 1e9 },
    ],
    ['id', 'node.network', { networkId: 'x'.repeat(1_000) }],
  ])('that sends a %s of another shape hears what is wrong', async (_what, type, body) => {
    expect(await say(type, body)).toMatchObject({
      code: 'refused',
      message: expect.stringContaining(`${type} is not of its shape`),
    });
    expect(controller.asked).toEqual([]);
  });

  it('that speaks another version hears which one is known', async () => {
    const message = { ...nodeMessage('node.world', {}), version: 1 };
    const answered = liar.ask(controller.id, message, { deadlineMs: 5_000 });
    await expect(world.complete(answered, 'the answer')).rejects.toThrow(
      'node.world of version 1 is not known here, only 2',
    );
  });

  it('that asks without end has a thousand questions at a time', async () => {
    world.cluster.router.ask = (() => new Promise(() => undefined)) as never;
    const lies = Array.from({ length: 1_001 }, () =>
      liar
        .ask(
          controller.id,
          nodeMessage('node.ask', {
            kind: 'host',
            id: 'host-2',
            command: register('host-2'),
            deadlineMs: 60_000,
          }),
          { deadlineMs: 5_000 },
        )
        .catch((fault: Error) => fault.message),
    );
    expect(await world.complete(lies[1_000]!, 'the last one')).toEqual({
      fault: {
        code: 'overloaded',
        message: '1000 questions are under way; try later',
        retryable: true,
      },
    });
  });
});

describe('an honest member', () => {
  it('that has no trouble is never logged', () => {
    expect(controller.log).toEqual([]);
  });

  it('registers its host under ids of the controller’s', async () => {
    await ask('host', 'host-2', register('host-2'));
    const [one, two] = ['host-1', 'host-2'].map(
      (id) => world.cluster.view(hostDefinition).get(id)!,
    );
    expect(two).toMatchObject({ registered: true, hypervisor: { hostname: 'host-2' } });
    expect(two!.providerId).not.toBe(one!.providerId);
    expect(await ask('provider', two!.providerId, describeProvider('host-2'))).toEqual({
      reply: { generation: 1 },
    });
  });

  it('reports of its guests, with what the command has and nothing else', async () => {
    await ask('instance', serverId, { ...observed('host-2'), grant: 'mine' });
    expect(controller.asked).toEqual([
      { key: `instance/${serverId}`, requestId: 'req-lie', ...observed('host-2') },
    ]);
  });

  it('posts the password of its guest', async () => {
    await ask('instance', serverId, posted);
    expect(controller.asked).toEqual([
      { key: `instance/${serverId}`, requestId: 'req-lie', ...posted },
    ]);
  });

  it('whose guest has lost its grant meanwhile hears that it is too late, and is not logged', async () => {
    expect(await ask('instance', ungranted, observed('host-2'))).toEqual({
      reply: { refused: 'instance-late-report', detail: { host: 'host-2', runEpoch: 1 } },
    });
    expect(controller.log).toEqual([]);
  });

  it('gets the image of a guest in the name of one that is deleted meanwhile', async () => {
    const another = 'aaaaaaaa-0000-4000-8000-000000000007';
    world.grant('host-2', another);
    world.release(another);
    const asked = { serverId: another, imageId: testImage.id };
    expect(await say('node.image', asked)).toEqual({ url: expect.stringContaining(testImage.id) });
    world.release(serverId);
    expect(await say('node.image', asked)).toEqual({
      code: 'refused',
      message: expect.stringContaining(
        `no server granted to host host-2 is made from image ${testImage.id}`,
      ),
    });
    expect(controller.log).toEqual([]);
  });

  it('hears what the cloud is like', async () => {
    expect(await say('node.world', {})).toEqual({
      imageIds: [testImage.id],
      networkIds: [networkId],
    });
    expect(await say('node.network', { networkId: 'gone' })).toEqual({});
    expect(await say('node.network', { networkId })).toEqual({
      spec: world.networks.get(networkId),
    });
    const { files } = (await say('node.config-drive', { serverId })) as {
      files: { content: Uint8Array }[];
    };
    expect(new TextDecoder().decode(files[0]?.content)).toBe(serverId);
    expect(await say('node.controllers', {})).toEqual({
      controllers: [{ id: controller.id, addresses: controller.transport.addresses() }],
    });
    expect(controller.log).toEqual([]);
  });

  it('hears which of its guests asks, and nothing of guests elsewhere', async () => {
    world.guestsAt.set('10.87.0.6', foreign);
    const guest = (remote: string, local = '10.87.0.1') => say('node.guest', { local, remote });
    expect(await guest('10.87.0.5')).toEqual({ serverId });
    expect(await guest('10.87.0.6')).toEqual({});
    expect(await guest('10.87.0.7')).toEqual({});
    expect(await guest('10.87.0.5', '10.99.0.1')).toEqual({});
    expect(await say('node.metadata', { serverId })).toEqual({ metadata: metadataOf(serverId) });
    expect(controller.log).toEqual([]);
  });

  it('of a host that was set up anew counts, the old one does not', async () => {
    const newer = await world.impostor('host-2', 'newer');
    const { id: old } = controller;
    expect(await say('node.world', {})).toMatchObject({ code: 'refused' });
    const answered = newer.ask(old, nodeMessage('node.world', {}), { deadlineMs: 5_000 });
    expect(await world.complete(answered, 'the answer')).toMatchObject({ networkIds: [networkId] });
  });
});

describe('a controller that does not reach the store', () => {
  it('says so instead of guessing', async () => {
    controller.isStale = true;
    const message = 'this controller does not reach the store now';
    const away = { fault: { code: 'unavailable', message, retryable: true } };
    for (const type of ['node.world', 'node.network', 'node.config-drive'])
      expect(await say(type, { networkId: 'gone', serverId: ungranted })).toEqual(away);
    expect(await ask('instance', serverId, observed('host-2'))).toEqual(away);
    expect(controller.log).toEqual([]);
  });
});
