// What each event makes of a network. Pure and total; the cost of an event does not grow with the number of ports.
import { unreachable } from '#runtime/assert.ts';
import { addressOf, eui64, keyOf, keyOfText, textOfKey } from './addresses.ts';
import {
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketKeys,
  bucketSet,
} from '../../domain/bucket-map.ts';
import { giveAddress, takeAddress } from './free-ranges.ts';
import type { NetworkEvent, PortRecord, SubnetChanges, SubnetRecord } from './protocol.ts';
import {
  findSubnet,
  hasAutomaticAddresses,
  type NetworkState,
  REMEMBERED_CHANGES,
  type SubnetState,
} from './state.ts';
import { freeRangesOf, poolWith, prefixOf } from './subnet-plan.ts';

export function evolveNetwork(network: NetworkState, event: NetworkEvent): NetworkState {
  const next = applyEvent(network, event);
  if (network.recentChanges.at(-1) === event.changeId) return next;
  const recentChanges = [...network.recentChanges, event.changeId].slice(-REMEMBERED_CHANGES);
  return { ...next, recentChanges };
}

function applyEvent(network: NetworkState, event: NetworkEvent): NetworkState {
  const { atMs } = event;
  switch (event.type) {
    case 'network.created':
      return {
        ...network,
        status: 'present',
        attributes: event.attributes,
        revision: 1,
        createdAtMs: atMs,
        updatedAtMs: atMs,
      };
    case 'network.changed': {
      const attributes = { ...network.attributes, ...event.attributes };
      return revised({ ...network, attributes }, atMs);
    }
    case 'network.deleted':
      return { ...network, status: 'deleted', subnets: [], updatedAtMs: atMs };
    case 'network.subnet-created':
      return addSubnet(network, event.subnet, atMs);
    case 'network.subnet-changed':
      return changeSubnet(network, event.subnetId, event.changes, atMs);
    case 'network.subnet-deleted':
      return removeSubnet(network, event.subnetId, atMs);
    case 'network.port-set':
      return setPort(network, event.port);
    case 'network.port-deleted':
      return deletePort(network, event.portId);
    case 'network.tags-set':
      return setTags(network, event, atMs);
    default:
      return unreachable(event);
  }
}

function revised<S extends { readonly revision: number; readonly updatedAtMs: number }>(
  resource: S,
  atMs: number,
): S {
  return { ...resource, revision: resource.revision + 1, updatedAtMs: atMs };
}

function withSubnet(network: NetworkState, subnet: SubnetState): NetworkState {
  return { ...network, subnets: withReplaced(network.subnets, subnet) };
}

function withReplaced(
  subnets: readonly SubnetState[],
  subnet: SubnetState,
): readonly SubnetState[] {
  const index = subnets.findIndex((other) => other.id === subnet.id);
  return index < 0 ? [...subnets, subnet] : subnets.with(index, subnet);
}

function addSubnet(network: NetworkState, subnet: SubnetRecord, atMs: number): NetworkState {
  const made: SubnetState = {
    ...subnet,
    tags: [],
    revision: 1,
    createdAtMs: atMs,
    updatedAtMs: atMs,
    free: freeRangesOf(subnet.pools, []),
  };
  const grown = revised(withSubnet(network, made), atMs);
  if (!hasAutomaticAddresses(subnet)) return grown;
  const prefix = prefixOf(subnet.cidr);
  let next = grown;
  for (const [, port] of bucketEntries(network.ports)) {
    const address = textOfKey(keyOf(eui64(prefix, port.mac)));
    const fixedIps = [...port.fixedIps, { subnetId: subnet.id, address }];
    next = setPort(next, { ...revised(port, atMs), fixedIps });
  }
  return next;
}

function changeSubnet(
  network: NetworkState,
  subnetId: string,
  changes: SubnetChanges,
  atMs: number,
): NetworkState {
  const subnet = findSubnet(network, subnetId);
  if (subnet === undefined) return network;
  const { gateway, pools, ...rest } = changes;
  const { gateway: oldGateway, ...others } = subnet;
  const newGateway = gateway === undefined ? oldGateway : (gateway ?? undefined);
  const changed: SubnetState = {
    ...others,
    ...(newGateway === undefined ? {} : { gateway: newGateway }),
    ...rest,
    pools: pools ?? subnet.pools,
    free: pools === undefined ? subnet.free : freeRangesOf(pools, bucketKeys(network.addresses)),
  };
  return withSubnet(network, revised(changed, atMs));
}

/** Only automatic addresses can be left by now: they go with their subnet. */
function removeSubnet(network: NetworkState, subnetId: string, atMs: number): NetworkState {
  let next = network;
  const subnet = findSubnet(network, subnetId);
  if (subnet !== undefined && hasAutomaticAddresses(subnet))
    for (const [, port] of bucketEntries(network.ports)) {
      const fixedIps = port.fixedIps.filter((fixedIp) => fixedIp.subnetId !== subnetId);
      if (fixedIps.length < port.fixedIps.length)
        next = setPort(next, { ...revised(port, atMs), fixedIps });
    }
  const subnets = next.subnets.filter((other) => other.id !== subnetId);
  return revised({ ...next, subnets }, atMs);
}

function setPort(network: NetworkState, port: PortRecord): NetworkState {
  const before = bucketGet(network.ports, port.id);
  const freed = before === undefined ? network : withoutAddresses(network, before, port);
  const taken = withAddresses(freed, port, before);
  let { macs } = taken;
  if (before !== undefined && before.mac !== port.mac) macs = bucketDelete(macs, before.mac);
  if (before?.mac !== port.mac) macs = bucketSet(macs, port.mac, port.id);
  return { ...taken, macs, ports: bucketSet(taken.ports, port.id, port) };
}

function deletePort(network: NetworkState, portId: string): NetworkState {
  const port = bucketGet(network.ports, portId);
  if (port === undefined) return network;
  const freed = withoutAddresses(network, port, undefined);
  return {
    ...freed,
    macs: bucketDelete(network.macs, port.mac),
    ports: bucketDelete(network.ports, portId),
  };
}

/** Gives back what `port` has and `kept` has not. */
function withoutAddresses(
  network: NetworkState,
  port: PortRecord,
  kept: PortRecord | undefined,
): NetworkState {
  let { addresses } = network;
  let { subnets } = network;
  for (const { subnetId, address } of port.fixedIps) {
    if (kept?.fixedIps.some((other) => other.address === address)) continue;
    const key = keyOfText(address) ?? '';
    addresses = bucketDelete(addresses, key);
    const subnet = subnets.find((each) => each.id === subnetId);
    if (subnet === undefined || poolWith(subnet.pools, addressOf(key)) === undefined) continue;
    subnets = withReplaced(subnets, { ...subnet, free: giveAddress(subnet.free, key) });
  }
  return addresses === network.addresses ? network : { ...network, addresses, subnets };
}

/** Takes what `port` has and `before` had not. */
function withAddresses(
  network: NetworkState,
  port: PortRecord,
  before: PortRecord | undefined,
): NetworkState {
  let { addresses } = network;
  let { subnets } = network;
  for (const { subnetId, address } of port.fixedIps) {
    if (before?.fixedIps.some((other) => other.address === address)) continue;
    const key = keyOfText(address) ?? '';
    addresses = bucketSet(addresses, key, port.id);
    const subnet = subnets.find((each) => each.id === subnetId);
    if (subnet === undefined) continue;
    const free = takeAddress(subnet.free, key);
    if (free !== subnet.free) subnets = withReplaced(subnets, { ...subnet, free });
  }
  return addresses === network.addresses ? network : { ...network, addresses, subnets };
}

function setTags(
  network: NetworkState,
  event: Extract<NetworkEvent, { type: 'network.tags-set' }>,
  atMs: number,
): NetworkState {
  const { kind, id, tags } = event;
  if (kind === 'network') return revised({ ...network, tags }, atMs);
  if (kind === 'subnet') {
    const subnet = findSubnet(network, id);
    return subnet === undefined ? network : withSubnet(network, revised({ ...subnet, tags }, atMs));
  }
  const port = bucketGet(network.ports, id);
  return port === undefined ? network : setPort(network, revised({ ...port, tags }, atMs));
}
