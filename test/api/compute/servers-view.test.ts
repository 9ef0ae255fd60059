// What a server looks like in each microversion, to whom. Field sets are whole: clients' schemas are closed.
import { describe, expect, it } from 'vitest';
import { IMAGE, serverBody, serverCloud, type ServerCloud } from './server-cloud.ts';

const cloud: ServerCloud = await serverCloud();
const id = await cloud.bootActive({
  metadata: { a: 'b' },
  key_name: 'key',
  flavorRef: 'spec',
  accessIPv4: '1.2.3.4',
});
const ids = { self: `http://cloud:8774/compute/v2.1/servers/${id}` };

const base = [
  'OS-DCF:diskConfig',
  'OS-EXT-AZ:availability_zone',
  'OS-EXT-STS:power_state',
  'OS-EXT-STS:task_state',
  'OS-EXT-STS:vm_state',
  'OS-SRV-USG:launched_at',
  'OS-SRV-USG:terminated_at',
  'accessIPv4',
  'accessIPv6',
  'addresses',
  'config_drive',
  'created',
  'flavor',
  'hostId',
  'id',
  'image',
  'key_name',
  'links',
  'metadata',
  'name',
  'os-extended-volumes:volumes_attached',
  'progress',
  'security_groups',
  'status',
  'tenant_id',
  'updated',
  'user_id',
];
const added: readonly (readonly [number, string])[] = [
  [9, 'locked'],
  [19, 'description'],
  [26, 'tags'],
  [63, 'trusted_image_certificates'],
  [71, 'server_groups'],
  [73, 'locked_reason'],
  [90, 'OS-EXT-SRV-ATTR:hostname'],
  [96, 'pinned_availability_zone'],
  [100, 'scheduler_hints'],
];
const adminOnly = [
  [1, 'OS-EXT-SRV-ATTR:host'],
  [1, 'OS-EXT-SRV-ATTR:hypervisor_hostname'],
  [1, 'OS-EXT-SRV-ATTR:instance_name'],
  [3, 'OS-EXT-SRV-ATTR:hostname'],
  [3, 'OS-EXT-SRV-ATTR:kernel_id'],
  [3, 'OS-EXT-SRV-ATTR:launch_index'],
  [3, 'OS-EXT-SRV-ATTR:ramdisk_id'],
  [3, 'OS-EXT-SRV-ATTR:reservation_id'],
  [3, 'OS-EXT-SRV-ATTR:root_device_name'],
  [3, 'OS-EXT-SRV-ATTR:user_data'],
  [16, 'host_status'],
] as const;
const extensions = [
  'OS-EXT-AZ:availability_zone',
  'OS-EXT-STS:power_state',
  'OS-EXT-STS:task_state',
  'OS-EXT-STS:vm_state',
  'OS-SRV-USG:launched_at',
  'OS-SRV-USG:terminated_at',
  'config_drive',
  'key_name',
  'os-extended-volumes:volumes_attached',
  'security_groups',
];

function fieldsAt(minor: number, isAdmin: boolean): readonly string[] {
  const more = added.filter(([since]) => since <= minor).map(([, name]) => name);
  const admin = adminOnly.filter(([since]) => isAdmin && since <= minor).map(([, name]) => name);
  return [...new Set([...base, ...more, ...admin])].sort();
}

const minors = [
  1, 2, 3, 8, 9, 16, 19, 25, 26, 46, 47, 62, 63, 70, 71, 73, 75, 79, 89, 90, 95, 96, 98, 99, 100,
  104,
];

describe('GET /servers/{id}', () => {
  it.each(minors)('has exactly the fields of 2.%d', async (minor) => {
    const version = `2.${minor}`;
    const [user, admin] = [
      await cloud.get(`/servers/${id}`, { version }),
      await cloud.get(`/servers/${id}`, { version, as: 'admin' }),
    ];
    expect(Object.keys(user.body.server).sort()).toEqual(fieldsAt(minor, false));
    expect(Object.keys(admin.body.server).sort()).toEqual(fieldsAt(minor, true));
  });

  it('shows the whole server at 2.1', async () => {
    const { body } = await cloud.get(`/servers/${id}`);
    expect(body.server).toEqual({
      id,
      name: 'vm',
      status: 'ACTIVE',
      tenant_id: '11111111111111111111111111111111',
      user_id: 'user-anna',
      metadata: { a: 'b' },
      hostId: 'f96e9193bf0cdef005900ea128f004040af01cc71fbe57283ce49f53',
      image: {
        id: IMAGE,
        links: [{ rel: 'bookmark', href: `http://cloud:8774/compute/images/${IMAGE}` }],
      },
      flavor: {
        id: 'spec',
        links: [{ rel: 'bookmark', href: 'http://cloud:8774/compute/flavors/spec' }],
      },
      created: '2026-01-01T00:00:00Z',
      updated: '2026-01-01T00:00:00Z',
      addresses: {
        private: [
          {
            version: 4,
            addr: '10.0.0.10',
            'OS-EXT-IPS:type': 'fixed',
            'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:00',
          },
        ],
      },
      accessIPv4: '1.2.3.4',
      accessIPv6: '',
      links: [
        { rel: 'self', href: ids.self },
        { rel: 'bookmark', href: `http://cloud:8774/compute/servers/${id}` },
      ],
      'OS-DCF:diskConfig': 'MANUAL',
      progress: 0,
      'OS-EXT-AZ:availability_zone': 'nova',
      config_drive: '',
      key_name: 'key',
      'OS-SRV-USG:launched_at': '2026-01-01T00:00:00.000000',
      'OS-SRV-USG:terminated_at': null,
      security_groups: [{ name: 'default' }],
      'OS-EXT-STS:task_state': null,
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-STS:power_state': 1,
      'os-extended-volumes:volumes_attached': [],
    });
  });

  it('embeds the flavor from 2.47', async () => {
    const { body } = await cloud.get(`/servers/${id}`, { version: '2.47' });
    expect(body.server.flavor).toEqual({
      vcpus: 1,
      ram: 64,
      disk: 1,
      ephemeral: 0,
      swap: 0,
      original_name: 'spec',
      extra_specs: { a: 'b' },
    });
  });

  it('tells administrators where it runs', async () => {
    const { body } = await cloud.get(`/servers/${id}`, { version: '2.79', as: 'admin' });
    expect(body.server).toMatchObject({
      'OS-EXT-SRV-ATTR:host': 'compute1',
      'OS-EXT-SRV-ATTR:hypervisor_hostname': 'compute1.cloud',
      'OS-EXT-SRV-ATTR:instance_name': `instance-${id.replaceAll('-', '').slice(0, 12)}`,
      'OS-EXT-SRV-ATTR:reservation_id': expect.stringMatching(/^r-[0-9a-z]{8}$/),
      'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
      host_status: 'UP',
    });
  });

  it('puts the project of the path into the links', async () => {
    const project = '11111111111111111111111111111111';
    const { body } = await cloud.get(`/${project}/servers/${id}`);
    expect(body.server.links).toEqual([
      { rel: 'self', href: `http://cloud:8774/compute/v2.1/${project}/servers/${id}` },
      { rel: 'bookmark', href: `http://cloud:8774/compute/${project}/servers/${id}` },
    ]);
  });

  it('on /v2 is the server of 2.1', async () => {
    const [v2, v21] = [
      await cloud.get(`/servers/${id}`, { root: '/compute/v2' }),
      await cloud.get(`/servers/${id}`),
    ];
    expect(Object.keys(v2.body.server)).toEqual(Object.keys(v21.body.server));
    expect(v2.body.server.links[0].href).toBe(`http://cloud:8774/compute/v2/servers/${id}`);
  });

  it.each(['otto', 'homeless'])('does not exist for %s', async (as) => {
    const reply = await cloud.get(`/servers/${id}`, { as });
    expect([reply.status, reply.body]).toEqual([
      404,
      { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } },
    ]);
  });

  it('is there for readers, and for administrators of other projects', async () => {
    for (const as of ['rita', 'admin'])
      expect((await cloud.get(`/servers/${id}`, { as })).status).toBe(200);
  });
});

describe('the view of a server', () => {
  it('being built has no host, addresses or groups, and a task', async () => {
    const building = await cloud.boot();
    const { body } = await cloud.get(`/servers/${building}`);
    expect(body.server).toMatchObject({
      status: 'BUILD',
      hostId: '',
      addresses: {},
      progress: 0,
      'OS-EXT-STS:task_state': 'scheduling',
      'OS-EXT-STS:vm_state': 'building',
      'OS-EXT-STS:power_state': 0,
      'OS-EXT-AZ:availability_zone': '',
      'OS-SRV-USG:launched_at': null,
    });
    expect(body.server).not.toHaveProperty('security_groups');
  });

  it.each([
    [500, 'anna', false],
    [500, 'admin', true],
    [400, 'anna', true],
  ])('in error with code %d tells %s details: %s', async (code, as, shown) => {
    const broken = await cloud.boot();
    await cloud.fail(broken, { code, message: 'No host fits.', details: 'compute1: ram' });
    const { body } = await cloud.get(`/servers/${broken}`, { as });
    expect([body.server.status, body.server.fault]).toEqual([
      'ERROR',
      {
        code,
        created: '2026-01-01T00:00:00Z',
        message: 'No host fits.',
        ...(shown ? { details: 'compute1: ram' } : {}),
      },
    ]);
    expect(body.server).not.toHaveProperty('progress');
  });

  it.each([
    ['dead', 'UNKNOWN'],
    ['disabled', 'MAINTENANCE'],
    ['compute1', 'UP'],
  ])('on host %s says its host is %s, also in lists', async (host, status) => {
    const there = await cloud.bootActive({ availability_zone: `nova:${host}` }, { as: 'admin' });
    const options = { version: '2.16', as: 'admin' };
    const [one, list] = [
      await cloud.get(`/servers/${there}`, options),
      await cloud.get(`/servers/detail?uuid=${there}`, options),
    ];
    expect([one.body.server.host_status, list.body.servers[0].host_status]).toEqual([
      status,
      status,
    ]);
  });
});

describe('PUT /servers/{id}', () => {
  it('changes what is named, and answers small until 2.74, whole from 2.75', async () => {
    const server = await cloud.bootActive();
    for (const [minor, expected] of [
      [74, fieldsAt(74, false).filter((name) => !extensions.includes(name))],
      [75, fieldsAt(75, false)],
    ] as const) {
      const reply = await cloud.call(
        'PUT',
        `/servers/${server}`,
        { server: { name: `new-${minor}`, accessIPv6: '::1', description: 'words' } },
        { version: `2.${minor}` },
      );
      expect([reply.status, Object.keys(reply.body.server).sort()]).toEqual([200, expected]);
      expect(reply.body.server).toMatchObject({
        name: `new-${minor}`,
        accessIPv6: '::1',
        description: 'words',
      });
    }
  });

  it.each([
    ['0000:0000:0000:0000:0000:babe:220.12.22.2', '::babe:dc0c:1602'],
    ['FE80:0:0:0:0:0:0:00A1', 'fe80::a1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['::0102:0304', '::1.2.3.4'],
    ['::1', '::1'],
  ])('and a new server keep the address %s as %s', async (accessIPv6, canonical) => {
    const server = await cloud.bootActive({ accessIPv6 });
    const shown = await cloud.get(`/servers/${server}`);
    await cloud.call('PUT', `/servers/${server}`, { server: { accessIPv6: '2001:db8::1' } });
    const { body } = await cloud.call('PUT', `/servers/${server}`, { server: { accessIPv6 } });
    expect([shown.body.server.accessIPv6, body.server.accessIPv6]).toEqual([canonical, canonical]);
  });

  it('takes a description away with null, and accepts an empty change', async () => {
    const server = await cloud.bootActive();
    const put = (body: unknown) =>
      cloud.call('PUT', `/servers/${server}`, { server: body }, { version: '2.19' });
    await put({ description: 'words' });
    expect((await put({ description: null })).body.server.description).toBeNull();
    expect((await put({})).status).toBe(200);
  });

  it.each([
    ['2.18', { description: 'x' }],
    ['2.89', { hostname: 'abc' }],
    ['2.1', { status: 'ACTIVE' }],
    ['2.1', { name: '' }],
    ['2.1', { accessIPv4: '1.2.3' }],
    ['2.90', { hostname: 'a.b' }],
  ])('at %s refuses %j', async (version, server) => {
    const reply = await cloud.call('PUT', `/servers/${id}`, { server }, { version });
    expect([reply.status, Object.keys(reply.body)]).toEqual([400, ['badRequest']]);
  });

  it('is not for readers', async () => {
    const reply = await cloud.call('PUT', `/servers/${id}`, { server: {} }, { as: 'rita' });
    expect(reply.body.forbidden.message).toBe(
      "Policy doesn't allow os_compute_api:servers:update to be performed.",
    );
  });
});

describe('DELETE /servers/{id}', () => {
  it('answers 204 while it goes, and 404 when it is gone', async () => {
    const server = await cloud.bootActive();
    const remove = () => cloud.call('DELETE', `/servers/${server}`);
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 204]);
    expect((await cloud.get(`/servers/${server}`)).body.server).toMatchObject({
      status: 'ACTIVE',
      'OS-EXT-STS:task_state': 'deleting',
    });
    await cloud.settle(server);
    expect([(await remove()).status, (await cloud.get(`/servers/${server}`)).status]).toEqual([
      404, 404,
    ]);
  });

  it.each(['not-a-uuid', '00000000-0000-4000-8000-000000000000', '%00', 'x'.repeat(300)])(
    'of %s is a 404',
    async (unknown) => {
      const reply = await cloud.call('DELETE', `/servers/${unknown}`);
      expect([reply.status, Object.keys(reply.body)]).toEqual([404, ['itemNotFound']]);
    },
  );

  it('of a locked server is a 409', async () => {
    const server = await cloud.bootActive();
    await cloud.call('POST', `/servers/${server}/action`, { lock: null });
    const reply = await cloud.call('DELETE', `/servers/${server}`);
    expect([reply.status, reply.body]).toEqual([
      409,
      { conflictingRequest: { code: 409, message: `Instance ${server} is locked` } },
    ]);
  });
});

describe('the newest versions', () => {
  it('show properties of the image from 2.98 on, and hints from 2.100 on', async () => {
    const own = await cloud.boot();
    const hinted = await cloud.call('POST', '/servers', {
      ...serverBody(),
      'os:scheduler_hints': { different_host: [own], query: '["and"]' },
    });
    const at = async (version: string) =>
      (await cloud.get(`/servers/${hinted.body.server.id}`, { version })).body.server;
    expect((await at('2.97')).image).toEqual({ id: IMAGE, links: expect.any(Array) });
    expect((await at('2.98')).image).toEqual({
      id: IMAGE,
      links: expect.any(Array),
      properties: {},
    });
    expect((await at('2.100')).scheduler_hints).toEqual({ different_host: own, query: '["and"]' });
    const list = await cloud.get('/servers/detail', { version: '2.100' });
    for (const server of list.body.servers) expect(server).toHaveProperty('scheduler_hints');
  });

  it('refuse parameters that a call does not have, from 2.102 on', async () => {
    const ask = (version: string) => cloud.get(`/servers/${id}?x=1`, { version });
    expect([(await ask('2.101')).status, (await ask('2.102')).status]).toEqual([200, 400]);
    expect((await ask('2.102')).text).toContain('Additional properties are not allowed');
  });

  it('pin a server to the zone that it is in, or let it go, from 2.104 on', async () => {
    const server = await cloud.bootActive();
    const put = (zone: string | null, version = '2.104') =>
      cloud.call(
        'PUT',
        `/servers/${server}`,
        { server: { pinned_availability_zone: zone } },
        { version },
      );
    expect((await put('nova', '2.103')).status).toBe(400);
    expect((await put('nova')).body.server.pinned_availability_zone).toBe('nova');
    expect(await put('cold')).toMatchObject({
      status: 400,
      body: {
        badRequest: {
          message: `Instance ${server} can only be pinned to the availability zone that it is in: nova.`,
        },
      },
    });
    expect((await put(null)).body.server.pinned_availability_zone).toBeNull();
  });
});
