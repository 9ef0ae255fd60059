// What a host counts of a guest, for whoever asks: a look, not an order.
import type { GuestStatistics } from '#hypervisor/port.ts';
import { nodeFaultOf } from '../faults.ts';
import type { Machine } from '../machine.ts';

/** Rejects with a NodeFault. */
export async function statisticsOn(
  { hypervisor }: Pick<Machine, 'hypervisor'>,
  serverId: string,
): Promise<GuestStatistics> {
  try {
    return await hypervisor.statistics(serverId);
  } catch (error) {
    throw nodeFaultOf(error, `Reading the statistics of server ${serverId}`);
  }
}
