// /servers/{id}/ips and /servers/{id}/os-interface: where a server can be reached, and by which ports.
import type { ServerPort } from '#actors/domain/server.ts';
import { notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { attachBodies, attachInterface, detachInterface } from './change.ts';
import { addressesOf } from '../views/addresses.ts';

function showNetwork(call: ComputeCall): unknown {
  const label = call.params['label'] ?? '';
  const addresses = addressesOf(call.server, false, call.context.floatingOf?.(call.server.id));
  if (!Object.hasOwn(addresses, label))
    throw notFound('Instance is not a member of specified network');
  return { [label]: addresses[label] };
}

/** Shown as it is by then: the call's own server is the one that it began with. */
async function attached(call: ComputeCall): Promise<unknown> {
  const portId = await attachInterface(call);
  const { ports } = call.context.servers.get(call.server.id) ?? call.server;
  const port = ports.find((one) => one.portId === portId);
  if (port === undefined) throw notFound(`Port id ${portId} could not be found.`);
  return { interfaceAttachment: interfaceView(call, port) };
}

function interfaceView(call: ComputeCall, port: ServerPort): unknown {
  return {
    net_id: port.networkId,
    port_id: port.portId,
    mac_addr: port.mac.toLowerCase(),
    port_state: call.server.vmState === 'building' ? 'DOWN' : 'ACTIVE',
    fixed_ips: port.fixedIps.map(({ subnetId, address }) => ({
      subnet_id: subnetId,
      ip_address: address,
    })),
    ...(call.from(70) ? { tag: port.tag ?? null } : {}),
  };
}

function showInterface(call: ComputeCall): unknown {
  const id = call.params['port_id'] ?? '';
  const port = call.server.ports.find(({ portId }) => portId === id);
  if (port !== undefined) return { interfaceAttachment: interfaceView(call, port) };
  throw notFound(
    call.context.networks.findPort(id) === undefined
      ? `Port id ${id} could not be found.`
      : `Instance ${call.server.id} does not have a port with id ${id}`,
  );
}

const onServer = (path: string) =>
  ({ path: `/servers/:server_id${path}`, target: 'server' }) as const;

export const addressRoutes: readonly ComputeRoute[] = [
  {
    ...onServer('/ips'),
    method: 'GET',
    policy: 'ips:index',
    handler: (call) => ({
      addresses: addressesOf(call.server, false, call.context.floatingOf?.(call.server.id)),
    }),
  },
  {
    ...onServer('/ips/:label'),
    method: 'GET',
    policy: 'ips:show',
    handler: showNetwork,
  },
  {
    ...onServer('/os-interface'),
    method: 'GET',
    policy: 'os-attach-interfaces:list',
    handler: (call) => ({
      interfaceAttachments: call.server.ports.map((port) => interfaceView(call, port)),
    }),
  },
  {
    ...onServer('/os-interface'),
    method: 'POST',
    body: attachBodies,
    policy: 'os-attach-interfaces:create',
    success: 200,
    handler: attached,
  },
  {
    ...onServer('/os-interface/:port_id'),
    method: 'DELETE',
    policy: 'os-attach-interfaces:delete',
    success: 202,
    handler: detachInterface,
  },
  {
    ...onServer('/os-interface/:port_id'),
    method: 'GET',
    policy: 'os-attach-interfaces:show',
    handler: showInterface,
  },
];
