// POST and DELETE of /servers/{id}/os-interface. What is asked for is checked here, so that most requests are refused before
// anything is made; the work is an operation of the server. Several at a time are done one after another, as by Nova.
import type { InstanceState } from '#actors/instance/state.ts';
import type { NetworkRecord } from '#actors/ports/networks.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { badRequest, ComputeFault, conflict, forbidden, notFound } from '../../envelope.ts';
import { ipAddress, tagParam, uuidParam } from '../../parameter-types.ts';
import { allows } from '../../policy.ts';
import type { ComputeCall, SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { operateToEnd, untilServer } from './await-operation.ts';
import { operate } from '../operate.ts';

const ATTACH = 'attach_interface';
const DETACH = 'detach_interface';
/** How long one change of a server's interfaces waits for another. */
const TURN_MS = 60_000;
const MAX_TURNS = 100;

function body(more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  const fixedIp = {
    type: 'object',
    properties: { ip_address: ipAddress },
    required: ['ip_address'],
    additionalProperties: false,
  };
  const properties = {
    net_id: uuidParam,
    port_id: { oneOf: [uuidParam, { type: 'null' }] },
    fixed_ips: { type: 'array', minItems: 1, maxItems: 1, items: fixedIp },
    ...more,
  };
  return {
    type: 'object',
    properties: {
      interfaceAttachment: { type: 'object', properties, additionalProperties: false },
    },
    additionalProperties: false,
  } as JsonSchema;
}

export const attachBodies: readonly SchemaRange[] = [
  { until: 48, schema: body() },
  { since: 49, schema: body({ tag: tagParam }) },
];

interface Attachment {
  readonly net_id?: string;
  readonly port_id?: string | null;
  readonly fixed_ips?: readonly { readonly ip_address: string }[];
  readonly tag?: string;
}

type WantedPort = ServerRequest['networks'][number];

/** Answers with the port's id when the guest has it. */
export async function attachInterface(call: ComputeCall): Promise<string> {
  const { interfaceAttachment = {} } = (call.body ?? {}) as {
    readonly interfaceAttachment?: Attachment;
  };
  const { net_id: networkId, port_id: portId, fixed_ips: fixedIps, tag } = interfaceAttachment;
  const address = fixedIps?.[0]?.ip_address;
  if (networkId !== undefined && typeof portId === 'string')
    throw badRequest('Must not input both network_id and port_id');
  if (address !== undefined && networkId === undefined)
    throw badRequest('Must input network_id when request IP address');
  return inTurn(call, ATTACH, async (server) => {
    const port =
      typeof portId === 'string'
        ? existingPort(call, server, portId)
        : newPort(call, server, { networkId, address });
    const failure = await operateToEnd(call, 'attach-interface', {
      action: ATTACH,
      parameters: { attach: { port: { ...port, ...(tag === undefined ? {} : { tag }) } } },
    });
    if (failure === undefined) return port.portId;
    const { code, message } = failure;
    if (code < 500) throw new ComputeFault(code, message);
    throw new ComputeFault(500, `Failed to attach network adapter device to ${server.id}`);
  });
}

export async function detachInterface(call: ComputeCall): Promise<void> {
  const portId = call.params['port_id'] ?? '';
  await inTurn(call, DETACH, async (server) => {
    const port = server.ports.find((one) => one.portId === portId);
    if (port === undefined) throw notFound(`Port id ${portId} could not be found.`);
    const { networkId } = port;
    await operate(call, 'detach-interface', {
      action: DETACH,
      parameters: { detach: { portId, networkId } },
    });
  });
}

/** Works on the server as it is when nobody else changes its interfaces; who comes second of two at once waits again. */
export async function inTurn<R>(
  call: ComputeCall,
  action: string,
  work: (server: InstanceState) => Promise<R>,
): Promise<R> {
  const { id } = call.server;
  const busy = `Cannot '${action}' instance ${id} while it is in task_state networking`;
  for (let turn = 1; ; turn += 1) {
    try {
      return await work(await free(call));
    } catch (error) {
      const isLate = error instanceof ComputeFault && error.message === busy;
      if (!isLate || turn === MAX_TURNS) throw error;
    }
  }
}

/** The server once no other change of its interfaces is under way, and no port of it is on its way back. */
async function free(call: ComputeCall): Promise<InstanceState> {
  const isFree = ({ operation, loosePorts }: InstanceState): boolean =>
    operation?.name !== 'attach-interface' &&
    operation?.name !== 'detach-interface' &&
    operation?.name !== 'change-addresses' &&
    loosePorts === undefined;
  const server = await untilServer(call, isFree, TURN_MS);
  if (server !== undefined) return server;
  throw conflict(
    `Cannot change the interfaces of instance ${call.server.id} while another change of them is in progress`,
  );
}

function existingPort(call: ComputeCall, server: InstanceState, portId: string): WantedPort {
  const port = call.context.networks.findPort(portId);
  const owner = server.request?.projectId;
  const { projectId, isAdmin } = call.caller;
  if (port === undefined || !(isAdmin || port.projectId === projectId))
    throw notFound(`Port id ${portId} could not be found.`);
  if (port.projectId !== owner)
    throw badRequest(`Port ${portId} not usable for instance ${server.id}.`);
  if (port.deviceId !== '') throw conflict(`Port ${portId} is still in use.`);
  if (!port.hasAddress) throw badRequest(`Port ${portId} requires a FixedIP in order to be used.`);
  return { portId, existing: true, networkId: port.networkId };
}

function newPort(
  call: ComputeCall,
  server: InstanceState,
  {
    networkId,
    address,
  }: { readonly networkId: string | undefined; readonly address: string | undefined },
): WantedPort {
  const projectId = server.request?.projectId ?? '';
  const network =
    networkId === undefined ? onlyNetwork(call, projectId) : usable(call, networkId, projectId);
  return {
    portId: call.context.env.random.uuid(),
    existing: false,
    networkId: network.id,
    ...(address === undefined ? {} : { fixedIp: address }),
  };
}

function onlyNetwork(call: ComputeCall, projectId: string): NetworkRecord {
  const [network, ...more] = call.context.networks.listUsable(projectId);
  if (network === undefined)
    throw badRequest(
      `No specific network was requested and none are available for project '${projectId}'.`,
    );
  if (more.length > 0)
    throw badRequest(
      'More than one possible network found. Specify network ID(s) to select which one(s) to connect to.',
    );
  return network;
}

function usable(call: ComputeCall, networkId: string, projectId: string): NetworkRecord {
  const network = call.context.networks.findNetwork(networkId);
  const { isAdmin } = call.caller;
  const isVisible =
    network !== undefined &&
    (isAdmin || network.shared || network.external || network.projectId === projectId);
  if (!isVisible) throw notFound(`Network ${networkId} could not be found.`);
  if (network.subnetIds.length === 0)
    throw badRequest(`Network ${networkId} requires a subnet in order to boot instances on.`);
  const isClosed = network.external && !network.shared;
  if (isClosed && !allows(call, 'network:attach_external_network'))
    throw forbidden(`It is not allowed to create an interface on external network ${networkId}`);
  return network;
}
