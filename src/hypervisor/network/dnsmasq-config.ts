// What dnsmasq is told about one network and its ports, as text. Pure. Options: dnsmasq(8).
// DHCP only: no DNS service, so nothing of the host's resolver reaches guests beyond the servers that a subnet names.

import type { HostNetworkSpec, HostPort } from '../network-port.ts';
import { netmaskOf, parseIpv4Network } from './ipv4.ts';

const leaseSeconds = 86_400;
const hostnamePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;
/** What guests ask for metadata; on a network without router it is the DHCP server's own address. */
export const metadataAddress = '169.254.169.254';

type Subnet = HostNetworkSpec['subnets'][number];

export interface DnsmasqPlaces {
  /** Directory of one file per port, watched by dnsmasq. */
  readonly hostsDirectory: string;
  readonly logPath: string;
  /** Account that dnsmasq changes to once its sockets are open. */
  readonly user: 'nobody' | 'root';
}

/** True when a guest of this network can get an address from us. */
export function servesDhcp(spec: HostNetworkSpec): boolean {
  return spec.subnets.some((subnet) => subnet.dhcp);
}

export function renderDnsmasqConfig(spec: HostNetworkSpec, places: DnsmasqPlaces): string {
  const lines = [
    'port=0',
    `interface=${spec.bridge}`,
    'except-interface=lo',
    'bind-dynamic',
    'no-resolv',
    'no-hosts',
    'no-poll',
    'no-ping',
    `user=${places.user}`,
    'quiet-dhcp',
    `log-facility=${places.logPath}`,
    'dhcp-authoritative',
    'dhcp-lease-max=65536',
    'dhcp-ignore=tag:!known',
    `dhcp-hostsdir=${places.hostsDirectory}`,
    `dhcp-option-force=option:mtu,${spec.mtu}`,
    ...spec.subnets.flatMap((subnet, index) => renderSubnet(spec, subnet, `subnet-${index}`)),
  ];
  return `${lines.join('\n')}\n`;
}

function renderSubnet(spec: HostNetworkSpec, subnet: Subnet, tag: string): readonly string[] {
  const network = parseIpv4Network(subnet.cidr);
  if (!subnet.dhcp || network === undefined) return [];
  const start = subnet.cidr.slice(0, subnet.cidr.indexOf('/'));
  const option = (name: string, values: readonly string[]): readonly string[] =>
    values.length === 0 ? [] : [`dhcp-option=tag:${tag},${name},${values.join(',')}`];
  const routes = routesOf(spec, subnet);
  return [
    `dhcp-range=set:${tag},${start},static,${netmaskOf(network.prefix)},${leaseSeconds}`,
    // Without an address of the subnet on the bridge, dnsmasq must be told that the bridge leads there.
    ...(subnet.gateway === undefined ? [`shared-network=${spec.bridge},${start}`] : []),
    // An empty option keeps dnsmasq from offering itself as router.
    ...(subnet.gateway === undefined
      ? [`dhcp-option=tag:${tag},option:router`]
      : option('option:router', [subnet.gateway])),
    ...option('option:dns-server', subnet.dnsServers),
    ...option('option:classless-static-route', routes),
    ...option('249', routes),
  ];
}

/** RFC 3442: a client that gets these ignores the router option, so the default route is among them. */
function routesOf(spec: HostNetworkSpec, subnet: Subnet): readonly string[] {
  const routes = subnet.hostRoutes.flatMap((route) => [route.destination, route.nexthop]);
  const isolated = subnet.gateway === undefined && spec.metadataPort !== undefined;
  if (isolated) routes.unshift(`${metadataAddress}/32`, '0.0.0.0');
  if (routes.length > 0 && subnet.gateway !== undefined) routes.push('0.0.0.0/0', subnet.gateway);
  return routes;
}

export interface KnownPort {
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** The file of one port in the hosts directory: a line per address, or one that only makes the MAC known. */
export function renderHostEntry(port: HostPort): string {
  const hostname = hostnamePattern.test(port.hostname) ? `,${port.hostname}` : '';
  if (port.fixedIps.length === 0) return `${port.mac},ignore\n`;
  return port.fixedIps.map(({ address }) => `${port.mac},${address}${hostname}\n`).join('');
}

/** Reads what renderHostEntry wrote; undefined for anything else. */
export function parseHostEntry(text: string): KnownPort | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  const mac = lines[0]?.split(',')[0];
  if (mac === undefined) return undefined;
  const addresses = lines
    .map((line) => line.split(',')[1] ?? '')
    .filter((word) => word !== 'ignore');
  return { mac, addresses };
}

/** A lease file without the leases of a port: those of its MAC, and those of its addresses. */
export function withoutLeases(leases: string, port: KnownPort): string {
  const kept = leases.split('\n').filter((line) => {
    const [, mac, address] = line.split(' ');
    return mac !== port.mac && !port.addresses.includes(address ?? '');
  });
  return kept.join('\n');
}

/** A lease file with the leases of these MACs only. */
export function onlyLeasesOf(leases: string, macs: ReadonlySet<string>): string {
  return leases
    .split('\n')
    .filter((line) => line === '' || macs.has(line.split(' ')[1] ?? ''))
    .join('\n');
}
