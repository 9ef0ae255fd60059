import { describe, expect, test } from 'vitest';
import {
  onlyLeasesOf,
  parseHostEntry,
  renderDnsmasqConfig,
  renderHostEntry,
  servesDhcp,
  withoutLeases,
} from '#hypervisor/network/dnsmasq-config.ts';
import type { HostNetworkSpec, HostPort } from '#hypervisor/network-port.ts';

const spec: HostNetworkSpec = {
  id: 'n1',
  bridge: 'br-1',
  mtu: 1_450,
  masquerade: true,
  metadataPort: 8_775,
  subnets: [
    {
      id: 's1',
      cidr: '10.0.0.0/22',
      gateway: '10.0.0.1',
      dhcp: true,
      dnsServers: ['192.0.2.1', '192.0.2.2'],
      hostRoutes: [],
    },
    {
      id: 's2',
      cidr: '10.1.0.0/24',
      gateway: undefined,
      dhcp: true,
      dnsServers: [],
      hostRoutes: [{ destination: '10.9.0.0/16', nexthop: '10.1.0.9' }],
    },
    {
      id: 's3',
      cidr: '10.2.0.0/24',
      gateway: '10.2.0.1',
      dhcp: false,
      dnsServers: [],
      hostRoutes: [],
    },
  ],
};
const places = { hostsDirectory: '/d/hosts', logPath: '/d/log', user: 'nobody' } as const;

const port: HostPort = {
  id: 'p1',
  networkId: 'n1',
  mac: 'fa:16:3e:00:00:01',
  fixedIps: [{ subnetId: 's1', address: '10.0.0.5' }],
  hostname: 'vm-1',
};

test('the whole configuration of a network', () => {
  expect(renderDnsmasqConfig(spec, places)).toBe(`port=0
interface=br-1
except-interface=lo
bind-dynamic
no-resolv
no-hosts
no-poll
no-ping
user=nobody
quiet-dhcp
log-facility=/d/log
dhcp-authoritative
dhcp-lease-max=65536
dhcp-ignore=tag:!known
dhcp-hostsdir=/d/hosts
dhcp-option-force=option:mtu,1450
dhcp-range=set:subnet-0,10.0.0.0,static,255.255.252.0,86400
dhcp-option=tag:subnet-0,option:router,10.0.0.1
dhcp-option=tag:subnet-0,option:dns-server,192.0.2.1,192.0.2.2
dhcp-range=set:subnet-1,10.1.0.0,static,255.255.255.0,86400
shared-network=br-1,10.1.0.0
dhcp-option=tag:subnet-1,option:router
dhcp-option=tag:subnet-1,option:classless-static-route,169.254.169.254/32,0.0.0.0,10.9.0.0/16,10.1.0.9
dhcp-option=tag:subnet-1,249,169.254.169.254/32,0.0.0.0,10.9.0.0/16,10.1.0.9
`);
});

test('a network serves DHCP if one of its subnets does', () => {
  expect(servesDhcp(spec)).toBe(true);
  expect(servesDhcp({ ...spec, subnets: spec.subnets.slice(2) })).toBe(false);
});

describe('the entry of a port', () => {
  test('has a line per address', () => {
    expect(renderHostEntry(port)).toBe('fa:16:3e:00:00:01,10.0.0.5,vm-1\n');
    const fixedIps = ['10.0.0.5', '10.1.0.5'].map((address) => ({ subnetId: 's', address }));
    expect(renderHostEntry({ ...port, fixedIps })).toBe(
      'fa:16:3e:00:00:01,10.0.0.5,vm-1\nfa:16:3e:00:00:01,10.1.0.5,vm-1\n',
    );
  });

  test('without address makes the port known and nothing more', () => {
    expect(renderHostEntry({ ...port, fixedIps: [] })).toBe('fa:16:3e:00:00:01,ignore\n');
  });

  test.each(['', 'two words', 'a,b', 'a\nb', '-a', 'a-', 'x'.repeat(64), 'żółw'])(
    'leaves the hostname %j out',
    (hostname) => {
      expect(renderHostEntry({ ...port, hostname })).toBe('fa:16:3e:00:00:01,10.0.0.5\n');
    },
  );

  test('is read back as it was written', () => {
    const fixedIps = ['10.0.0.5', '10.1.0.5'].map((address) => ({ subnetId: 's', address }));
    for (const ips of [fixedIps, port.fixedIps, []]) {
      expect(parseHostEntry(renderHostEntry({ ...port, fixedIps: ips }))).toEqual({
        mac: port.mac,
        addresses: ips.map(({ address }) => address),
      });
    }
    expect(parseHostEntry('')).toBeUndefined();
  });
});

test('a lease file keeps the leases of known MACs only', () => {
  const leases = [
    '1795342139 fa:16:3e:00:00:01 10.0.0.7 vm-1 *',
    '1795342139 fa:16:3e:00:00:02 10.0.0.5 old *',
    '',
  ];
  expect(onlyLeasesOf(leases.join('\n'), new Set(['fa:16:3e:00:00:01']))).toBe(`${leases[0]}\n`);
  expect(onlyLeasesOf('', new Set())).toBe('');
});

test('a lease file loses the leases of a port’s MAC and of its addresses, no others', () => {
  const leases = [
    '1795342139 fa:16:3e:00:00:01 10.0.0.7 vm-1 01:fa:16:3e:00:00:01',
    '1795342139 fa:16:3e:00:00:02 10.0.0.5 old *',
    '1795342139 fa:16:3e:00:00:03 10.0.0.50 other *',
    '',
  ];
  const known = { mac: port.mac, addresses: ['10.0.0.5'] };
  expect(withoutLeases(leases.join('\n'), known)).toBe(`${leases[2]}\n`);
  expect(withoutLeases('', known)).toBe('');
});
