// Networks and ports as others need them: guests, hosts, metadata. Pure.
import type { InstanceNetwork } from '../../domain/instance-metadata.ts';
import type { BoundPort, HostNetworkPlan } from '../../ports/networks.ts';
import { contains, parseAddress } from './addresses.ts';
import type { PortRecord } from './protocol.ts';
import { findSubnet, type NetworkState, type SubnetState } from './state.ts';
import type { NetworkSettings } from './settings.ts';
import { prefixOf } from './subnet-plan.ts';

/** 14 of the 15 characters that Linux allows; 40 bits of the id. */
export function bridgeName(networkId: string): string {
  return `kbr${networkId.slice(0, 11)}`;
}

/** As OpenStack has always named it. */
export function tapName(portId: string): string {
  return `tap${portId.slice(0, 11)}`;
}

function serversOf(subnet: SubnetState, settings: NetworkSettings): readonly string[] {
  if (subnet.dnsServers.length > 0 || subnet.version === 6) return subnet.dnsServers;
  return settings.dnsServers;
}

export function boundPort(
  network: NetworkState,
  port: PortRecord,
  how: { readonly settings: NetworkSettings; readonly tag: string | undefined },
): BoundPort {
  return {
    portId: port.id,
    networkId: network.id,
    networkName: network.attributes.name,
    mac: port.mac,
    mtu: network.attributes.mtu,
    bridge: bridgeName(network.id),
    fixedIps: port.fixedIps.flatMap(({ subnetId, address }) => {
      const subnet = findSubnet(network, subnetId);
      if (subnet === undefined) return [];
      const { version, cidr, gateway } = subnet;
      const dnsServers = serversOf(subnet, how.settings);
      return [{ subnetId, address, version, cidr, gateway, dnsServers }];
    }),
    ownedByServer: port.ownedByDevice,
    tag: how.tag,
  };
}

/**
 * The data plane of a network on one host: a bridge with the gateway's address and DHCP. IPv6 has none yet, and a
 * gateway outside of its subnet is not ours to be. Only the hosts' own network leads out by itself.
 */
export function hostNetworkPlan(
  network: NetworkState,
  settings: NetworkSettings,
  metadataPort: number | undefined,
): HostNetworkPlan {
  const subnets = network.subnets.filter((subnet) => subnet.version === 4);
  return {
    id: network.id,
    bridge: bridgeName(network.id),
    mtu: network.attributes.mtu,
    subnets: subnets.map((subnet) => ({
      id: subnet.id,
      cidr: subnet.cidr,
      gateway: ownGateway(subnet),
      dhcp: subnet.dhcp,
      dnsServers: serversOf(subnet, settings),
      hostRoutes: subnet.hostRoutes,
    })),
    masquerade: network.attributes.providerType === 'flat',
    metadataPort,
  };
}

function ownGateway({ cidr, gateway }: SubnetState): string | undefined {
  const address = gateway === undefined ? undefined : parseAddress(gateway);
  return address !== undefined && contains(prefixOf(cidr), address) ? gateway : undefined;
}

/** For network_data.json. */
export function instanceNetwork(
  network: NetworkState,
  port: PortRecord,
  settings: NetworkSettings,
): InstanceNetwork {
  return {
    portId: port.id,
    networkId: network.id,
    device: tapName(port.id),
    mac: port.mac,
    mtu: network.attributes.mtu,
    addresses: port.fixedIps.flatMap(({ subnetId, address }) => {
      const subnet = findSubnet(network, subnetId);
      if (subnet === undefined) return [];
      const { version, cidr, gateway, dhcp, addressMode, hostRoutes } = subnet;
      const dnsServers = serversOf(subnet, settings);
      return [{ version, address, cidr, gateway, dhcp, addressMode, hostRoutes, dnsServers }];
    }),
  };
}
