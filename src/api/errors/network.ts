// What the network service's refusals mean in HTTP. Words and exception names (`kind`): Neutron's.
import type { ErrorTable } from './entry.ts';

type Detail = Readonly<Record<string, unknown>>;
interface Pool {
  readonly start: string;
  readonly end: string;
}

function words(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(',') : String(value);
}

function poolOf(value: unknown): string {
  const { start, end } = value as Pool;
  return `${start}-${end}`;
}

function notFound(kind: string, noun: string, key: string) {
  return {
    status: 404,
    kind,
    message: (detail: Detail) => `${noun} ${words(detail[key])} could not be found.`,
  };
}

function invalid(kind: string, message: (detail: Detail) => string) {
  return { status: 400, kind, message };
}

function inputOf(kind: string, message: (detail: Detail) => string) {
  return invalid(kind, (detail) => `Invalid input for operation: ${message(detail)}.`);
}

function conflict(kind: string, message: (detail: Detail) => string) {
  return { status: 409, kind, message };
}

const overQuota = conflict(
  'OverQuota',
  ({ resource = 'port' }) => `Quota exceeded for resources: ['${words(resource)}'].`,
);

const networkAndSubnetErrors = {
  'network-not-found': notFound('NetworkNotFound', 'Network', 'networkId'),
  'network-exists': conflict(
    'NetworkExists',
    ({ networkId }) => `Network ${words(networkId)} is there already.`,
  ),
  'network-in-use': conflict(
    'NetworkInUse',
    ({ networkId, portIds }) =>
      `Unable to complete operation on network ${words(networkId)}. There are one or more ports ` +
      `still in use on the network, id for these ports is: ${words(portIds)}.`,
  ),
  'network-shared-in-use': conflict(
    'InvalidSharedSetting',
    ({ networkId }) =>
      `Unable to reconfigure sharing settings for network ${words(networkId)}. ` +
      'Multiple tenants are using it.',
  ),
  'network-overlap': conflict(
    'NetworkOverlap',
    ({ networkId, cidr }) =>
      `Network ${words(networkId)} can't be used now: its addresses ${words(cidr)} overlap with ` +
      'those of another network that is in use. Choose another network, or give it another subnet.',
  ),
  'subnet-not-found': notFound('SubnetNotFound', 'Subnet', 'subnetId'),
  'subnet-exists': conflict(
    'SubnetExists',
    ({ subnetId }) => `Subnet ${words(subnetId)} is there already.`,
  ),
  'subnet-overlap': inputOf(
    'InvalidInput',
    ({ cidr, networkId }) =>
      `Requested subnet with cidr: ${words(cidr)} for network: ${words(networkId)} ` +
      'overlaps with another subnet',
  ),
  'subnet-in-use': conflict(
    'SubnetInUse',
    ({ subnetId }) =>
      `Unable to complete operation on subnet ${words(subnetId)}: ` +
      'One or more ports have an IP allocation from this subnet.',
  ),
  'subnet-not-on-network': inputOf(
    'InvalidInput',
    ({ networkId, subnetId }) =>
      `Failed to create port on network ${words(networkId)}, because fixed_ips included invalid ` +
      `subnet ${words(subnetId)}`,
  ),
  'gateway-in-pool': conflict(
    'GatewayConflictWithAllocationPools',
    ({ gateway, pool }) =>
      `Gateway ip ${words(gateway)} conflicts with allocation pool ${poolOf(pool)}.`,
  ),
  'pool-invalid': invalid(
    'InvalidAllocationPool',
    ({ pool }) => `The allocation pool ${poolOf(pool)} is not valid.`,
  ),
  'pool-out-of-bounds': invalid(
    'OutOfBoundsAllocationPool',
    ({ pool, cidr }) =>
      `The allocation pool ${poolOf(pool)} spans beyond the subnet cidr ${words(cidr)}.`,
  ),
  'pool-overlap': conflict(
    'OverlappingAllocationPools',
    ({ pool, other, cidr }) =>
      `Found overlapping allocation pools: ${poolOf(pool)} ${poolOf(other)} for subnet ${words(cidr)}.`,
  ),
  'network-quota': overQuota,
} as const satisfies ErrorTable;

const portErrors = {
  'port-not-found': notFound('PortNotFound', 'Port', 'portId'),
  'port-exists': conflict('PortExists', ({ portId }) => `Port ${words(portId)} is there already.`),
  'port-in-use': conflict(
    'PortInUse',
    ({ portId, networkId, deviceId }) =>
      `Unable to complete operation on port ${words(portId)} for network ${words(networkId)}. ` +
      `Port already has an attached device ${words(deviceId)}.`,
  ),
  'port-bound': conflict(
    'PortBound',
    ({ portId, oldMac, newMac }) =>
      `Unable to complete operation on port ${words(portId)}, port is already bound, ` +
      `port type: bridge, old_mac ${words(oldMac)}, new_mac ${words(newMac)}.`,
  ),
  'port-quota': overQuota,
  'mac-in-use': conflict(
    'MacAddressInUse',
    ({ networkId, mac }) =>
      `Unable to complete operation for network ${words(networkId)}. ` +
      `The mac address ${words(mac)} is in use.`,
  ),
  'no-mac': {
    status: 503,
    kind: 'NetworkMacAddressGenerationFailure',
    message: ({ networkId }: Detail) =>
      `Unable to generate unique mac on network ${words(networkId)}.`,
  },
  'no-addresses': conflict(
    'IpAddressGenerationFailure',
    ({ networkId }) => `No more IP addresses available on network ${words(networkId)}.`,
  ),
  'no-subnets': inputOf('InvalidInput', () => 'IP allocation requires subnets for network'),
  'address-in-use': conflict(
    'IpAddressAlreadyAllocated',
    ({ address, subnetId }) =>
      `IP address ${words(address)} already allocated in subnet ${words(subnetId)}`,
  ),
  'address-not-in-subnet': invalid(
    'InvalidIpForSubnet',
    ({ address }) => `IP address ${words(address)} is not a valid IP for the specified subnet.`,
  ),
  'address-not-on-network': invalid(
    'InvalidIpForNetwork',
    ({ address }) =>
      `IP address ${words(address)} is not a valid IP for any of the subnets on the specified network.`,
  ),
  'address-automatic': inputOf(
    'AllocationOnAutoAddressSubnet',
    ({ address, subnetId }) =>
      `IPv6 address ${words(address)} cannot be directly assigned to a port on subnet ` +
      `${words(subnetId)} as the subnet is configured for automatic addresses`,
  ),
  'revision-mismatch': {
    status: 412,
    kind: 'RevisionNumberConstraintFailed',
    message: ({ revision, id }: Detail) =>
      `Constrained to ${words(revision)}, but the current revision of ${words(id)} is another.`,
  },
} as const satisfies ErrorTable;

const securityErrors = {
  'group-not-found': {
    status: 404,
    kind: 'SecurityGroupNotFound',
    message: ({ groupId }: Detail) => `Security group ${words(groupId)} does not exist`,
  },
  'group-ambiguous': conflict(
    'SecurityGroupAmbiguous',
    ({ groupId }) =>
      `Multiple security groups found matching '${words(groupId)}'. Use an ID to be more specific.`,
  ),
  'group-in-use': conflict(
    'SecurityGroupInUse',
    ({ groupId }) => `Security Group ${words(groupId)} in use.`,
  ),
  'group-default': conflict(
    'SecurityGroupCannotUpdateDefault',
    () => 'Updating default security group not allowed.',
  ),
  'group-default-delete': conflict(
    'SecurityGroupCannotRemoveDefault',
    () => 'Insufficient rights for removing default security group.',
  ),
  'rule-not-found': {
    status: 404,
    kind: 'SecurityGroupRuleNotFound',
    message: ({ ruleId }: Detail) => `Security group rule ${words(ruleId)} does not exist`,
  },
  'rule-exists': conflict(
    'SecurityGroupRuleExists',
    ({ ruleId }) => `Security group rule already exists. Rule id is ${words(ruleId)}.`,
  ),
  'rule-twice': conflict(
    'DuplicateSecurityGroupRuleInPost',
    () => 'Duplicate Security Group Rule in POST.',
  ),
  'rule-protocol-missing': invalid(
    'SecurityGroupProtocolRequiredWithPorts',
    () => 'Must also specify protocol if port range is given.',
  ),
  'rule-no-ports': invalid(
    'SecurityGroupInvalidProtocolForPort',
    ({ protocol }) =>
      `Ports cannot be specified for protocol ${words(protocol)}. ` +
      'Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.',
  ),
  'rule-port-invalid': invalid(
    'SecurityGroupInvalidPortValue',
    ({ port }) => `Invalid value for port ${words(port)}`,
  ),
  'rule-port-range': invalid(
    'SecurityGroupInvalidPortRange',
    () => 'For TCP/UDP protocols, port_range_min must be <= port_range_max',
  ),
  'rule-icmp-value': invalid(
    'SecurityGroupInvalidIcmpValue',
    ({ field, attribute, value }) =>
      `Invalid value for ICMP ${words(field)} (${words(attribute)}) ${words(value)}. ` +
      'It must be 0 to 255.',
  ),
  'rule-icmp-type-missing': invalid(
    'SecurityGroupMissingIcmpType',
    ({ value }) =>
      `ICMP code (port-range-max) ${words(value)} is provided but ICMP type (port-range-min) is missing.`,
  ),
  'rule-prefix-conflict': invalid(
    'SecurityGroupRuleParameterConflict',
    ({ ethertype, cidr }) =>
      `Conflicting value ethertype ${words(ethertype)} for CIDR ${words(cidr)}`,
  ),
  'rule-ethertype-conflict': invalid(
    'SecurityGroupEthertypeConflictWithProtocol',
    ({ ethertype, protocol }) =>
      `Invalid ethertype ${words(ethertype)} for protocol ${words(protocol)}.`,
  ),
  'rule-remote-twice': invalid(
    'SecurityGroupMultipleRemoteEntites',
    () =>
      'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
  ),
} as const satisfies ErrorTable;

const routerErrors = {
  'router-not-found': notFound('RouterNotFound', 'Router', 'routerId'),
  'router-exists': conflict(
    'RouterExists',
    ({ routerId }) => `Router ${words(routerId)} is there already.`,
  ),
  'router-in-use': conflict(
    'RouterInUse',
    ({ routerId }) => `Router ${words(routerId)} still has ports`,
  ),
  'router-interface-missing': {
    status: 404,
    kind: 'RouterInterfaceNotFoundForSubnet',
    message: ({ routerId, subnetId }: Detail) =>
      `Router ${words(routerId)} has no interface on subnet ${words(subnetId)}`,
  },
  'router-port-missing': {
    status: 404,
    kind: 'RouterInterfaceNotFound',
    message: ({ routerId, portId }: Detail) =>
      `Router ${words(routerId)} does not have an interface with id ${words(portId)}`,
  },
  'router-interface-in-use': conflict(
    'RouterInterfaceInUseByFloatingIP',
    ({ routerId, subnetId }) =>
      `Router interface for subnet ${words(subnetId)} on router ${words(routerId)} cannot be ` +
      'deleted, as it is required by one or more floating IPs.',
  ),
  'router-gateway-in-use': conflict(
    'RouterExternalGatewayInUseByFloatingIp',
    ({ routerId, networkId }) =>
      `Gateway cannot be updated for router ${words(routerId)}, since a gateway to external network ` +
      `${words(networkId)} is required by one or more floating IPs.`,
  ),
  'port-of-service': conflict(
    'ServicePortInUse',
    ({ portId, owner }) =>
      `Port ${words(portId)} cannot be deleted directly via the port API: has device owner ${words(owner)}.`,
  ),
  'network-not-external': invalid(
    'BadRequest',
    ({ networkId }) =>
      `Bad floatingip request: Network ${words(networkId)} is not a valid external network.`,
  ),
  'floating-not-found': notFound('FloatingIPNotFound', 'Floating IP', 'floatingIpId'),
  'floating-taken': conflict(
    'FloatingIPPortAlreadyAssociated',
    ({ floatingAddress, floatingIpId, portId, address, networkId }) =>
      `Cannot associate floating IP ${words(floatingAddress)} (${words(floatingIpId)}) with port ` +
      `${words(portId)} using fixed IP ${words(address)}, as that fixed IP already has a floating IP on ` +
      `external network ${words(networkId)}.`,
  ),
  'floating-no-address': invalid(
    'BadRequest',
    ({ portId }) =>
      `Bad floatingip request: Cannot add floating IP to port ${words(portId)} that has no fixed IPv4 addresses.`,
  ),
  'floating-several': invalid(
    'BadRequest',
    ({ portId }) =>
      `Bad floatingip request: Port ${words(portId)} has multiple fixed IPv4 addresses.  Must provide a ` +
      'specific IPv4 address when assigning a floating IP.',
  ),
  'floating-not-own': invalid(
    'BadRequest',
    ({ portId, address }) =>
      `Bad floatingip request: Port ${words(portId)} does not have fixed ip ${words(address)}.`,
  ),
  'floating-unreachable': {
    status: 404,
    kind: 'ExternalGatewayForFloatingIPNotFound',
    message: ({ networkId, subnetId, portId }: Detail) =>
      `External network ${words(networkId)} is not reachable from subnet ${words(subnetId)}.  ` +
      `Therefore, cannot associate Port ${words(portId)} with a Floating IP.`,
  },
} as const satisfies ErrorTable;

export const networkErrors = {
  ...routerErrors,
  ...networkAndSubnetErrors,
  ...portErrors,
  ...securityErrors,
} as const satisfies ErrorTable;
