// Routers: create, list, show, change, delete, and their gateway to an external network. As data: no host routes yet.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RouterState } from '#actors/services/network/routers/entity.ts';
import {
  GATEWAY_OWNER,
  INTERFACE_OWNER,
  type RouterAttributes,
} from '#actors/services/network/routers/protocol.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { type Attributes, bodyOf, parseChange, parseNew } from './attributes.ts';
import { listReply, queryOf, view } from './collection.ts';
import { renderRouter, routerTable } from './l3-tables.ts';
import {
  type NetworkAccess,
  owns,
  refuseIf,
  requireWriter,
  wantedRevision,
} from './network-access.ts';
import { idOf } from './network-routes.ts';
import { badResource, errorOf } from './neutron-error.ts';
import { makeRouterPort, portsOf, removeRouterPort } from './router-ports.ts';
import { toBoolean } from './values.ts';

const PATH = '/v2.0/routers';

export function routerRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => list(access, request));
  app.post(PATH, (request, reply) => create(access, request, reply));
  app.get(`${PATH}/:id`, (request) => show(access, request));
  app.put(`${PATH}/:id`, (request) => change(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => remove(access, request, reply));
}

async function list(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const seen = [...access.routers.values()].filter(
    ({ status, attributes }) => status === 'present' && owns(request.caller, attributes.projectId),
  );
  const items = seen.map((router) => renderRouter(router, portsOf(access, router.id)));
  return listReply(routerTable, items, { request, base: access.base(request) });
}

function reply1(access: NetworkAccess, request: FastifyRequest, router: RouterState): object {
  const item = renderRouter(router, portsOf(access, router.id));
  const fields = queryOf(request).getAll('fields');
  return { router: view(routerTable, item, request.caller, fields) };
}

async function show(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  return reply1(access, request, access.router(request.caller, idOf(request)));
}

interface Gateway {
  readonly network_id: string;
  readonly enable_snat?: unknown;
  readonly external_fixed_ips?: readonly { subnet_id?: string; ip_address?: string }[];
}

/** With the gateway's say on translation, where it has one. */
function attributesIn(values: Attributes): Partial<RouterAttributes> {
  const names: Readonly<Record<string, keyof RouterAttributes>> = {
    name: 'name',
    description: 'description',
    admin_state_up: 'adminUp',
    routes: 'routes',
  };
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const own = names[name];
    if (own !== undefined) changes[own] = value;
  }
  const gateway = values['external_gateway_info'] as Gateway | null | undefined;
  if (gateway?.enable_snat !== undefined) changes['snat'] = toBoolean(gateway.enable_snat);
  return changes;
}

async function create(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_router');
  const body = bodyOf(routerTable, request.body);
  await access.settle();
  const { values, projectId } = parseNew(routerTable, body, { caller, ownsNetwork: true });
  const gateway = values['external_gateway_info'] as Gateway | null;
  if (gateway !== null) checkExternal(access, request, gateway);
  refuseOverQuota(access, projectId);
  const routerId = access.newId();
  await access.askRouter(request, routerId, {
    type: 'router.create',
    attributes: {
      name: '',
      description: '',
      adminUp: true,
      snat: true,
      routes: [],
      ...attributesIn(values),
      projectId,
    },
    changeId: access.newId(),
  });
  const router = access.router(caller, routerId);
  if (gateway !== null) await connect(access, request, router, gateway);
  return reply.code(201).send(reply1(access, request, access.router(caller, routerId)));
}

function refuseOverQuota(access: NetworkAccess, projectId: string): void {
  const quota = access.embedded.quota(projectId, 'router');
  const used = [...access.routers.values()].filter(
    ({ status, attributes }) => status === 'present' && attributes.projectId === projectId,
  ).length;
  if (quota >= 0 && used >= quota)
    throw errorOf(refuse('network-quota', { resource: 'router', quota, used }));
}

function checkExternal(access: NetworkAccess, request: FastifyRequest, gateway: Gateway): void {
  const network = access.network(request.caller, gateway.network_id);
  if (!network.attributes.external)
    throw badResource('router', `Network ${network.id} is not an external network`);
}

/** A router that can't be connected as it was asked for is taken back. */
async function connect(
  access: NetworkAccess,
  request: FastifyRequest,
  router: RouterState,
  gateway: Gateway,
): Promise<void> {
  try {
    await makeGateway(access, request, router, gateway);
  } catch (error) {
    const changeId = access.newId();
    await access.askRouter(request, router.id, { type: 'router.delete', changeId });
    throw error;
  }
}

async function makeGateway(
  access: NetworkAccess,
  request: FastifyRequest,
  router: RouterState,
  { network_id: networkId, external_fixed_ips: fixedIps }: Gateway,
): Promise<void> {
  const addresses = fixedIps?.map(({ subnet_id: subnetId, ip_address: address }) => ({
    ...(subnetId === undefined ? {} : { subnetId }),
    ...(address === undefined ? {} : { address }),
  }));
  await makeRouterPort(access, request, { router, networkId, owner: GATEWAY_OWNER, addresses });
}

async function change(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  requireWriter(caller, 'update_router');
  const body = bodyOf(routerTable, request.body);
  await access.settle();
  const router = access.router(caller, idOf(request));
  const values = parseChange(routerTable, body, { caller, ownsNetwork: true });
  if (Object.hasOwn(values, 'external_gateway_info'))
    await changeGateway(access, request, router, values['external_gateway_info'] as Gateway | null);
  const attributes = attributesIn(values);
  if (Object.keys(attributes).length > 0)
    await access.askRouter(request, router.id, {
      type: 'router.change',
      attributes,
      changeId: access.newId(),
      ...wantedRevision(request),
    });
  return reply1(access, request, access.router(caller, router.id));
}

async function changeGateway(
  access: NetworkAccess,
  request: FastifyRequest,
  router: RouterState,
  gateway: Gateway | null,
): Promise<void> {
  if (gateway !== null) checkExternal(access, request, gateway);
  const [known] = portsOf(access, router.id, GATEWAY_OWNER);
  const isSame = known !== undefined && known.network.id === gateway?.network_id;
  if (isSame && gateway?.external_fixed_ips === undefined) return;
  if (known !== undefined) {
    refuseIf(gatewayInUse(access, router.id, known.network.id));
    await removeRouterPort(access, request, known);
  }
  if (gateway !== null) await makeGateway(access, request, router, gateway);
}

function gatewayInUse(access: NetworkAccess, routerId: string, networkId: string) {
  for (const floating of access.embedded.floatingIps.all())
    if (floating.networkId === networkId && floating.target?.routerId === routerId)
      return refuse('router-gateway-in-use', { routerId, networkId });
  return undefined;
}

async function remove(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'delete_router');
  await access.settle();
  const router = access.router(caller, idOf(request));
  if (portsOf(access, router.id, INTERFACE_OWNER).length > 0)
    throw errorOf(refuse('router-in-use', { routerId: router.id }));
  for (const found of portsOf(access, router.id, GATEWAY_OWNER))
    await removeRouterPort(access, request, found);
  await access.askRouter(request, router.id, {
    type: 'router.delete',
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply.code(204).send();
}
