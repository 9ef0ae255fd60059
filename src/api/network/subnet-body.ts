// From a subnet's request to what is kept of it: prefix, gateway, pools and IPv6 modes checked against each other.
// Pure but for what it throws; words: Neutron's.
import {
  formatPrefix,
  parseAddress,
  parsePrefix,
  type Prefix,
} from '#actors/services/network/addresses.ts';
import type { SubnetChanges, SubnetRecord } from '#actors/services/network/protocol.ts';
import {
  type AddressPool,
  defaultGateway,
  defaultPools,
  isGatewayAllowed,
  prefixOf,
} from '#actors/services/network/subnet-plan.ts';
import type { Attributes } from './attributes.ts';
import { badResource, invalidInput, NetworkHttpError } from './neutron-error.ts';
import { subnetLimits } from './resource-tables.ts';
import { show } from './values.ts';

interface HostRoute {
  readonly destination: string;
  readonly nexthop: string;
}

export function newSubnet(
  values: Attributes,
  names: { readonly id: string; readonly projectId: string },
): SubnetRecord {
  const prefix = prefixIn(values);
  const dhcp = values['enable_dhcp'] as boolean;
  if (dhcp) checkForDhcp(prefix);
  const modes = modesIn(values, prefix, dhcp);
  const gateway = gatewayIn(values, prefix);
  const dnsServers = values['dns_nameservers'] as string[];
  const hostRoutes = values['host_routes'] as HostRoute[];
  checkServers(dnsServers, prefix, names.id);
  checkRoutes(hostRoutes, prefix, names.id);
  const pools = values['allocation_pools'] as AddressPool[] | undefined;
  return {
    ...names,
    name: values['name'] as string,
    description: values['description'] as string,
    version: prefix.version,
    cidr: formatPrefix(prefix),
    ...(gateway === undefined ? {} : { gateway }),
    dhcp,
    pools: [...(pools ?? defaultPools(prefix, gateway))],
    dnsServers,
    hostRoutes,
    ...modes,
  };
}

function prefixIn(values: Attributes): Prefix {
  const { cidr, ip_version: version } = values;
  const prefix = typeof cidr === 'string' ? parsePrefix(cidr) : undefined;
  if (prefix === undefined)
    throw badResource('subnets', 'a subnetpool must be specified in the absence of a cidr');
  if (version !== undefined && version !== 4 && version !== 6)
    throw new NetworkHttpError(
      400,
      'HTTPBadRequest',
      `Invalid input for ip_version. Reason: '${show(version)}' is not in [4, 6].`,
    );
  if (version !== undefined && version !== prefix.version)
    throw mismatch('cidr', formatPrefix(prefix), version);
  if (prefix.length === 0) throw invalidInput('0 is not allowed as CIDR prefix length');
  return prefix;
}

function mismatch(name: string, value: string, version: number): NetworkHttpError {
  return invalidInput(`${name} '${value}' does not match the ip_version '${version}'`);
}

/** A guest can't be served addresses in these. */
export function checkForDhcp(prefix: Prefix): void {
  const longest = prefix.version === 4 ? 30 : 126;
  if (prefix.length > longest)
    throw invalidInput('Subnet has a prefix length that is incompatible with DHCP service enabled');
  const top = prefix.version === 4 ? prefix.first >> 24n : prefix.first >> 120n;
  const isMulticast = prefix.version === 4 ? top >= 224n && top <= 239n : top === 255n;
  if (isMulticast)
    throw invalidInput('Multicast IP subnet is not supported if enable_dhcp is True');
  const isLoopback = prefix.version === 4 ? top === 127n : prefix.first <= 1n && prefix.last >= 1n;
  if (isLoopback) throw invalidInput('Loopback IP subnet is not supported if enable_dhcp is True');
  if (prefix.version === 4 && prefix.first === 0n)
    throw invalidInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.");
}

function modesIn(
  values: Attributes,
  prefix: Prefix,
  dhcp: boolean,
): Pick<SubnetRecord, 'raMode' | 'addressMode'> {
  const raMode = (values['ipv6_ra_mode'] ?? undefined) as string | undefined;
  const addressMode = (values['ipv6_address_mode'] ?? undefined) as string | undefined;
  const said = Object.entries({ ipv6_ra_mode: raMode, ipv6_address_mode: addressMode }).filter(
    ([, mode]) => mode !== undefined,
  );
  const [first] = said;
  if (first === undefined) return {};
  if (prefix.version === 4) throw invalidInput(`${first[0]} is not valid when ip_version is 4`);
  if (!dhcp)
    throw invalidInput(
      'ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False',
    );
  if (raMode !== undefined && addressMode !== undefined && raMode !== addressMode)
    throw invalidInput(
      `ipv6_ra_mode set to '${raMode}' with ipv6_address_mode set to '${addressMode}' is not ` +
        'valid. If both attributes are set, they must be the same value',
    );
  if (first[1] !== 'dhcpv6-stateful' && prefix.length !== 64)
    throw invalidInput(
      `Invalid CIDR ${formatPrefix(prefix)} for IPv6 address mode. OpenStack uses the EUI-64 ` +
        'address format, which requires the prefix to be /64',
    );
  return {
    ...(raMode === undefined ? {} : { raMode }),
    ...(addressMode === undefined ? {} : { addressMode }),
  };
}

function gatewayIn(values: Attributes, prefix: Prefix): string | undefined {
  const { gateway_ip: gateway } = values;
  if (gateway === null) return undefined;
  if (typeof gateway !== 'string') {
    return prefix.first === prefix.last ? undefined : defaultGateway(prefix);
  }
  checkGateway(gateway, prefix);
  return gateway;
}

function checkGateway(gateway: string, prefix: Prefix): void {
  const address = parseAddress(gateway);
  if (address === undefined || address.version !== prefix.version)
    throw mismatch('gateway_ip', gateway, prefix.version);
  if (!isGatewayAllowed(prefix, address)) throw invalidInput('Gateway is not valid on subnet');
}

function checkServers(servers: readonly string[], prefix: Prefix, subnetId: string): void {
  if (servers.length > subnetLimits.dnsServers)
    throw exhausted(
      'DNSNameServersExhausted',
      subnetId,
      'DNS nameservers',
      subnetLimits.dnsServers,
    );
  for (const server of servers)
    if (parseAddress(server)?.version !== prefix.version)
      throw mismatch('dns_nameserver', server, prefix.version);
}

function checkRoutes(routes: readonly HostRoute[], prefix: Prefix, subnetId: string): void {
  if (routes.length > subnetLimits.hostRoutes)
    throw exhausted('HostRoutesExhausted', subnetId, 'host routes', subnetLimits.hostRoutes);
  for (const { destination, nexthop } of routes) {
    if (parsePrefix(destination)?.version !== prefix.version)
      throw mismatch('destination', destination, prefix.version);
    if (parseAddress(nexthop)?.version !== prefix.version)
      throw mismatch('nexthop', nexthop, prefix.version);
  }
}

function exhausted(type: string, subnetId: string, what: string, limit: number): NetworkHttpError {
  return new NetworkHttpError(
    400,
    type,
    `Unable to complete operation for ${subnetId}. The number of ${what} exceeds the limit ${limit}.`,
  );
}

export function subnetChanges(values: Attributes, subnet: SubnetRecord): SubnetChanges {
  const prefix = prefixOf(subnet.cidr);
  const { gateway_ip: gateway, enable_dhcp: dhcp } = values;
  if (typeof gateway === 'string') checkGateway(gateway, prefix);
  if (dhcp === true && !subnet.dhcp) checkForDhcp(prefix);
  const dnsServers = values['dns_nameservers'] as string[] | undefined;
  const hostRoutes = values['host_routes'] as HostRoute[] | undefined;
  if (dnsServers !== undefined) checkServers(dnsServers, prefix, subnet.id);
  if (hostRoutes !== undefined) checkRoutes(hostRoutes, prefix, subnet.id);
  const changes = {
    name: values['name'],
    description: values['description'],
    gateway,
    dhcp,
    pools: values['allocation_pools'],
    dnsServers,
    hostRoutes,
  };
  const said = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as SubnetChanges;
}

/** The addresses of a subnet that guests may have, for counts. */
export function poolSize(pools: readonly AddressPool[]): bigint {
  return pools.reduce((sum, { start, end }) => {
    const first = parseAddress(start)?.value ?? 0n;
    const last = parseAddress(end)?.value ?? -1n;
    return sum + last - first + 1n;
  }, 0n);
}
