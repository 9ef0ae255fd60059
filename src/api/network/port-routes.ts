// Ports: create (one or several), list, show, change, delete.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '#actors/ports/identity.ts';
import { randomMacs } from '#actors/services/network/macs.ts';
import type { FoundPort } from '#actors/services/network/network-index.ts';
import {
  type AddressRequest,
  FLOATING_OWNER,
  type PortAttributes,
} from '#actors/services/network/protocol.ts';
import { GATEWAY_OWNER, INTERFACE_OWNER } from '#actors/services/network/routers/protocol.ts';
import type { NetworkState } from '#actors/services/network/state.ts';
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import { refuse } from '#runtime/message/refusal.ts';
import {
  type Attributes,
  bodiesOf,
  bodyOf,
  parseChange,
  parseNew,
  type Speaker,
} from './attributes.ts';
import { makeAll } from './bulk.ts';
import { type Item, listReply, queryOf, view } from './collection.ts';
import {
  conflictError,
  type NetworkAccess,
  owns,
  refuseIf,
  requireWriter,
  seesPort,
  speakerOn,
  wantedRevision,
} from './network-access.ts';
import { idOf } from './network-routes.ts';
import { badRequest, errorOf, notAuthorized } from './neutron-error.ts';
import { portTable } from './resource-tables.ts';
import { renderPort } from './resource-views.ts';

const PATH = '/v2.0/ports';
/** Ports that go with what they belong to. */
const serviceOwners: readonly string[] = [FLOATING_OWNER, GATEWAY_OWNER, INTERFACE_OWNER];

interface WantedPort {
  readonly network: NetworkState;
  readonly projectId: string;
  readonly attributes: Required<PortAttributes>;
  readonly macs: string[];
  readonly addresses: AddressRequest[] | undefined;
}

export function portRoutes(app: FastifyInstance, access: NetworkAccess): void {
  app.get(PATH, (request) => listPorts(access, request));
  app.post(PATH, (request, reply) => createPorts(access, request, reply));
  app.get(`${PATH}/:id`, (request) => showPort(access, request));
  app.put(`${PATH}/:id`, (request) => changePort(access, request));
  app.delete(`${PATH}/:id`, (request, reply) => deletePort(access, request, reply));
}

async function listPorts(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const found = candidates(access, queryOf(request));
  return listReply(portTable, rendered(found, request.caller), {
    request,
    base: access.base(request),
  });
}

function* rendered(found: Iterable<FoundPort>, caller: Caller): Iterable<Item> {
  for (const each of found) if (seesPort(caller, each)) yield renderPort(each);
}

/** Ports that a filter by id, device or network leaves, without a look at all others. */
function* candidates(access: NetworkAccess, query: URLSearchParams): Iterable<FoundPort> {
  const { index } = access.embedded;
  const devices = query.getAll('device_id').filter((id) => id !== '');
  const ids = query.getAll('id');
  if (ids.length > 0) {
    for (const id of new Set(ids)) {
      const found = index.port(id);
      if (found !== undefined) yield found;
    }
  } else if (devices.length > 0) {
    for (const deviceId of new Set(devices)) yield* index.portsOfDevice(deviceId);
  } else {
    const wanted = new Set(query.getAll('network_id'));
    for (const network of index.networks())
      if (wanted.size === 0 || wanted.has(network.id))
        for (const [, port] of bucketEntries(network.ports)) yield { network, port };
  }
}

function reply1(request: FastifyRequest, found: FoundPort, fields?: readonly string[]): object {
  return { port: view(portTable, renderPort(found), request.caller, fields) };
}

async function showPort(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  await access.settle();
  const found = access.port(request.caller, idOf(request));
  return reply1(request, found, queryOf(request).getAll('fields'));
}

async function createPorts(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'create_port');
  const { isBulk, bodies } = bodiesOf(portTable, request.body);
  await access.settle();
  const wanted: WantedPort[] = [];
  for (const body of bodies) wanted.push(await wantedPort(access, request, body));
  for (const { projectId } of wanted)
    refuseIf(access.embedded.overQuota(projectId, 'port', wanted.length));
  const made = await makeAll(access.context.env, {
    wanted,
    make: (one) => createPort(access, request, one),
    undo: ({ network, port }) =>
      access.askNetwork(request, network.id, {
        type: 'network.delete-port',
        portId: port.id,
        changeId: access.newId(),
      }),
  });
  const [first] = made;
  const body =
    isBulk || first === undefined
      ? { ports: made.map((each) => view(portTable, renderPort(each), caller)) }
      : reply1(request, first);
  return reply.code(201).send(body);
}

async function createPort(
  access: NetworkAccess,
  request: FastifyRequest,
  wanted: WantedPort,
): Promise<FoundPort> {
  const portId = access.newId();
  await access.askNetwork(request, wanted.network.id, {
    type: 'network.create-port',
    portId,
    projectId: wanted.projectId,
    attributes: wanted.attributes,
    ownedByDevice: false,
    tags: [],
    macs: wanted.macs,
    ...(wanted.addresses === undefined ? {} : { addresses: wanted.addresses }),
    changeId: access.newId(),
  });
  const found = access.embedded.index.port(portId);
  if (found === undefined) throw errorOf(refuse('port-not-found', { portId }));
  return found;
}

async function wantedPort(
  access: NetworkAccess,
  request: FastifyRequest,
  body: Attributes,
): Promise<WantedPort> {
  const { caller } = request;
  const network = networkIn(access, caller, body);
  const speaker = speakerOn(caller, network);
  const { values, projectId } = parseNew(portTable, body, speaker);
  authorisePort(values, speaker, network, 'create_port');
  const portSecurity =
    (values['port_security_enabled'] as boolean | undefined) ?? network.attributes.portSecurity;
  const securityGroups = await groupsFor(access, request, { values, projectId, portSecurity });
  const { mac_address: mac } = values;
  return {
    network,
    projectId,
    attributes: {
      name: values['name'] as string,
      description: values['description'] as string,
      adminUp: values['admin_state_up'] as boolean,
      deviceId: values['device_id'] as string,
      deviceOwner: values['device_owner'] as string,
      securityGroups,
      portSecurity,
      addressPairs: pairsIn(values['allowed_address_pairs'], ''),
      vnicType: values['binding:vnic_type'] as string,
      host: values['binding:host_id'] as string,
      profile: JSON.stringify(values['binding:profile']),
    },
    macs: typeof mac === 'string' ? [mac.toLowerCase()] : randomMacs(access.context.env.random),
    addresses: addressesIn(access, values),
  };
}

/** Asked before the rest: who owns the network decides what may be said. */
function networkIn(access: NetworkAccess, caller: Caller, body: Attributes): NetworkState {
  const { network_id: networkId } = body;
  if (networkId === undefined)
    throw badRequest("Failed to parse request. Required attribute 'network_id' not specified");
  const network = access.network(caller, typeof networkId === 'string' ? networkId : '');
  if (!owns(caller, network.attributes.projectId) && !network.attributes.shared)
    throw notAuthorized('create_port');
  return network;
}

/** What depends on values: an address by name, and devices of the network itself. */
function authorisePort(
  values: Attributes,
  speaker: Speaker,
  network: NetworkState,
  rule: string,
): void {
  if (speaker.caller.isAdmin || speaker.ownsNetwork) return;
  const { device_owner: owner, fixed_ips: fixedIps } = values;
  if (typeof owner === 'string' && owner.startsWith('network:'))
    throw notAuthorized(`${rule}:device_owner`);
  const named = Array.isArray(fixedIps) && fixedIps.some((each: object) => 'ip_address' in each);
  if (named) throw notAuthorized(`${rule}:fixed_ips:ip_address`);
  if (fixedIps !== undefined && !network.attributes.shared)
    throw notAuthorized(`${rule}:fixed_ips`);
}

/** Ids of the groups asked for, or of the project's default group. */
async function groupsFor(
  access: NetworkAccess,
  request: FastifyRequest,
  port: {
    readonly values: Attributes;
    readonly projectId: string;
    readonly portSecurity: boolean;
  },
): Promise<string[]> {
  const { values, projectId, portSecurity } = port;
  const wanted = values['security_groups'] as readonly string[] | undefined;
  if (wanted === undefined) {
    const isDevice = String(values['device_owner']).startsWith('network:');
    if (!portSecurity || isDevice) return [];
    const { groups } = access.embedded;
    return [(await groups.ensureDefault(projectId, request.requestId)).id];
  }
  return checkGroups(access, request.caller, { wanted, projectId, portSecurity });
}

function checkGroups(
  access: NetworkAccess,
  caller: Caller,
  port: {
    readonly wanted: readonly string[];
    readonly projectId: string;
    readonly portSecurity: boolean;
  },
): string[] {
  const { wanted, projectId, portSecurity } = port;
  if (wanted.length > 0 && !portSecurity)
    throw conflictError(
      'PortSecurityAndIPRequiredForSecurityGroups',
      'Port security must be enabled and port must have an IP address in order to use security groups.',
    );
  for (const groupId of wanted) {
    const found = access.embedded.groups.find(groupId);
    if (found === undefined || (found.projectId !== projectId && !caller.isAdmin))
      throw errorOf(refuse('group-not-found', { groupId }));
  }
  return [...wanted];
}

function addressesIn(access: NetworkAccess, values: Attributes): AddressRequest[] | undefined {
  const { fixed_ips: fixedIps } = values;
  if (!Array.isArray(fixedIps)) return undefined;
  return fixedIps.map((each: { subnet_id?: string; ip_address?: string }) => {
    const { subnet_id: subnetId, ip_address: address } = each;
    if (subnetId !== undefined && access.embedded.index.subnet(subnetId) === undefined)
      throw errorOf(refuse('subnet-not-found', { subnetId }));
    return {
      ...(subnetId === undefined ? {} : { subnetId }),
      ...(address === undefined ? {} : { address }),
    };
  });
}

function pairsIn(value: unknown, ownMac: string): { ip: string; mac: string }[] {
  if (!Array.isArray(value)) return [];
  return value.map((each: { ip_address: string; mac_address?: string }) => ({
    ip: each.ip_address,
    mac: each.mac_address?.toLowerCase() ?? ownMac,
  }));
}

async function changePort(access: NetworkAccess, request: FastifyRequest): Promise<object> {
  const { caller } = request;
  requireWriter(caller, 'update_port');
  const body = bodyOf(portTable, request.body);
  await access.settle();
  const found = access.port(caller, idOf(request));
  const { network, port } = found;
  const speaker = speakerOn(caller, network);
  const values = parseChange(portTable, body, speaker);
  authorisePort(values, speaker, network, 'update_port');
  const attributes = attributeChanges(access, caller, found, values);
  const { mac_address: mac } = values;
  const addresses = addressesIn(access, values);
  if (Object.keys(attributes).length === 0 && mac === undefined && addresses === undefined)
    return reply1(request, found);
  await access.askNetwork(request, network.id, {
    type: 'network.change-port',
    portId: port.id,
    attributes,
    ...(typeof mac === 'string' ? { mac: mac.toLowerCase() } : {}),
    ...(addresses === undefined ? {} : { addresses }),
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply1(request, access.port(caller, port.id));
}

const plainChanges: Readonly<Record<string, keyof PortAttributes>> = {
  name: 'name',
  description: 'description',
  admin_state_up: 'adminUp',
  device_id: 'deviceId',
  device_owner: 'deviceOwner',
  port_security_enabled: 'portSecurity',
  'binding:vnic_type': 'vnicType',
  'binding:host_id': 'host',
};

function attributeChanges(
  access: NetworkAccess,
  caller: Caller,
  { port }: FoundPort,
  values: Attributes,
): PortAttributes {
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const own = plainChanges[name];
    if (own !== undefined) changes[own] = value;
  }
  const portSecurity = (changes['portSecurity'] as boolean | undefined) ?? port.portSecurity;
  const wanted = values['security_groups'] as readonly string[] | undefined;
  const { projectId } = port;
  const groups = wanted ?? (portSecurity ? undefined : port.securityGroups);
  if (groups !== undefined)
    changes['securityGroups'] = checkGroups(access, caller, {
      wanted: groups,
      projectId,
      portSecurity,
    });
  if (values['allowed_address_pairs'] !== undefined)
    changes['addressPairs'] = pairsIn(values['allowed_address_pairs'], port.mac);
  if (values['binding:profile'] !== undefined)
    changes['profile'] = JSON.stringify(values['binding:profile']);
  return changes;
}

async function deletePort(
  access: NetworkAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { caller } = request;
  requireWriter(caller, 'delete_port');
  await access.settle();
  const { network, port } = access.port(caller, idOf(request));
  const { id: portId, deviceOwner: owner } = port;
  if (serviceOwners.includes(owner)) throw errorOf(refuse('port-of-service', { portId, owner }));
  await access.askNetwork(request, network.id, {
    type: 'network.delete-port',
    portId: port.id,
    changeId: access.newId(),
    ...wantedRevision(request),
  });
  return reply.code(204).send();
}
