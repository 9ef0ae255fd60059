// What routers and floating addresses are to clients: attribute by attribute, and as items. Names and defaults: Neutron's.
import type { FloatingIp } from '#actors/services/network/floating-ips.ts';
import type { FoundPort } from '#actors/services/network/network-index.ts';
import type { RouterState } from '#actors/services/network/routers/entity.ts';
import { GATEWAY_OWNER } from '#actors/services/network/routers/protocol.ts';
import type { Attribute, ResourceTable } from './attributes.ts';
import type { Item } from './collection.ts';
import { timeText } from './network-access.ts';
import {
  address,
  type Check,
  isRecord,
  listOf,
  nullTo,
  orNull,
  shaped,
  subnet,
  text,
  toBoolean,
  uuid,
} from './values.ts';

const NAME_MAX = 255;
const MAX_ROUTES = 30;
const MAX_FIXED_IPS = 32;

const told: Attribute = { filter: 'text' };
const name: Attribute = {
  post: true,
  put: true,
  default: '',
  check: text(NAME_MAX),
  filter: 'text',
};
const stamps: Readonly<Record<string, Attribute>> = {
  id: told,
  revision_number: { filter: 'integer' },
  created_at: told,
  updated_at: told,
  tags: {},
};

const gatewayIp = shaped('fixed IP', { subnet_id: uuid, ip_address: address }, [
  'subnet_id',
  'ip_address',
]);
const gateway: Check = (value) => {
  if (!isRecord(value)) return `'${String(value)}' is not a dictionary`;
  if (Object.keys(value).length === 0) return undefined;
  if (value['network_id'] === undefined)
    return "Validation of dictionary's keys failed. Expected keys: {'network_id'}";
  const fault = uuid(value['network_id']);
  if (fault !== undefined) return fault;
  const fixedIps = value['external_fixed_ips'];
  return fixedIps === undefined
    ? undefined
    : listOf('fixed IP', MAX_FIXED_IPS, gatewayIp)(fixedIps);
};
const route = shaped('route', { destination: subnet, nexthop: address });

export const routerTable: ResourceTable = {
  name: 'router',
  collection: 'routers',
  attributes: {
    ...stamps,
    name,
    description: name,
    admin_state_up: {
      post: true,
      put: true,
      default: true,
      convert: toBoolean,
      filter: 'boolean',
    },
    status: told,
    external_gateway_info: {
      post: true,
      put: true,
      default: null,
      check: orNull(gateway),
      // An empty one is none.
      convert: (value) => (isRecord(value) && Object.keys(value).length === 0 ? null : value),
    },
    routes: {
      post: true,
      put: true,
      default: [],
      convert: nullTo([]),
      check: orNull(listOf('route', MAX_ROUTES, route)),
    },
  },
};

export const floatingIpTable: ResourceTable = {
  name: 'floatingip',
  collection: 'floatingips',
  attributes: {
    ...stamps,
    description: name,
    floating_network_id: { post: true, required: true, check: uuid, filter: 'text' },
    floating_ip_address: { post: true, check: orNull(address), for: 'admin', filter: 'text' },
    subnet_id: { post: true, check: orNull(uuid) },
    port_id: { post: true, put: true, check: orNull(uuid), filter: 'text' },
    fixed_ip_address: { post: true, put: true, check: orNull(address), filter: 'text' },
    router_id: told,
    status: told,
  },
};

/** `ports`: all that have the router as their device. */
export function renderRouter(router: RouterState, ports: readonly FoundPort[]): Item {
  const { id, attributes } = router;
  const outside = ports.find(({ port }) => port.deviceOwner === GATEWAY_OWNER);
  return {
    id,
    name: attributes.name,
    description: attributes.description,
    tenant_id: attributes.projectId,
    project_id: attributes.projectId,
    admin_state_up: attributes.adminUp,
    status: 'ACTIVE',
    external_gateway_info:
      outside === undefined
        ? null
        : {
            network_id: outside.network.id,
            enable_snat: attributes.snat,
            external_fixed_ips: outside.port.fixedIps.map(({ subnetId, address: ip }) => ({
              subnet_id: subnetId,
              ip_address: ip,
            })),
          },
    routes: attributes.routes,
    tags: router.tags,
    created_at: timeText(router.createdAtMs),
    updated_at: timeText(router.updatedAtMs),
    revision_number: router.revision,
  };
}

export function renderFloatingIp(floating: FloatingIp): Item {
  const { id, projectId, networkId, target, found } = floating;
  const { port } = found;
  return {
    id,
    description: port.description,
    tenant_id: projectId,
    project_id: projectId,
    floating_network_id: networkId,
    floating_ip_address: floating.address,
    port_id: target?.portId ?? null,
    fixed_ip_address: target?.fixedAddress ?? null,
    router_id: target?.routerId ?? null,
    status: target === undefined ? 'DOWN' : 'ACTIVE',
    tags: port.tags,
    created_at: timeText(port.createdAtMs),
    updated_at: timeText(port.updatedAtMs),
    revision_number: port.revision,
  };
}
