// What a host is told that was fenced and comes back with its old grant. Pure; asked by the instance and, for the hosts of
// compute members, by the gateway.
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import type { Grant, InstanceState } from './state.ts';

export function fencedGrant(
  state: InstanceState,
  { host, runEpoch }: { readonly host: string; readonly runEpoch: number },
): Grant | undefined {
  return state.fenced.find((one) => one.host === host && one.runEpoch === runEpoch);
}

/** Its files may go only where it is known that no other host uses them. */
export function grantOver(
  { id, grant, ports, vmState, existence }: InstanceState,
  { host, runEpoch }: { readonly host: string; readonly runEpoch: number },
): Refusal {
  const isSafe = existence === 'gone' || (grant?.storageId !== undefined && vmState !== 'error');
  return refuse('instance-grant-over', {
    id,
    host,
    runEpoch,
    ports: ports.map(({ portId, networkId, mac }) => ({ id: portId, networkId, mac })),
    ...(isSafe && grant?.storageId !== undefined ? { spareStorage: grant.storageId } : {}),
    removesFiles: isSafe,
  });
}
