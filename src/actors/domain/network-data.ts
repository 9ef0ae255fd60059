// network_data.json: a server's links, addresses and name servers, for guests that set up their own network. Pure.
// The form is Nova's: one address per IP version and link, and no address where DHCP gives it.
import type { InstanceNetwork } from './instance-metadata.ts';

type Address = InstanceNetwork['addresses'][number];

interface Service {
  readonly type: 'dns';
  readonly address: string;
}

/** An empty object for a server without networks. */
export function networkData(networks: readonly InstanceNetwork[]): object {
  const connected = networks.filter((network) => network.addresses.length > 0);
  if (networks.length === 0) return {};
  const shown = connected.flatMap((network) =>
    [4, 6].flatMap((version) => {
      const address = network.addresses.find((each) => each.version === version);
      return address === undefined ? [] : [{ network, address }];
    }),
  );
  return {
    links: connected.map(linkOf),
    networks: shown.map(({ network, address }, index) => networkOf(network, address, index)),
    services: uniqueServices(shown.flatMap(({ address }) => servicesOf(address))),
  };
}

/** Where DHCP serves it tells the MTU, too. */
function linkOf(network: InstanceNetwork): object {
  const byDhcp = network.addresses.some((address) => address.dhcp);
  return {
    id: network.device,
    vif_id: network.portId,
    type: 'bridge',
    mtu: byDhcp ? null : network.mtu,
    ethernet_mac_address: network.mac,
  };
}

function networkOf(network: InstanceNetwork, address: Address, index: number): object {
  const { version, addressMode } = address;
  const names = { id: `network${index}`, link: network.device, network_id: network.networkId };
  if (addressMode === undefined && address.dhcp) return { ...names, type: `ipv${version}_dhcp` };
  const suffix = addressMode === undefined ? '' : `_${addressMode}`;
  return {
    ...names,
    type: `ipv${version}${suffix}`,
    ip_address: address.address,
    netmask: netmaskOf(version, Number(address.cidr.split('/')[1])),
    routes: [...defaultRoute(address), ...address.hostRoutes.map(routeOf)],
    services: servicesOf(address),
  };
}

function defaultRoute({ version, gateway }: Address): readonly object[] {
  if (gateway === undefined) return [];
  const any = version === 4 ? '0.0.0.0' : '::';
  return [{ network: any, netmask: any, gateway }];
}

function routeOf({ destination, nexthop }: Address['hostRoutes'][number]): object {
  const [network = '', length = ''] = destination.split('/');
  const version = network.includes(':') ? 6 : 4;
  return { network, netmask: netmaskOf(version, Number(length)), gateway: nexthop };
}

function servicesOf({ dnsServers }: Address): readonly Service[] {
  return dnsServers.map((address) => ({ type: 'dns', address }));
}

function uniqueServices(services: readonly Service[]): readonly Service[] {
  return services.filter(
    ({ address }, index) => services.findIndex((other) => other.address === address) === index,
  );
}

/** `255.255.240.0`, `ffff:ffff:ffff:ffff::` */
export function netmaskOf(version: 4 | 6, length: number): string {
  const [groupBits, groups] = version === 4 ? [8, 4] : [16, 8];
  const values = Array.from({ length: groups }, (_, index) => {
    const ones = Math.min(groupBits, Math.max(0, length - index * groupBits));
    return 2 ** groupBits - 2 ** (groupBits - ones);
  });
  if (version === 4) return values.join('.');
  const text = values.map((value) => value.toString(16));
  const zeros = text.findIndex((group, index) => text.slice(index).every((rest) => rest === '0'));
  if (zeros < 0 || zeros === groups - 1) return text.join(':');
  return `${text.slice(0, zeros).join(':')}::`;
}
