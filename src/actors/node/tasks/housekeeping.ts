// What a host does beside all orders: networks are ready before guests boot on them, and files of grants that are over go.
import { isClosed, type LedgerState, openGrant } from '../ledger.ts';
import type { Machine } from '../machine.ts';

/** Files of servers whose grant is over: the record allows removing them. Files that nobody knows are kept. */
export async function removeLeftovers(
  { storage, env, host }: Machine,
  ledgerNow: () => LedgerState,
  isBusy: (serverId: string) => boolean,
): Promise<void> {
  for (const serverId of await storage.listGuests()) {
    const ledger = ledgerNow();
    if (isBusy(serverId) || openGrant(ledger, serverId) !== undefined) continue;
    if (isClosed(ledger, serverId)) await storage.removeGuest(serverId);
    else env.log.warn({ host, serverId }, 'files of an unknown server are left alone');
  }
}

/** Networks that guests may be on are ready before one boots; those that are gone leave no bridge behind. */
export async function tendNetworks({ network, networkSpec, networkIds }: Machine): Promise<void> {
  for (const networkId of await network.listNetworks()) {
    if ((await networkSpec(networkId)) === undefined) await network.removeNetwork(networkId);
  }
  for (const networkId of await networkIds()) {
    const spec = await networkSpec(networkId);
    if (spec !== undefined) await network.ensureNetwork(spec);
  }
}
