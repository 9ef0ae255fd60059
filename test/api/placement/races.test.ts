// Writers at the same moment, and servers' claims between them: one wins, and nothing is taken twice.
import { beforeEach, describe, expect, it } from 'vitest';
import { bucketGet } from '#actors/domain/bucket-map.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import {
  alpha,
  type Answered,
  beta,
  type PlacementCloud,
  projects,
  redServer,
  seededCloud,
  users,
} from './placement-cloud.ts';

let cloud: PlacementCloud;
beforeEach(async () => {
  cloud = await seededCloud();
});

const consumerId = (n: number): string => `dddddddd-0000-4000-8000-${String(n).padStart(12, '0')}`;

function send(method: 'PUT' | 'POST' | 'DELETE', url: string, body?: unknown, version = '1.39') {
  return cloud.call(url, {
    method,
    version,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
}

function allocation(
  provider: string,
  resources: Readonly<Record<string, number>>,
  generation: number | null = null,
) {
  return {
    allocations: { [provider]: { resources } },
    project_id: projects.red,
    user_id: users.red,
    consumer_generation: generation,
    consumer_type: 'INSTANCE',
  };
}

const codeOf = ({ body }: Answered): unknown =>
  (body as { errors?: readonly { code: string }[] }).errors?.[0]?.code;
const statuses = (answers: readonly Answered[]): readonly number[] =>
  answers.map(({ status }) => status).sort((one, other) => one - other);
const stateOf = (id: string) => cloud.cluster.view(providerDefinition).get(id);
const show = async (url: string): Promise<unknown> =>
  (await cloud.call(url, { version: '1.39' })).body;

describe('of writers at the same moment', () => {
  it('one makes a consumer, wherever the others would', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        send(
          'PUT',
          `/allocations/${consumerId(1)}`,
          allocation([alpha.id, beta.id][n % 2] ?? '', { VCPU: 1 }),
        ),
      ),
    );
    expect(statuses(answers)).toEqual([204, ...Array.from({ length: 11 }, () => 409)]);
    const lost = answers.filter(({ status }) => status === 409).map(codeOf);
    expect(new Set(lost)).toEqual(new Set(['placement.concurrent_update']));
    const held = [alpha, beta].filter(({ id }) => {
      const provider = stateOf(id);
      return provider !== undefined && bucketGet(provider.allocations, consumerId(1)) !== undefined;
    });
    expect(held).toHaveLength(1);
  });

  it('as many get the last of a class as it is enough for', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        send('PUT', `/allocations/${consumerId(n)}`, allocation(beta.id, { VGPU: 1 })),
      ),
    );
    expect(statuses(answers)).toEqual([204, 204, ...Array.from({ length: 6 }, () => 409)]);
    expect(stateOf(beta.id)?.used).toMatchObject({ VGPU: 2 });
  });

  it('one has the inventory of a generation', async () => {
    const url = `/resource_providers/${alpha.id}/inventories`;
    const generation = stateOf(alpha.id)?.generation;
    const answers = await Promise.all(
      [100, 200, 300].map((total) =>
        send('PUT', `${url}/DISK_GB`, { resource_provider_generation: generation, total }),
      ),
    );
    expect(statuses(answers)).toEqual([200, 409, 409]);
    expect(answers.filter(({ status }) => status === 409).map(codeOf)).toEqual(
      Array.from({ length: 2 }, () => 'placement.concurrent_update'),
    );
  });

  it('one gets the name', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => send('POST', '/resource_providers', { name: 'one' })),
    );
    expect(statuses(answers)).toEqual([200, ...Array.from({ length: 5 }, () => 409)]);
    expect(answers.filter(({ status }) => status === 409).map(codeOf)).toContain(
      'placement.duplicate_name',
    );
  });

  it('a parent gets its child or is deleted, not both', async () => {
    const parent = consumerId(9);
    await send('POST', '/resource_providers', { name: 'parent', uuid: parent });
    const [child, gone] = await Promise.all([
      send('POST', '/resource_providers', { name: 'child', parent_provider_uuid: parent }),
      send('DELETE', `/resource_providers/${parent}`),
    ]);
    expect([
      [200, 409],
      [400, 204],
    ]).toContainEqual([child.status, gone.status]);
  });

  it('those without generations come one after the other', async () => {
    const {
      consumer_generation: _g,
      consumer_type: _t,
      ...body
    } = allocation(alpha.id, { VCPU: 2 });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => send('PUT', `/allocations/${consumerId(3)}`, body, '1.12')),
    );
    expect(statuses(answers)).toEqual([204, 204, 204, 204, 204]);
    expect(await show(`/allocations/${consumerId(3)}`)).toMatchObject({ consumer_generation: 5 });
  });
});

describe('a server’s claim', () => {
  const url = `/allocations/${redServer}`;
  const held = () => {
    const provider = stateOf(alpha.id);
    return provider === undefined ? undefined : bucketGet(provider.allocations, redServer ?? '');
  };
  const generation = async (): Promise<number> =>
    ((await show(url)) as { consumer_generation: number }).consumer_generation;

  it('is replaced by who knows its generation, and given back by the server', async () => {
    const blind = await send('PUT', url, allocation(alpha.id, { VCPU: 1 }));
    expect([blind.status, codeOf(blind)]).toEqual([409, 'placement.concurrent_update']);
    const known = await generation();
    const told = await send('PUT', url, allocation(alpha.id, { VCPU: 1 }, known));
    expect(told.status).toBe(204);
    expect(held()).toMatchObject({ resources: { VCPU: 1 }, claimId: `claim-${redServer}` });
    expect(await generation()).toBe(known + 1);
    await cloud.release({ provider: alpha.id, consumer: redServer ?? '' });
    expect(await show(url)).toEqual({ allocations: {} });
  });

  it('is given back by an administrator, and can be claimed again', async () => {
    expect((await send('DELETE', url)).status).toBe(204);
    expect(held()).toBeUndefined();
    expect((await send('DELETE', url)).status).toBe(404);
    await cloud.claim({
      provider: alpha.id,
      consumer: redServer ?? '',
      resources: { VCPU: 2 },
      project: projects.red,
      user: users.red,
    });
    expect(held()).toMatchObject({ resources: { VCPU: 2 } });
  });

  it('keeps its class and its provider from being taken away', async () => {
    const base = `/resource_providers/${alpha.id}`;
    const answers = [
      await send('DELETE', base),
      await send('DELETE', `${base}/inventories/VCPU`),
      await send('DELETE', `${base}/inventories`),
    ];
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([
      [409, 'placement.resource_provider.inuse'],
      [409, 'placement.concurrent_update'],
      [409, 'placement.inventory.inuse'],
    ]);
  });

  it('stays when the inventory shrinks below it; nothing more is claimed then', async () => {
    const provider = `/resource_providers/${alpha.id}/inventories/VCPU`;
    const shrunk = await send('PUT', provider, {
      resource_provider_generation: stateOf(alpha.id)?.generation,
      total: 1,
    });
    expect(shrunk.status).toBe(200);
    expect(held()).toMatchObject({ resources: { VCPU: 2 } });
    const more = await send(
      'PUT',
      `/allocations/${consumerId(5)}`,
      allocation(alpha.id, { VCPU: 1 }),
    );
    expect(more.status).toBe(409);
    await expect(
      cloud.claim({
        provider: alpha.id,
        consumer: 'another',
        resources: { VCPU: 1 },
        project: projects.red,
        user: users.red,
      }),
    ).rejects.toThrow('claim-refused');
  });
});
