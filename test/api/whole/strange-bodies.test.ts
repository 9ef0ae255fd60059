// Any body, to any service: the answer is a reply of that service, never a 5xx, and a refusal changes nothing.
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceName } from './envelopes.ts';
import { bent, broken, jsonText, strangePath, strangeQuery, value } from './strange-input.ts';
import { WatchedCloud } from './watched-cloud.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_121);
const runs = (numRuns: number) => ({ seed, numRuns });

let cloud: WatchedCloud;
const ids: Record<string, string> = {};

beforeAll(async () => {
  cloud = await WatchedCloud.start();
  const { admin, demo } = cloud.cloud;
  type Made = Readonly<Record<string, { readonly id: string; readonly uuid?: string }>>;
  const make = async (path: string, body: object): Promise<string> =>
    Object.values(await admin.ask<Made>('POST', path, body))[0]?.id ?? '';
  const { images } = await admin.get<{ images: { id: string }[] }>('/image/v2/images');
  const { networks } = await admin.get<{ networks: { id: string }[] }>('/network/v2.0/networks');
  ids['image'] = images[0]?.id ?? '';
  ids['network'] = networks[0]?.id ?? '';
  ids['user'] = await make('/identity/v3/users', { user: { name: 'victim' } });
  ids['project'] = await make('/identity/v3/projects', { project: { name: 'victim' } });
  ids['role'] = await make('/identity/v3/roles', { role: { name: 'victim' } });
  ids['ownNetwork'] = await make('/network/v2.0/networks', { network: { name: 'victim' } });
  ids['subnet'] = await make('/network/v2.0/subnets', {
    subnet: { network_id: ids['ownNetwork'], ip_version: 4, cidr: '10.200.0.0/24' },
  });
  ids['port'] = await make('/network/v2.0/ports', { port: { network_id: ids['ownNetwork'] } });
  ids['group'] = await make('/network/v2.0/security-groups', {
    security_group: { name: 'victim' },
  });
  const queued = await admin.ask<{ id: string }>('POST', '/image/v2/images', {
    name: 'queued',
    disk_format: 'raw',
    container_format: 'bare',
  });
  ids['queued'] = queued.id;
  const created = await demo.ask<{ server: { id: string } }>('POST', '/compute/v2.1/servers', {
    server: {
      name: 's',
      imageRef: ids['image'],
      flavorRef: '1',
      networks: [{ uuid: ids['network'] }],
    },
  });
  ids['server'] = created.server.id;
  await cloud.settle();
});

afterAll(async () => {
  await cloud?.stop();
});

interface Target {
  readonly service: ServiceName;
  readonly line: () => string;
  /** The name around the fields; undefined if they stand at the top. */
  readonly member: string | undefined;
  readonly usual: () => object;
  readonly others?: readonly string[];
  readonly as?: 'demo';
}

const words = (text: string): readonly string[] => text.split(' ');

const compute: readonly Target[] = [
  {
    service: 'compute',
    line: () => 'POST /compute/v2.1/servers',
    member: 'server',
    usual: () => ({
      name: 'vm',
      imageRef: ids['image'],
      flavorRef: '1',
      networks: [{ uuid: ids['network'] }],
    }),
    others: words(
      'adminPass metadata OS-DCF:diskConfig accessIPv4 accessIPv6 availability_zone config_drive key_name min_count max_count security_groups user_data description tags host hostname block_device_mapping_v2 personality',
    ),
    as: 'demo',
  },
  {
    service: 'compute',
    line: () => `PUT /compute/v2.1/servers/${ids['server']}`,
    member: 'server',
    usual: () => ({ name: 'vm' }),
    others: words('accessIPv4 accessIPv6 OS-DCF:diskConfig description hostname'),
    as: 'demo',
  },
  {
    service: 'compute',
    line: () => `POST /compute/v2.1/servers/${ids['server']}/action`,
    member: undefined,
    usual: () => ({}),
    others: words(
      'reboot lock unlock os-getConsoleOutput os-stop os-start pause unpause suspend resume resize rebuild createImage os-resetState addSecurityGroup changePassword',
    ),
    as: 'demo',
  },
  {
    service: 'compute',
    line: () => `POST /compute/v2.1/servers/${ids['server']}/metadata`,
    member: 'metadata',
    usual: () => ({ a: 'b' }),
    as: 'demo',
  },
  {
    service: 'compute',
    line: () => `PUT /compute/v2.1/servers/${ids['server']}/tags`,
    member: undefined,
    usual: () => ({ tags: ['a'] }),
    as: 'demo',
  },
  {
    service: 'compute',
    line: () => 'POST /compute/v2.1/os-keypairs',
    member: 'keypair',
    usual: () => ({ name: 'k', public_key: 'ssh-ed25519 AAAA' }),
    others: words('type user_id'),
  },
  {
    service: 'compute',
    line: () => 'POST /compute/v2.1/flavors',
    member: 'flavor',
    usual: () => ({ name: 'f', vcpus: 1, ram: 64, disk: 1 }),
    others: words('id swap rxtx_factor OS-FLV-EXT-DATA:ephemeral os-flavor-access:is_public'),
  },
  {
    service: 'compute',
    line: () => 'POST /compute/v2.1/flavors/1/os-extra_specs',
    member: 'extra_specs',
    usual: () => ({ 'hw:cpu_policy': 'shared' }),
  },
  {
    service: 'compute',
    line: () => `PUT /compute/v2.1/os-quota-sets/${ids['project']}`,
    member: 'quota_set',
    usual: () => ({ instances: 5 }),
    others: words('cores ram force key_pairs metadata_items'),
  },
];

const identity: readonly Target[] = [
  ...(['user', 'project', 'role'] as const).flatMap((member): readonly Target[] => [
    {
      service: 'identity',
      line: () => `POST /identity/v3/${member}s`,
      member,
      usual: () => ({ name: `new ${member}` }),
      others: words('domain_id enabled description password parent_id tags options is_domain id'),
    },
    {
      service: 'identity',
      line: () => `PATCH /identity/v3/${member}s/${ids[member]}`,
      member,
      usual: () => ({ description: 'd' }),
      others: words('domain_id enabled name password parent_id tags options is_domain id'),
    },
  ]),
  {
    service: 'identity',
    line: () => 'POST /identity/v3/auth/tokens',
    member: 'auth',
    usual: () => ({
      identity: {
        methods: ['password'],
        password: { user: { name: 'victim', domain: { id: 'default' }, password: 'x' } },
      },
    }),
    others: words('scope'),
  },
];

const image: readonly Target[] = [
  {
    service: 'image',
    line: () => 'POST /image/v2/images',
    member: undefined,
    usual: () => ({ name: 'i', disk_format: 'raw', container_format: 'bare' }),
    others: words(
      'id visibility min_disk min_ram protected tags owner status size checksum os_hidden locations',
    ),
  },
  {
    service: 'image',
    line: () => `POST /image/v2/images/${ids['queued']}/members`,
    member: undefined,
    usual: () => ({ member: 'someone' }),
  },
];

const network: readonly Target[] = [
  {
    service: 'network',
    line: () => 'POST /network/v2.0/networks',
    member: 'network',
    usual: () => ({ name: 'n' }),
    others: words(
      'mtu shared router:external admin_state_up provider:network_type qos_policy_id tenant_id port_security_enabled',
    ),
  },
  {
    service: 'network',
    line: () => 'POST /network/v2.0/subnets',
    member: 'subnet',
    usual: () => ({ network_id: ids['ownNetwork'], ip_version: 4, cidr: '10.201.0.0/24' }),
    others: words(
      'gateway_ip allocation_pools dns_nameservers host_routes enable_dhcp ipv6_ra_mode name',
    ),
  },
  {
    service: 'network',
    line: () => 'POST /network/v2.0/ports',
    member: 'port',
    usual: () => ({ network_id: ids['ownNetwork'] }),
    others: words(
      'fixed_ips mac_address device_id device_owner security_groups allowed_address_pairs binding:host_id binding:profile name dns_name',
    ),
  },
  {
    service: 'network',
    line: () => `PUT /network/v2.0/ports/${ids['port']}`,
    member: 'port',
    usual: () => ({ name: 'p' }),
    others: words(
      'fixed_ips mac_address device_id device_owner security_groups allowed_address_pairs binding:profile',
    ),
  },
  {
    service: 'network',
    line: () => `PUT /network/v2.0/subnets/${ids['subnet']}`,
    member: 'subnet',
    usual: () => ({ name: 's' }),
    others: words('gateway_ip allocation_pools dns_nameservers host_routes cidr'),
  },
  {
    service: 'network',
    line: () => 'POST /network/v2.0/security-group-rules',
    member: 'security_group_rule',
    usual: () => ({ security_group_id: ids['group'], direction: 'ingress' }),
    others: words(
      'ethertype protocol port_range_min port_range_max remote_ip_prefix remote_group_id',
    ),
  },
  {
    service: 'network',
    line: () => `PUT /network/v2.0/quotas/${ids['project']}`,
    member: 'quota',
    usual: () => ({ port: 5 }),
    others: words('network subnet security_group'),
  },
];

const targets = [...compute, ...identity, ...image, ...network].map(
  (target) => [target.line().replaceAll('undefined', 'ID'), target] as const,
);

async function statusOf(target: Target, body: Uint8Array | string): Promise<number> {
  const [method = '', path = ''] = target.line().split(' ');
  const { status } = await cloud.send(target.service, {
    method,
    path,
    body,
    ...(target.as === undefined ? {} : { as: target.as }),
    headers: { 'openstack-api-version': 'compute 2.104' },
  });
  return status;
}

describe(`a strange body, seed ${seed}`, () => {
  it.each(targets)('to %s is answered, and changes nothing if refused', async (_line, target) => {
    const wrapped = (fields: unknown): unknown =>
      target.member === undefined ? fields : { [target.member]: fields };
    const body = fc.oneof(
      { weight: 6, arbitrary: bent(target.usual(), target.others).map(wrapped) },
      { weight: 1, arbitrary: value.map(wrapped) },
      { weight: 1, arbitrary: value },
    );
    await fc.assert(
      fc.asyncProperty(body, async (sent) => {
        expect(await statusOf(target, jsonText(sent))).toBeLessThan(500);
      }),
      runs(60),
    );
  });

  it.each(targets)(
    'of broken bytes to %s is answered, and changes nothing',
    async (_line, target) => {
      const good =
        target.member === undefined ? target.usual() : { [target.member]: target.usual() };
      await fc.assert(
        fc.asyncProperty(broken(good), async (bytes) => {
          expect(await statusOf(target, bytes)).toBeLessThan(500);
        }),
        runs(25),
      );
    },
  );

  it('as a patch of an image is answered, and changes nothing if refused', async () => {
    const operation = bent({ op: 'replace', path: '/name', value: 'x' }, words('from'));
    const type = fc.constantFrom(
      'application/openstack-images-v2.1-json-patch',
      'application/openstack-images-v2.0-json-patch',
      'application/json',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 3 }), type, async (patch, contentType) => {
        const { status } = await cloud.send('image', {
          method: 'PATCH',
          path: `/image/v2/images/${ids['queued']}`,
          headers: { 'content-type': contentType },
          body: jsonText(patch),
        });
        expect(status).toBeLessThan(500);
      }),
      runs(150),
    );
  });
});

const places: readonly (readonly [ServiceName, string, readonly string[]])[] = [
  [
    'compute',
    '/compute/v2.1/servers',
    words('name status limit marker sort_key sort_dir ip changes-since all_tenants tags flavor'),
  ],
  ['compute', '/compute/v2.1/flavors', words('limit marker minRam minDisk is_public sort_key')],
  ['compute', '/compute/v2.1/os-keypairs', words('limit marker user_id')],
  ['identity', '/identity/v3/users', words('name domain_id limit marker enabled name__contains')],
  [
    'image',
    '/image/v2/images',
    words('name limit marker sort sort_key size_min created_at tag visibility'),
  ],
  [
    'network',
    '/network/v2.0/ports',
    words('fields limit marker sort_key fixed_ips mac_address tags device_id'),
  ],
  ['network', '/network/v2.0/subnets', words('cidr ip_version gateway_ip network_id')],
];

describe(`a strange path or query, seed ${seed}`, () => {
  it.each(places)('to %s %s is answered', async (service, path, names) => {
    const url = fc.oneof(
      strangePath(path),
      strangeQuery(names).map((query) => `${path}?${query}`),
    );
    const method = fc.constantFrom('GET', 'GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
    await fc.assert(
      fc.asyncProperty(url, method, async (target, verb) => {
        const use = target.includes('?') ? 'GET' : verb;
        expect((await cloud.send(service, { method: use, path: target })).status).toBeLessThan(500);
      }),
      runs(120),
    );
  });
});

describe('after all that', () => {
  it('both kinds of answer were seen, and the cloud does its work', async () => {
    expect(cloud.counts.refused).toBeGreaterThan(1_000);
    expect(cloud.counts.taken).toBeGreaterThan(100);
    for (const client of [cloud.cloud.admin, cloud.cloud.demo])
      expect((await client.call('GET', '/compute/v2.1/servers')).status).toBe(200);
  });
});
