// A router's interfaces on tenants' networks: added by a subnet, whose gateway address they take, or by a port of the
// user's; removed again unless a floating address needs them.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FoundPort, FoundSubnet } from '#actors/services/network/network-index.ts';
import type { RouterState } from '#actors/services/network/routers/entity.ts';
import { INTERFACE_OWNER } from '#actors/services/network/routers/protocol.ts';
import { overlaps } from '#actors/services/network/addresses.ts';
import { prefixOf } from '#actors/services/network/subnet-plan.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { type NetworkAccess, requireWriter } from './network-access.ts';
import { idOf } from './network-routes.ts';
import { badRequest, badResource, errorOf } from './neutron-error.ts';
import { makeRouterPort, portsOf, removeRouterPort } from './router-ports.ts';
import { isRecord } from './values.ts';

const PATH = '/v2.0/routers/:id';

export function routerInterfaceRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.put(`${PATH}/add_router_interface`, (request) => add(access, request));
  app.put(`${PATH}/remove_router_interface`, (request) => remove(access, request));
}

interface Named {
  readonly subnetId: string | undefined;
  readonly portId: string | undefined;
}

function namedIn(body: unknown): Named {
  if (!isRecord(body)) throw badRequest('Resource body required');
  const { subnet_id: subnetId, port_id: portId } = body;
  const named = {
    subnetId: typeof subnetId === 'string' ? subnetId : undefined,
    portId: typeof portId === 'string' ? portId : undefined,
  };
  if (named.subnetId === undefined && named.portId === undefined)
    throw badResource('router', 'Either subnet_id or port_id must be specified');
  return named;
}

function reply(router: RouterState, { network, port }: FoundPort): object {
  const subnetIds = port.fixedIps.map(({ subnetId }) => subnetId);
  return {
    id: router.id,
    tenant_id: router.attributes.projectId,
    project_id: router.attributes.projectId,
    port_id: port.id,
    network_id: network.id,
    subnet_id: subnetIds[0] ?? null,
    subnet_ids: subnetIds,
    tags: [],
  };
}

async function add(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  requireWriter(caller, 'add_router_interface');
  const { subnetId, portId } = namedIn(request.body);
  if (subnetId !== undefined && portId !== undefined)
    throw badResource('router', 'Cannot specify both subnet-id and port-id');
  await access.settle();
  const router = access.router(caller, idOf(request));
  const made =
    portId === undefined
      ? await addSubnet(access, request, router, access.subnet(caller, subnetId ?? ''))
      : await addPort(access, request, router, access.port(caller, portId));
  return reply(router, made);
}

function addSubnet(
  access: NetworkAccess,
  request: FastifyRequest,
  router: RouterState,
  { network, subnet }: FoundSubnet,
): Promise<FoundPort> {
  if (subnet.gateway === undefined)
    throw badResource('router', 'Subnet for router interface must have a gateway IP');
  refuseOverlap(access, router, subnet);
  return makeRouterPort(access, request, {
    router,
    networkId: network.id,
    owner: INTERFACE_OWNER,
    addresses: [{ subnetId: subnet.id, address: subnet.gateway }],
  });
}

function refuseOverlap(
  access: NetworkAccess,
  router: RouterState,
  subnet: FoundSubnet['subnet'],
): void {
  for (const { port } of portsOf(access, router.id))
    for (const { subnetId } of port.fixedIps) {
      if (subnetId === subnet.id)
        throw badResource('router', `Router already has a port on subnet ${subnetId}`);
      const other = access.embedded.index.subnet(subnetId)?.subnet;
      if (other !== undefined && overlaps(prefixOf(subnet.cidr), prefixOf(other.cidr)))
        throw badResource(
          'router',
          `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`,
        );
    }
}

async function addPort(
  access: NetworkAccess,
  request: FastifyRequest,
  router: RouterState,
  { network, port }: FoundPort,
): Promise<FoundPort> {
  const portId = port.id;
  if (port.deviceId !== '')
    throw errorOf(
      refuse('port-in-use', { portId, networkId: network.id, deviceId: port.deviceId }),
    );
  if (port.fixedIps.length === 0)
    throw badResource('router', 'Router port must have at least one fixed IP');
  for (const { subnetId } of port.fixedIps) {
    const subnet = access.embedded.index.subnet(subnetId)?.subnet;
    if (subnet !== undefined) refuseOverlap(access, router, subnet);
  }
  await access.askNetwork(request, network.id, {
    type: 'network.attach-port',
    portId,
    deviceId: router.id,
    deviceOwner: INTERFACE_OWNER,
    changeId: access.newId(),
  });
  return access.port(request.caller, portId);
}

async function remove(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  requireWriter(caller, 'remove_router_interface');
  const named = namedIn(request.body);
  await access.settle();
  const router = access.router(caller, idOf(request));
  const found = findInterface(access, router, named);
  for (const { subnetId } of found.port.fixedIps) refuseInUse(access, router, subnetId);
  await removeRouterPort(access, request, found);
  return reply(router, found);
}

function findInterface(
  access: NetworkAccess,
  router: RouterState,
  { portId, subnetId }: Named,
): FoundPort {
  const own = portsOf(access, router.id, INTERFACE_OWNER);
  const routerId = router.id;
  if (portId !== undefined) {
    const found = own.find(({ port }) => port.id === portId);
    if (found === undefined) throw errorOf(refuse('router-port-missing', { routerId, portId }));
    return found;
  }
  const found = own.find(({ port }) => port.fixedIps.some((ip) => ip.subnetId === subnetId));
  if (found === undefined)
    throw errorOf(refuse('router-interface-missing', { routerId, subnetId }));
  return found;
}

function refuseInUse(access: NetworkAccess, router: RouterState, subnetId: string): void {
  for (const { target } of access.embedded.floatingIps.all()) {
    if (target?.routerId !== router.id) continue;
    const port = access.embedded.index.port(target.portId)?.port;
    const needs = port?.fixedIps.some(
      (ip) => ip.address === target.fixedAddress && ip.subnetId === subnetId,
    );
    if (needs === true)
      throw errorOf(refuse('router-interface-in-use', { routerId: router.id, subnetId }));
  }
}
