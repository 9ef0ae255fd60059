import { describe, expect, test } from 'vitest';
import { projects } from '#actors/project/protocol.ts';
import { OTHER_PROJECT, PROJECT } from '../service.ts';
import { fault, resourceService, type ResourceService } from './resource-service.ts';

const path = `/os-quota-sets/${PROJECT}`;
const usual = {
  cores: 20_000,
  instances: 10_000,
  key_pairs: 100,
  metadata_items: 128,
  ram: 51_200_000,
};
const groups = { server_group_members: 10, server_groups: 10 };
const network = { fixed_ips: -1, floating_ips: -1, security_group_rules: -1, security_groups: -1 };
const injected = {
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  injected_files: 5,
};

async function reserve(service: ResourceService, ids: readonly string[]): Promise<void> {
  const usage = { cores: 2, ramMiB: 100 };
  await service.cluster.router.ask(
    projects.ref(PROJECT),
    {
      type: 'project.reserve',
      servers: ids.map((serverId) => ({ serverId, usage })),
      userId: 'user-anna',
    },
    { requestId: 'req-1' },
  );
}
const set = (service: ResourceService, quota_set: object, more: object = {}) =>
  service.call('PUT', path, { body: { quota_set }, ...more });

describe('quota sets', () => {
  test('have exactly the quotas of each microversion', async () => {
    const { call } = resourceService();
    const show = async (minor: number) => (await call('GET', path, { as: 'rita', minor })).body;
    const id = PROJECT;
    expect(await show(1)).toEqual({
      quota_set: { id, ...usual, ...groups, ...network, ...injected },
    });
    expect(await show(36)).toEqual({ quota_set: { id, ...usual, ...groups, ...injected } });
    expect(await show(57)).toEqual({ quota_set: { id, ...usual, ...groups } });
    const defaults = await call('GET', `${path}/defaults`, { as: 'nobody', minor: 57 });
    expect(defaults.body).toEqual({ quota_set: { id, ...usual, ...groups } });
  });

  test('tell in detail what is in use', async () => {
    const service = resourceService();
    await reserve(service, ['a', 'b']);
    const detail = await service.call('GET', `${path}/detail`, { as: 'rita', minor: 57 });
    const row = (limit: number, in_use = 0) => ({ limit, in_use, reserved: 0 });
    expect(detail.body).toEqual({
      quota_set: {
        id: PROJECT,
        cores: row(20_000, 4),
        instances: row(10_000, 2),
        key_pairs: row(100),
        metadata_items: row(128),
        ram: row(51_200_000, 200),
        server_group_members: row(10),
        server_groups: row(10),
      },
    });
  });

  test('change by name, answer without id, and go back with 202', async () => {
    const service = resourceService();
    const changed = await set(service, { cores: '5', ram: -1, floating_ips: 7 });
    expect(changed.status).toBe(200);
    const changes = { cores: 5, ram: -1, floating_ips: 7 };
    expect(changed.body).toEqual({
      quota_set: { ...usual, ...groups, ...network, ...injected, ...changes },
    });
    expect(await service.call('DELETE', path)).toMatchObject({ status: 202, body: undefined });
    expect((await service.call('GET', path)).body).toMatchObject({ quota_set: usual });
  });

  test('below what is in use are 400 unless forced', async () => {
    const service = resourceService();
    await reserve(service, ['a', 'b']);
    expect(await set(service, { cores: 3 })).toMatchObject({
      status: 400,
      body: fault(
        'badRequest',
        400,
        'Quota limit 3 for cores must be greater than or equal to already used and reserved 4.',
      ),
    });
    expect((await set(service, { cores: 3, force: 'True' })).status).toBe(200);
  });

  test('of one user stay within the project’s and are shown apart', async () => {
    const service = resourceService();
    await reserve(service, ['a']);
    const ofUser = `${path}?user_id=user-anna`;
    const body = (cores: number) => ({ body: { quota_set: { cores } } });
    expect((await service.call('PUT', ofUser, body(30_000))).status).toBe(400);
    expect((await service.call('PUT', ofUser, body(7))).body).toMatchObject({
      quota_set: { cores: 7, instances: 10_000 },
    });
    expect((await service.call('GET', path)).body).toMatchObject({ quota_set: { cores: 20_000 } });
    const detail = await service.call('GET', `${path}/detail?user_id=user-anna`);
    expect(detail.body).toMatchObject({ quota_set: { cores: { limit: 7, in_use: 2 } } });
    await service.call('DELETE', ofUser);
    expect((await service.call('GET', ofUser)).body).toMatchObject({ quota_set: usual });
  });

  test('of a user with a strange name are no trouble', async () => {
    const service = resourceService();
    await reserve(service, ['a']);
    for (const name of ['__proto__', 'constructor']) {
      const ofUser = `${path}?user_id=${name}`;
      expect((await service.call('GET', `${path}/detail?user_id=${name}`)).status).toBe(200);
      const body = { quota_set: { cores: 3 } };
      expect((await service.call('PUT', ofUser, { body })).status).toBe(200);
      expect((await service.call('GET', ofUser)).body).toMatchObject({ quota_set: { cores: 3 } });
    }
  });

  test.each([
    ['a word', { cores: 'many' }, 1],
    ['less than −1', { cores: -2 }, 1],
    ['too much', { cores: 2 ** 31 }, 1],
    ['an unknown quota', { colours: 3 }, 1],
    ['a network quota from 2.36 on', { floating_ips: 3 }, 36],
    ['an injected one from 2.57 on', { injected_files: 3 }, 57],
  ])('%s is 400', async (_what, quota_set, minor) => {
    const service = resourceService();
    expect((await set(service, quota_set, { minor })).status).toBe(400);
    expect(service.cluster.events).toEqual([]);
  });

  test('are for the project itself and administrators; changes for administrators', async () => {
    const service = resourceService();
    const other = `/os-quota-sets/${OTHER_PROJECT}`;
    expect((await service.call('GET', other, { as: 'rita' })).status).toBe(403);
    expect((await service.call('GET', `${other}/detail`, { as: 'rita' })).status).toBe(403);
    expect((await service.call('GET', other)).status).toBe(200);
    expect((await set(service, { cores: 1 }, { as: 'anna' })).status).toBe(403);
    expect((await service.call('DELETE', path, { as: 'anna' })).status).toBe(403);
    expect(await service.call('GET', '/os-quota-sets/nowhere')).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Project ID nowhere is not a valid project.'),
    });
    expect((await service.call('GET', `${path}?colour=1`, { minor: 75 })).status).toBe(400);
  });
});

describe('quota classes', () => {
  test('have exactly the quotas of each microversion', async () => {
    const { call } = resourceService();
    const show = async (minor: number) =>
      (await call('GET', '/os-quota-class-sets/default', { minor })).body;
    const id = 'default';
    expect(await show(1)).toEqual({ quota_class_set: { id, ...usual, ...network, ...injected } });
    expect(await show(50)).toEqual({ quota_class_set: { id, ...usual, ...groups, ...injected } });
    expect(await show(57)).toEqual({ quota_class_set: { id, ...usual, ...groups } });
  });

  test('the class default holds for every project without limits of its own', async () => {
    const service = resourceService();
    const body = { quota_class_set: { cores: 9, ram: 1 } };
    const changed = await service.call('PUT', '/os-quota-class-sets/default', { minor: 57, body });
    expect(changed.body).toEqual({ quota_class_set: { ...usual, ...groups, cores: 9, ram: 1 } });
    await set(service, { ram: 2 });
    expect((await service.call('GET', path)).body).toMatchObject({
      quota_set: { cores: 9, ram: 2, instances: 10_000 },
    });
    expect((await service.call('GET', `${path}/defaults`)).body).toMatchObject({
      quota_set: { cores: 9, ram: 1 },
    });
    expect((await service.call('GET', '/os-quota-class-sets/other')).body).toMatchObject({
      quota_class_set: { cores: 20_000 },
    });
  });

  test('are for administrators, and check what is asked', async () => {
    const { call } = resourceService();
    const put = (quota_class_set: object, more: object = {}) =>
      call('PUT', '/os-quota-class-sets/default', { body: { quota_class_set }, ...more });
    expect((await call('GET', '/os-quota-class-sets/default', { as: 'anna' })).status).toBe(403);
    expect((await put({ cores: 1 }, { as: 'anna' })).status).toBe(403);
    expect((await put({ cores: 'x' })).status).toBe(400);
    expect((await put({ fixed_ips: 1 }, { minor: 50 })).status).toBe(400);
  });
});

describe('limits', () => {
  const always = {
    maxTotalInstances: 10_000,
    maxTotalCores: 20_000,
    maxTotalRAMSize: 51_200_000,
    maxServerMeta: 128,
    maxTotalKeypairs: 100,
    maxServerGroups: 10,
    maxServerGroupMembers: 10,
    totalRAMUsed: 200,
    totalCoresUsed: 4,
    totalInstancesUsed: 2,
    totalServerGroupsUsed: 0,
  };

  test('have exactly the fields of each microversion', async () => {
    const service = resourceService();
    await reserve(service, ['a', 'b']);
    const show = async (minor: number) =>
      (await service.call('GET', '/limits', { as: 'anna', minor })).body;
    const personality = { maxPersonality: 5, maxPersonalitySize: 10_240 };
    const image = { maxImageMeta: 128 };
    const rate: never[] = [];
    expect(await show(1)).toEqual({
      limits: {
        rate,
        absolute: {
          ...always,
          ...personality,
          ...image,
          maxTotalFloatingIps: -1,
          maxSecurityGroups: -1,
          maxSecurityGroupRules: -1,
          totalFloatingIpsUsed: 0,
          totalSecurityGroupsUsed: 0,
        },
      },
    });
    expect(await show(36)).toEqual({
      limits: { rate, absolute: { ...always, ...personality, ...image } },
    });
    expect(await show(39)).toEqual({ limits: { rate, absolute: { ...always, ...personality } } });
    expect(await show(57)).toEqual({ limits: { rate, absolute: always } });
  });

  test('of other projects are for administrators', async () => {
    const service = resourceService();
    await reserve(service, ['a', 'b']);
    const asked = `/limits?tenant_id=${PROJECT}&reserved=1`;
    const limits = { absolute: { totalCoresUsed: 4 } };
    expect((await service.call('GET', asked)).body).toMatchObject({ limits });
    expect((await service.call('GET', asked, { as: 'anna', minor: 75 })).body).toMatchObject({
      limits,
    });
    expect(await service.call('GET', asked, { as: 'otto' })).toMatchObject({
      status: 403,
      body: fault(
        'forbidden',
        403,
        "Policy doesn't allow os_compute_api:limits:other_project to be performed.",
      ),
    });
    expect((await service.call('GET', '/limits?tenant_id=nowhere')).status).toBe(400);
    expect((await service.call('GET', '/limits?colour=red', { minor: 75 })).status).toBe(400);
  });
});
