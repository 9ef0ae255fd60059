// What networks, subnets, ports, security groups and rules are to clients: attribute by attribute. A table.
// Names, defaults, limits and who may say what: Neutron's API.
import type { Attribute, ResourceTable } from './attributes.ts';
import {
  address,
  type Check,
  isRecord,
  listOf,
  mac,
  nullTo,
  oneOf,
  orNull,
  shaped,
  show,
  subnet,
  text,
  toAddress,
  toBoolean,
  toInteger,
  uuid,
} from './values.ts';

const NAME_MAX = 255;
/** Bounds on lists in one resource; Neutron's where it has one. */
const LIMITS = { pools: 64, dnsServers: 5, hostRoutes: 20, fixedIps: 32, groups: 64, pairs: 10 };

const told: Attribute = { filter: 'text' };
const name: Attribute = {
  post: true,
  put: true,
  default: '',
  check: text(NAME_MAX),
  filter: 'text',
};
const description: Attribute = name;
const flag = (value: boolean): Attribute => ({
  post: true,
  put: true,
  default: value,
  convert: toBoolean,
  filter: 'boolean',
});
/** What every resource shows of itself. */
const stamps: Readonly<Record<string, Attribute>> = {
  id: told,
  revision_number: { filter: 'integer' },
  created_at: told,
  updated_at: told,
  tags: {},
};

export const networkTable: ResourceTable = {
  name: 'network',
  collection: 'networks',
  attributes: {
    ...stamps,
    name,
    description,
    admin_state_up: flag(true),
    status: told,
    subnets: { filter: 'list' },
    shared: { ...flag(false), for: 'admin' },
    'router:external': { ...flag(false), for: 'admin' },
    mtu: { post: true, put: true, default: 0, convert: toInteger, filter: 'integer' },
    port_security_enabled: flag(true),
    'provider:network_type': {
      post: true,
      check: orNull(text(32)),
      for: 'admin',
      seenBy: 'admin',
      filter: 'text',
    },
    'provider:physical_network': {
      post: true,
      check: orNull(text(64)),
      for: 'admin',
      seenBy: 'admin',
      filter: 'text',
    },
    'provider:segmentation_id': { post: true, for: 'admin', seenBy: 'admin', filter: 'integer' },
  },
};

const pool = shaped('IP pool', { start: address, end: address });
const hostRoute = shaped('hostroute', { destination: subnet, nexthop: address });
const nameserver: Check = (value) => {
  const fault = address(value);
  return fault === undefined ? undefined : `'${show(value)}' is not a valid nameserver. ${fault}`;
};
const v6Mode = orNull(oneOf('dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'));

export const subnetTable: ResourceTable = {
  name: 'subnet',
  collection: 'subnets',
  attributes: {
    ...stamps,
    name,
    description,
    network_id: { post: true, required: true, check: uuid, filter: 'text' },
    ip_version: { post: true, convert: toInteger, filter: 'integer' },
    cidr: { post: true, check: orNull(subnet), filter: 'text' },
    gateway_ip: {
      post: true,
      put: true,
      check: orNull(address),
      convert: toAddress,
      filter: 'text',
    },
    enable_dhcp: flag(true),
    allocation_pools: { post: true, put: true, check: listOf('IP pool', LIMITS.pools, pool) },
    dns_nameservers: {
      post: true,
      put: true,
      default: [],
      convert: nullTo([]),
      check: orNull(listOf('nameserver', Number.POSITIVE_INFINITY, nameserver)),
    },
    host_routes: {
      post: true,
      put: true,
      default: [],
      convert: nullTo([]),
      check: orNull(listOf('hostroute', Number.POSITIVE_INFINITY, hostRoute)),
    },
    ipv6_ra_mode: { post: true, check: v6Mode, filter: 'text' },
    ipv6_address_mode: { post: true, check: v6Mode, filter: 'text' },
    subnetpool_id: { post: true, check: oneOf(null), filter: 'text' },
    use_default_subnetpool: { post: true, convert: toBoolean },
  },
};

export const subnetLimits = { dnsServers: LIMITS.dnsServers, hostRoutes: LIMITS.hostRoutes };

const fixedIp = shaped('fixed IP', { subnet_id: uuid, ip_address: address }, [
  'subnet_id',
  'ip_address',
]);
const pairAddress: Check = (value) =>
  address(value) === undefined || subnet(value) === undefined ? undefined : address(value);
const addressPair = shaped('allowed address pair', { ip_address: pairAddress, mac_address: mac }, [
  'mac_address',
]);
const profile: Check = (value) => {
  if (!isRecord(value)) return `'${show(value)}' is not a dictionary`;
  return JSON.stringify(value).length > 4095
    ? 'the profile is longer than 4095 characters'
    : undefined;
};

export const portTable: ResourceTable = {
  name: 'port',
  collection: 'ports',
  attributes: {
    ...stamps,
    name,
    description,
    network_id: { post: true, required: true, check: uuid, filter: 'text' },
    admin_state_up: flag(true),
    status: told,
    mac_address: { post: true, put: true, check: mac, for: 'network-owner', filter: 'text' },
    fixed_ips: { post: true, put: true, check: listOf('fixed IP', LIMITS.fixedIps, fixedIp) },
    device_id: { post: true, put: true, default: '', check: text(NAME_MAX), filter: 'text' },
    device_owner: { post: true, put: true, default: '', check: text(NAME_MAX), filter: 'text' },
    security_groups: {
      post: true,
      put: true,
      convert: nullTo([]),
      check: orNull(listOf('security group', LIMITS.groups, uuid)),
      filter: 'list',
    },
    port_security_enabled: {
      post: true,
      put: true,
      convert: toBoolean,
      for: 'network-owner',
      filter: 'boolean',
    },
    allowed_address_pairs: {
      post: true,
      put: true,
      default: [],
      convert: nullTo([]),
      check: orNull(listOf('allowed address pair', LIMITS.pairs, addressPair)),
      for: 'network-owner',
    },
    'binding:vnic_type': {
      post: true,
      put: true,
      default: 'normal',
      check: oneOf('normal', 'macvtap', 'direct'),
      filter: 'text',
    },
    'binding:host_id': {
      post: true,
      put: true,
      default: '',
      convert: nullTo(''),
      check: orNull(text(NAME_MAX)),
      for: 'admin',
      seenBy: 'admin',
      filter: 'text',
    },
    'binding:profile': {
      post: true,
      put: true,
      default: {},
      convert: nullTo({}),
      check: orNull(profile),
      for: 'admin',
      seenBy: 'admin',
    },
    'binding:vif_type': { seenBy: 'admin', filter: 'text' },
    'binding:vif_details': { seenBy: 'admin' },
  },
};

export const groupTable: ResourceTable = {
  name: 'security_group',
  collection: 'security_groups',
  attributes: {
    ...stamps,
    name,
    description,
    stateful: flag(true),
    security_group_rules: {},
  },
};

export const ruleTable: ResourceTable = {
  name: 'security_group_rule',
  collection: 'security_group_rules',
  attributes: {
    ...stamps,
    description: { ...description },
    security_group_id: { post: true, required: true, check: text(36), filter: 'text' },
    direction: {
      post: true,
      required: true,
      check: oneOf('ingress', 'egress'),
      filter: 'text',
    },
    ethertype: { post: true, default: 'IPv4', filter: 'text' },
    protocol: { post: true, filter: 'text' },
    port_range_min: { post: true, filter: 'integer' },
    port_range_max: { post: true, filter: 'integer' },
    remote_ip_prefix: { post: true, filter: 'text' },
    remote_group_id: { post: true, check: orNull(text(NAME_MAX)), filter: 'text' },
    remote_address_group_id: { post: true, check: oneOf(null) },
    normalized_cidr: { filter: 'text' },
  },
};
