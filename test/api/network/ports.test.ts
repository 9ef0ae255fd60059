import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type NetworkCloud, networkCloud, projects } from './network-cloud.ts';

let cloud: NetworkCloud;
let own: string;
let ownSubnet: string;
let shared: string;
let sharedSubnet: string;

const as = (who: string, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });

interface Made {
  readonly id: string;
  readonly [name: string]: unknown;
}

async function make(who: string, kind: string, body: object): Promise<Made> {
  const answer = await as(who, `POST /${kind.replaceAll('_', '-')}s`, { [kind]: body });
  expect([answer.status, answer.error]).toEqual([201, { type: '', message: '' }]);
  return answer.body[kind] as unknown as Made;
}

async function refusal(who: string, body: object, line = 'POST /ports'): Promise<unknown> {
  const { status, error } = await as(who, line, { port: body });
  return [status, error.type, error.message];
}

beforeEach(async () => {
  cloud = networkCloud();
  own = (await make('red', 'network', { name: 'own' })).id;
  ownSubnet = (await make('red', 'subnet', { network_id: own, cidr: '10.0.0.0/24' })).id;
  shared = (await make('admin', 'network', { name: 'shared', shared: true })).id;
  sharedSubnet = (await make('admin', 'subnet', { network_id: shared, cidr: '10.1.0.0/24' })).id;
});

describe('new ports', () => {
  it('have an address, a MAC and the default security group', async () => {
    const port = await make('red', 'port', { network_id: own, name: 'p' });
    const groups = (await as('red', 'GET /security-groups')).body as unknown as {
      security_groups: Made[];
    };
    const [group] = groups.security_groups;
    const shown = {
      id: port.id,
      name: 'p',
      description: '',
      tenant_id: projects.red,
      project_id: projects.red,
      network_id: own,
      admin_state_up: true,
      status: 'DOWN',
      mac_address: expect.stringMatching(/^fa:16:3e(:[0-9a-f]{2}){3}$/),
      fixed_ips: [{ subnet_id: ownSubnet, ip_address: '10.0.0.2' }],
      device_id: '',
      device_owner: '',
      security_groups: [group?.id],
      port_security_enabled: true,
      allowed_address_pairs: [],
      'binding:vnic_type': 'normal',
      tags: [],
      created_at: '2026-01-31T12:00:00Z',
      updated_at: '2026-01-31T12:00:00Z',
      revision_number: 1,
    };
    expect(port).toEqual(shown);
    expect((await as('admin', `GET /ports/${port.id}`)).body).toEqual({
      port: {
        ...shown,
        'binding:host_id': '',
        'binding:profile': {},
        'binding:vif_type': 'unbound',
        'binding:vif_details': {},
      },
    });
  });

  it('take what an owner of the network says', async () => {
    const group = await make('red', 'security_group', { name: 'g' });
    const port = await make('red', 'port', {
      network_id: own,
      mac_address: 'FA:16:3E:00:00:01',
      fixed_ips: [{ ip_address: '10.0.0.9' }, { subnet_id: ownSubnet }],
      security_groups: [group.id],
      device_id: 'd',
      device_owner: 'network:mine',
      allowed_address_pairs: [
        { ip_address: '10.0.0.0/24' },
        { ip_address: '10.0.0.7', mac_address: 'FA:16:3E:00:00:02' },
      ],
      admin_state_up: false,
    });
    expect(port).toMatchObject({
      mac_address: 'fa:16:3e:00:00:01',
      fixed_ips: [{ ip_address: '10.0.0.9' }, { ip_address: '10.0.0.2' }],
      security_groups: [group.id],
      device_id: 'd',
      device_owner: 'network:mine',
      allowed_address_pairs: [
        { ip_address: '10.0.0.0/24', mac_address: 'fa:16:3e:00:00:01' },
        { ip_address: '10.0.0.7', mac_address: 'fa:16:3e:00:00:02' },
      ],
      admin_state_up: false,
    });
    const bare = await make('red', 'port', { network_id: own, security_groups: [], fixed_ips: [] });
    expect(bare).toMatchObject({ security_groups: [], fixed_ips: [] });
  });

  it.each([
    [{}, 400, 'HTTPBadRequest', "Required attribute 'network_id' not specified"],
    [{ network_id: 'x' }, 404, 'NetworkNotFound', 'Network x could not be found.'],
    [{ fixed_ips: 'x' }, 400, 'HTTPBadRequest', "Invalid data format for fixed IP: 'x'"],
    [{ fixed_ips: [{ colour: 'x' }] }, 400, 'HTTPBadRequest', 'Expected keys'],
    [{ fixed_ips: [{ ip_address: 'x' }] }, 400, 'HTTPBadRequest', "'x' is not a valid IP address"],
    [
      { fixed_ips: [{ ip_address: '10.0.0.1' }] },
      409,
      'IpAddressAlreadyAllocated',
      'IP address 10.0.0.1 already allocated in subnet',
    ],
    [
      { fixed_ips: [{ ip_address: '10.9.0.1' }] },
      400,
      'InvalidIpForNetwork',
      'IP address 10.9.0.1 is not a valid IP for any of the subnets on the specified network.',
    ],
    [
      { fixed_ips: [{ subnet_id: '11111111-1111-4111-8111-111111111111' }] },
      404,
      'SubnetNotFound',
      'could not be found',
    ],
    [{ mac_address: 'x' }, 400, 'HTTPBadRequest', "'x' is not a valid MAC address"],
    [{ security_groups: ['x'] }, 400, 'HTTPBadRequest', "'x' is not a valid UUID"],
    [
      { security_groups: ['11111111-1111-4111-8111-111111111111'] },
      404,
      'SecurityGroupNotFound',
      'does not exist',
    ],
    [{ 'binding:host_id': 'h' }, 403, 'PolicyNotAuthorized', 'create_port:binding:host_id'],
    [{ 'binding:profile': {} }, 403, 'PolicyNotAuthorized', 'create_port:binding:profile'],
    [{ 'binding:vnic_type': 'odd' }, 400, 'HTTPBadRequest', 'odd is not in'],
    [
      { allowed_address_pairs: [{ mac_address: 'fa:16:3e:00:00:01' }] },
      400,
      'HTTPBadRequest',
      'Expected keys',
    ],
    [{ status: 'ACTIVE' }, 400, 'HTTPBadRequest', "Attribute 'status' not allowed in POST"],
  ])('%j is refused with %i %s', async (body, status, type, words) => {
    const wanted = Object.keys(body).length === 0 ? {} : { network_id: own, ...body };
    expect(await refusal('red', wanted)).toEqual([status, type, expect.stringContaining(words)]);
  });

  it('an address or a MAC is had once', async () => {
    await make('red', 'port', {
      network_id: own,
      mac_address: 'fa:16:3e:00:00:01',
      fixed_ips: [{ ip_address: '10.0.0.9' }],
    });
    const address = {
      network_id: own,
      fixed_ips: [{ subnet_id: ownSubnet, ip_address: '10.0.0.9' }],
    };
    expect(await refusal('red', address)).toEqual([
      409,
      'IpAddressAlreadyAllocated',
      `IP address 10.0.0.9 already allocated in subnet ${ownSubnet}`,
    ]);
    expect(await refusal('red', { network_id: own, mac_address: 'fa:16:3e:00:00:01' })).toEqual([
      409,
      'MacAddressInUse',
      `Unable to complete operation for network ${own}. The mac address fa:16:3e:00:00:01 is in use.`,
    ]);
  });

  it('a subnet of another network is refused', async () => {
    expect(
      await refusal('red', { network_id: own, fixed_ips: [{ subnet_id: sharedSubnet }] }),
    ).toEqual([
      400,
      'InvalidInput',
      `Invalid input for operation: Failed to create port on network ${own}, because fixed_ips included invalid subnet ${sharedSubnet}.`,
    ]);
  });

  it('without port security there are no security groups', async () => {
    const port = await make('red', 'port', { network_id: own, port_security_enabled: false });
    expect(port).toMatchObject({ security_groups: [], port_security_enabled: false });
    const group = await make('red', 'security_group', { name: 'g' });
    const both = { network_id: own, port_security_enabled: false, security_groups: [group.id] };
    expect(await refusal('red', both)).toEqual([
      409,
      'PortSecurityAndIPRequiredForSecurityGroups',
      expect.any(String),
    ]);
  });

  it('no more than the quota, no more than there are addresses', async () => {
    cloud = networkCloud({ port: 2 });
    const network = (await make('red', 'network', {})).id;
    await make('red', 'subnet', { network_id: network, cidr: '10.0.0.0/30' });
    await make('red', 'port', { network_id: network });
    expect(await refusal('red', { network_id: network })).toEqual([
      409,
      'IpAddressGenerationFailure',
      `No more IP addresses available on network ${network}.`,
    ]);
    await make('red', 'port', { network_id: network, fixed_ips: [] });
    expect(await refusal('red', { network_id: network, fixed_ips: [] })).toEqual([
      409,
      'OverQuota',
      "Quota exceeded for resources: ['port'].",
    ]);
  });
});

describe("ports on others' networks", () => {
  it('on a shared network are made, but say little', async () => {
    const port = await make('red', 'port', {
      network_id: shared,
      fixed_ips: [{ subnet_id: sharedSubnet }],
    });
    expect(port).toMatchObject({ fixed_ips: [{ ip_address: '10.1.0.2' }] });
    for (const [body, rule] of [
      [{ mac_address: 'fa:16:3e:00:00:01' }, 'create_port:mac_address'],
      [{ fixed_ips: [{ ip_address: '10.1.0.9' }] }, 'create_port:fixed_ips:ip_address'],
      [{ port_security_enabled: false }, 'create_port:port_security_enabled'],
      [{ allowed_address_pairs: [] }, 'create_port:allowed_address_pairs'],
      [{ device_owner: 'network:dhcp' }, 'create_port:device_owner'],
    ] as const)
      expect(await refusal('red', { network_id: shared, ...body })).toEqual([
        403,
        'PolicyNotAuthorized',
        `rule:${rule} is disallowed by policy`,
      ]);
    const line = `PUT /ports/${port.id}`;
    expect(await refusal('red', { mac_address: 'fa:16:3e:00:00:01' }, line)).toMatchObject([
      403,
      'PolicyNotAuthorized',
      expect.any(String),
    ]);
  });

  it('on networks that are not seen, or external ones, are refused', async () => {
    expect(await refusal('blue', { network_id: own })).toMatchObject([
      404,
      'NetworkNotFound',
      expect.any(String),
    ]);
    const external = await make('admin', 'network', { 'router:external': true });
    expect(await refusal('red', { network_id: external.id })).toMatchObject([
      403,
      'PolicyNotAuthorized',
      expect.any(String),
    ]);
  });

  it('are seen by their project and by the owner of the network', async () => {
    const port = await make('red', 'port', { network_id: shared });
    expect((await as('red', `GET /ports/${port.id}`)).status).toBe(200);
    expect((await as('admin', `GET /ports/${port.id}`)).status).toBe(200);
    const hidden = await as('blue', `GET /ports/${port.id}`);
    expect([hidden.status, hidden.error.type]).toEqual([404, 'PortNotFound']);
    expect((await as('blue', `DELETE /ports/${port.id}`)).status).toBe(404);
    expect((await as('blue', 'GET /ports')).body).toEqual({ ports: [] });
  });
});

describe('changes', () => {
  it('of names, devices, addresses and groups', async () => {
    const { id } = await make('red', 'port', { network_id: own });
    const group = await make('red', 'security_group', { name: 'g' });
    cloud.clock.nowMs += 9000;
    const answer = await as('red', `PUT /ports/${id}`, {
      port: {
        name: 'x',
        description: 'd',
        device_id: 'dev',
        device_owner: 'compute:x',
        admin_state_up: false,
        fixed_ips: [{ ip_address: '10.0.0.50' }],
        mac_address: 'fa:16:3e:00:00:77',
        security_groups: [group.id],
        allowed_address_pairs: [{ ip_address: '10.0.0.8' }],
      },
    });
    expect([answer.status, answer.body['port']]).toEqual([
      200,
      expect.objectContaining({
        name: 'x',
        description: 'd',
        device_id: 'dev',
        device_owner: 'compute:x',
        admin_state_up: false,
        fixed_ips: [{ subnet_id: ownSubnet, ip_address: '10.0.0.50' }],
        mac_address: 'fa:16:3e:00:00:77',
        security_groups: [group.id],
        revision_number: 2,
        updated_at: '2026-01-31T12:00:09Z',
      }),
    ]);
    const next = await make('red', 'port', { network_id: own });
    expect(next).toMatchObject({ fixed_ips: [{ ip_address: '10.0.0.2' }] });
    expect((await as('red', `PUT /ports/${id}`, { port: {} })).body['port']).toMatchObject({
      revision_number: 2,
    });
    const none = await as('red', `PUT /ports/${id}`, {
      port: { port_security_enabled: false, security_groups: null },
    });
    expect(none.body['port']).toMatchObject({ port_security_enabled: false, security_groups: [] });
  });

  it('administrators bind', async () => {
    const { id } = await make('red', 'port', { network_id: own });
    const bound = await as('admin', `PUT /ports/${id}`, {
      port: { 'binding:host_id': 'h1', 'binding:profile': { a: 1 } },
    });
    expect(bound.body['port']).toMatchObject({
      status: 'ACTIVE',
      'binding:host_id': 'h1',
      'binding:profile': { a: 1 },
      'binding:vif_type': 'bridge',
      'binding:vif_details': {
        connectivity: 'l2',
        port_filter: false,
        bridge_name: `kbr${own.slice(0, 11)}`,
      },
    });
    const mac = { mac_address: 'fa:16:3e:00:00:01' };
    expect(await refusal('red', mac, `PUT /ports/${id}`)).toMatchObject([
      409,
      'PortBound',
      expect.any(String),
    ]);
    expect(await refusal('red', { 'binding:host_id': 'h2' }, `PUT /ports/${id}`)).toMatchObject([
      403,
      'PolicyNotAuthorized',
      expect.any(String),
    ]);
    expect(await refusal('red', { network_id: own }, `PUT /ports/${id}`)).toEqual([
      400,
      'HTTPBadRequest',
      'Cannot update read-only attribute network_id',
    ]);
  });

  it('a deleted port is gone, and its address free', async () => {
    const { id } = await make('red', 'port', { network_id: own });
    expect((await as('red-reader', `DELETE /ports/${id}`)).status).toBe(403);
    const answer = await as('red', `DELETE /ports/${id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await as('red', `DELETE /ports/${id}`)).error.type).toBe('PortNotFound');
    expect(await make('red', 'port', { network_id: own })).toMatchObject({
      fixed_ips: [{ ip_address: '10.0.0.2' }],
    });
  });

  it('several at once are all made or none', async () => {
    const both = await as('red', 'POST /ports', {
      ports: [{ network_id: own }, { network_id: shared }],
    });
    expect([both.status, (both.body['ports'] as unknown as Made[]).length]).toEqual([201, 2]);
    const clash = { network_id: own, fixed_ips: [{ ip_address: '10.0.0.9' }] };
    expect((await as('red', 'POST /ports', { ports: [clash, clash] })).status).toBe(409);
    expect((await as('red', 'GET /ports')).body['ports']).toHaveLength(2);
  });
});

describe('lists', () => {
  let ids: readonly string[];
  beforeEach(async () => {
    const made: string[] = [];
    for (const [name, deviceId] of [
      ['a', 'd1'],
      ['b', 'd2'],
      ['c', ''],
    ] as const)
      made.push((await make('red', 'port', { network_id: own, name, device_id: deviceId })).id);
    made.push(
      (await make('red', 'port', { network_id: shared, name: 'd', admin_state_up: false })).id,
    );
    ids = made;
  });
  const names = async (query: string, who = 'red'): Promise<readonly unknown[]> => {
    const answer = await as(who, `GET /ports${query}`);
    expect([answer.status, answer.error.message]).toEqual([200, '']);
    return (answer.body['ports'] as unknown as Made[]).map((port) => port['name']);
  };

  it.each([
    ['?name=a', ['a']],
    ['?name=a&name=c', ['a', 'c']],
    ['?device_id=d1', ['a']],
    ['?device_id=', ['c', 'd']],
    ['?device_id=d1&name=b', []],
    ['?admin_state_up=false', ['d']],
    ['?admin_state_up=True', ['a', 'b', 'c']],
    ['?fixed_ips=ip_address%3D10.0.0.3', ['b']],
    ['?fixed_ips=ip_address%3D10.0.0.3&fixed_ips=ip_address%3D10.0.0.4', ['b', 'c']],
    ['?fixed_ips=ip_address_substr%3D10.1', ['d']],
    ['?status=DOWN', ['a', 'b', 'c', 'd']],
    ['?revision_number=1', ['a', 'b', 'c', 'd']],
    [`?project_id=${projects.red}`, ['a', 'b', 'c', 'd']],
    [`?tenant_id=${projects.blue}`, []],
    ['?name=', []],
  ])('%s gives %j', async (query, expected) => {
    const sorted = `${query}&sort_key=name`;
    expect(await names(sorted)).toEqual(expected);
  });

  it('by network, subnet, id and group', async () => {
    expect(await names(`?network_id=${shared}`)).toEqual(['d']);
    expect(await names(`?fixed_ips=subnet_id%3D${sharedSubnet}`)).toEqual(['d']);
    expect(await names(`?id=${ids[1]}`)).toEqual(['b']);
    expect(await names(`?id=${ids[1]}&id=nothing`)).toEqual(['b']);
    const { body } = await as('red', 'GET /security-groups?name=default');
    const [group] = body['security_groups'] as unknown as Made[];
    expect(await names(`?security_groups=${group?.id}&sort_key=name`)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  it('by tags', async () => {
    await as('red', `PUT /ports/${ids[0]}/tags`, { tags: ['x', 'y'] });
    await as('red', `PUT /ports/${ids[1]}/tags`, { tags: ['x'] });
    expect(await names('?tags=x,y')).toEqual(['a']);
    expect(await names('?tags-any=x,y&sort_key=name')).toEqual(['a', 'b']);
    expect(await names('?not-tags=x,y&sort_key=name')).toEqual(['b', 'c', 'd']);
    expect(await names('?not-tags-any=x,y&sort_key=name')).toEqual(['c', 'd']);
  });

  it('sorted and in pages, forwards and backwards', async () => {
    expect(
      await names('?sort_key=admin_state_up&sort_key=name&sort_dir=asc&sort_dir=desc'),
    ).toEqual(['d', 'c', 'b', 'a']);
    const first = await as('red', 'GET /ports?limit=2&sort_key=name&sort_dir=asc');
    expect(first.body['ports']).toMatchObject([{ name: 'a' }, { name: 'b' }]);
    const links = first.body['ports_links'] as unknown as { rel: string; href: string }[];
    expect(links.map(({ rel }) => rel)).toEqual(['next', 'previous']);
    expect(links[0]?.href).toBe(
      `http://cloud.test:8774/network/v2.0/ports?limit=2&sort_key=name&sort_dir=asc&marker=${ids[1]}`,
    );
    const second = await as('red', `GET ${String(links[0]?.href).split('/network/v2.0')[1]}`);
    expect(second.body['ports']).toMatchObject([{ name: 'c' }, { name: 'd' }]);
    expect(
      await names(`?limit=2&sort_key=name&sort_dir=asc&marker=${ids[2]}&page_reverse=True`),
    ).toEqual(['a', 'b']);
    const last = await as('red', `GET /ports?limit=9&sort_key=name&sort_dir=asc&marker=${ids[2]}`);
    expect(last.body).toMatchObject({ ports: [{ name: 'd' }], ports_links: [{ rel: 'previous' }] });
  });

  it('with the fields asked for, on lists and single ones', async () => {
    const answer = await as('red', 'GET /ports?fields=id&fields=name&name=a');
    expect(answer.body).toEqual({ ports: [{ id: ids[0], name: 'a' }] });
    expect((await as('red', `GET /ports/${ids[0]}?fields=name`)).body).toEqual({
      port: { name: 'a' },
    });
    expect((await as('red', `GET /ports/${ids[0]}?fields=binding:host_id`)).body).toEqual({
      port: {},
    });
  });

  it.each([
    ['?colour=red', "['colour'] is invalid attribute for filtering"],
    ['?admin_state_up=maybe', "'maybe' cannot be converted to boolean"],
    ['?fixed_ips=x', 'is not of the form <key>=[value]'],
    ['?limit=-1', "Limit must be an integer 0 or greater and not '-1'"],
    ['?limit=x', 'Limit must be an integer'],
    ['?sort_key=colour&sort_dir=asc', "['colour'] is invalid attribute for sort keys"],
    ['?sort_key=name&sort_dir=up', "sort_dir must be 'asc' or 'desc'"],
    [
      '?sort_key=name&sort_key=id&sort_dir=asc',
      'The number of sort_keys and sort_dirs must be same',
    ],
  ])('%s is refused', async (query, words) => {
    const answer = await as('red', `GET /ports${query}`);
    expect([answer.status, answer.error.message]).toEqual([400, expect.stringContaining(words)]);
  });

  it('an unknown marker is not found', async () => {
    const answer = await as('red', 'GET /ports?limit=1&marker=x');
    expect([answer.status, answer.error.type]).toEqual([404, 'PortNotFound']);
  });
});
