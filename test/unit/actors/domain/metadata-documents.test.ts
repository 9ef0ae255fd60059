import { describe, expect, it } from 'vitest';
import type { InstanceMetadata, InstanceNetwork } from '#actors/domain/instance-metadata.ts';
import { configDriveFiles, findMetadata } from '#actors/domain/metadata-documents.ts';
import { netmaskOf, networkData } from '#actors/domain/network-data.ts';

const v4 = {
  version: 4 as const,
  address: '10.0.0.5',
  cidr: '10.0.0.0/20',
  gateway: '10.0.0.1',
  dhcp: true,
  addressMode: undefined,
  dnsServers: ['9.9.9.9'],
  hostRoutes: [],
};

const network: InstanceNetwork = {
  portId: 'port-1',
  networkId: 'net-1',
  device: 'tapport-1',
  mac: 'fa:16:3e:00:00:01',
  mtu: 1450,
  addresses: [v4],
};

const metadata: InstanceMetadata = {
  uuid: '11111111-2222-4333-8444-555555555555',
  name: 'My <server>',
  hostname: 'my-server',
  projectId: 'red',
  availabilityZone: 'nova',
  launchIndex: 0,
  reservationId: 'r-abc',
  instanceNumber: 42,
  imageNumber: 7,
  flavorName: 'm1.tiny',
  meta: { role: 'web' },
  key: { name: 'k', type: 'ssh', data: 'ssh-ed25519 AAAA' },
  userData: Buffer.from('#!/bin/sh\n'),
  files: [{ path: '/etc/motd', content: Buffer.from('hello') }],
  networks: [network],
  securityGroups: ['default', 'web'],
  devices: [
    {
      type: 'disk',
      bus: 'pci',
      address: '0000:00:04.0',
      serial: 's',
      path: undefined,
      tags: ['d'],
    },
    { type: 'nic', bus: 'pci', address: '0000:00:03.0', mac: network.mac, tags: ['n'] },
  ],
  blockDevices: { ami: 'vda', root: '/dev/vda' },
  dedicatedCpus: [1],
  adminPass: 'secret',
  randomSeed: Buffer.from('seed'),
  vendorData: { vendor: 'us' },
  password: '',
};

const bare: InstanceMetadata = {
  ...metadata,
  availabilityZone: null,
  imageNumber: undefined,
  meta: {},
  key: undefined,
  userData: undefined,
  files: [],
  networks: [],
  devices: [],
};

function textAt(path: string, of = metadata): string | undefined {
  const found = findMetadata(of, path);
  return found?.kind === 'document' ? Buffer.from(found.content).toString() : undefined;
}

function jsonAt(path: string, of = metadata): unknown {
  const text = textAt(path, of);
  return text === undefined ? undefined : JSON.parse(text);
}

describe('the openstack tree', () => {
  it('lists versions, and what each holds', () => {
    const versions =
      '2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n2017-02-22\n2018-08-27\n2020-10-14\nlatest';
    expect(textAt('/openstack')).toBe(versions);
    expect(textAt('/openstack/')).toBe(versions);
    expect(textAt('/openstack/2012-08-10')).toBe('meta_data.json\nuser_data');
    expect(textAt('/openstack/2013-04-04/')).toBe('meta_data.json\nuser_data\npassword');
    expect(textAt('/openstack/latest')).toBe(
      'meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json',
    );
    expect(textAt('/openstack/latest', bare)).not.toContain('user_data');
  });

  it('meta_data.json grows with its versions', () => {
    const first = {
      uuid: metadata.uuid,
      meta: { role: 'web' },
      files: [{ path: '/etc/motd', content_path: '/content/0000' }],
      public_keys: { k: 'ssh-ed25519 AAAA' },
      keys: [{ name: 'k', type: 'ssh', data: 'ssh-ed25519 AAAA' }],
      hostname: 'my-server',
      name: 'My <server>',
      launch_index: 0,
      availability_zone: 'nova',
    };
    expect(jsonAt('/openstack/2012-08-10/meta_data.json')).toEqual(first);
    const seeded = { ...first, random_seed: 'c2VlZA==' };
    expect(jsonAt('/openstack/2013-04-04/meta_data.json')).toEqual(seeded);
    const owned = { ...seeded, project_id: 'red' };
    expect(jsonAt('/openstack/2015-10-15/meta_data.json')).toEqual(owned);
    const disk = { type: 'disk', serial: 's', bus: 'pci', address: '0000:00:04.0', tags: ['d'] };
    const nic = { type: 'nic', mac: network.mac, bus: 'pci', address: '0000:00:03.0', tags: ['n'] };
    expect(jsonAt('/openstack/2016-06-30/meta_data.json')).toEqual({
      ...owned,
      devices: [disk, nic],
    });
    expect(jsonAt('/openstack/latest/meta_data.json')).toEqual({
      ...owned,
      devices: [disk, { ...nic, vf_trusted: false }],
      dedicated_cpus: [1],
    });
  });

  it('what a server has not is left out', () => {
    expect(jsonAt('/openstack/2012-08-10/meta_data.json', bare)).toEqual({
      uuid: metadata.uuid,
      hostname: 'my-server',
      name: 'My <server>',
      launch_index: 0,
      availability_zone: null,
    });
    expect(findMetadata(bare, '/openstack/latest/user_data')).toBeUndefined();
    expect(jsonAt('/openstack/latest/network_data.json', bare)).toEqual({});
  });

  it('user data, vendor data and files come as they are', () => {
    expect(textAt('/openstack/latest/user_data')).toBe('#!/bin/sh\n');
    expect(jsonAt('/openstack/latest/vendor_data.json')).toEqual({ vendor: 'us' });
    expect(jsonAt('/openstack/latest/vendor_data2.json')).toEqual({ static: { vendor: 'us' } });
    expect(textAt('/openstack/content/0000')).toBe('hello');
    expect(findMetadata(metadata, '/openstack/latest/meta_data.json')).toMatchObject({
      type: 'application/json',
    });
    expect(findMetadata(metadata, '/openstack/latest/password')).toEqual({ kind: 'password' });
  });

  it.each([
    '/openstack/2011-01-01',
    '/openstack/latest/nothing',
    '/openstack/latest/meta_data.json/uuid',
    '/openstack/2012-08-10/password',
    '/openstack/2013-04-04/vendor_data.json',
    '/openstack/2013-10-17/network_data.json',
    '/openstack/2015-10-15/vendor_data2.json',
    '/openstack/content',
    '/openstack/content/0001',
    '/openstack/content/0000/x',
    '/openstack/latest/constructor',
    '/nothing',
    '/latest/nothing',
    '/latest/meta-data/hostname/x',
    '/latest/meta-data/public-keys/0/_name',
    '/latest/meta-data/__proto__',
  ])('there is nothing at %s', (path) => {
    expect(findMetadata(metadata, path)).toBeUndefined();
  });

  it('the password of the administrator is never told by the service', () => {
    const everything = ['2012-08-10', 'latest'].map((version) =>
      textAt(`/openstack/${version}/meta_data.json`),
    );
    expect(everything.join()).not.toContain('secret');
  });
});

describe('the EC2 tree', () => {
  const versions =
    '1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest';

  it('is at the root and under /ec2', () => {
    for (const path of ['/', '', '/ec2', '/ec2/']) expect(textAt(path)).toBe(versions);
    expect(textAt('/latest')).toBe('meta-data/\nuser-data');
    expect(textAt('/ec2/latest/', bare)).toBe('meta-data/');
    expect(textAt('/latest//meta-data/./hostname')).toBe('my-server');
    expect(textAt('/latest/x/../user-data')).toBe('#!/bin/sh\n');
  });

  it('lists its names sorted, those of branches with a slash', () => {
    expect(textAt('/2009-04-04/meta-data/')?.split('\n')).toEqual([
      'ami-id',
      'ami-launch-index',
      'ami-manifest-path',
      'block-device-mapping/',
      'hostname',
      'instance-action',
      'instance-id',
      'instance-type',
      'local-hostname',
      'local-ipv4',
      'placement/',
      'public-hostname',
      'public-ipv4',
      'public-keys/',
      'reservation-id',
      'security-groups',
    ]);
    expect(textAt('/1.0/meta-data')?.split('\n')).toEqual([
      'ami-id',
      'ami-launch-index',
      'ami-manifest-path',
      'hostname',
      'instance-id',
      'local-ipv4',
      'public-keys/',
      'reservation-id',
      'security-groups',
    ]);
  });

  it.each([
    ['ami-id', 'ami-00000007'],
    ['instance-id', 'i-0000002a'],
    ['ami-launch-index', '0'],
    ['local-ipv4', '10.0.0.5'],
    ['public-ipv4', ''],
    ['instance-type', 'm1.tiny'],
    ['reservation-id', 'r-abc'],
    ['security-groups', 'default\nweb'],
    ['public-keys/', '0=k'],
    ['public-keys/0', 'openssh-key'],
    ['public-keys/0/openssh-key', 'ssh-ed25519 AAAA'],
    ['block-device-mapping', 'ami\nroot'],
    ['block-device-mapping/root', '/dev/vda'],
    ['placement/', 'availability-zone'],
    ['placement/availability-zone', 'nova'],
  ])('%s', (path, value) => {
    expect(textAt(`/latest/meta-data/${path}`)).toBe(value);
  });

  it('what a server has not is None, empty or left out', () => {
    expect(textAt('/latest/meta-data/ami-id', bare)).toBe('None');
    expect(textAt('/latest/meta-data/placement/availability-zone', bare)).toBe('None');
    expect(textAt('/latest/meta-data/local-ipv4', bare)).toBe('');
    expect(findMetadata(bare, '/latest/meta-data/public-keys')).toBeUndefined();
    expect(findMetadata(metadata, '/2007-03-01/meta-data/instance-type')).toBeUndefined();
  });
});

describe('network_data.json', () => {
  it('leaves to DHCP what DHCP tells', () => {
    expect(networkData([network])).toEqual({
      links: [
        {
          id: 'tapport-1',
          vif_id: 'port-1',
          type: 'bridge',
          mtu: null,
          ethernet_mac_address: 'fa:16:3e:00:00:01',
        },
      ],
      networks: [{ id: 'network0', link: 'tapport-1', network_id: 'net-1', type: 'ipv4_dhcp' }],
      services: [{ type: 'dns', address: '9.9.9.9' }],
    });
  });

  it('tells everything where there is no DHCP, of the first address of each version', () => {
    const still = {
      ...v4,
      dhcp: false,
      hostRoutes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }],
    };
    const v6 = {
      ...v4,
      version: 6 as const,
      address: 'fd00::5',
      cidr: 'fd00::/64',
      gateway: undefined,
      addressMode: 'slaac',
      dnsServers: ['9.9.9.9', 'fd00::53'],
    };
    const unconnected = { ...network, portId: 'port-2', addresses: [] };
    const addresses = [still, { ...still, address: '10.0.0.6' }, { ...v6, dhcp: false }];
    expect(networkData([{ ...network, addresses }, unconnected])).toEqual({
      links: [expect.objectContaining({ id: 'tapport-1', mtu: 1450 })],
      networks: [
        {
          id: 'network0',
          link: 'tapport-1',
          network_id: 'net-1',
          type: 'ipv4',
          ip_address: '10.0.0.5',
          netmask: '255.255.240.0',
          routes: [
            { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
            { network: '10.9.0.0', netmask: '255.255.0.0', gateway: '10.0.0.9' },
          ],
          services: [{ type: 'dns', address: '9.9.9.9' }],
        },
        {
          id: 'network1',
          link: 'tapport-1',
          network_id: 'net-1',
          type: 'ipv6_slaac',
          ip_address: 'fd00::5',
          netmask: 'ffff:ffff:ffff:ffff::',
          routes: [],
          services: [
            { type: 'dns', address: '9.9.9.9' },
            { type: 'dns', address: 'fd00::53' },
          ],
        },
      ],
      services: [
        { type: 'dns', address: '9.9.9.9' },
        { type: 'dns', address: 'fd00::53' },
      ],
    });
  });

  it.each([
    [4, 0, '0.0.0.0'],
    [4, 20, '255.255.240.0'],
    [4, 32, '255.255.255.255'],
    [6, 0, '::'],
    [6, 52, 'ffff:ffff:ffff:f000::'],
    [6, 112, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:0'],
    [6, 128, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const)('the netmask of IPv%i /%i', (version, length, mask) => {
    expect(netmaskOf(version, length)).toBe(mask);
  });
});

describe('the config drive', () => {
  const files = new Map(
    configDriveFiles(metadata).map(({ path, content }) => [path, Buffer.from(content).toString()]),
  );

  it('holds what the service tells, for each version', () => {
    const versions = ['2012-08-10', '2018-08-27', '2020-10-14', 'latest'];
    for (const version of versions) {
      expect(files.get(`openstack/${version}/user_data`)).toBe('#!/bin/sh\n');
      const drive = JSON.parse(files.get(`openstack/${version}/meta_data.json`) ?? '{}') as object;
      const told = jsonAt(`/openstack/${version}/meta_data.json`) as object;
      expect(drive).toEqual({ ...told, admin_pass: 'secret' });
    }
    expect(files.get('openstack/latest/network_data.json')).toBe(
      textAt('/openstack/latest/network_data.json'),
    );
    expect(files.get('openstack/content/0000')).toBe('hello');
    expect(files.get('ec2/latest/user-data')).toBe('#!/bin/sh\n');
    expect(JSON.parse(files.get('ec2/2009-04-04/meta-data.json') ?? '{}')).toMatchObject({
      'instance-id': 'i-0000002a',
      'public-keys': { '0': { 'openssh-key': 'ssh-ed25519 AAAA' } },
      placement: { 'availability-zone': 'nova' },
    });
  });

  it('holds nothing else', () => {
    const folders = [...files.keys()].map((path) => path.split('/').slice(0, 2).join('/'));
    expect([...new Set(folders)]).toEqual([
      'ec2/2009-04-04',
      'ec2/latest',
      'openstack/2012-08-10',
      'openstack/2013-04-04',
      'openstack/2013-10-17',
      'openstack/2015-10-15',
      'openstack/2016-06-30',
      'openstack/2016-10-06',
      'openstack/2017-02-22',
      'openstack/2018-08-27',
      'openstack/2020-10-14',
      'openstack/latest',
      'openstack/content',
    ]);
    expect([...files.keys()].filter((path) => path.includes('password'))).toEqual([]);
    expect(files.get('ec2/latest/meta-data.json')).not.toContain('_name');
  });

  it('of a server without user data holds none', () => {
    const paths = configDriveFiles(bare).map(({ path }) => path);
    expect(paths.filter((path) => /user.data/.test(path))).toEqual([]);
    expect(paths).toContain('openstack/latest/meta_data.json');
  });
});
