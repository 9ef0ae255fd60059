// The network calls that compute had until 2.35, through every layer: networks, groups, floating addresses of a server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
let serverId = '';
let network = { id: '', name: 'own' };
const WITHIN_MS = 10_000;

const ask = (method: string, path: string, body?: unknown, version = '2.1') =>
  cloud.demo.call(method, `/compute/v2.1${path}`, body, version);
const bodyOf = async (...args: Parameters<typeof ask>) => (await ask(...args)).body as never;

beforeAll(async () => {
  cloud = await WholeCloud.start();
  const { admin, demo } = cloud;
  const make = async (who: typeof admin, name: string, fields: object) => {
    const path = `/network/v2.0/${name}s`;
    const made = await who.ask<Record<string, { id: string }>>('POST', path, { [name]: fields });
    return made[name]?.id ?? '';
  };
  const outside = await make(admin, 'network', { name: 'public', 'router:external': true });
  const subnet = { ip_version: 4, cidr: '203.0.113.0/24' };
  await make(admin, 'subnet', { ...subnet, network_id: outside });
  network = { id: await make(demo, 'network', { name: 'own' }), name: 'own' };
  const inside = { ip_version: 4, cidr: '10.77.0.0/24', network_id: network.id };
  const subnetId = await make(demo, 'subnet', inside);
  const routerId = await make(demo, 'router', { external_gateway_info: { network_id: outside } });
  const path = `/network/v2.0/routers/${routerId}/add_router_interface`;
  await demo.ask('PUT', path, { subnet_id: subnetId });
  const { images } = await demo.get<{ images: { id: string }[] }>('/image/v2/images');
  const { server } = await demo.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
    server: {
      name: 'vm',
      imageRef: images[0]?.id,
      flavorRef: '1',
      networks: [{ uuid: network.id }],
    },
  });
  serverId = server.id;
  await restingServers(demo, WITHIN_MS);
});

afterAll(async () => {
  await cloud?.stop();
});

describe('networks', () => {
  it('are told by id and label', async () => {
    const { networks } = await bodyOf('GET', '/os-tenant-networks');
    expect(networks).toContainEqual({ id: network.id, cidr: 'None', label: 'own' });
    const one = { network: expect.objectContaining({ id: network.id, label: 'own', cidr: null }) };
    expect(await bodyOf('GET', `/os-networks/${network.id}`)).toEqual(one);
    expect(await ask('GET', '/os-networks/none')).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: 'Network not found' } },
    });
    expect((await ask('GET', '/os-networks', undefined, '2.36')).status).toBe(404);
  });
});

describe('floating addresses', () => {
  it('are taken from a pool, given to a server, and given back', async () => {
    expect(await bodyOf('GET', '/os-floating-ip-pools')).toEqual({
      floating_ip_pools: [{ name: 'public' }],
    });
    const made = await ask('POST', '/os-floating-ips', { pool: 'public' });
    const { floating_ip: floating } = made.body as { floating_ip: { id: string; ip: string } };
    expect([made.status, floating]).toEqual([
      200,
      { id: floating.id, ip: '203.0.113.3', pool: 'public', fixed_ip: null, instance_id: null },
    ]);
    const act = (action: object) => ask('POST', `/servers/${serverId}/action`, action);
    expect((await act({ addFloatingIp: { address: floating.ip } })).status).toBe(202);
    const given = { ...floating, fixed_ip: '10.77.0.2', instance_id: serverId };
    expect(await bodyOf('GET', '/os-floating-ips')).toEqual({ floating_ips: [given] });
    const addresses = async () => {
      const { servers } = await bodyOf('GET', '/servers/detail');
      const [{ addresses: shown }] = servers as [{ addresses: { own: object[] } }];
      return shown.own.map((each) => Object.values(each).slice(0, 3));
    };
    const fixed = [4, '10.77.0.2', 'fixed'];
    expect(await addresses()).toEqual([fixed, [4, floating.ip, 'floating']]);
    expect(await bodyOf('GET', `/servers/${serverId}/ips`)).toEqual({
      addresses: {
        own: [
          { version: 4, addr: '10.77.0.2' },
          { version: 4, addr: floating.ip },
        ],
      },
    });
    expect((await act({ removeFloatingIp: { address: floating.ip } })).status).toBe(202);
    expect(await act({ removeFloatingIp: { address: floating.ip } })).toMatchObject({
      status: 409,
    });
    expect(await addresses()).toEqual([fixed]);
    expect((await ask('DELETE', `/os-floating-ips/${floating.id}`)).status).toBe(202);
    expect((await ask('GET', `/os-floating-ips/${floating.id}`)).status).toBe(404);
    expect(await act({ addFloatingIp: { address: floating.ip } })).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: 'floating IP not found' } },
    });
  });

  it('of a pool that is not there are not', async () => {
    expect(await ask('POST', '/os-floating-ips', { pool: 'none' })).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: 'Floating IP pool not found.' } },
    });
  });
});

describe('security groups', () => {
  it('are made, changed and removed, with their incoming rules', async () => {
    const group = { name: 'web', description: 'servers' };
    const made = await ask('POST', '/os-security-groups', { security_group: group });
    const { id } = (made.body as { security_group: { id: string } }).security_group;
    expect([made.status, made.body]).toMatchObject([
      200,
      { security_group: { ...group, rules: [] } },
    ]);
    const rule = { ip_protocol: 'tcp', from_port: 80, to_port: 80, cidr: '10.0.0.0/8' };
    const post = (more: object) =>
      ask('POST', '/os-security-group-rules', {
        security_group_rule: { parent_group_id: id, ...rule, ...more },
      });
    const added = await post({});
    expect(added).toMatchObject({
      status: 200,
      body: {
        security_group_rule: {
          parent_group_id: id,
          ip_protocol: 'tcp',
          from_port: 80,
          to_port: 80,
          group: {},
          ip_range: { cidr: '10.0.0.0/8' },
        },
      },
    });
    expect((await post({})).status).toBe(400);
    expect((await post({ group_id: id, from_port: 443, to_port: 443 })).body).toMatchObject({
      security_group_rule: { group: { name: 'web' }, ip_range: {} },
    });
    const wrong: readonly (readonly [object, string])[] = [
      [{ cidr: 'x' }, 'Invalid cidr x.'],
      [{ ip_protocol: 'gre' }, 'Invalid IP protocol gre.'],
      [
        { from_port: 90 },
        'Invalid port range 90:80. Former value cannot be greater than the later',
      ],
      [{ from_port: 0 }, 'Invalid port range 0:80. Valid TCP ports should be between 1-65535'],
      [{ ip_protocol: null }, 'Not enough parameters to build a valid rule.'],
    ];
    for (const [more, message] of wrong)
      expect((await post(more)).body).toEqual({ badRequest: { code: 400, message } });
    const changed = { security_group: { name: 'www', description: 'more' } };
    expect(await ask('PUT', `/os-security-groups/${id}`, changed)).toMatchObject({
      status: 200,
      body: changed,
    });
    const ruleId = (added.body as { security_group_rule: { id: string } }).security_group_rule.id;
    expect((await ask('DELETE', `/os-security-group-rules/${ruleId}`)).status).toBe(202);
    expect((await ask('DELETE', `/os-security-group-rules/${ruleId}`)).status).toBe(404);
    expect((await ask('DELETE', `/os-security-groups/${id}`)).status).toBe(202);
    expect((await ask('GET', `/os-security-groups/${id}`)).status).toBe(404);
    expect((await ask('GET', '/os-security-groups/none')).body).toEqual({
      badRequest: { code: 400, message: 'Security group id should be uuid' },
    });
  });

  it('lose their rules for a group with that group; spaces of names stay', async () => {
    const make = async (name: string) => {
      const fields = { security_group: { name, description: 'x' } };
      const { body } = await ask('POST', '/os-security-groups', fields);
      return (body as { security_group: { id: string; name: string } }).security_group;
    };
    const [group, peer] = [await make(' a '), await make('peer')];
    expect(group.name).toBe(' a ');
    const rule = { parent_group_id: group.id, ip_protocol: 'tcp', from_port: 1, to_port: 2 };
    await ask('POST', '/os-security-group-rules', {
      security_group_rule: { ...rule, group_id: peer.id },
    });
    const rules = async () => {
      const { security_group: shown } = await bodyOf('GET', `/os-security-groups/${group.id}`);
      return (shown as { rules: object[] }).rules.length;
    };
    expect(await rules()).toBe(1);
    await ask('DELETE', `/os-security-groups/${peer.id}`);
    expect(await rules()).toBe(0);
    await ask('DELETE', `/os-security-groups/${group.id}`);
  });

  it('of all projects are listed for administrators who ask for them', async () => {
    const names = async (who: typeof cloud.admin, query: string) => {
      const reply = await who.call(
        'GET',
        `/compute/v2.1/os-security-groups${query}`,
        undefined,
        '2.1',
      );
      const { security_groups: groups } = reply.body as {
        security_groups: { tenant_id: string }[];
      };
      return new Set(groups.map((group) => group.tenant_id)).size;
    };
    expect(await names(cloud.admin, '?all_tenants=true')).toBeGreaterThan(1);
    expect(await names(cloud.admin, '')).toBe(1);
    expect(await names(cloud.demo, '?all_tenants=true')).toBe(1);
  });

  it('have names, and the default one is there', async () => {
    const { security_groups: groups } = await bodyOf('GET', '/os-security-groups');
    expect((groups as { name: string }[]).map(({ name }) => name)).toEqual(['default']);
    const post = (fields: object) => ask('POST', '/os-security-groups', { security_group: fields });
    expect((await post({ name: ' ', description: 'x' })).body).toEqual({
      badRequest: { code: 400, message: 'Security group name cannot be empty.' },
    });
    expect((await post({ name: 'x'.repeat(256), description: 'x' })).status).toBe(400);
    expect((await post({ name: 'x' })).status).toBe(400);
  });
});
