import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type NetworkCloud, networkCloud, projects } from './network-cloud.ts';

let cloud: NetworkCloud;
const as = (
  who: string | undefined,
  line: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  call(cloud.app, who, line, { headers, ...(body === undefined ? {} : { body }) });

interface Made {
  readonly id: string;
  readonly [name: string]: unknown;
}

async function make(who: string, kind: string, body: object): Promise<Made> {
  const answer = await as(who, `POST /${kind.replaceAll('_', '-')}s`, { [kind]: body });
  expect([answer.status, answer.error]).toEqual([201, { type: '', message: '' }]);
  return answer.body[kind] as unknown as Made;
}

async function names(who: string, line: string): Promise<readonly unknown[]> {
  const answer = await as(who, line);
  expect(answer.status).toBe(200);
  const [items] = Object.values(answer.body) as unknown as [readonly Made[]];
  return items.map((item) => item['name']);
}

beforeEach(() => {
  cloud = networkCloud();
});

describe('what the service tells of itself', () => {
  it('versions need no token, everything else does', async () => {
    const root = await as(undefined, 'GET /');
    expect([root.status, root.body]).toEqual([
      200,
      {
        versions: [
          {
            id: 'v2.0',
            status: 'CURRENT',
            links: [{ rel: 'self', href: 'http://cloud.test:8774/network/v2.0/' }],
          },
        ],
      },
    ]);
    const refused = await as(undefined, 'GET /networks');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toContain('Keystone uri=');
  });

  it('resources and extensions', async () => {
    const root = (await as('red', 'GET /v2.0/')).body as unknown as { resources: Made[] };
    expect(root.resources.map((each) => each['name'])).toEqual(['network', 'subnet', 'port']);
    const { extensions } = (await as('red', 'GET /extensions')).body as unknown as {
      extensions: { alias: string }[];
    };
    const aliases = extensions.map(({ alias }) => alias);
    expect(aliases).toContain('security-group');
    expect(aliases).not.toContain('vpnaas');
    for (const extension of extensions)
      expect((await as('red', `GET /extensions/${extension.alias}`)).body).toEqual({ extension });
    expect((await as('red', 'GET /extensions/vpnaas')).status).toBe(404);
  });

  it('what is not built is empty and can not be made', async () => {
    for (const kind of ['subnetpools', 'agents']) {
      expect((await as('red', `GET /${kind}`)).body).toEqual({ [kind]: [] });
      expect((await as('red', `POST /${kind}`, {})).error.type).toBe('HTTPNotFound');
    }
  });
});

describe('networks', () => {
  it('are made with every attribute; what is for administrators only they see', async () => {
    const answer = await as('red', 'POST /networks', { network: { name: 'n', description: 'd' } });
    const { id } = (answer.body as unknown as { network: Made }).network;
    const network = {
      id,
      name: 'n',
      description: 'd',
      tenant_id: projects.red,
      project_id: projects.red,
      admin_state_up: true,
      status: 'ACTIVE',
      subnets: [],
      shared: false,
      'router:external': false,
      mtu: 1500,
      port_security_enabled: true,
      tags: [],
      created_at: '2026-01-31T12:00:00Z',
      updated_at: '2026-01-31T12:00:00Z',
      revision_number: 1,
    };
    expect([answer.status, answer.body]).toEqual([201, { network }]);
    expect((await as('admin', `GET /networks/${id}`)).body).toEqual({
      network: {
        ...network,
        'provider:network_type': 'local',
        'provider:physical_network': null,
        'provider:segmentation_id': null,
      },
    });
  });

  it.each([
    [undefined, 400, 'HTTPBadRequest', 'Resource body required'],
    [{}, 400, 'HTTPBadRequest', "Unable to find 'network' in request body"],
    [{ network: [] }, 400, 'HTTPBadRequest', 'is not an object'],
    [{ networks: [] }, 400, 'HTTPBadRequest', 'Resources required'],
    [{ network: { colour: 'red' } }, 400, 'HTTPBadRequest', "Unrecognized attribute(s) 'colour'"],
    [{ network: { id: 'x' } }, 400, 'HTTPBadRequest', "Attribute 'id' not allowed in POST"],
    [
      { network: { name: 5 } },
      400,
      'HTTPBadRequest',
      "Invalid input for name. Reason: '5' is not a valid string.",
    ],
    [
      { network: { name: 'x'.repeat(256) } },
      400,
      'HTTPBadRequest',
      'exceeds maximum length of 255',
    ],
    [
      { network: { admin_state_up: 'maybe' } },
      400,
      'InvalidInput',
      "'maybe' cannot be converted to boolean",
    ],
    [{ network: { mtu: 100 } }, 400, 'InvalidInput', 'Requested MTU 100'],
    [{ network: { mtu: 'big' } }, 400, 'InvalidInput', "'big' is not an integer"],
    [{ network: { shared: true } }, 403, 'PolicyNotAuthorized', 'create_network:shared'],
    [
      { network: { 'router:external': true } },
      403,
      'PolicyNotAuthorized',
      'create_network:router:external',
    ],
    [
      { network: { 'provider:network_type': 'flat' } },
      403,
      'PolicyNotAuthorized',
      'provider:network_type',
    ],
    [
      { network: { project_id: projects.blue } },
      400,
      'HTTPBadRequest',
      'requires admin privileges',
    ],
    [
      { network: { project_id: projects.red, tenant_id: projects.blue } },
      400,
      'HTTPBadRequest',
      'do not match',
    ],
    ['{"network":', 400, 'HTTPBadRequest', 'not valid JSON'],
  ])('%j is refused with %i %s', async (body, status, type, words) => {
    const answer = await as('red', 'POST /networks', body);
    expect([answer.status, answer.error]).toEqual([
      status,
      { type, message: expect.stringContaining(words), detail: '' },
    ]);
    expect(cloud.cluster.events).toEqual([]);
  });

  it('readers make nothing', async () => {
    expect((await as('red-reader', 'POST /networks', { network: {} })).status).toBe(403);
    const { id } = await make('red', 'network', {});
    expect((await as('red-reader', `GET /networks/${id}`)).status).toBe(200);
    expect((await as('red-reader', `DELETE /networks/${id}`)).status).toBe(403);
  });

  it('several at once are all made or none', async () => {
    const both = await as('red', 'POST /networks', { networks: [{ name: 'a' }, { name: 'b' }] });
    expect(both.status).toBe(201);
    expect((both.body['networks'] as unknown as Made[]).map(({ name }) => name)).toEqual([
      'a',
      'b',
    ]);
    const bad = await as('red', 'POST /networks', { networks: [{ name: 'c' }, { name: 7 }] });
    expect(bad.status).toBe(400);
    expect(await names('red', 'GET /networks?sort_key=name')).toEqual(['a', 'b']);
  });

  it('administrators name what networks are made of', async () => {
    const flat = { 'provider:network_type': 'flat', 'provider:physical_network': 'lan' };
    const made = await make('admin', 'network', {
      ...flat,
      project_id: projects.red,
      shared: true,
    });
    expect(made).toMatchObject({ ...flat, project_id: projects.red, shared: true });
    const again = await as('admin', 'POST /networks', { network: flat });
    expect([again.status, again.error.type]).toEqual([409, 'FlatNetworkInUse']);
    for (const wrong of [
      { 'provider:network_type': 'vxlan' },
      { 'provider:network_type': 'flat' },
      { 'provider:network_type': 'local', 'provider:physical_network': 'lan' },
      { 'provider:segmentation_id': 5 },
    ])
      expect((await as('admin', 'POST /networks', { network: wrong })).error.type).toBe(
        'InvalidInput',
      );
  });

  it('are seen by their project, or by all when shared or external; others find nothing', async () => {
    const own = await make('red', 'network', { name: 'own' });
    await make('admin', 'network', { name: 'shared', shared: true });
    await make('admin', 'network', { name: 'external', 'router:external': true });
    await make('admin', 'network', { name: 'hidden' });
    expect(await names('red', 'GET /networks?sort_key=name')).toEqual([
      'external',
      'own',
      'shared',
    ]);
    expect(await names('blue', 'GET /networks?sort_key=name')).toEqual(['external', 'shared']);
    expect(await names('admin', 'GET /networks?sort_key=name')).toEqual([
      'external',
      'hidden',
      'own',
      'shared',
    ]);
    const missing = {
      type: 'NetworkNotFound',
      message: `Network ${own.id} could not be found.`,
      detail: '',
    };
    for (const line of [`GET /networks/${own.id}`, `DELETE /networks/${own.id}`])
      expect([(await as('blue', line)).status, (await as('blue', line)).error]).toEqual([
        404,
        missing,
      ]);
    expect((await as('blue', `PUT /networks/${own.id}`, { network: { name: 'x' } })).status).toBe(
      404,
    );
  });

  it('of others may be seen when shared, but not changed', async () => {
    const { id } = await make('admin', 'network', { shared: true });
    const change = await as('red', `PUT /networks/${id}`, { network: { name: 'x' } });
    expect([change.status, change.error.type]).toEqual([403, 'PolicyNotAuthorized']);
    expect((await as('red', `DELETE /networks/${id}`)).status).toBe(403);
  });

  it('change, with what may not change refused', async () => {
    const { id } = await make('red', 'network', { name: 'n' });
    cloud.clock.nowMs += 5000;
    const answer = await as('red', `PUT /networks/${id}`, {
      network: { name: 'm', description: 'new', admin_state_up: 'False', mtu: 1400 },
    });
    expect([answer.status, answer.body['network']]).toEqual([
      200,
      expect.objectContaining({
        name: 'm',
        description: 'new',
        admin_state_up: false,
        mtu: 1400,
        revision_number: 2,
        created_at: '2026-01-31T12:00:00Z',
        updated_at: '2026-01-31T12:00:05Z',
      }),
    ]);
    const put = (network: object) => as('red', `PUT /networks/${id}`, { network });
    expect((await put({ status: 'DOWN' })).error.message).toBe(
      'Cannot update read-only attribute status',
    );
    expect((await put({ tenant_id: projects.red })).status).toBe(400);
    expect((await put({ shared: true })).status).toBe(403);
    expect((await put({ colour: 1 })).error.message).toContain('Unrecognized attribute');
    expect((await put({})).body['network']).toMatchObject({ revision_number: 2 });
  });

  it('of another revision than wanted stay as they are', async () => {
    const { id } = await make('red', 'network', { name: 'n' });
    const put = (revision: number) =>
      as(
        'red',
        `PUT /networks/${id}`,
        { network: { name: 'm' } },
        { 'if-match': `revision_number=${revision}` },
      );
    expect((await put(7)).error.type).toBe('RevisionNumberConstraintFailed');
    expect((await put(7)).status).toBe(412);
    expect((await put(1)).status).toBe(200);
  });

  it('in use are not deleted; the ports are named', async () => {
    const { id } = await make('red', 'network', {});
    const port = await make('red', 'port', { network_id: id });
    const refused = await as('red', `DELETE /networks/${id}`);
    expect([refused.status, refused.error]).toEqual([
      409,
      {
        type: 'NetworkInUse',
        message: `Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports is: ${port.id}.`,
        detail: '',
      },
    ]);
    await as('red', `DELETE /ports/${port.id}`);
    const gone = await as('red', `DELETE /networks/${id}`);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await as('red', `GET /networks/${id}`)).status).toBe(404);
  });

  it('are limited by quota', async () => {
    cloud = networkCloud({ network: 1 });
    await make('red', 'network', {});
    const over = await as('red', 'POST /networks', { network: {} });
    expect([over.status, over.error]).toEqual([
      409,
      { type: 'OverQuota', message: "Quota exceeded for resources: ['network'].", detail: '' },
    ]);
    await make('blue', 'network', {});
  });
});

describe('subnets', () => {
  let networkId: string;
  beforeEach(async () => {
    networkId = (await make('red', 'network', { name: 'n' })).id;
  });
  const subnet = (body: object): Promise<Made> =>
    make('red', 'subnet', { network_id: networkId, ip_version: 4, ...body });
  const refusal = async (body: object, who = 'red'): Promise<unknown> => {
    const answer = await as(who, 'POST /subnets', { subnet: { network_id: networkId, ...body } });
    return [answer.status, answer.error.type, answer.error.message];
  };

  it('have gateway, pools and DHCP unless told otherwise', async () => {
    const made = await subnet({ cidr: '10.0.0.5/24' });
    expect(made).toEqual({
      id: made.id,
      name: '',
      description: '',
      tenant_id: projects.red,
      project_id: projects.red,
      network_id: networkId,
      ip_version: 4,
      cidr: '10.0.0.0/24',
      gateway_ip: '10.0.0.1',
      enable_dhcp: true,
      allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
      dns_nameservers: [],
      host_routes: [],
      ipv6_ra_mode: null,
      ipv6_address_mode: null,
      subnetpool_id: null,
      tags: [],
      created_at: '2026-01-31T12:00:00Z',
      updated_at: '2026-01-31T12:00:00Z',
      revision_number: 1,
    });
    expect((await as('red', `GET /networks/${networkId}`)).body['network']).toMatchObject({
      subnets: [made.id],
    });
    const other = await subnet({
      cidr: '10.0.1.0/24',
      gateway_ip: null,
      enable_dhcp: false,
      allocation_pools: [{ start: '10.0.1.10', end: '10.0.1.20' }],
      dns_nameservers: ['8.8.8.8'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.1.9' }],
    });
    expect(other).toMatchObject({
      gateway_ip: null,
      enable_dhcp: false,
      allocation_pools: [{ start: '10.0.1.10', end: '10.0.1.20' }],
      dns_nameservers: ['8.8.8.8'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.1.9' }],
    });
  });

  it('of IPv6 have modes', async () => {
    const made = await subnet({
      ip_version: 6,
      cidr: '2001:DB8:0::/64',
      ipv6_ra_mode: 'slaac',
      ipv6_address_mode: 'slaac',
    });
    expect(made).toMatchObject({
      cidr: '2001:db8::/64',
      gateway_ip: '2001:db8::',
      allocation_pools: [{ start: '2001:db8::1', end: '2001:db8::ffff:ffff:ffff:ffff' }],
      ipv6_ra_mode: 'slaac',
      ipv6_address_mode: 'slaac',
    });
    const port = await make('red', 'port', {
      network_id: networkId,
      mac_address: 'FA:16:3E:63:DD:E0',
    });
    expect(port).toMatchObject({
      mac_address: 'fa:16:3e:63:dd:e0',
      fixed_ips: [{ subnet_id: made.id, ip_address: '2001:db8::f816:3eff:fe63:dde0' }],
    });
  });

  it.each([
    [{}, 'BadRequest', 'a subnetpool must be specified in the absence of a cidr'],
    [{ cidr: '10.0.0.0' }, 'HTTPBadRequest', "'10.0.0.0' is not a valid IP subnet"],
    [{ cidr: '0.0.0.0/0' }, 'InvalidInput', '0 is not allowed as CIDR prefix length'],
    [
      { cidr: '10.0.0.0/24', ip_version: 6 },
      'InvalidInput',
      "cidr '10.0.0.0/24' does not match the ip_version '6'",
    ],
    [{ cidr: '10.0.0.0/24', ip_version: 5 }, 'HTTPBadRequest', "'5' is not in [4, 6]"],
    [{ cidr: '10.9.0.0/24' }, 'InvalidInput', 'overlaps with another subnet'],
    [{ cidr: '10.0.0.0/31' }, 'InvalidInput', 'incompatible with DHCP'],
    [{ cidr: '224.0.0.0/24' }, 'InvalidInput', 'Multicast IP subnet'],
    [{ cidr: '127.0.0.0/24' }, 'InvalidInput', 'Loopback IP subnet'],
    [{ cidr: '0.0.0.0/8' }, 'InvalidInput', "First IP '0.0.0.0'"],
    [{ cidr: '10.0.0.0/24', gateway_ip: 'x' }, 'HTTPBadRequest', "'x' is not a valid IP address"],
    [
      { cidr: '10.0.0.0/24', gateway_ip: 'fd00::1' },
      'InvalidInput',
      "gateway_ip 'fd00::1' does not match",
    ],
    [
      { cidr: '10.0.0.0/24', gateway_ip: '10.0.0.255' },
      'InvalidInput',
      'Gateway is not valid on subnet',
    ],
    [
      { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9' }] },
      'HTTPBadRequest',
      'Expected keys',
    ],
    [
      { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.5' }] },
      'InvalidAllocationPool',
      '10.0.0.9-10.0.0.5',
    ],
    [
      { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.1.5' }] },
      'OutOfBoundsAllocationPool',
      'spans beyond the subnet cidr 10.0.0.0/24',
    ],
    [{ cidr: '10.0.0.0/24', dns_nameservers: ['x'] }, 'HTTPBadRequest', 'not a valid nameserver'],
    [
      { cidr: '10.0.0.0/24', dns_nameservers: ['1.1.1.1', '1.1.1.1'] },
      'HTTPBadRequest',
      'Duplicate nameserver',
    ],
    [
      {
        cidr: '10.0.0.0/24',
        dns_nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4', '1.1.1.5', '1.1.1.6'],
      },
      'DNSNameServersExhausted',
      'exceeds the limit 5',
    ],
    [{ cidr: '10.0.0.0/24', dns_nameservers: ['fd00::1'] }, 'InvalidInput', 'dns_nameserver'],
    [
      { cidr: '10.0.0.0/24', host_routes: [{ destination: 'x', nexthop: '10.0.0.9' }] },
      'HTTPBadRequest',
      'not a valid IP subnet',
    ],
    [
      { cidr: '10.0.0.0/24', host_routes: [{ destination: '10.0.0.0/8', nexthop: 'fd00::1' }] },
      'InvalidInput',
      'nexthop',
    ],
    [
      { cidr: '10.0.0.0/24', ipv6_ra_mode: 'slaac' },
      'InvalidInput',
      'ipv6_ra_mode is not valid when ip_version is 4',
    ],
    [
      { cidr: 'fd00::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' },
      'InvalidInput',
      'they must be the same value',
    ],
    [
      { cidr: 'fd00::/64', ipv6_ra_mode: 'slaac', enable_dhcp: false },
      'InvalidInput',
      'cannot be set when enable_dhcp is set to False',
    ],
    [
      { cidr: 'fd00::/80', ipv6_address_mode: 'slaac' },
      'InvalidInput',
      'requires the prefix to be /64',
    ],
    [
      { cidr: 'fd00::/64', ipv6_ra_mode: 'magic' },
      'HTTPBadRequest',
      "magic is not in ['dhcpv6-stateful'",
    ],
    [{ cidr: '10.0.0.0/24', subnetpool_id: 'x' }, 'HTTPBadRequest', 'x is not in [None]'],
  ])('%j is refused: %s', async (body, type, words) => {
    await subnet({ cidr: '10.9.0.0/16' });
    expect(await refusal(body)).toEqual([400, type, expect.stringContaining(words)]);
  });

  it('a pool that holds the gateway, or another pool, is a conflict', async () => {
    const pools = [{ start: '10.0.0.1', end: '10.0.0.9' }];
    expect(await refusal({ cidr: '10.0.0.0/24', allocation_pools: pools })).toEqual([
      409,
      'GatewayConflictWithAllocationPools',
      'Gateway ip 10.0.0.1 conflicts with allocation pool 10.0.0.1-10.0.0.9.',
    ]);
    const two = [
      { start: '10.0.0.5', end: '10.0.0.9' },
      { start: '10.0.0.9', end: '10.0.0.11' },
    ];
    expect(await refusal({ cidr: '10.0.0.0/24', allocation_pools: two })).toEqual([
      409,
      'OverlappingAllocationPools',
      'Found overlapping allocation pools: 10.0.0.5-10.0.0.9 10.0.0.9-10.0.0.11 for subnet 10.0.0.0/24.',
    ]);
  });

  it("are made on one's own networks only", async () => {
    expect(await refusal({ cidr: '10.0.0.0/24' }, 'blue')).toEqual([
      404,
      'NetworkNotFound',
      expect.any(String),
    ]);
    const shared = await make('admin', 'network', { shared: true });
    expect(await refusal({ cidr: '10.0.0.0/24', network_id: shared.id })).toEqual([
      403,
      'PolicyNotAuthorized',
      expect.any(String),
    ]);
    expect(await refusal({ cidr: '10.0.0.0/24', network_id: 'x' })).toEqual([
      400,
      'HTTPBadRequest',
      expect.stringContaining("'x' is not a valid UUID"),
    ]);
  });

  it('change', async () => {
    const { id } = await subnet({
      cidr: '10.0.0.0/24',
      allocation_pools: [{ start: '10.0.0.10', end: '10.0.0.20' }],
    });
    const put = (body: object) => as('red', `PUT /subnets/${id}`, { subnet: body });
    const changed = await put({
      name: 'x',
      gateway_ip: '10.0.0.2',
      dns_nameservers: ['1.1.1.1'],
      host_routes: [],
      enable_dhcp: false,
      allocation_pools: [{ start: '10.0.0.30', end: '10.0.0.40' }],
    });
    expect([changed.status, changed.body['subnet']]).toEqual([
      200,
      expect.objectContaining({
        name: 'x',
        gateway_ip: '10.0.0.2',
        dns_nameservers: ['1.1.1.1'],
        enable_dhcp: false,
        allocation_pools: [{ start: '10.0.0.30', end: '10.0.0.40' }],
        revision_number: 2,
      }),
    ]);
    expect((await put({ gateway_ip: null })).body['subnet']).toMatchObject({ gateway_ip: null });
    expect((await put({ gateway_ip: '10.0.0.35' })).error.type).toBe(
      'GatewayConflictWithAllocationPools',
    );
    expect((await put({ cidr: '10.0.1.0/24' })).error.message).toBe(
      'Cannot update read-only attribute cidr',
    );
    expect((await put({ network_id: networkId })).status).toBe(400);
  });

  it('in use are not deleted', async () => {
    const { id } = await subnet({ cidr: '10.0.0.0/24' });
    const port = await make('red', 'port', { network_id: networkId });
    expect((await as('red', `DELETE /subnets/${id}`)).error).toEqual({
      type: 'SubnetInUse',
      message: `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
      detail: '',
    });
    await as('red', `DELETE /ports/${port.id}`);
    expect((await as('red', `DELETE /subnets/${id}`)).status).toBe(204);
    expect((await as('red', `GET /subnets/${id}`)).error.type).toBe('SubnetNotFound');
  });

  it('of an external network are for its owner', async () => {
    const external = await make('admin', 'network', { 'router:external': true });
    const made = await make('admin', 'subnet', {
      network_id: external.id,
      cidr: '172.24.4.0/24',
      enable_dhcp: false,
    });
    expect((await as('red', `GET /subnets/${made.id}`)).status).toBe(404);
    expect((await as('red', `GET /subnets?network_id=${external.id}`)).body).toEqual({
      subnets: [],
    });
  });

  it('several at once are all made or none', async () => {
    const both = [
      { network_id: networkId, cidr: '10.0.0.0/24' },
      { network_id: networkId, cidr: '10.0.0.128/25' },
    ];
    expect((await as('red', 'POST /subnets', { subnets: both })).status).toBe(400);
    expect((await as('red', 'GET /subnets')).body).toEqual({ subnets: [] });
  });
});
