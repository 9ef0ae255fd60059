// The one suite for src/hypervisor/network-port.ts: every adapter must pass it. What guests notice of it (addresses,
// translation, refusals of packets) is shown for the real one in test/integration/host-network.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { HostNetwork, HostNetworkSpec, HostPort } from '#hypervisor/network-port.ts';

export interface HostNetworkHarness {
  readonly network: HostNetwork;
  /** A second process on the same host, after the first one died without a word. */
  reopen(): Promise<HostNetwork>;
  /** A bridge name that nobody else uses. */
  readonly bridge: string;
  close(): Promise<void>;
}

export function networkSpec(
  bridge: string,
  changes: Partial<HostNetworkSpec> = {},
): HostNetworkSpec {
  return {
    id: randomUUID(),
    bridge,
    mtu: 1_450,
    subnets: [
      {
        id: randomUUID(),
        cidr: '10.123.0.0/24',
        gateway: '10.123.0.1',
        dhcp: true,
        dnsServers: ['192.0.2.53'],
        hostRoutes: [],
      },
    ],
    masquerade: true,
    metadataPort: 8_775,
    ...changes,
  };
}

export function portOn(
  network: HostNetworkSpec,
  address: string,
  changes: Partial<HostPort> = {},
): HostPort {
  const id = randomUUID();
  const mac = `fa:16:3e:${id.slice(0, 2)}:${id.slice(2, 4)}:${id.slice(4, 6)}`;
  const subnetId = network.subnets[0]?.id ?? '';
  return {
    id,
    networkId: network.id,
    mac,
    fixedIps: [{ subnetId, address }],
    hostname: 'vm1',
    ...changes,
  };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no fault';
  } catch (error) {
    if (error instanceof HypervisorFault) return error.code;
    throw error;
  }
}

export function hostNetworkContract(
  name: string,
  makeHarness: () => Promise<HostNetworkHarness>,
): void {
  describe(`${name} as a host network`, () => {
    let harness: HostNetworkHarness;
    let network: HostNetwork;
    let spec: HostNetworkSpec;

    beforeEach(async () => {
      harness = await makeHarness();
      network = harness.network;
      spec = networkSpec(harness.bridge);
    });

    afterEach(() => harness.close());

    test('a port is plugged into its network’s bridge, under the name of its tap', async () => {
      await network.ensureNetwork(spec);
      const port = portOn(spec, '10.123.0.5');
      const wanted = { bridge: spec.bridge, tap: `tap${port.id.slice(0, 11)}`, mtu: 1_450 };
      expect(await network.plug(port)).toEqual(wanted);
      expect(await network.plug(port)).toEqual(wanted);
      expect(await network.listPorts()).toEqual([port.id]);
    });

    test('a network is set up once, however often and at once it is asked for', async () => {
      await Promise.all([network.ensureNetwork(spec), network.ensureNetwork(spec)]);
      await network.ensureNetwork(spec);
      expect(await network.listNetworks()).toEqual([spec.id]);
    });

    test('many ports are plugged and unplugged at once', async () => {
      await network.ensureNetwork(spec);
      const ports = Array.from({ length: 20 }, (_, index) => portOn(spec, `10.123.0.${index + 9}`));
      await Promise.all(ports.map((port) => network.plug(port)));
      expect([...(await network.listPorts())].sort()).toEqual(ports.map(({ id }) => id).sort());
      await Promise.all(ports.map((port) => network.unplug(port)));
      expect(await network.listPorts()).toEqual([]);
    });

    test('an unplugged port is gone, and unplugging is silent about what is not there', async () => {
      await network.ensureNetwork(spec);
      const port = portOn(spec, '10.123.0.5');
      await network.plug(port);
      await network.unplug(port);
      expect(await network.listPorts()).toEqual([]);
      await network.unplug(port);
      await network.unplug(portOn(networkSpec('elsewhere'), '10.123.0.6'));
    });

    test('a port may come back with another address', async () => {
      await network.ensureNetwork(spec);
      const port = portOn(spec, '10.123.0.5');
      await network.plug(port);
      const subnetId = spec.subnets[0]?.id ?? '';
      await network.plug({ ...port, fixedIps: [{ subnetId, address: '10.123.0.6' }] });
      expect(await network.listPorts()).toEqual([port.id]);
    });

    test('a port without address, and one with several, can be plugged', async () => {
      await network.ensureNetwork(spec);
      const subnetId = spec.subnets[0]?.id ?? '';
      const several = ['10.123.0.7', '10.123.0.8'].map((address) => ({ subnetId, address }));
      const ports = [
        portOn(spec, '', { fixedIps: [] }),
        portOn(spec, '', { fixedIps: several, hostname: 'no_good,hostname\n' }),
      ];
      for (const port of ports) await network.plug(port);
      expect([...(await network.listPorts())].sort()).toEqual(ports.map(({ id }) => id).sort());
    });

    test('a port needs its network', async () => {
      expect(await codeOf(network.plug(portOn(spec, '10.123.0.5')))).toBe('failed');
    });

    test('a removed network is gone with its ports, and removing it again is silent', async () => {
      await network.ensureNetwork(spec);
      await network.plug(portOn(spec, '10.123.0.5'));
      await network.removeNetwork(spec.id);
      await network.removeNetwork(spec.id);
      expect(await network.listNetworks()).toEqual([]);
      expect(await network.listPorts()).toEqual([]);
      expect(await codeOf(network.plug(portOn(spec, '10.123.0.5')))).toBe('failed');
    });

    test('a removed network can be set up again', async () => {
      await network.ensureNetwork(spec);
      await network.removeNetwork(spec.id);
      await network.ensureNetwork(spec);
      await network.plug(portOn(spec, '10.123.0.5'));
      expect(await network.listNetworks()).toEqual([spec.id]);
    });

    test('networks and ports are known to the next process', async () => {
      await network.ensureNetwork(spec);
      const port = portOn(spec, '10.123.0.5');
      await network.plug(port);
      const next = await harness.reopen();
      expect(await next.listNetworks()).toEqual([spec.id]);
      expect(await next.listPorts()).toEqual([port.id]);
      await next.ensureNetwork(spec);
      await next.unplug(port);
      await next.removeNetwork(spec.id);
      expect(await next.listNetworks()).toEqual([]);
      await next.close();
    });

    test('a network may change', async () => {
      await network.ensureNetwork(spec);
      const changed = { ...spec, mtu: 1_400, metadataPort: undefined, masquerade: false };
      await network.ensureNetwork(changed);
      expect(await network.plug(portOn(spec, '10.123.0.5'))).toMatchObject({ mtu: 1_400 });
    });

    describe('refuses, and leaves nothing,', () => {
      const subnetWith = (changes: object): Partial<HostNetworkSpec> => ({
        subnets: networkSpec('x').subnets.map((subnet) => ({ ...subnet, ...changes })),
      });

      test.each([
        ['a bridge name that is a command', 'failed', { bridge: 'br0; reboot' }],
        ['a bridge name that is too long', 'failed', { bridge: 'a-very-long-name' }],
        ['an id that is no UUID', 'failed', { id: '../x' }],
        ['an MTU that cannot be', 'failed', { mtu: 0 }],
        ['a metadata port that cannot be', 'failed', { metadataPort: 70_000 }],
        ['a CIDR with host bits', 'failed', subnetWith({ cidr: '10.123.0.1/24' })],
        ['a CIDR that is none', 'failed', subnetWith({ cidr: '10.123.0.0/24\ndhcp-script=x' })],
        ['a gateway of elsewhere', 'failed', subnetWith({ gateway: '10.124.0.1' })],
        ['a DNS server that is none', 'failed', subnetWith({ dnsServers: ['evil,1'] })],
        [
          'a route that is none',
          'failed',
          subnetWith({ hostRoutes: [{ destination: '10.0.0.0', nexthop: '10.123.0.1' }] }),
        ],
        ['IPv6, which it does not serve', 'unsupported', subnetWith({ cidr: 'fd00::/64' })],
      ])('%s', async (_, code, changes: Partial<HostNetworkSpec>) => {
        expect(await codeOf(network.ensureNetwork({ ...spec, ...changes }))).toBe(code);
        expect(await network.listNetworks()).toEqual([]);
      });

      test.each([
        ['a MAC that is none', { mac: 'fa:16:3e:00:00:01,ignore' }],
        ['a MAC in upper case', { mac: 'FA:16:3E:00:00:01' }],
        ['a port id that is no UUID', { id: '../../x' }],
        ['an unknown subnet', { fixedIps: [{ subnetId: randomUUID(), address: '10.123.0.5' }] }],
      ])('%s', async (_, changes: Partial<HostPort>) => {
        await network.ensureNetwork(spec);
        expect(await codeOf(network.plug(portOn(spec, '10.123.0.5', changes)))).toBe('failed');
        expect(await network.listPorts()).toEqual([]);
      });

      test('an address of elsewhere', async () => {
        await network.ensureNetwork(spec);
        expect(await codeOf(network.plug(portOn(spec, '10.124.0.5')))).toBe('failed');
        expect(await codeOf(network.plug(portOn(spec, '10.123.0.5\n')))).toBe('failed');
        expect(await network.listPorts()).toEqual([]);
      });
    });
  });
}
