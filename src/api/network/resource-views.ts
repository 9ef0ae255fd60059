// Networks, subnets, ports, security groups and rules as clients see them: every attribute, also those for
// administrators, which collection.ts takes away for others. Pure.
import { bridgeName } from '#actors/services/network/bound-port.ts';
import type { FoundPort, FoundSubnet } from '#actors/services/network/network-index.ts';
import type { FoundGroup } from '#actors/services/network/security-groups.ts';
import type { NetworkState, Stamps } from '#actors/services/network/state.ts';
import type { RuleState } from '#actors/services/network/tenancy-state.ts';
import { formatPrefix, parsePrefix } from '#actors/services/network/addresses.ts';
import type { Item } from './collection.ts';
import { timeText } from './network-access.ts';

function stampsOf(resource: Stamps): Item {
  return {
    tags: resource.tags,
    created_at: timeText(resource.createdAtMs),
    updated_at: timeText(resource.updatedAtMs),
    revision_number: resource.revision,
  };
}

function projectOf(projectId: string): Item {
  return { tenant_id: projectId, project_id: projectId };
}

export function renderNetwork(network: NetworkState): Item {
  const { attributes } = network;
  return {
    id: network.id,
    name: attributes.name,
    description: attributes.description,
    ...projectOf(attributes.projectId),
    admin_state_up: attributes.adminUp,
    status: 'ACTIVE',
    subnets: network.subnets.map((subnet) => subnet.id),
    shared: attributes.shared,
    'router:external': attributes.external,
    mtu: attributes.mtu,
    port_security_enabled: attributes.portSecurity,
    'provider:network_type': attributes.providerType,
    'provider:physical_network': attributes.physicalNetwork ?? null,
    'provider:segmentation_id': attributes.segmentationId ?? null,
    ...stampsOf(network),
  };
}

export function renderSubnet({ network, subnet }: FoundSubnet): Item {
  return {
    id: subnet.id,
    name: subnet.name,
    description: subnet.description,
    ...projectOf(subnet.projectId),
    network_id: network.id,
    ip_version: subnet.version,
    cidr: subnet.cidr,
    gateway_ip: subnet.gateway ?? null,
    enable_dhcp: subnet.dhcp,
    allocation_pools: subnet.pools,
    dns_nameservers: subnet.dnsServers,
    host_routes: subnet.hostRoutes,
    ipv6_ra_mode: subnet.raMode ?? null,
    ipv6_address_mode: subnet.addressMode ?? null,
    subnetpool_id: null,
    ...stampsOf(subnet),
  };
}

export function renderPort({ network, port }: FoundPort): Item {
  const isBound = port.host !== '';
  const details = {
    connectivity: 'l2',
    port_filter: false,
    bridge_name: bridgeName(network.id),
  };
  return {
    id: port.id,
    name: port.name,
    description: port.description,
    ...projectOf(port.projectId),
    network_id: network.id,
    admin_state_up: port.adminUp,
    status: isBound && port.adminUp ? 'ACTIVE' : 'DOWN',
    mac_address: port.mac,
    fixed_ips: port.fixedIps.map(({ subnetId, address }) => ({
      subnet_id: subnetId,
      ip_address: address,
    })),
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    security_groups: port.securityGroups,
    port_security_enabled: port.portSecurity,
    allowed_address_pairs: port.addressPairs.map(({ ip, mac }) => ({
      ip_address: ip,
      mac_address: mac,
    })),
    'binding:vnic_type': port.vnicType,
    'binding:host_id': port.host,
    'binding:profile': JSON.parse(port.profile) as unknown,
    'binding:vif_type': isBound ? 'bridge' : 'unbound',
    'binding:vif_details': isBound ? details : {},
    ...stampsOf(port),
  };
}

export function renderGroup({ projectId, group }: FoundGroup): Item {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    stateful: group.stateful,
    ...projectOf(projectId),
    security_group_rules: group.rules.map((rule) => renderRule(projectId, rule)),
    ...stampsOf(group),
  };
}

export function renderRule(projectId: string, rule: RuleState): Item {
  const { remotePrefix } = rule;
  return {
    id: rule.id,
    description: rule.description,
    ...projectOf(projectId),
    security_group_id: rule.groupId,
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol ?? null,
    port_range_min: rule.portMin ?? null,
    port_range_max: rule.portMax ?? null,
    remote_ip_prefix: remotePrefix ?? null,
    normalized_cidr: remotePrefix === undefined ? null : normalised(remotePrefix),
    remote_group_id: rule.remoteGroupId ?? null,
    remote_address_group_id: null,
    ...stampsOf({ ...rule, tags: [] }),
  };
}

function normalised(cidr: string): string {
  const prefix = parsePrefix(cidr);
  return prefix === undefined ? cidr : formatPrefix(prefix);
}
