// Subnets: create (one or several), list, show, change, delete; and how many addresses are left.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FoundSubnet } from '#actors/services/network/network-index.ts';
import { bodiesOf, bodyOf, parseChange, parseNew } from './attributes.ts';
import { makeAll } from './bulk.ts';
import { listReply, queryOf, view } from './collection.ts';
import {
  type NetworkAccess,
  refuseIf,
  requireOwner,
  requireWriter,
  seesSubnet,
  speakerOn,
  wantedRevision,
} from './network-access.ts';
import { idOf } from './network-routes.ts';
import { subnetTable } from './resource-tables.ts';
import { renderSubnet } from './resource-views.ts';
import { newSubnet, subnetChanges } from './subnet-body.ts';

const PATH = '/v2.0/subnets';

export function subnetRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => listSubnets(access, request));
  app.post(PATH, (request, reply) => createSubnets(access, request, reply));
  app.get(`${PATH}/:id`, (request) => showSubnet(access, request));
  app.put(`${PATH}/:id`, (request) => changeSubnet(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => deleteSubnet(access, request, reply));
}

async function listSubnets(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const all = [...access.embedded.index.networks()].flatMap((network) =>
    network.subnets.map((subnet) => ({ network, subnet })),
  );
  const seen = all.filter((found) => seesSubnet(request.caller, found));
  return listReply(subnetTable, seen.map(renderSubnet), { request, base: access.base(request) });
}

function reply1(request: FastifyRequest, found: FoundSubnet, fields?: readonly string[]): object {
  return { subnet: view(subnetTable, renderSubnet(found), request.caller, fields) };
}

async function showSubnet(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const found = access.subnet(request.caller, idOf(request));
  return reply1(request, found, queryOf(request).getAll('fields'));
}

async function createSubnets(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_subnet');
  const { isBulk, bodies } = bodiesOf(subnetTable, request.body);
  await access.settle();
  const wanted = bodies.map((body) => {
    const { values, projectId } = parseNew(subnetTable, body, { caller, ownsNetwork: true });
    const networkId = values['network_id'] as string;
    const network = access.network(caller, networkId);
    requireOwner(caller, network.attributes.projectId, 'create_subnet');
    return { networkId, subnet: newSubnet(values, { id: access.newId(), projectId }) };
  });
  for (const { subnet } of wanted)
    refuseIf(access.embedded.overQuota(subnet.projectId, 'subnet', wanted.length));
  const made = await makeAll(access.context.env, {
    wanted,
    make: async ({ networkId, subnet }) => {
      const changeId = access.newId();
      await access.askNetwork(request, networkId, {
        type: 'network.create-subnet',
        subnet,
        changeId,
      });
      return access.subnet(caller, subnet.id);
    },
    undo: ({ network, subnet }) =>
      access.askNetwork(request, network.id, {
        type: 'network.delete-subnet',
        subnetId: subnet.id,
        changeId: access.newId(),
      }),
  });
  const [first] = made;
  const body =
    isBulk || first === undefined
      ? { subnets: made.map((each) => view(subnetTable, renderSubnet(each), caller)) }
      : reply1(request, first);
  return reply.code(201).send(body);
}

async function changeSubnet(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  const body = bodyOf(subnetTable, request.body);
  await access.settle();
  const { network, subnet } = access.subnet(caller, idOf(request));
  requireOwner(caller, network.attributes.projectId, 'update_subnet');
  const values = parseChange(subnetTable, body, speakerOn(caller, network));
  const changes = subnetChanges(values, subnet);
  if (Object.keys(changes).length === 0) return reply1(request, { network, subnet });
  await access.askNetwork(request, network.id, {
    type: 'network.change-subnet',
    subnetId: subnet.id,
    changes,
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply1(request, access.subnet(caller, subnet.id));
}

async function deleteSubnet(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  await access.settle();
  const { network, subnet } = access.subnet(caller, idOf(request));
  requireOwner(caller, network.attributes.projectId, 'delete_subnet');
  await access.askNetwork(request, network.id, {
    type: 'network.delete-subnet',
    subnetId: subnet.id,
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply.code(204).send();
}
