import { expect, test } from 'vitest';
import { aggregates, ALL_AGGREGATES } from '#actors/topology/aggregates-protocol.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { hosts } from '#actors/topology/protocol.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { viewHost } from '#actors/scheduler/host-view.ts';
import { ViewScheduler } from '#actors/scheduler/view-scheduler.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { hostView, spec } from './host-samples.ts';

const { hypervisor } = hostView('h1');
const options = { requestId: 'req-1' };

async function cloud() {
  const cluster = pureCluster(
    [hostDefinition, aggregatesDefinition, providerDefinition, serverGroupsDefinition],
    () => 1,
  );
  for (const name of ['h1', 'h2']) {
    await cluster.router.ask(
      hosts.ref(name),
      {
        type: 'host.register',
        serviceId: `svc-${name}`,
        providerId: `rp-${name}`,
        hypervisor: { ...hypervisor, hostname: `${name}.example` },
        availabilityZone: 'nova',
      },
      options,
    );
    await cluster.router.ask(
      providers.ref(`rp-${name}`),
      {
        type: 'provider.describe',
        name: `${name}.example`,
        inventories: defaultInventories(hypervisor),
        traits: [],
      },
      options,
    );
  }
  const consumers = new ConsumerIndex(cluster.view(providerDefinition));
  const up = new Set(['h1', 'h2']);
  const servers = new Map<string, Pick<InstanceState, 'existence' | 'grant'>>();
  const scheduler = new ViewScheduler({
    views: cluster.views,
    hosts: cluster.view(hostDefinition),
    aggregates: cluster.view(aggregatesDefinition),
    providers: cluster.view(providerDefinition),
    servers: Object.assign(servers, {
      subscribe: () => () => undefined,
    }) as unknown as StateView<InstanceState>,
    holders: (serverId) => consumers.holders(serverId),
    monotonicMs: () => 0,
    groups: cluster.view(serverGroupsDefinition),
    nodes: { isUp: (host) => up.has(host) },
  });
  return { cluster, scheduler, up, servers };
}

test('a new host offers what its hypervisor has, less the reserve, times the ratios', () => {
  expect(defaultInventories({ cpus: 4, memoryMiB: 4096, diskGiB: 0 })).toEqual({
    VCPU: { total: 4, reserved: 0, minUnit: 1, maxUnit: 4, stepSize: 1, allocationRatio: 16 },
    MEMORY_MB: {
      total: 4096,
      reserved: 512,
      minUnit: 1,
      maxUnit: 4096,
      stepSize: 1,
      allocationRatio: 1,
    },
  });
  expect(defaultInventories({ cpus: 1, memoryMiB: 100, diskGiB: 1 })['MEMORY_MB']?.reserved).toBe(
    100,
  );
});

test('a host that never registered is no candidate', () => {
  expect(
    viewHost(hostDefinition.initial('h'), undefined, {
      isUp: true,
      availabilityZone: 'nova',
      aggregates: [],
    }),
  ).toBeUndefined();
});

test('an aggregate’s zone is the zone of its hosts', async () => {
  const { cluster, scheduler } = await cloud();
  const all = aggregates.ref(ALL_AGGREGATES);
  const metadata = { availability_zone: 'east' };
  await cluster.router.ask(
    all,
    { type: 'aggregate.create', uuid: 'u1', name: 'a', metadata },
    options,
  );
  await cluster.router.ask(all, { type: 'aggregate.add-host', number: 1, host: 'h2' }, options);
  const chosen = async (availabilityZone: string) =>
    (await scheduler.select(spec({ availabilityZone }))).candidates.map(({ host }) => host);
  expect(await chosen('east')).toEqual(['h2']);
  expect(await chosen('nova')).toEqual(['h1']);
});

test('claims, hosts that stop answering and places of servers count at once', async () => {
  const { cluster, scheduler, up, servers } = await cloud();
  expect((await scheduler.select(spec())).candidates).toHaveLength(2);
  await cluster.router.ask(
    providers.ref('rp-h1'),
    {
      type: 'provider.claim',
      consumer: 's',
      claimId: 'c',
      resources: { MEMORY_MB: 3400 },
      projectId: 'p',
      userId: 'u',
    },
    options,
  );
  expect((await scheduler.select(spec())).candidates).toMatchObject([
    { host: 'h2', node: 'h2.example' },
  ]);
  expect((await scheduler.select(spec({ requestedHost: 'h1' }))).refusals).toMatchObject([
    { host: 'h1', reason: 'needs 512 MiB, has 184 MiB free of 3584 MiB' },
    { host: 'h2', reason: 'the request names host h1' },
  ]);
  servers.set('s2', { existence: 'exists', grant: { host: 'h2' } as InstanceState['grant'] });
  const elsewhere = spec({ hints: { different_host: ['s2'] } });
  expect((await scheduler.select(elsewhere)).candidates).toEqual([]);
  servers.set('s2', { existence: 'gone', grant: { host: 'h2' } as InstanceState['grant'] });
  expect((await scheduler.select(elsewhere)).candidates).toHaveLength(1);
  up.delete('h2');
  expect((await scheduler.select(spec())).candidates).toEqual([]);
});

test("what a host holds for this very claim counts as free, another's does not", async () => {
  const { cluster, scheduler } = await cloud();
  await cluster.router.ask(
    providers.ref('rp-h1'),
    {
      type: 'provider.claim',
      consumer: 's1',
      claimId: 'create/1',
      resources: { MEMORY_MB: 3500 },
      projectId: 'p',
      userId: 'u',
    },
    options,
  );
  const passed = async (claimId: string): Promise<readonly string[]> =>
    (await scheduler.select(spec({ claimId }))).candidates.map(({ host }) => host).toSorted();
  expect([await passed('create/1'), await passed('create/2')]).toEqual([['h1', 'h2'], ['h2']]);
});
