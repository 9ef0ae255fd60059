// POST /servers: what is accepted, what comes of it, and what is refused in which words.
import { describe, expect, it } from 'vitest';
import {
  HOST,
  IMAGE,
  imageRecord,
  NETWORK,
  serverBody,
  serverCloud,
  type ServerCloud,
} from './server-cloud.ts';
import { OTHER_PROJECT, PROJECT } from './service.ts';

const cloud: ServerCloud = await serverCloud();
const post = (extra: Record<string, unknown> = {}, version = '2.1', as = 'anna') =>
  cloud.call('POST', '/servers', serverBody(extra), { version, as });
const requestOf = async (extra: Record<string, unknown>, version = '2.1', as = 'anna') =>
  cloud.state(await cloud.boot(extra, { version, as })).request;

describe('an accepted request', () => {
  it('answers with exactly these fields, the password, and where the server is', async () => {
    const reply = await post({ security_groups: [{ name: 'web' }] });
    const { id } = reply.body.server;
    expect(reply.status).toBe(202);
    expect(reply.body.server).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      links: [
        { rel: 'self', href: `http://cloud:8774/compute/v2.1/servers/${id}` },
        { rel: 'bookmark', href: `http://cloud:8774/compute/servers/${id}` },
      ],
      'OS-DCF:diskConfig': 'MANUAL',
      security_groups: [{ name: 'web' }],
      adminPass: expect.stringMatching(/^[2-9A-HJ-NP-Za-km-z]{12}$/),
    });
    expect(reply.headers['location']).toBe(`http://cloud:8774/compute/v2.1/servers/${id}`);
    expect(reply.headers['x-openstack-request-id']).toMatch(/^req-/);
  });

  it('keeps everything that was asked', async () => {
    const request = await requestOf(
      {
        name: 'My Server_1.x',
        description: 'words',
        key_name: 'key',
        user_data: 'aGVsbG8=',
        config_drive: 'True',
        metadata: { tier: 'web' },
        tags: ['a', 'b', 'a'],
        security_groups: [{ name: 'web' }, { name: 'db' }, { name: 'web' }],
        adminPass: 'secret',
        accessIPv4: '1.2.3.4',
        accessIPv6: '::1',
        'OS-DCF:diskConfig': 'AUTO',
        trusted_image_certificates: ['cert'],
        networks: [{ uuid: NETWORK, fixed_ip: '10.0.0.77', tag: 'nic' }],
      },
      '2.63',
    );
    expect(request).toEqual({
      projectId: PROJECT,
      userId: 'user-anna',
      name: 'My Server_1.x',
      hostname: 'my-server-1-x',
      description: 'words',
      image: {
        id: IMAGE,
        name: 'tiny',
        format: 'qcow2',
        sha512: 'ab'.repeat(64),
        sizeBytes: 20_000_000,
        minDiskGiB: 0,
        minRamMiB: 0,
        properties: {},
      },
      flavor: expect.objectContaining({ id: '42', name: 'm1.nano' }),
      key: {
        name: 'key',
        type: 'ssh',
        publicKey: expect.stringMatching(/^ssh-rsa /),
        fingerprint: 'aa:bb',
      },
      userData: 'aGVsbG8=',
      configDrive: true,
      metadata: { tier: 'web' },
      tags: ['a', 'b'],
      securityGroups: ['web', 'db'],
      hints: {},
      networks: [
        {
          portId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          existing: false,
          networkId: NETWORK,
          fixedIp: '10.0.0.77',
          tag: 'nic',
        },
      ],
      diskConfig: 'AUTO',
      accessIPv4: '1.2.3.4',
      accessIPv6: '::1',
      personality: [],
      adminPass: 'secret',
      trustedCertificates: ['cert'],
      reservationId: expect.stringMatching(/^r-/),
      launchIndex: 0,
    });
  });

  it('takes the name for a description until 2.18', async () => {
    expect([
      (await requestOf({}, '2.18'))?.description,
      (await requestOf({}, '2.19'))?.description,
    ]).toEqual(['vm', undefined]);
  });

  it.each([
    ['vm.example.org', 'vm-example-org'],
    ['漢字', 'Server-'],
    ['Tom’s vm!', 'toms-vm'],
    ['-.x.-', 'x'],
    ['é' + 'x'.repeat(100), `é${'x'.repeat(62)}`],
  ])('makes of the name %j the hostname %j…', async (name, hostname) => {
    const request = await requestOf({ name });
    expect(request?.hostname.startsWith(hostname)).toBe(true);
    expect(request?.hostname).not.toMatch(/[ _.]|-$/);
  });

  it('leaves a hostname of 2.90 as it is, and one with dots from 2.94', async () => {
    expect([
      (await requestOf({ hostname: 'My-Host' }, '2.90'))?.hostname,
      (await requestOf({ hostname: 'my.host' }, '2.94'))?.hostname,
    ]).toEqual(['My-Host', 'my.host']);
  });

  it('keeps a password that was made up only for a config drive', async () => {
    expect([
      (await requestOf({}))?.adminPass,
      (await requestOf({ config_drive: true }))?.adminPass,
    ]).toEqual([undefined, expect.stringMatching(/^.{12}$/)]);
  });

  it('hands hints on as lists, without those that are ours', async () => {
    const other = '00000000-0000-4000-8000-000000000001';
    const reply = await cloud.call('POST', '/servers', {
      ...serverBody(),
      'os:scheduler_hints': { different_host: other, same_host: [other], color: 1, _nova_x: 'y' },
    });
    expect(cloud.state(reply.body.server.id).request?.hints).toEqual({
      different_host: [other],
      same_host: [other],
      color: ['1'],
    });
  });

  it('accepts the block device that means the image, as clients send it', async () => {
    const root = {
      uuid: IMAGE,
      source_type: 'image',
      destination_type: 'local',
      boot_index: 0,
      delete_on_termination: true,
    };
    expect((await post({ block_device_mapping_v2: [root] })).status).toBe(202);
  });

  it('gives no port for none, and the only network for auto or nothing', async () => {
    expect([
      (await requestOf({ networks: 'none' }, '2.37'))?.networks.length,
      (await requestOf({ networks: 'auto' }, '2.37'))?.networks[0]?.networkId,
      (await requestOf({ networks: [] }))?.networks[0]?.networkId,
    ]).toEqual([0, NETWORK, NETWORK]);
  });

  it('takes a port of the user’s as it is', async () => {
    const portId = 'dddddddd-0000-4000-8000-000000000001';
    cloud.networks.ports.set(portId, {
      id: portId,
      networkId: NETWORK,
      projectId: PROJECT,
      deviceId: '',
      hasAddress: true,
    });
    expect((await requestOf({ networks: [{ port: portId }] }))?.networks).toEqual([
      { portId, existing: true, networkId: NETWORK },
    ]);
  });

  it('lets administrators choose a host in three ways', async () => {
    expect([
      (await requestOf({ availability_zone: `nova:${HOST}` }, '2.1', 'admin'))?.requestedHost,
      (await requestOf({ availability_zone: `nova::${HOST}.cloud` }, '2.1', 'admin'))
        ?.requestedHost,
      (await requestOf({ host: HOST }, '2.74', 'admin'))?.requestedHost,
      (await requestOf({ hypervisor_hostname: `${HOST}.cloud` }, '2.74', 'admin'))?.requestedHost,
    ]).toEqual([HOST, `${HOST}.cloud`, HOST, `${HOST}.cloud`]);
  });

  it('on /v2 drops unknown fields and trims the name', async () => {
    const reply = await cloud.call('POST', '/servers', serverBody({ name: ' vm ', color: 'red' }), {
      root: '/compute/v2',
    });
    expect([reply.status, cloud.state(reply.body.server.id).request?.name]).toEqual([202, 'vm']);
  });
});

describe('several servers in one request', () => {
  it('are numbered, share a reservation, and are answered by the first', async () => {
    const reply = await post({ name: 'web', min_count: 2, max_count: '3' });
    const reservation = cloud.state(reply.body.server.id).request?.reservationId;
    const list = await cloud.get(
      `/servers/detail?reservation_id=${reservation}&sort_key=display_name&sort_dir=asc`,
      {
        version: '2.90',
        as: 'admin',
      },
    );
    expect(
      list.body.servers.map((server: Record<string, unknown>) => [
        server['name'],
        server['OS-EXT-SRV-ATTR:hostname'],
        server['OS-EXT-SRV-ATTR:launch_index'],
      ]),
    ).toEqual([
      ['web-1', 'web-1', 0],
      ['web-2', 'web-2', 1],
      ['web-3', 'web-3', 2],
    ]);
  });

  it('can be answered by the reservation alone', async () => {
    const reply = await post({ max_count: 2, return_reservation_id: 'True' });
    expect([reply.status, reply.body]).toEqual([
      202,
      { reservation_id: expect.stringMatching(/^r-[0-9a-z]{8}$/) },
    ]);
  });

  it('get one port each', async () => {
    const reply = await post({ min_count: 2 });
    const { reservationId } = cloud.state(reply.body.server.id).request ?? {};
    const ports = [...cloud.context.servers.values()]
      .filter(({ request }) => request?.reservationId === reservationId)
      .map(({ request }) => request?.networks[0]?.portId);
    expect(new Set(ports).size).toBe(2);
  });
});

describe('quota', () => {
  const usedBy = (full: ServerCloud) => full.context.projects.get(PROJECT)?.used;

  it('is taken for all servers at once, or for none', async () => {
    const full = await serverCloud({ instances: 3 });
    const create = (extra: Record<string, unknown>) =>
      full.call('POST', '/servers', serverBody(extra));
    await create({});
    const refused = await create({ min_count: 3 });
    expect([refused.status, refused.body]).toEqual([
      403,
      {
        forbidden: {
          code: 403,
          message: 'Quota exceeded for instances: Requested 3, but already used 1 of 3 instances',
        },
      },
    ]);
    expect(usedBy(full)).toEqual({ instances: 1, cores: 1, ram: 64 });
  });

  it('gives as many as there is room for between min and max', async () => {
    const full = await serverCloud({ instances: 100, cores: 3, ram: 64 * 4 });
    const reply = await full.call('POST', '/servers', serverBody({ min_count: 2, max_count: 50 }));
    expect([reply.status, usedBy(full)?.instances]).toEqual([202, 3]);
    const refused = await full.call('POST', '/servers', serverBody({ min_count: 1, max_count: 2 }));
    expect(refused.body.forbidden.message).toMatch(/^Quota exceeded for cores/);
  });

  it('bounds metadata and files', async () => {
    const small = await serverCloud({ metadata_items: 1, injected_files: 1 });
    const create = (extra: Record<string, unknown>) =>
      small.call('POST', '/servers', serverBody(extra));
    const file = (path: string, contents = 'YQ==') => ({ path, contents });
    const words = [];
    for (const extra of [
      { metadata: { a: 'b', c: 'd' } },
      { personality: [file('/a'), file('/b')] },
      { personality: [file('/'.repeat(256))] },
      { personality: [file('/a', 'YQ=='.repeat(2_561))] },
    ]) {
      const reply = await create(extra);
      words.push([reply.status, reply.body.forbidden.message]);
    }
    expect(words).toEqual([
      [403, 'Maximum number of metadata items exceeds 1'],
      [403, 'Personality file limit exceeded'],
      [403, 'Personality file path exceeds maximum 255'],
      [403, 'Personality file content exceeds maximum 10240'],
    ]);
  });
});

describe('a refused request', () => {
  const other = '00000000-0000-4000-8000-0000000000ff';
  const inUse = 'dddddddd-0000-4000-8000-000000000002';
  const bare = 'dddddddd-0000-4000-8000-000000000003';
  const foreign = 'dddddddd-0000-4000-8000-000000000004';
  const port = { networkId: NETWORK, projectId: PROJECT, deviceId: '', hasAddress: true };
  cloud.networks.ports.set(inUse, { ...port, id: inUse, deviceId: other });
  cloud.networks.ports.set(bare, { ...port, id: bare, hasAddress: false });
  cloud.networks.ports.set(foreign, { ...port, id: foreign, projectId: OTHER_PROJECT });
  const network = {
    name: 'n',
    projectId: OTHER_PROJECT,
    shared: false,
    external: false,
    subnetIds: ['s'],
  };
  const [hidden, empty, outside] = ['1', '2', '3'].map(
    (digit) => `eeeeeeee-0000-4000-8000-00000000000${digit}`,
  ) as [string, string, string];
  cloud.networks.all.set(hidden, { ...network, id: hidden });
  cloud.networks.all.set(empty, { ...network, id: empty, projectId: PROJECT, subnetIds: [] });
  cloud.networks.all.set(outside, { ...network, id: outside, external: true });
  const image = (id: string, changes: Partial<ReturnType<typeof imageRecord>>): string => {
    const imageId = `ffffffff-0000-4000-8000-00000000000${id}`;
    cloud.images.set(imageId, imageRecord({ id: imageId, ...changes }));
    return imageId;
  };
  const GIB = 1024 ** 3;

  it.each<[string, Record<string, unknown>, number, string]>([
    ['an unknown image', { imageRef: other }, 400, 'Can not find requested image'],
    [
      'an image of another project',
      { imageRef: image('1', { visibility: 'private' }) },
      400,
      'Can not find requested image',
    ],
    [
      'an image without a file',
      { imageRef: image('2', { status: 'queued' }) },
      400,
      'Image ffffffff-0000-4000-8000-000000000002 is not active.',
    ],
    [
      'an image in a format that is not booted',
      { imageRef: image('3', { diskFormat: 'iso' }) },
      400,
      "Image ffffffff-0000-4000-8000-000000000003 is unacceptable: disk format iso can't be booted here; convert it to qcow2 or raw",
    ],
    [
      'an image that wants more memory',
      { imageRef: image('4', { minRamMiB: 65 }) },
      400,
      "Flavor's memory is too small for requested image.",
    ],
    [
      'an image that wants a larger disk',
      { imageRef: image('5', { minDiskGiB: 2 }) },
      400,
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${GIB} bytes, minimum size is ${2 * GIB} bytes.`,
    ],
    [
      'an image whose disk is larger than the flavor’s',
      { imageRef: image('6', { virtualSizeBytes: GIB + 1 }) },
      400,
      `Flavor's disk is too small for requested image. Flavor disk is ${GIB} bytes, image is ${GIB + 1} bytes.`,
    ],
    ['no image', { imageRef: '' }, 400, 'Missing imageRef attribute'],
    [
      'an unknown flavor',
      { flavorRef: 'no-such-flavor' },
      400,
      'Flavor no-such-flavor could not be found.',
    ],
    ['a flavor that is a number', { flavorRef: 777 }, 400, 'Flavor 777 could not be found.'],
    ['a flavor of others', { flavorRef: 'secret' }, 400, 'Flavor secret could not be found.'],
    [
      'a flavor without a disk',
      { flavorRef: 'zero' },
      403,
      'Only volume-backed servers are allowed for flavors with zero disk.',
    ],
    ['an unknown key', { key_name: 'nope' }, 400, 'Invalid key_name provided.'],
    ['counts upside down', { min_count: 3, max_count: 2 }, 400, 'min_count must be <= max_count'],
    [
      'too many at once',
      { min_count: 10_001 },
      400,
      'min_count must be at most 10000 in one request',
    ],
    [
      'an unknown zone',
      { availability_zone: 'moon' },
      400,
      'The requested availability zone is not available',
    ],
    [
      'a zone without a host that answers',
      { availability_zone: 'cold' },
      400,
      'The requested availability zone is not available',
    ],
    [
      'a host chosen by a member',
      { availability_zone: `nova:${HOST}` },
      403,
      "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.",
    ],
    [
      'a zone with too many parts',
      { availability_zone: 'a:b:c:d' },
      400,
      'Invalid input received: Unable to parse availability_zone',
    ],
    [
      'an unknown network',
      { networks: [{ uuid: other }] },
      400,
      `Network ${other} could not be found.`,
    ],
    [
      'a network of another project',
      { networks: [{ uuid: hidden }] },
      400,
      `Network ${hidden} could not be found.`,
    ],
    [
      'a network without a subnet',
      { networks: [{ uuid: empty }] },
      400,
      `Network ${empty} requires a subnet in order to boot instances on.`,
    ],
    [
      'an external network',
      { networks: [{ uuid: outside }] },
      403,
      `It is not allowed to create an interface on external network ${outside}`,
    ],
    [
      'a network that is no UUID',
      { networks: [{ uuid: 'x' }] },
      400,
      'Bad networks format: network uuid is not in proper format (x)',
    ],
    ['an empty network', { networks: [{}] }, 400, "Bad network format: missing 'uuid'"],
    [
      'an unknown port',
      { networks: [{ port: other }] },
      400,
      `Port id ${other} could not be found.`,
    ],
    [
      'a port of another project',
      { networks: [{ port: foreign }] },
      400,
      `Port id ${foreign} could not be found.`,
    ],
    ['a port in use', { networks: [{ port: inUse }] }, 409, `Port ${inUse} is still in use.`],
    [
      'a port without an address',
      { networks: [{ port: bare }] },
      400,
      `Port ${bare} requires a FixedIP in order to be used.`,
    ],
    [
      'a port twice',
      { networks: [{ port: other }, { port: other }] },
      400,
      `Port ID '${other}' was specified twice: you cannot attach a port multiple times.`,
    ],
    [
      'a port with an address',
      { networks: [{ port: other, fixed_ip: '1.2.3.4' }] },
      400,
      `Specified Fixed IP '1.2.3.4' cannot be used with port '${other}': the two cannot be specified together.`,
    ],
    [
      'one address for several servers',
      { max_count: 2, networks: [{ uuid: NETWORK, fixed_ip: '10.0.0.9' }] },
      400,
      'Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.',
    ],
    [
      'a volume',
      {
        block_device_mapping_v2: [
          { source_type: 'volume', destination_type: 'volume', uuid: other, boot_index: 0 },
        ],
      },
      400,
      'Block Device Mapping is Invalid: this cloud has no volume service.',
    ],
    [
      'a second local disk',
      { block_device_mapping_v2: [{ source_type: 'blank', destination_type: 'local' }] },
      400,
      'Block Device Mapping is Invalid: extra local disks can only be given by the flavor (ephemeral and swap) in this cloud.',
    ],
    [
      'an image as a second disk',
      {
        block_device_mapping_v2: [
          { source_type: 'image', destination_type: 'local', uuid: IMAGE, boot_index: 1 },
        ],
      },
      400,
      'Block Device Mapping is Invalid: Mapping image to local is not supported.',
    ],
    [
      'a name of spaces',
      { name: '  ' },
      400,
      "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
    ],
    ['an unknown field', { color: 'red' }, 400, 'Additional properties are not allowed'],
    ['user data that is no base64', { user_data: 'a' }, 400, "'a' is not a 'base64'"],
    ['user data too long', { user_data: 'YQ=='.repeat(16_384) }, 400, 'is too long'],
    ['an address that is none', { accessIPv4: 'home' }, 400, "'home' is not a 'ipv4'"],
    [
      'an image that is no UUID',
      { imageRef: 'tiny' },
      400,
      "'tiny' is not valid under any of the given schemas",
    ],
  ])('with %s', async (_name, extra, status, words) => {
    const before = cloud.cluster.events.length;
    const reply = await post(extra);
    expect([reply.status, reply.text]).toEqual([
      status,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
    expect(cloud.cluster.events.length).toBe(before);
  });

  it.each<[string, Record<string, unknown>]>([
    ['2.18', { description: 'x' }],
    ['2.31', { networks: [{ uuid: NETWORK, tag: 'a' }] }],
    ['2.36', { networks: 'auto' }],
    ['2.37', { networks: [{ uuid: NETWORK, tag: 'a' }] }],
    ['2.37', { networks: undefined }],
    ['2.51', { tags: ['a'] }],
    ['2.52', { tags: Array.from({ length: 51 }, (_, index) => `${index}`) }],
    ['2.52', { tags: ['x'.repeat(61)] }],
    ['2.57', { personality: [] }],
    ['2.62', { trusted_image_certificates: ['a'] }],
    ['2.73', { host: HOST }],
    ['2.89', { hostname: 'abc' }],
    ['2.93', { hostname: 'a.b' }],
  ])('at %s with %j', async (version, extra) => {
    const reply = await post(extra, version);
    expect([reply.status, Object.keys(reply.body)]).toEqual([400, ['badRequest']]);
  });

  it('when two networks could be meant', async () => {
    const second = 'eeeeeeee-0000-4000-8000-000000000009';
    cloud.networks.all.set(second, { ...network, id: second, shared: true });
    for (const [networks, version] of [
      ['auto', '2.37'],
      [[], '2.1'],
    ] as const) {
      const reply = await post({ networks }, version);
      expect([reply.status, reply.body.conflictingRequest?.message]).toEqual([
        409,
        'Multiple possible networks found, use a Network ID to be more specific.',
      ]);
    }
    cloud.networks.all.delete(second);
  });

  it('when auto finds no network', async () => {
    const reply = await cloud.call('POST', '/servers', serverBody({ networks: 'auto' }), {
      version: '2.37',
      as: 'otto',
    });
    cloud.networks.all.delete(hidden);
    const without = await cloud.call('POST', '/servers', serverBody({ networks: 'auto' }), {
      version: '2.37',
      as: 'otto',
    });
    expect([reply.status, without.status, without.body.badRequest?.message]).toEqual([
      202,
      400,
      `Unable to automatically allocate a network for project ${OTHER_PROJECT}`,
    ]);
  });

  it('for a host that does not exist, or by a member', async () => {
    const asked = async (as: string, extra: Record<string, unknown>) => {
      const reply = await post(extra, '2.74', as);
      return [reply.status, reply.body.badRequest?.message ?? reply.body.forbidden?.message];
    };
    expect([
      await asked('admin', { host: 'nowhere' }),
      await asked('admin', { host: HOST, availability_zone: `nova:${HOST}` }),
      await asked('anna', { host: HOST }),
    ]).toEqual([
      [400, 'Compute host nowhere could not be found.'],
      [
        400,
        'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
      ],
      [403, "Policy doesn't allow compute:servers:create:requested_destination to be performed."],
    ]);
  });

  it('for one hostname on several servers', async () => {
    const reply = await post({ hostname: 'abc', max_count: 2 }, '2.90');
    expect(reply.body.badRequest.message).toBe(
      'Unable to allocate a single hostname to multiple instances',
    );
  });

  it('for a server group, while there are none', async () => {
    const group = '00000000-0000-4000-8000-0000000000aa';
    const reply = await cloud.call('POST', '/servers', {
      ...serverBody(),
      'os:scheduler_hints': { group },
    });
    expect(reply.body.badRequest.message).toBe(`Instance group ${group} could not be found.`);
  });

  it.each(['rita', 'nobody', 'homeless'])('of %s is forbidden', async (as) => {
    const reply = await post({}, '2.1', as);
    expect([reply.status, reply.body.forbidden?.message]).toEqual([
      403,
      "Policy doesn't allow os_compute_api:servers:create to be performed.",
    ]);
  });
});
