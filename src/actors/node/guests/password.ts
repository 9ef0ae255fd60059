// The order to set a password in a guest, by its agent.
import { type GuestState, HypervisorFault } from '#hypervisor/port.ts';
import type { Machine } from '../machine.ts';
import { NodeFault, type NodeOrder, type NodeReport } from '../protocol.ts';

type PasswordOrder = Extract<NodeOrder, { readonly type: 'node.set-password' }>;

/** Fault no-agent when nothing in the guest takes it. */
export async function setPassword(
  { hypervisor }: Machine,
  { serverId, user, password }: PasswordOrder,
  { power }: GuestState,
): Promise<NodeReport> {
  try {
    await hypervisor.setPassword(serverId, { user, password });
  } catch (error) {
    if (!(error instanceof HypervisorFault) || error.code !== 'unsupported') throw error;
    throw new NodeFault('no-agent', `no agent of server ${serverId} takes a password`, {
      retryable: false,
      cause: error,
    });
  }
  return { power, stopped: false };
}
