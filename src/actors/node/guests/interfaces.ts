// Orders that give a server one of its ports or take one away: on the host's network, and in its guest if it is there. A
// server that is off finds its ports at the next start. Both look first, so that doing one twice does it once.
import { type GuestState, HypervisorFault } from '#hypervisor/port.ts';
import type { ServerPort } from '../../domain/server.ts';
import { plugPort } from '../guest-parts.ts';
import { interfaceOf } from '../guest-spec.ts';
import type { Machine } from '../machine.ts';
import type { NodeOrder, NodeReport } from '../protocol.ts';

export interface GuestWithInterfaces {
  readonly machine: Machine;
  admitted(order: NodeOrder): Promise<void>;
  current(order: NodeOrder): Promise<GuestState | undefined>;
}

type Named<T extends NodeOrder['type']> = Extract<NodeOrder, { readonly type: T }>;
export type InterfaceOrder = Named<'node.attach-interface' | 'node.detach-interface'>;

export async function performInterfaceOrder(
  guest: GuestWithInterfaces,
  order: InterfaceOrder,
): Promise<NodeReport> {
  await guest.admitted(order);
  const found = await guest.current(order);
  // A port that the server does not have any more was detached before.
  const port = order.plan.ports.find(({ portId }) => portId === order.portId);
  const change = order.type === 'node.attach-interface' ? attach : detach;
  if (port !== undefined) await change(guest.machine, order, { port, found });
  return { power: found?.power ?? 'shutdown', stopped: false };
}

interface Met {
  readonly port: ServerPort;
  readonly found: GuestState | undefined;
}

async function attach(
  machine: Machine,
  order: InterfaceOrder,
  { port, found }: Met,
): Promise<void> {
  const plugged = await plugPort(machine, order.plan, port);
  if (found === undefined) return;
  const device = interfaceOf(order.plan, port, plugged);
  await unlessGone(machine.hypervisor.attachInterface(order.serverId, device));
}

/** The host forgets a port only when no guest has it any more. */
async function detach(
  { hypervisor, network }: Machine,
  { serverId }: InterfaceOrder,
  { port, found }: Met,
): Promise<void> {
  const { portId: id, networkId, mac } = port;
  if (found !== undefined) await hypervisor.detachInterface(serverId, mac);
  await network.unplug({ id, networkId, mac });
}

/** A guest that went off meanwhile has nothing to be plugged into. */
async function unlessGone(attached: Promise<void>): Promise<void> {
  try {
    await attached;
  } catch (error) {
    if (!(error instanceof HypervisorFault) || error.code !== 'guest-not-found') throw error;
  }
}
