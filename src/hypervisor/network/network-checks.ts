// What a network or a port must be before a name, address or number of it reaches ip, nft or dnsmasq. Pure.
// The network service has checked already; this is the last gate, so that no text can become a command or a line.

import type { HostNetworkSpec, HostPort } from '../network-port.ts';
import { checkUuid } from '../path-names.ts';
import { HypervisorFault } from '../port.ts';
import { containsIpv4, parseIpv4, parseIpv4Network } from './ipv4.ts';
import type { Ipv4Network } from './ipv4.ts';

const deviceName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;
const macAddress = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

type Subnet = HostNetworkSpec['subnets'][number];

/** @throws {HypervisorFault} `failed`, or `unsupported` for what this host side cannot do. */
export function checkNetworkSpec(spec: HostNetworkSpec): void {
  checkUuid(spec.id, 'network id');
  check(deviceName.test(spec.bridge), `'${spec.bridge}' is no name for a bridge`);
  check(isWithin(spec.mtu, 576, 65_535), `an MTU of ${spec.mtu} is not possible`);
  const port = spec.metadataPort;
  check(port === undefined || isWithin(port, 1, 65_535), `${port} is no TCP port`);
  for (const subnet of spec.subnets) checkSubnet(subnet);
}

function checkSubnet(subnet: Subnet): void {
  checkUuid(subnet.id, 'subnet id');
  if (subnet.cidr.includes(':')) {
    const message = `subnet ${subnet.cidr}: this host does not serve IPv6 networks`;
    throw new HypervisorFault('unsupported', message);
  }
  const network = parseIpv4Network(subnet.cidr);
  if (network === undefined) throw wrong(`'${subnet.cidr}' is no network`);
  if (subnet.gateway !== undefined) checkAddress(subnet.gateway, network);
  for (const server of subnet.dnsServers) {
    check(parseIpv4(server) !== undefined, `'${server}' is no DNS server's address`);
  }
  for (const route of subnet.hostRoutes) {
    check(
      parseIpv4Network(route.destination) !== undefined,
      `'${route.destination}' is no network`,
    );
    check(parseIpv4(route.nexthop) !== undefined, `'${route.nexthop}' is no router's address`);
  }
}

/** @throws {HypervisorFault} `failed` */
export function checkPort(port: HostPort, network: HostNetworkSpec): void {
  checkUuid(port.id, 'port id');
  check(macAddress.test(port.mac), `'${port.mac}' is no MAC address in lower case`);
  for (const { subnetId, address } of port.fixedIps) {
    const subnet = network.subnets.find((other) => other.id === subnetId);
    if (subnet === undefined) throw wrong(`port ${port.id} names an unknown subnet ${subnetId}`);
    checkAddress(address, parseIpv4Network(subnet.cidr));
  }
}

function checkAddress(text: string, network: Ipv4Network | undefined): void {
  const address = parseIpv4(text);
  const inside = address !== undefined && network !== undefined && containsIpv4(network, address);
  check(inside, `'${text}' is no address of its subnet`);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw wrong(otherwise);
}

function wrong(message: string): HypervisorFault {
  return new HypervisorFault('failed', message);
}
