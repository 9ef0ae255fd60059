// Floating addresses: create, list, show, change what they stand for, delete. As data: no host forwards them yet.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FloatingIp } from '#actors/services/network/floating-ips.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { type Attributes, bodyOf, parseChange, parseNew } from './attributes.ts';
import { listReply, queryOf, view } from './collection.ts';
import { floatingIpTable, renderFloatingIp } from './l3-tables.ts';
import { type NetworkAccess, owns, refuseIf, requireWriter } from './network-access.ts';
import { idOf } from './network-routes.ts';
import { errorOf } from './neutron-error.ts';

const PATH = '/v2.0/floatingips';

export function floatingIpRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => list(access, request));
  app.post(PATH, (request, reply) => create(access, request, reply));
  app.get(`${PATH}/:id`, (request) => show(access, request));
  app.put(`${PATH}/:id`, (request) => change(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => remove(access, request, reply));
}

async function list(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const seen = [...access.embedded.floatingIps.all()].filter(({ projectId }) =>
    owns(request.caller, projectId),
  );
  const base = access.base(request);
  return listReply(floatingIpTable, seen.map(renderFloatingIp), { request, base });
}

function reply1(request: FastifyRequest, floating: FloatingIp): object {
  const fields = queryOf(request).getAll('fields');
  return { floatingip: view(floatingIpTable, renderFloatingIp(floating), request.caller, fields) };
}

async function show(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  return reply1(request, access.floatingIp(request.caller, idOf(request)));
}

/** Undefined when nothing was said of a port; `target` undefined when it is to stand for none. */
function targetIn(values: Attributes) {
  if (!Object.hasOwn(values, 'port_id')) return undefined;
  const portId = values['port_id'];
  const fixed = values['fixed_ip_address'];
  const fixedAddress = typeof fixed === 'string' ? fixed : undefined;
  return { target: typeof portId === 'string' ? { portId, fixedAddress } : undefined };
}

/** Whose port it is, must be seen by the caller. */
function checkPort(
  access: NetworkAccess,
  request: FastifyRequest,
  named: ReturnType<typeof targetIn>,
): void {
  if (named?.target !== undefined) access.port(request.caller, named.target.portId);
}

async function create(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller, requestId } = request;
  requireWriter(caller, 'create_floatingip');
  const body = bodyOf(floatingIpTable, request.body);
  await access.settle();
  const { values, projectId } = parseNew(floatingIpTable, body, { caller, ownsNetwork: true });
  const network = access.network(caller, values['floating_network_id'] as string);
  const named = targetIn(values);
  checkPort(access, request, named);
  const { floating_ip_address: address, subnet_id: subnetId } = values;
  const made = await access.embedded.floatingIpOrders.create({
    projectId,
    networkId: network.id,
    description: values['description'] as string,
    ...(typeof address === 'string' ? { address } : {}),
    ...(typeof subnetId === 'string' ? { subnetId } : {}),
    ...(named?.target === undefined ? {} : { target: named.target }),
    requestId,
  });
  if (isRefusal(made)) throw errorOf(made);
  return reply.code(201).send(reply1(request, made));
}

async function change(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller, requestId } = request;
  requireWriter(caller, 'update_floatingip');
  const body = bodyOf(floatingIpTable, request.body);
  await access.settle();
  const floating = access.floatingIp(caller, idOf(request));
  const values = parseChange(floatingIpTable, body, { caller, ownsNetwork: true });
  const named = targetIn(values);
  checkPort(access, request, named);
  const description = values['description'];
  refuseIf(
    await access.embedded.floatingIpOrders.change(floating, {
      ...named,
      ...(typeof description === 'string' ? { description } : {}),
      requestId,
    }),
  );
  return reply1(request, access.floatingIp(caller, floating.id));
}

async function remove(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller, requestId } = request;
  requireWriter(caller, 'delete_floatingip');
  await access.settle();
  const floating = access.floatingIp(caller, idOf(request));
  refuseIf(await access.embedded.floatingIpOrders.release(floating, requestId));
  return reply.code(204).send();
}
