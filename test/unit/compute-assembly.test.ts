// A compute member as a whole: it starts without controllers, goes on without them, and tells what it missed to tell.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openGrant, ledgerDefinition } from '#actors/node/ledger.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import {
  type Controller,
  type Member,
  MemberWorld,
  metadataOf,
} from '#test/unit/actors/node/member-world.ts';
import { serverId } from '#test/unit/actors/node/node-world.ts';

let world: MemberWorld;

beforeEach(() => {
  world = new MemberWorld();
});
afterEach(() => world.dispose());

const controller = (): Controller => world.controllers[0]!;
const isUp = (): boolean => world.controllers.every(({ nodes }) => nodes.isUp('host-1'));
const build = async (): Promise<void> => {
  world.grant('host-1');
  await world.complete(
    controller().nodes.perform('host-1', world.order('node.build')),
    'the build',
  );
};
const reports = () =>
  world.controllers.flatMap(({ asked }) =>
    asked.filter(({ type }) => type === 'instance.observed').map((one) => ({ ...one })),
  );
const isolate = (member: Member): void =>
  world.network.partition([[member.id], world.controllers.map(({ id }) => id)]);

describe('a compute member', () => {
  it('without controllers starts all the same, and registers when one comes', async () => {
    const first = world.controller('controller-1');
    world.network.cut('member-of-host-1', first.id);
    world.network.cut(first.id, 'member-of-host-1');
    const member = await world.member('host-1');
    expect(member.assembly.node.isUp).toBe(false);
    expect(world.env.clock.monotonic()).toBeLessThanOrEqual(5_000);
    await world.env.advance(120_000);
    world.network.healAll();
    await world.until(isUp, 'the host to be up', 5_000);
    expect(world.cluster.view(hostDefinition).get('host-1')?.registered).toBe(true);
  });

  it('keeps its guests while it is cut off, and tells what happened when it is back', async () => {
    const [member] = await world.started(2);
    await build();
    for (const { asked } of world.controllers) asked.length = 0;
    isolate(member!);
    await world.until(
      () => world.controllers.every(({ nodes }) => !nodes.isUp('host-1')),
      'silence',
    );
    expect(world.host('host-1').guests.find(serverId)?.power).toBe('running');
    world.host('host-1').killGuest(serverId);
    // Longer than the report is tried for, and well before the next look that is due anyway.
    await world.env.advance(45_000);
    expect(reports()).toEqual([]);
    world.network.healAll();
    await world.until(() => reports().length > 0, 'the report', 5_000);
    expect(world.env.clock.monotonic()).toBeLessThan(59_000);
    expect(reports()[0]).toMatchObject({
      key: `instance/${serverId}`,
      host: 'host-1',
      runEpoch: 1,
      power: 'shutdown',
    });
    await world.until(isUp, 'the host to be up', 5_000);
  });

  it('that starts again knows its grants and tells what runs under them', async () => {
    const [member] = await world.started();
    await build();
    world.kill(member!);
    controller().asked.length = 0;
    const next = await world.member('host-1');
    const ledger = next.assembly.entities.view(ledgerDefinition).get('host-1');
    expect(openGrant(ledger, serverId)).toBe(1);
    expect(reports()).toMatchObject([{ key: `instance/${serverId}`, power: 'running' }]);
    expect(world.incarnation()).toBe(1);
  });

  it('tells every controller how its host is', async () => {
    await world.started(2);
    world.host('host-1').loseConnection();
    await world.until(
      () => world.controllers.every(({ nodes }) => !nodes.isUp('host-1')),
      'the host to be down for all',
      1_000,
    );
    world.host('host-1').restoreConnection();
    await world.until(isUp, 'the host to be up for all', 5_000);
    expect(world.controllers.map(({ log }) => log)).toEqual([[], []]);
  });

  it('finds controllers that joined after it', async () => {
    await world.started();
    const later = world.controller('controller-2');
    await world.until(
      () => later.nodes.isUp('host-1'),
      'the host to be seen through the other',
      5_000,
    );
    const hasLink = (): boolean => later.transport.isConnected('member-of-host-1');
    await world.until(hasLink, 'a link of its own', 15_000);
    world.network.kill(controller().id);
    await world.until(() => !later.transport.isConnected(controller().id), 'the end of the first');
    await world.until(() => later.nodes.isUp('host-1'), 'the host to be up by that link', 5_000);
    expect(later.transport.connected()).toEqual(['member-of-host-1']);
  });

  it('is told of by nobody any more once it is stopped, and its guests go on', async () => {
    const [member] = await world.started();
    await build();
    await world.stop(member!);
    await world.until(() => !controller().nodes.isUp('host-1'), 'the host to be down', 5_000);
    controller().asked.length = 0;
    world.host('host-1').killGuest(serverId);
    await world.env.advance(120_000);
    expect(reports()).toEqual([]);
  });

  it('knows its guests for its metadata service', async () => {
    const [member] = await world.started();
    world.grant('host-1');
    const { guests } = member!.assembly;
    const at = (remote: string) => world.complete(guests.guestAt('10.87.0.1', remote), 'the guest');
    expect([await at('10.87.0.5'), await at('10.87.0.6')]).toEqual([serverId, undefined]);
    expect(await world.complete(guests.metadataFor(serverId), 'its metadata')).toEqual(
      metadataOf(serverId),
    );
    isolate(member!);
    const later = guests.guestAt('10.87.0.1', '10.87.0.5').catch(({ code }) => code as string);
    expect(await world.complete(later, 'the fault')).toBe('timeout');
  });

  it('serves a guest of its own only: a report of another host’s is refused', async () => {
    const [member] = await world.started(1, ['host-1', 'host-2']);
    world.grant('host-2');
    controller().asked.length = 0;
    const answer = await world.complete(
      member!.assembly.link.ask(
        { kind: 'instance', id: serverId },
        {
          type: 'instance.observed',
          host: 'host-1',
          runEpoch: 1,
          power: 'running',
          reason: 'x',
        },
        { requestId: 'req-1' },
      ),
      'the answer',
    );
    expect(answer).toMatchObject({ refused: 'instance-late-report' });
    expect(controller().asked).toEqual([]);
  });
});

it('equal seeds give equal runs', async () => {
  const run = async (): Promise<string> => {
    const own = new MemberWorld();
    try {
      await own.started(3, ['host-1', 'host-2']);
      own.grant('host-1');
      const given = own.controllers[1]!.nodes.perform('host-1', own.order('node.build'));
      await own.complete(given, 'the build');
      await own.env.advance(90_000);
      return own.env.traceHash();
    } finally {
      own.dispose();
    }
  };
  world.dispose();
  const hash = await run();
  expect(await run()).toBe(hash);
  world = new MemberWorld();
});
