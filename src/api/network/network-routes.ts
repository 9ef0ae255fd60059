// Networks: create (one or several), list, show, change, delete.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { NetworkAttributes, NetworkChanges } from '#actors/services/network/protocol.ts';
import type { NetworkState } from '#actors/services/network/state.ts';
import { type Attributes, bodiesOf, bodyOf, parseChange, parseNew } from './attributes.ts';
import { makeAll } from './bulk.ts';
import { listReply, queryOf, view } from './collection.ts';
import {
  conflictError,
  type NetworkAccess,
  refuseIf,
  requireOwner,
  requireWriter,
  seesNetwork,
  speakerOn,
  wantedRevision,
} from './network-access.ts';
import { badRequest, invalidInput } from './neutron-error.ts';
import { networkTable } from './resource-tables.ts';
import { renderNetwork } from './resource-views.ts';
import { show } from './values.ts';

const PATH = '/v2.0/networks';
const MTU_MIN = 576;
const MTU_MAX = 65_535;

export function networkRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => listNetworks(access, request));
  app.post(PATH, (request, reply) => createNetworks(access, request, reply));
  app.get(`${PATH}/:id`, (request) => showNetwork(access, request));
  app.put(`${PATH}/:id`, (request) => changeNetwork(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => deleteNetwork(access, request, reply));
}

export function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}

async function listNetworks(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const { caller } = request;
  const seen = [...access.embedded.index.networks()].filter((each) => seesNetwork(caller, each));
  return listReply(networkTable, seen.map(renderNetwork), { request, base: access.base(request) });
}

function reply1(
  request: FastifyRequest,
  network: NetworkState,
  fields?: readonly string[],
): object {
  return { network: view(networkTable, renderNetwork(network), request.caller, fields) };
}

async function showNetwork(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const network = access.network(request.caller, idOf(request));
  return reply1(request, network, queryOf(request).getAll('fields'));
}

async function createNetworks(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_network');
  const { isBulk, bodies } = bodiesOf(networkTable, request.body);
  await access.settle();
  const wanted = bodies.map((body) => {
    const { values, projectId } = parseNew(networkTable, body, { caller, ownsNetwork: true });
    return attributesOf(access, values, projectId);
  });
  for (const { projectId } of wanted)
    refuseIf(access.embedded.overQuota(projectId, 'network', wanted.length));
  await access.ensureDefaultGroup(request, wanted[0]?.projectId);
  const made = await makeAll(access.context.env, {
    wanted,
    make: (attributes) => createNetwork(access, request, attributes),
    undo: (network) => removeNetwork(access, request, network),
  });
  const [first] = made;
  const body =
    isBulk || first === undefined
      ? { networks: made.map((each) => view(networkTable, renderNetwork(each), caller)) }
      : reply1(request, first);
  return reply.code(201).send(body);
}

async function createNetwork(
  access: NetworkAccess,
  request: FastifyRequest,
  attributes: NetworkAttributes,
): Promise<NetworkState> {
  const networkId = access.newId();
  const changeId = access.newId();
  await access.askNetwork(request, networkId, { type: 'network.create', attributes, changeId });
  return access.network(request.caller, networkId);
}

async function removeNetwork(
  access: NetworkAccess,
  request: FastifyRequest,
  network: NetworkState,
): Promise<void> {
  const changeId = access.newId();
  await access.askNetwork(request, network.id, { type: 'network.delete', changeId });
}

function attributesOf(
  access: NetworkAccess,
  values: Attributes,
  projectId: string,
): NetworkAttributes {
  return {
    name: values['name'] as string,
    description: values['description'] as string,
    projectId,
    adminUp: values['admin_state_up'] as boolean,
    shared: values['shared'] as boolean,
    external: values['router:external'] as boolean,
    portSecurity: values['port_security_enabled'] as boolean,
    mtu: mtuOf(access, values['mtu'] as number),
    ...providerOf(access, values),
  };
}

function mtuOf(access: NetworkAccess, mtu: number): number {
  if (mtu === 0) return access.embedded.settings.mtu;
  if (mtu >= MTU_MIN && mtu <= MTU_MAX) return mtu;
  throw invalidInput(`Requested MTU ${mtu} is not between ${MTU_MIN} and ${MTU_MAX}`);
}

/** Tenants' networks are bridges of the hosts; administrators may also name a physical network. */
function providerOf(
  access: NetworkAccess,
  values: Attributes,
): Pick<NetworkAttributes, 'providerType' | 'physicalNetwork'> {
  const type = values['provider:network_type'] ?? null;
  const physicalNetwork = values['provider:physical_network'] ?? null;
  const segmentation = values['provider:segmentation_id'] ?? null;
  if (segmentation !== null)
    throw invalidInput('segmentation_id is not supported: networks are flat or local');
  if (type === null && physicalNetwork === null) return { providerType: 'local' };
  if (type === 'local') {
    if (physicalNetwork === null) return { providerType: 'local' };
    throw invalidInput('physical_network is not allowed for local networks');
  }
  if (type !== 'flat') throw invalidInput(`network_type value '${show(type)}' not supported`);
  if (typeof physicalNetwork !== 'string')
    throw invalidInput('physical_network required for flat provider network');
  for (const { attributes } of access.embedded.index.networks())
    if (attributes.providerType === 'flat' && attributes.physicalNetwork === physicalNetwork)
      throw conflictError(
        'FlatNetworkInUse',
        `Unable to create the flat network. Physical network ${physicalNetwork} is in use.`,
      );
  return { providerType: 'flat', physicalNetwork };
}

async function changeNetwork(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  const body = bodyOf(networkTable, request.body);
  await access.settle();
  const network = access.network(caller, idOf(request));
  requireOwner(caller, network.attributes.projectId, 'update_network');
  const values = parseChange(networkTable, body, speakerOn(caller, network));
  const attributes = changesOf(access, values);
  if (Object.keys(attributes).length === 0) return reply1(request, network);
  await access.askNetwork(request, network.id, {
    type: 'network.change',
    attributes,
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply1(request, access.network(caller, network.id));
}

function changesOf(access: NetworkAccess, values: Attributes): NetworkChanges {
  const names: Readonly<Record<string, keyof NetworkAttributes>> = {
    name: 'name',
    description: 'description',
    admin_state_up: 'adminUp',
    shared: 'shared',
    'router:external': 'external',
    port_security_enabled: 'portSecurity',
  };
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (name === 'mtu') changes['mtu'] = mtuOf(access, value as number);
    else {
      const own = names[name];
      if (own === undefined) throw badRequest(`Cannot update read-only attribute ${name}`);
      changes[own] = value;
    }
  }
  return changes;
}

async function deleteNetwork(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  await access.settle();
  const network = access.network(caller, idOf(request));
  requireOwner(caller, network.attributes.projectId, 'delete_network');
  await access.askNetwork(request, network.id, {
    type: 'network.delete',
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply.code(204).send();
}
