// Members of a group that are created at the same moment, on the whole cloud and against a scheduler that is always
// wrong: the policy is kept by the claim, whatever the scheduler saw.
import { afterEach, describe, expect, it } from 'vitest';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { countsByHost } from '#actors/group/evolve.ts';
import { type GroupPolicy, serverGroups } from '#actors/group/protocol.ts';
import { Placement } from '#actors/instance/placement.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { serverRequest } from '#test/support/servers.ts';
import { projectId, SimulatedCloud } from '#test/support/simulated-cloud.ts';

const groupId = 'f0000000-0000-4000-8000-000000000000';
const asked = { requestId: 'req-1' };
const ids = (count: number): readonly string[] =>
  Array.from(
    { length: count },
    (_, index) => `aaaa${String(index + 1).padStart(4, '0')}-0000-4000-8000-000000000000`,
  );

interface GroupOptions {
  readonly policy: GroupPolicy;
  readonly maxServerPerHost?: number;
  readonly servers: readonly string[];
}

async function addGroup(
  router: { readonly ask: ReturnType<typeof pureCluster>['router']['ask'] },
  { servers, ...group }: GroupOptions,
): Promise<void> {
  await router.ask(
    serverGroups.ref(projectId),
    {
      type: 'server-group.create',
      group: { groupId, name: 'apart', userId: 'user-1', ...group },
      limit: 10,
    },
    asked,
  );
  await router.ask(
    serverGroups.ref(projectId),
    {
      type: 'server-group.join',
      groupId,
      serverIds: [...servers],
      userId: 'user-1',
      limit: 100,
    },
    asked,
  );
}

describe('on a whole cloud, created at the same moment,', () => {
  let cloud: SimulatedCloud | undefined;
  afterEach(() => cloud?.dispose());

  async function race(hosts: number, options: GroupOptions): Promise<readonly string[]> {
    const started = new SimulatedCloud({ seed: 11, hosts });
    cloud = started;
    const { assembly } = await started.boot();
    let isReady = false;
    const ready = addGroup(assembly.router, options).then(() => (isReady = true));
    await started.env.runUntil(() => isReady, 'the group to be there');
    await ready;
    const hints = { group: [groupId] };
    await Promise.all(options.servers.map((id) => started.create(id, { hints })));
    await started.quiet();
    expect(await started.violations()).toEqual([]);
    return options.servers.map((id) => started.server(id)?.grant?.host ?? 'none').sort();
  }

  it('members of an anti-affinity group never share a host, and those without one are told why', async () => {
    const servers = ids(6);
    expect(await race(4, { policy: 'anti-affinity', servers })).toEqual([
      'host-1',
      'host-2',
      'host-3',
      'host-4',
      'none',
      'none',
    ]);
    const failed = servers.flatMap((id) => cloud?.server(id)?.fault?.message ?? []);
    expect(failed).toHaveLength(2);
    for (const message of failed) expect(message).toContain('ServerGroupAntiAffinityFilter');
  });

  it('as many share a host as the rule says', async () => {
    const hosts = await race(2, { policy: 'anti-affinity', maxServerPerHost: 2, servers: ids(5) });
    expect(hosts).toEqual(['host-1', 'host-1', 'host-2', 'host-2', 'none']);
  });

  it('members of an affinity group all share one', async () => {
    const hosts = await race(4, { policy: 'affinity', servers: ids(5) });
    expect(new Set(hosts).size).toBe(1);
    expect(hosts).not.toContain('none');
  });

  it('a place that a member leaves can be taken by another', async () => {
    const [first = '', second = '', third = ''] = ids(3);
    await race(2, { policy: 'anti-affinity', servers: [first, second, third] });
    const placed = [first, second, third].filter((id) => cloud?.server(id)?.grant !== undefined);
    const [gone = ''] = placed;
    await cloud?.operate(gone, 'delete');
    await cloud?.quiet();
    const view = cloud?.running?.assembly.entities.view(serverGroupsDefinition).get(projectId);
    const members = view?.groups[0]?.members ?? [];
    expect(members.map(({ serverId }) => serverId)).not.toContain(gone);
    expect([...countsByHost(members).values()]).toEqual([1]);
  });
});

it('a scheduler that sends all to one host can’t put two members of an anti-affinity group there', async () => {
  const cluster = pureCluster([providerDefinition, serverGroupsDefinition], () => 1_000);
  const servers = ids(4);
  await addGroup(cluster.router, { policy: 'anti-affinity', servers });
  const inventory = { total: 99, reserved: 0, minUnit: 1, maxUnit: 99, stepSize: 1 };
  const hosts = ['h1', 'h2', 'h3'];
  for (const host of hosts)
    await cluster.router.ask(
      providers.ref(`rp-${host}`),
      {
        type: 'provider.describe',
        name: host,
        inventories: Object.fromEntries(
          ['VCPU', 'MEMORY_MB', 'DISK_GB'].map((name) => [
            name,
            { ...inventory, allocationRatio: 16 },
          ]),
        ),
        traits: [],
      },
      asked,
    );
  const request = serverRequest({ hints: { group: [groupId] } });
  const placement = new Placement({
    router: cluster.router,
    consumers: new ConsumerIndex(cluster.view(providerDefinition)),
    requestOf: () => request,
    scheduler: {
      select: async () => ({
        candidates: hosts.map((host) => ({
          host,
          node: host,
          providerId: `rp-${host}`,
          availabilityZone: 'nova',
          weight: 0,
        })),
        refusals: [],
      }),
    },
  });
  const answers = await Promise.all(
    servers.map((serverId) =>
      placement.place({
        serverId,
        request,
        claimId: `${serverId}/1`,
        excludedHosts: [],
        requestId: 'req-2',
        owner: { ownerEpoch: 1, isOurs: () => true },
      }),
    ),
  );
  const placed = answers.flatMap((answer) => (isRefusal(answer) ? [] : [answer.host]));
  expect(placed.sort()).toEqual(hosts);
  expect(answers.filter(isRefusal)).toMatchObject([{ refused: 'no-valid-host' }]);
});
