// The whole truth about a network's bookkeeping: every address and MAC in its index, no free address in use. Pure.
// Its cost grows with the network, so it is for tests and simulation; production checks `networkInvariants`.
import { keyOfText } from './addresses.ts';
import { bucketEntries, bucketGet } from '../../domain/bucket-map.ts';
import { isFree } from './free-ranges.ts';
import { findSubnet, type NetworkState } from './state.ts';

/** Cheap: counts only. */
export function networkInvariants(network: NetworkState): readonly string[] {
  const found: string[] = [];
  if (network.macs.size !== network.ports.size)
    found.push(`${network.ports.size} ports with ${network.macs.size} MACs`);
  if (network.status !== 'present' && network.ports.size > 0)
    found.push(`a network that is ${network.status} has ports`);
  return found;
}

export function auditNetwork(network: NetworkState): readonly string[] {
  const found = [...networkInvariants(network)];
  let addresses = 0;
  for (const [, port] of bucketEntries(network.ports)) {
    if (bucketGet(network.macs, port.mac) !== port.id) found.push(`MAC ${port.mac} is not indexed`);
    for (const { subnetId, address } of port.fixedIps) {
      addresses += 1;
      const key = keyOfText(address) ?? '';
      const subnet = findSubnet(network, subnetId);
      if (bucketGet(network.addresses, key) !== port.id) found.push(`${address} is not indexed`);
      if (subnet === undefined) found.push(`${address} is of no subnet`);
      else if (isFree(subnet.free, key)) found.push(`${address} is free and in use`);
    }
  }
  if (addresses !== network.addresses.size)
    found.push(`${addresses} addresses, ${network.addresses.size} indexed`);
  return found;
}
