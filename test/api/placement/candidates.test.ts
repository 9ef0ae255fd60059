import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alpha, beta, type PlacementCloud, seededCloud } from './placement-cloud.ts';

let cloud: PlacementCloud;
beforeAll(async () => {
  cloud = await seededCloud();
});
afterAll(() => cloud.app.close());

async function ask(query: string, version = '1.39'): Promise<unknown> {
  const url = `/allocation_candidates?${query}`;
  const { status, body } = await cloud.call(url, { version });
  expect({ url, status, body: status === 200 ? undefined : body }).toEqual({ url, status: 200 });
  return body;
}

async function providersFor(query: string): Promise<readonly string[]> {
  const { provider_summaries: summaries } = (await ask(query)) as {
    provider_summaries: Record<string, unknown>;
  };
  return Object.keys(summaries).map((id) => (id === alpha.id ? 'alpha' : 'beta'));
}

describe('allocation candidates', () => {
  const resources = { VCPU: 5, MEMORY_MB: 64 };
  const query = 'resources=VCPU:5,MEMORY_MB:64';
  const used = {
    VCPU: { capacity: 8, used: 1 },
    MEMORY_MB: { capacity: 4096, used: 512 },
  };
  const others = { DISK_GB: { capacity: 20, used: 0 }, VGPU: { capacity: 2, used: 0 } };
  const allocations = { [beta.id]: { resources } };
  const { traits } = beta;
  const tree = { parent_provider_uuid: null, root_provider_uuid: beta.id };

  it('in the form of 1.10', async () => {
    expect(await ask(query, '1.10')).toEqual({
      allocation_requests: [{ allocations: [{ resource_provider: { uuid: beta.id }, resources }] }],
      provider_summaries: { [beta.id]: { resources: used } },
    });
  });

  it('by provider from 1.12, with traits from 1.17', async () => {
    expect(await ask(query, '1.12')).toEqual({
      allocation_requests: [{ allocations }],
      provider_summaries: { [beta.id]: { resources: used } },
    });
    expect(await ask(query, '1.17')).toEqual({
      allocation_requests: [{ allocations }],
      provider_summaries: { [beta.id]: { resources: used, traits } },
    });
  });

  it('with all resources from 1.27, trees from 1.29, mappings from 1.34', async () => {
    const all = { resources: { ...used, ...others }, traits };
    expect(await ask(query, '1.27')).toEqual({
      allocation_requests: [{ allocations }],
      provider_summaries: { [beta.id]: all },
    });
    expect(await ask(query, '1.29')).toEqual({
      allocation_requests: [{ allocations }],
      provider_summaries: { [beta.id]: { ...all, ...tree } },
    });
    expect(await ask(query, '1.34')).toEqual({
      allocation_requests: [{ allocations, mappings: { '': [beta.id] } }],
      provider_summaries: { [beta.id]: { ...all, ...tree } },
    });
  });

  it('groups are met by one provider together, and their sum must fit', async () => {
    expect(
      await ask('resources=VCPU:1&resources_GPU=VGPU:1&resources_MORE=VGPU:1&group_policy=none'),
    ).toMatchObject({
      allocation_requests: [
        {
          allocations: { [beta.id]: { resources: { VCPU: 1, VGPU: 2 } } },
          mappings: { '': [beta.id], _GPU: [beta.id], _MORE: [beta.id] },
        },
      ],
    });
    expect(await providersFor('resources=VGPU:1&resources1=VGPU:2')).toEqual([]);
    expect(await providersFor('resources=MEMORY_MB:2048&resources1=MEMORY_MB:64')).toEqual([
      'alpha',
    ]);
  });

  it('isolated groups need more than one provider, and no tree has two', async () => {
    const groups = 'resources1=VCPU:1&resources2=VCPU:1';
    expect(await providersFor(`${groups}&group_policy=isolate`)).toEqual([]);
    expect(await providersFor(`${groups}&group_policy=none`)).toEqual(['alpha', 'beta']);
    expect(await providersFor('resources=VCPU:1&resources1=VCPU:1&group_policy=isolate')).toEqual([
      'alpha',
      'beta',
    ]);
  });

  it('traits, tree, aggregates, root and limit narrow the choice', async () => {
    const one = 'resources=VCPU:1';
    expect(await providersFor(one)).toEqual(['alpha', 'beta']);
    expect(await providersFor(`${one}&limit=1`)).toEqual(['alpha']);
    expect(await providersFor(`${one}&required=STORAGE_DISK_SSD`)).toEqual(['beta']);
    expect(await providersFor(`${one}&required=!STORAGE_DISK_SSD`)).toEqual(['alpha']);
    expect(await providersFor(`${one}&root_required=!STORAGE_DISK_SSD`)).toEqual(['alpha']);
    expect(await providersFor(`${one}&in_tree=${beta.id}`)).toEqual(['beta']);
    expect(await providersFor(`${one}&member_of=${beta.id}`)).toEqual([]);
    const bare = 'required_T=STORAGE_DISK_SSD&resources_C=VCPU:1&group_policy=none';
    expect(await providersFor(`${bare}&same_subtree=_T,_C`)).toEqual(['beta']);
  });

  it('a host that is taken out offers nothing, though something is held there', async () => {
    const small = await seededCloud();
    await small.removeHost(beta);
    const url = '/allocation_candidates?resources=VCPU:1';
    const { body } = await small.call(url, { version: '1.11' });
    expect(Object.keys((body as { provider_summaries: object }).provider_summaries)).toEqual([
      alpha.id,
    ]);
    await small.app.close();
  });
});

describe('requests that ask nothing real', () => {
  it('are 400', async () => {
    for (const query of [
      '',
      'limit=1',
      'required=COMPUTE_NODE',
      'resources=',
      'resources=NO_SUCH:1',
      'resources=VCPU:1&required=NO_SUCH',
      'resources=VCPU:1&required=COMPUTE_NODE,!COMPUTE_NODE',
      'resources=VCPU:1&limit=0',
      'resources=VCPU:1&limit=many',
      'resources=VCPU:1&group_policy=some',
      'resources=VCPU:1&in_tree=x',
      'resources1=VCPU:1&resources2=VCPU:1',
      'resources=VCPU:1&required1=COMPUTE_NODE',
      'resources=VCPU:1&same_subtree=_A',
      'resources=VCPU:1&same_subtree=',
      'resources=VCPU:1&root_required=COMPUTE_NODE&root_required=COMPUTE_NODE',
      'resources=VCPU:1&root_required=COMPUTE_NODE,!COMPUTE_NODE',
      `resources=VCPU:1&resources${'x'.repeat(65)}=VCPU:1`,
      'resources=VCPU:1&color=red',
    ]) {
      const { status } = await cloud.call(`/allocation_candidates?${query}`, { version: '1.39' });
      expect({ query, status }).toEqual({ query, status: 400 });
    }
  });

  it('say which rule was broken, by code', async () => {
    const codeOf = async (query: string): Promise<unknown> => {
      const { body } = await cloud.call(`/allocation_candidates?${query}`, { version: '1.39' });
      return (body as { errors: { code: string }[] }).errors[0]?.code;
    };
    expect(await codeOf('limit=1')).toBe('placement.query.missing_value');
    expect(await codeOf('resources=VCPU:1&same_subtree=_A')).toBe('placement.query.bad_value');
    expect(await codeOf('resources=VCPU:1&root_required=A&root_required=B')).toBe(
      'placement.query.duplicate_key',
    );
    expect(await codeOf('resources=NO_SUCH:1')).toBe('placement.undefined_code');
  });

  it('a parameter is unknown before its version', async () => {
    const firsts: readonly (readonly [parameter: string, minor: number])[] = [
      ['limit=1', 16],
      ['required=COMPUTE_NODE', 17],
      [`member_of=${beta.id}`, 21],
      ['required=!STORAGE_DISK_SSD', 22],
      ['resources1=VCPU:1', 25],
      ['group_policy=none', 25],
      [`in_tree=${beta.id}`, 31],
      ['resources_A=VCPU:1', 33],
      ['root_required=COMPUTE_NODE', 35],
      ['required1=COMPUTE_NODE&same_subtree=1', 36],
      ['required=in:COMPUTE_NODE,HW_NUMA_ROOT', 39],
    ];
    for (const [parameter, minor] of firsts) {
      const url = `/allocation_candidates?resources=VCPU:1&${parameter}`;
      const statuses = [
        (await cloud.call(url, { version: `1.${minor - 1}` })).status,
        (await cloud.call(url, { version: `1.${minor}` })).status,
      ];
      expect({ parameter, statuses }).toEqual({ parameter, statuses: [400, 200] });
    }
  });

  it('before resourceless groups an orphan is named', async () => {
    const detail = async (query: string): Promise<unknown> => {
      const { body } = await cloud.call(`/allocation_candidates?${query}`, { version: '1.35' });
      return (body as { errors: { detail: string }[] }).errors[0]?.detail;
    };
    expect(await detail('resources=VCPU:1&required1=COMPUTE_NODE')).toMatch(
      /orphaned traits keys: required1 {2}$/,
    );
    expect(await detail(`resources=VCPU:1&member_of1=${beta.id}`)).toMatch(
      /orphaned member_of keys: member_of1 {2}$/,
    );
    expect(await detail('resources=VCPU:1&required1=!COMPUTE_NODE')).toMatch(
      /All request groups must specify resources/,
    );
    expect(await detail('')).toMatch(/At least one request group/);
  });
});
