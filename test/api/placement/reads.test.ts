import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  alpha,
  beta,
  blueServer,
  type PlacementCloud,
  projects,
  redServer,
  seededCloud,
  users,
} from './placement-cloud.ts';

const nowhere = '00000000-0000-4000-8000-000000000000';
let cloud: PlacementCloud;
beforeEach(async () => {
  cloud = await seededCloud();
});
afterEach(() => cloud.app.close());

async function read(url: string, version = '1.39'): Promise<unknown> {
  const { status, body } = await cloud.call(url, { version });
  expect({ url, status, body: status === 200 ? undefined : body }).toEqual({ url, status: 200 });
  return body;
}

async function statusOf(url: string, version = '1.39'): Promise<number> {
  return (await cloud.call(url, { version })).status;
}

function link(id: string, rel: string): unknown {
  const path = rel === 'self' ? '' : `/${rel}`;
  return { rel, href: `/placement/resource_providers/${id}${path}` };
}

describe('resource providers', () => {
  const names = async (query: string, version?: string): Promise<readonly string[]> => {
    const list = (await read(`/resource_providers?${query}`, version)) as {
      resource_providers: { name: string }[];
    };
    return list.resource_providers.map(({ name }) => name);
  };

  it('are listed with links and fields by version', async () => {
    const rels = ['self', 'inventories', 'usages', 'aggregates', 'traits', 'allocations'];
    const oldest = (await read('/resource_providers', '1.0')) as { resource_providers: unknown[] };
    expect(oldest.resource_providers[0]).toEqual({
      uuid: alpha.id,
      name: 'alpha',
      generation: 2,
      links: rels.slice(0, 3).map((rel) => link(alpha.id, rel)),
    });
    expect(await read(`/resource_providers/${beta.id}`)).toEqual({
      uuid: beta.id,
      name: 'beta',
      generation: 2,
      links: rels.map((rel) => link(beta.id, rel)),
      parent_provider_uuid: null,
      root_provider_uuid: beta.id,
    });
  });

  it('are filtered by name, id, tree, room, traits and aggregates', async () => {
    expect(await names('')).toEqual(['alpha', 'beta']);
    expect(await names('name=beta')).toEqual(['beta']);
    expect(await names(`uuid=${alpha.id}`)).toEqual(['alpha']);
    expect(await names(`in_tree=${beta.id}`)).toEqual(['beta']);
    expect(await names('resources=VCPU:7')).toEqual(['beta']);
    expect(await names('resources=DISK_GB:90')).toEqual(['alpha']);
    expect(await names('resources=DISK_GB:91')).toEqual([]);
    expect(await names('required=STORAGE_DISK_SSD')).toEqual(['beta']);
    expect(await names('required=!STORAGE_DISK_SSD')).toEqual(['alpha']);
    expect(await names('required=in:STORAGE_DISK_SSD,HW_CPU_X86_AVX2')).toEqual(['alpha', 'beta']);
    expect(await names(`member_of=${nowhere}`)).toEqual([]);
    expect(await names(`member_of=!${nowhere}`)).toEqual(['alpha', 'beta']);
  });

  it('a filter is unknown before its version', async () => {
    const firsts: readonly (readonly [filter: string, minor: number])[] = [
      [`member_of=${nowhere}`, 3],
      ['resources=VCPU:1', 4],
      [`in_tree=${nowhere}`, 14],
      ['required=COMPUTE_NODE', 18],
      ['required=!COMPUTE_NODE', 22],
      [`member_of=${nowhere}&member_of=${nowhere}`, 24],
      [`member_of=!${nowhere}`, 32],
      ['required=in:COMPUTE_NODE,HW_CPU_X86_AVX2', 39],
    ];
    for (const [filter, minor] of firsts) {
      const url = `/resource_providers?${filter}`;
      const statuses = [await statusOf(url, `1.${minor - 1}`), await statusOf(url, `1.${minor}`)];
      expect({ filter, statuses }).toEqual({ filter, statuses: [400, 200] });
    }
  });

  it('filters that say nothing real are 400', async () => {
    for (const filter of [
      'uuid=x',
      'in_tree=x',
      'member_of=x',
      `member_of=${nowhere},${nowhere}`,
      'resources=',
      'resources=VCPU',
      'resources=VCPU:0',
      'resources=VCPU:1.5',
      'resources=NO_SUCH:1',
      'required=',
      'required=NO_SUCH',
      'required=in:',
      'color=red',
      '__proto__=1',
      'resources=__proto__:1',
    ])
      expect({ filter, status: await statusOf(`/resource_providers?${filter}`) }).toEqual({
        filter,
        status: 400,
      });
  });

  it('a provider goes with its host, unless something is held there', async () => {
    await cloud.removeHost(beta);
    expect(await names('')).toEqual(['alpha', 'beta']);
    await cloud.release({ provider: beta.id, consumer: blueServer });
    expect(await names('')).toEqual(['alpha']);
    expect(await statusOf(`/resource_providers/${beta.id}/usages`)).toBe(404);
  });

  it('inventories are told whole and by class', async () => {
    const generation = { resource_provider_generation: 2 };
    const memory = {
      total: 8192,
      reserved: 512,
      min_unit: 1,
      max_unit: 8192,
      step_size: 1,
      allocation_ratio: 1,
    };
    const url = `/resource_providers/${alpha.id}/inventories`;
    expect(await read(url)).toEqual({
      inventories: {
        VCPU: { ...memory, total: 4, reserved: 0, max_unit: 4, allocation_ratio: 16 },
        MEMORY_MB: memory,
        DISK_GB: { ...memory, total: 100, reserved: 0, max_unit: 100 },
      },
      ...generation,
    });
    expect(await read(`${url}/MEMORY_MB`)).toEqual({ ...memory, ...generation });
    expect(await statusOf(`${url}/VGPU`)).toBe(404);
    expect(await statusOf(`${url}/constructor`)).toBe(404);
  });

  it('usages name every class that there is', async () => {
    expect(await read(`/resource_providers/${beta.id}/usages`)).toEqual({
      resource_provider_generation: 2,
      usages: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 0, VGPU: 0 },
    });
  });

  it('traits and aggregates are told with the generation', async () => {
    const url = `/resource_providers/${alpha.id}`;
    expect(await read(`${url}/traits`)).toEqual({
      traits: ['COMPUTE_NODE', 'HW_CPU_X86_AVX2'],
      resource_provider_generation: 2,
    });
    expect(await read(`${url}/aggregates`, '1.18')).toEqual({ aggregates: [] });
    expect(await read(`${url}/aggregates`, '1.19')).toEqual({
      aggregates: [],
      resource_provider_generation: 2,
    });
  });

  it('below an unknown provider all is 404', async () => {
    for (const below of [
      '',
      '/inventories',
      '/inventories/VCPU',
      '/usages',
      '/traits',
      '/aggregates',
      '/allocations',
    ])
      expect({ below, status: await statusOf(`/resource_providers/${nowhere}${below}`) }).toEqual({
        below,
        status: 404,
      });
  });
});

describe('allocations', () => {
  const resources = { VCPU: 2, MEMORY_MB: 1024, DISK_GB: 10 };
  const allocations = { [alpha.id]: { generation: 2, resources } };

  it('of a server grow by version', async () => {
    const url = `/allocations/${redServer}`;
    const owner = { project_id: projects.red, user_id: users.red };
    const generation: unknown = expect.any(Number);
    expect(await read(url, '1.11')).toEqual({ allocations });
    expect(await read(url, '1.27')).toEqual({ allocations, ...owner });
    expect(await read(url, '1.28')).toEqual({
      allocations,
      ...owner,
      consumer_generation: generation,
    });
    expect(await read(url, '1.38')).toEqual({
      allocations,
      ...owner,
      consumer_generation: generation,
      consumer_type: 'INSTANCE',
    });
  });

  it('of someone unknown are none', async () => {
    expect(await read(`/allocations/${nowhere}`)).toEqual({ allocations: {} });
  });

  it('of a provider are by consumer', async () => {
    const url = `/resource_providers/${alpha.id}/allocations`;
    const generation = { resource_provider_generation: 2 };
    expect(await read(url, '1.27')).toEqual({
      allocations: { [redServer]: { resources } },
      ...generation,
    });
    const consumer = (await read(`/allocations/${redServer}`)) as { consumer_generation: number };
    expect(await read(url, '1.28')).toEqual({
      allocations: {
        [redServer]: { resources, consumer_generation: consumer.consumer_generation },
      },
      ...generation,
    });
  });

  it("a consumer's generation changes with what it holds, and with nothing else", async () => {
    const generation = async (): Promise<unknown> =>
      ((await read(`/allocations/${redServer}`)) as { consumer_generation: number })
        .consumer_generation;
    const first = await generation();
    await cloud.release({ provider: beta.id, consumer: blueServer });
    expect(await generation()).toBe(first);
    const more = { provider: beta.id, consumer: redServer, resources: { VCPU: 1 } };
    await cloud.claim({ ...more, project: projects.red, user: users.red });
    expect(await generation()).not.toBe(first);
  });
});

describe('usages', () => {
  it('of a project are summed, from 1.38 by consumer type', async () => {
    const usage = { VCPU: 2, MEMORY_MB: 1024, DISK_GB: 10 };
    const url = `/usages?project_id=${projects.red}`;
    expect(await read(url, '1.9')).toEqual({ usages: usage });
    expect(await read(url)).toEqual({ usages: { INSTANCE: { ...usage, consumer_count: 1 } } });
    expect(await read(`${url}&consumer_type=all`)).toEqual({
      usages: { all: { ...usage, consumer_count: 1 } },
    });
    expect(await read(`${url}&consumer_type=MIGRATION`)).toEqual({ usages: {} });
  });

  it('of a user are theirs alone', async () => {
    const url = `/usages?project_id=${projects.blue}`;
    expect(await read(`${url}&user_id=${users.blue}`)).toEqual({
      usages: { unknown: { VCPU: 1, MEMORY_MB: 512, consumer_count: 1 } },
    });
    expect(await read(`${url}&user_id=${users.red}`)).toEqual({ usages: {} });
  });

  it('need a project', async () => {
    expect(await statusOf('/usages')).toBe(400);
    expect(await statusOf('/usages?project_id=')).toBe(400);
    expect(await statusOf(`/usages?project_id=${'x'.repeat(256)}`)).toBe(400);
    expect(await statusOf(`/usages?project_id=${projects.red}&consumer_type=all`, '1.37')).toBe(
      400,
    );
  });
});

describe('names', () => {
  it('traits are filtered by list, by beginning and by use', async () => {
    expect(await read('/traits?name=in:COMPUTE_NODE,NO_SUCH,HW_NUMA_ROOT')).toEqual({
      traits: ['COMPUTE_NODE', 'HW_NUMA_ROOT'],
    });
    expect(await read('/traits?name=startswith:STORAGE_')).toEqual({
      traits: ['STORAGE_DISK_HDD', 'STORAGE_DISK_SSD'],
    });
    expect(await read('/traits?associated=true')).toEqual({
      traits: ['COMPUTE_NODE', 'HW_CPU_X86_AVX2', 'STORAGE_DISK_SSD'],
    });
    const { traits } = (await read('/traits?associated=False')) as { traits: string[] };
    expect(traits).not.toContain('COMPUTE_NODE');
    expect(await statusOf('/traits?name=COMPUTE_NODE')).toBe(400);
    expect(await statusOf('/traits?associated=perhaps')).toBe(400);
  });

  it('a trait exists with 204', async () => {
    const { status, body, headers } = await cloud.call('/traits/HW_CPU_X86_VMX', {
      version: '1.39',
    });
    expect({ status, body }).toEqual({ status: 204, body: undefined });
    expect(headers['cache-control']).toBe('no-cache');
    expect(await statusOf('/traits/NO_SUCH')).toBe(404);
  });

  it('resource classes are the standard ones and those of the providers', async () => {
    const view = (name: string): unknown => ({
      name,
      links: [{ rel: 'self', href: `/placement/resource_classes/${name}` }],
    });
    await cloud.addHost({
      id: nowhere,
      name: 'gamma',
      inventories: { CUSTOM_MAGIC: { ...beta.inventories['VGPU']!, total: 1 } },
      traits: ['CUSTOM_RACK'],
    });
    const { resource_classes: classes } = (await read('/resource_classes')) as {
      resource_classes: unknown[];
    };
    expect(classes.slice(0, 3)).toEqual([view('VCPU'), view('MEMORY_MB'), view('DISK_GB')]);
    expect(classes.at(-1)).toEqual(view('CUSTOM_MAGIC'));
    expect(await read('/resource_classes/CUSTOM_MAGIC')).toEqual(view('CUSTOM_MAGIC'));
    expect(await statusOf('/resource_classes/NO_SUCH')).toBe(404);
    expect(await statusOf('/traits/CUSTOM_RACK')).toBe(204);
  });
});
