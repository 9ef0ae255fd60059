// Subnets of a network: made, changed and deleted so that prefixes never overlap and no address in use is lost. Pure.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { contains, keyOf, overlaps, parseAddress } from './addresses.ts';
import { bucketEntries, bucketGet } from '../../domain/bucket-map.ts';
import type { networkCommands, NetworkEvent, SubnetChanges } from './protocol.ts';
import { findSubnet, hasAutomaticAddresses, type NetworkState, type SubnetState } from './state.ts';
import { type AddressPool, findPoolFault, poolWith, prefixOf } from './subnet-plan.ts';

type Answer = Accepted<NetworkEvent, object> | Refusal;
type Ask<T extends keyof typeof networkCommands> = CommandNamed<typeof networkCommands, T>;

export function createSubnet(
  network: NetworkState,
  command: Ask<'network.create-subnet'>,
  facts: Facts,
): Answer {
  const { subnet, changeId } = command;
  if (findSubnet(network, subnet.id) !== undefined)
    return refuse('subnet-exists', { subnetId: subnet.id });
  const prefix = prefixOf(subnet.cidr);
  for (const other of network.subnets)
    if (overlaps(prefixOf(other.cidr), prefix))
      return refuse('subnet-overlap', { cidr: subnet.cidr, networkId: network.id });
  const fault = poolRefusal(subnet.cidr, subnet.pools, subnet.gateway);
  if (fault !== undefined) return fault;
  return accept([{ type: 'network.subnet-created', subnet, changeId, atMs: facts.nowMs }], {});
}

export function changeSubnet(
  network: NetworkState,
  command: Ask<'network.change-subnet'>,
  facts: Facts,
): Answer {
  const { subnetId, changes, changeId } = command;
  const subnet = findSubnet(network, subnetId);
  if (subnet === undefined) return refuse('subnet-not-found', { subnetId });
  const fault = changeRefusal(network, subnet, changes);
  if (fault !== undefined) return fault;
  const atMs = facts.nowMs;
  return accept([{ type: 'network.subnet-changed', subnetId, changes, changeId, atMs }], {});
}

function changeRefusal(
  network: NetworkState,
  subnet: SubnetState,
  changes: SubnetChanges,
): Refusal | undefined {
  if (changes.gateway === undefined && changes.pools === undefined) return undefined;
  const gateway = changes.gateway === undefined ? subnet.gateway : (changes.gateway ?? undefined);
  const fault = poolRefusal(subnet.cidr, changes.pools ?? subnet.pools, gateway);
  if (fault !== undefined) return fault;
  const address = gateway === undefined ? undefined : parseAddress(gateway);
  if (address === undefined || gateway === subnet.gateway) return undefined;
  // The hosts' bridge has the gateway's address: a port can't have it, too.
  if (!contains(prefixOf(subnet.cidr), address)) return undefined;
  const isTaken = bucketGet(network.addresses, keyOf(address)) !== undefined;
  return isTaken ? refuse('address-in-use', { subnetId: subnet.id, address: gateway }) : undefined;
}

function poolRefusal(
  cidr: string,
  pools: readonly AddressPool[],
  gateway: string | undefined,
): Refusal | undefined {
  const fault = findPoolFault(prefixOf(cidr), pools);
  if (fault !== undefined) return refuse(`pool-${fault.code}`, { cidr, ...fault });
  const address = gateway === undefined ? undefined : parseAddress(gateway);
  const pool = address === undefined ? undefined : poolWith(pools, address);
  return pool === undefined ? undefined : refuse('gateway-in-pool', { gateway, pool });
}

export function deleteSubnet(
  network: NetworkState,
  command: Ask<'network.delete-subnet'>,
  facts: Facts,
): Answer {
  const { subnetId, changeId } = command;
  const subnet = findSubnet(network, subnetId);
  if (subnet === undefined) return refuse('subnet-not-found', { subnetId });
  if (!hasAutomaticAddresses(subnet))
    for (const [, port] of bucketEntries(network.ports))
      if (port.fixedIps.some((fixedIp) => fixedIp.subnetId === subnetId))
        return refuse('subnet-in-use', { subnetId });
  const atMs = facts.nowMs;
  return accept([{ type: 'network.subnet-deleted', subnetId, changeId, atMs }], {});
}
