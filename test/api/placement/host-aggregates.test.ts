// Host aggregates of the compute API, as placement aggregates of the hosts' providers.
import { expect, it } from 'vitest';
import { aggregates, ALL_AGGREGATES } from '#actors/topology/aggregates-protocol.ts';
import { alpha, beta, type PlacementCloud, seededCloud } from './placement-cloud.ts';

const UUID = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const WRITTEN = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';

type Ask = PlacementCloud['cluster']['router']['ask'];

async function cloudWithAggregate(): Promise<PlacementCloud> {
  const cloud = await seededCloud();
  const ask = (command: Parameters<Ask>[1], requestId: string): Promise<unknown> =>
    cloud.cluster.router.ask(aggregates.ref(ALL_AGGREGATES), command as never, { requestId });
  await ask({ type: 'aggregate.create', uuid: UUID, name: 'fast', metadata: {} }, 'req-1');
  await ask({ type: 'aggregate.add-host', number: 1, host: beta.name }, 'req-2');
  return cloud;
}

async function providersIn(cloud: PlacementCloud, query: string): Promise<readonly string[]> {
  const { body } = await cloud.call(`/resource_providers?${query}`, { version: '1.39' });
  return (body as { resource_providers: readonly { name: string }[] }).resource_providers.map(
    ({ name }) => name,
  );
}

it('a host’s provider is in the aggregates of its host, beside those that were written', async () => {
  const cloud = await cloudWithAggregate();
  const url = `/resource_providers/${beta.id}/aggregates`;
  const shown = async (): Promise<unknown> =>
    ((await cloud.call(url, { version: '1.18' })).body as { aggregates: unknown }).aggregates;
  expect(await shown()).toEqual([UUID]);
  const put = await cloud.call(url, {
    method: 'PUT',
    version: '1.18',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([WRITTEN]),
  });
  expect(put.status).toBe(200);
  expect(await shown()).toEqual([WRITTEN, UUID]);
  await cloud.removeHost(beta);
  expect(await shown()).toEqual([WRITTEN]);
});

it('members are found, in lists and among candidates', async () => {
  const cloud = await cloudWithAggregate();
  expect(await providersIn(cloud, `member_of=${UUID}`)).toEqual([beta.name]);
  expect(await providersIn(cloud, `member_of=!${UUID}`)).toEqual([alpha.name]);
  for (const suffix of ['', '_ONE']) {
    const query = `resources${suffix}=VCPU:1&member_of${suffix}=${UUID}`;
    const { body } = await cloud.call(`/allocation_candidates?${query}`, { version: '1.39' });
    const { allocation_requests: found } = body as {
      allocation_requests: readonly { allocations: object }[];
    };
    expect(found.map(({ allocations }) => Object.keys(allocations))).toEqual([[beta.id]]);
  }
});
