import { describe, expect, test } from 'vitest';
import { seedFlavors } from '#actors/catalog/entity.ts';
import { OTHER_PROJECT, PROJECT } from '../service.ts';
import { fault, resourceService, type ResourceService } from './resource-service.ts';

const self = 'http://localhost:80/compute/v2.1';
const links = (id: string) => [
  { rel: 'self', href: `${self}/flavors/${id}` },
  { rel: 'bookmark', href: `http://localhost:80/compute/flavors/${id}` },
];
const tiny = {
  id: '1',
  name: 'm1.tiny',
  ram: 96,
  disk: 1,
  swap: '',
  'OS-FLV-EXT-DATA:ephemeral': 0,
  'OS-FLV-DISABLED:disabled': false,
  vcpus: 1,
  'os-flavor-access:is_public': true,
  rxtx_factor: 1,
  links: links('1'),
};

async function seeded(): Promise<ResourceService> {
  const service = resourceService();
  await seedFlavors(service.cluster.router, 'req-seed');
  return service;
}
const create = (service: ResourceService, flavor: object, minor?: number) =>
  service.call('POST', '/flavors', {
    body: { flavor: { name: 'f', id: 'f', ram: 64, vcpus: 1, disk: 1, ...flavor } },
    ...(minor === undefined ? {} : { minor }),
  });
const ids = (reply: { body: unknown }) =>
  (reply.body as { flavors: { id: string }[] }).flavors.map((flavor) => flavor.id);

describe('showing flavors', () => {
  test('gives exactly the fields of each microversion', async () => {
    const { call } = await seeded();
    const show = async (minor: number) =>
      ((await call('GET', '/flavors/1', { as: 'anna', minor })).body as { flavor: object }).flavor;
    expect(await show(1)).toEqual(tiny);
    expect(await show(55)).toEqual({ ...tiny, description: null });
    expect(await show(61)).toEqual({ ...tiny, description: null, extra_specs: {} });
    expect(await show(75)).toEqual({ ...tiny, description: null, extra_specs: {}, swap: 0 });
  });

  test('lists names alone or everything, by id', async () => {
    const { call } = await seeded();
    const list = await call('GET', '/flavors', { as: 'anna' });
    expect(list.status).toBe(200);
    expect(ids(list)).toEqual(['1', '2', '3', '4', '42', '5', '84']);
    expect((list.body as { flavors: object[] }).flavors[0]).toEqual({
      id: '1',
      name: 'm1.tiny',
      links: links('1'),
    });
    const detail = await call('GET', '/flavors/detail', { as: 'anna' });
    expect((detail.body as { flavors: object[] }).flavors[0]).toEqual(tiny);
    const described = await call('GET', '/flavors', { as: 'anna', minor: 55 });
    expect((described.body as { flavors: object[] }).flavors[0]).toMatchObject({
      description: null,
    });
  });

  test('an unknown one is 404', async () => {
    const { call } = await seeded();
    expect(await call('GET', '/flavors/nope', { as: 'anna' })).toMatchObject({
      status: 404,
      body: fault('itemNotFound', 404, 'Flavor nope could not be found.'),
    });
  });
});

describe('filters', () => {
  test('by memory and disk, and refuse what is no number', async () => {
    const { call } = await seeded();
    expect(ids(await call('GET', '/flavors?minRam=4096'))).toEqual(['3', '4', '5']);
    expect(ids(await call('GET', '/flavors?minDisk=80&minRam=0'))).toEqual(['4', '5']);
    expect(await call('GET', '/flavors?minRam=abc')).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Invalid minRam filter [abc]'),
    });
    expect((await call('GET', '/flavors/detail?minDisk=x')).status).toBe(400);
  });

  test('private ones are seen by administrators who ask, and by projects that share them', async () => {
    const service = await seeded();
    const { call } = service;
    await create(service, { 'os-flavor-access:is_public': false });
    const seen = async (as: string, query = '') =>
      ids(await call('GET', `/flavors${query}`, { as }));
    expect(await seen('admin')).not.toContain('f');
    expect(await seen('admin', '?is_public=None')).toHaveLength(8);
    expect(await seen('admin', '?is_public=false')).toEqual(['f']);
    expect(await seen('anna', '?is_public=none')).not.toContain('f');
    expect((await call('GET', '/flavors/f', { as: 'anna' })).status).toBe(404);
    await call('POST', '/flavors/f/action', { body: { addTenantAccess: { tenant: PROJECT } } });
    expect(await seen('anna')).toContain('f');
    expect(await seen('admin')).toContain('f');
    expect(await seen('otto')).not.toContain('f');
    expect((await call('GET', '/flavors/f', { as: 'anna' })).status).toBe(200);
    expect((await call('GET', '/flavors?is_public=perhaps')).status).toBe(400);
  });

  test('unknown parameters are ignored until 2.74 and refused from 2.75', async () => {
    const { call } = await seeded();
    expect((await call('GET', '/flavors?colour=red', { minor: 74 })).status).toBe(200);
    expect((await call('GET', '/flavors?colour=red', { minor: 75 })).status).toBe(400);
  });
});

describe('pages', () => {
  test('of a limit link to the next one; the last has no link', async () => {
    const { call } = await seeded();
    const first = await call('GET', '/flavors?limit=3&sort_key=memory_mb&sort_dir=desc');
    expect(ids(first)).toEqual(['5', '4', '3']);
    expect((first.body as { flavors_links: object }).flavors_links).toEqual([
      { rel: 'next', href: `${self}/flavors?limit=3&marker=3&sort_dir=desc&sort_key=memory_mb` },
    ]);
    const next = '/flavors?limit=30&marker=3&sort_dir=desc&sort_key=memory_mb';
    const rest = await call('GET', next);
    expect(ids(rest)).toEqual(['2', '84', '1', '42']);
    expect(rest.body).not.toHaveProperty('flavors_links');
  });

  test('refuse a bad limit, an unknown marker and an unknown key', async () => {
    const { call } = await seeded();
    expect((await call('GET', '/flavors?limit=-1')).status).toBe(400);
    expect((await call('GET', '/flavors?limit=many')).status).toBe(400);
    expect((await call('GET', '/flavors?marker=nope')).body).toEqual(
      fault('badRequest', 400, 'marker [nope] not found'),
    );
    expect((await call('GET', '/flavors?sort_key=colour')).status).toBe(400);
    expect(ids(await call('GET', '/flavors?limit=0'))).toEqual([]);
  });

  test('sorted by creation, and by what may be missing', async () => {
    const { call } = await seeded();
    expect(ids(await call('GET', '/flavors?sort_key=id'))).toEqual([
      '42',
      '1',
      '84',
      '2',
      '3',
      '4',
      '5',
    ]);
    expect(ids(await call('GET', '/flavors?sort_key=description&limit=2'))).toEqual(['42', '1']);
  });
});

describe('creating', () => {
  test('takes numbers and words, and makes an id for auto, null and none', async () => {
    const service = resourceService();
    const made = await create(service, {
      id: 77,
      ram: '128',
      swap: '512',
      rxtx_factor: '2.5',
      'OS-FLV-EXT-DATA:ephemeral': 3,
      'os-flavor-access:is_public': 'False',
    });
    expect(made).toMatchObject({
      status: 200,
      body: {
        flavor: {
          id: '77',
          ram: 128,
          swap: 512,
          rxtx_factor: 2.5,
          'OS-FLV-EXT-DATA:ephemeral': 3,
          'os-flavor-access:is_public': false,
        },
      },
    });
    for (const id of ['auto', null, undefined]) {
      const reply = await create(service, { id, name: `name-${id}` });
      const { flavor } = reply.body as { flavor: { id: string } };
      expect(flavor.id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('a description is for 2.55 and later', async () => {
    const service = resourceService();
    expect((await create(service, { description: 'words' }, 54)).status).toBe(400);
    expect((await create(service, { description: 'words' }, 55)).body).toMatchObject({
      flavor: { description: 'words' },
    });
  });

  test('an id or a name that is taken is 409', async () => {
    const service = await seeded();
    expect(await create(service, { id: '1' })).toMatchObject({
      status: 409,
      body: fault('conflictingRequest', 409, 'Flavor with ID 1 already exists.'),
    });
    expect(await create(service, { name: 'm1.tiny' })).toMatchObject({
      status: 409,
      body: fault('conflictingRequest', 409, 'Flavor with name m1.tiny already exists.'),
    });
  });

  test.each([
    ['no memory', { ram: 0 }],
    ['too much memory', { ram: 2 ** 31 }],
    ['a fraction of a processor', { vcpus: 1.5 }],
    ['no processor', { vcpus: '0' }],
    ['a negative disk', { disk: -1 }],
    ['words for a disk', { disk: 'big' }],
    ['a negative swap', { swap: -1 }],
    ['an empty name', { name: '' }],
    ['a name with spaces around', { name: ' f' }],
    ['a long name', { name: 'x'.repeat(256) }],
    ['an id with a slash', { id: 'a/b' }],
    ['an id with spaces around', { id: ' a' }],
    ['no share of the network', { rxtx_factor: 0 }],
    ['a negative share', { rxtx_factor: '-1' }],
    ['a word for public', { 'os-flavor-access:is_public': 'perhaps' }],
    ['a field nobody knows', { colour: 'red' }],
  ])('%s is 400', async (_what, flavor) => {
    const service = resourceService();
    expect((await create(service, flavor)).status).toBe(400);
    expect(service.cluster.events).toEqual([]);
  });

  test('is for administrators', async () => {
    const { call } = resourceService();
    const body = { flavor: { name: 'f', ram: 1, vcpus: 1, disk: 1 } };
    expect(await call('POST', '/flavors', { as: 'anna', body })).toMatchObject({
      status: 403,
      body: fault(
        'forbidden',
        403,
        "Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed.",
      ),
    });
  });
});

describe('changing', () => {
  test('a description, from 2.55 on', async () => {
    const { call } = await seeded();
    const body = { flavor: { description: 'words' } };
    expect((await call('PUT', '/flavors/1', { minor: 54, body })).status).toBe(404);
    expect(await call('PUT', '/flavors/1', { minor: 55, body })).toMatchObject({
      status: 200,
      body: { flavor: { ...tiny, description: 'words' } },
    });
    expect((await call('PUT', '/flavors/nope', { minor: 55, body })).status).toBe(404);
    const empty = { flavor: {} };
    expect((await call('PUT', '/flavors/1', { minor: 55, body: empty })).status).toBe(400);
  });

  test('deletes with 202, then it is 404', async () => {
    const { call } = await seeded();
    expect(await call('DELETE', '/flavors/1')).toMatchObject({ status: 202, body: undefined });
    expect((await call('DELETE', '/flavors/1')).status).toBe(404);
    expect((await call('GET', '/flavors/1')).status).toBe(404);
    expect((await call('DELETE', '/flavors/2', { as: 'anna' })).status).toBe(403);
  });
});

describe('access', () => {
  const add = (tenant: string) => ({ body: { addTenantAccess: { tenant } } });
  const remove = (tenant: string) => ({ body: { removeTenantAccess: { tenant } } });

  test('is given, listed and taken back', async () => {
    const service = resourceService();
    const { call } = service;
    await create(service, { 'os-flavor-access:is_public': false });
    const row = { flavor_id: 'f', tenant_id: PROJECT };
    expect(await call('POST', '/flavors/f/action', add(PROJECT))).toMatchObject({
      status: 200,
      body: { flavor_access: [row] },
    });
    expect((await call('GET', '/flavors/f/os-flavor-access')).body).toEqual({
      flavor_access: [row],
    });
    expect((await call('POST', '/flavors/f/action', add(PROJECT))).status).toBe(409);
    expect((await call('POST', '/flavors/f/action', remove(PROJECT))).body).toEqual({
      flavor_access: [],
    });
    expect((await call('POST', '/flavors/f/action', remove(PROJECT))).status).toBe(404);
  });

  test('refuses unknown projects, public flavors from 2.7 on, bad bodies and non-administrators', async () => {
    const { call } = await seeded();
    const action = '/flavors/1/action';
    expect(await call('POST', action, add('nobody'))).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Project ID nobody is not a valid project.'),
    });
    expect((await call('POST', action, { ...add(OTHER_PROJECT), minor: 6 })).status).toBe(200);
    expect((await call('POST', action, { ...add(PROJECT), minor: 7 })).status).toBe(409);
    expect((await call('POST', action, { body: { addTenantAccess: {} } })).status).toBe(400);
    expect((await call('POST', action, { ...add(PROJECT), as: 'anna' })).status).toBe(403);
    expect((await call('GET', '/flavors/1/os-flavor-access')).status).toBe(404);
    expect((await call('GET', '/flavors/1/os-flavor-access', { as: 'anna' })).status).toBe(403);
  });
});

describe('extra specs', () => {
  const specs = '/flavors/1/os-extra_specs';

  test('are set, read, changed and removed', async () => {
    const { call } = await seeded();
    const body = { extra_specs: { 'hw:numa_nodes': '1', own: 'x' } };
    expect(await call('POST', specs, { body })).toMatchObject({ status: 200, body });
    expect((await call('GET', specs, { as: 'rita' })).body).toEqual(body);
    expect((await call('PUT', `${specs}/own`, { body: { own: 'y' } })).body).toEqual({ own: 'y' });
    expect((await call('GET', `${specs}/own`)).body).toEqual({ own: 'y' });
    expect(await call('DELETE', `${specs}/own`)).toMatchObject({ status: 200, body: undefined });
    expect(await call('GET', `${specs}/own`)).toMatchObject({
      status: 404,
      body: fault('itemNotFound', 404, 'Flavor 1 has no extra specs with key own.'),
    });
    expect((await call('DELETE', `${specs}/own`)).status).toBe(404);
    expect((await call('GET', '/flavors/1', { minor: 61 })).body).toMatchObject({
      flavor: { extra_specs: { 'hw:numa_nodes': '1' } },
    });
  });

  test.each([
    ['a key with other characters', { 'a?b': 'x' }],
    ['a number for a value', { a: 1 }],
    ['a long value', { a: 'x'.repeat(256) }],
  ])('%s is 400', async (_what, extra_specs) => {
    const { call } = await seeded();
    expect((await call('POST', specs, { body: { extra_specs } })).status).toBe(400);
  });

  test('a body for another key is 400, an unknown flavor 404, others than administrators 403', async () => {
    const { call } = await seeded();
    expect(await call('PUT', `${specs}/a`, { body: { b: 'x' } })).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Request body and URI mismatch'),
    });
    expect((await call('PUT', `${specs}/a`, { body: { a: 'x', b: 'x' } })).status).toBe(400);
    const body = { extra_specs: { a: 'x' } };
    expect((await call('POST', '/flavors/nope/os-extra_specs', { body })).status).toBe(404);
    expect((await call('POST', specs, { as: 'anna', body })).status).toBe(403);
    expect((await call('GET', specs, { as: 'nobody' })).status).toBe(403);
  });

  test('known ones are checked from 2.86 on', async () => {
    const { call } = await seeded();
    const set = (minor: number, extra_specs: object) =>
      call('POST', specs, { minor, body: { extra_specs } });
    expect((await set(85, { 'hw:numa_nodes': 'many' })).status).toBe(200);
    expect(await set(86, { 'hw:numa_nodes': 'many' })).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, "Validation failed; 'many' is not a valid integer value."),
    });
    expect((await set(86, { 'hw:numa_nodes': '2', own: 'x' })).status).toBe(200);
  });
});

describe('flavors from 2.102 on', () => {
  test('are found by name, and have neither rxtx_factor nor disabled', async () => {
    const { call } = await seeded();
    const path = '/flavors/detail?name=^m1.t';
    const { flavors } = (await call('GET', path, { minor: 102 })).body as {
      flavors: Record<string, unknown>[];
    };
    expect(flavors.map((flavor) => flavor['name'])).toEqual(['m1.tiny']);
    expect(flavors[0]).not.toHaveProperty('rxtx_factor');
    expect(flavors[0]).not.toHaveProperty('OS-FLV-DISABLED:disabled');
    expect((await call('GET', path, { minor: 101 })).status).toBe(400);
    const flavor = { name: 'x', ram: 1, vcpus: 1, disk: 1, rxtx_factor: 1 };
    const create = async (minor: number) =>
      (await call('POST', '/flavors', { minor, body: { flavor } })).status;
    expect([await create(102), await create(101)]).toEqual([400, 200]);
  });
});
