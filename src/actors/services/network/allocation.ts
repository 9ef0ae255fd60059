// Which addresses a port gets. Pure. Lowest free address first; rules and order are Neutron's.
import { isRefusal, type Refusal, refuse } from '#runtime/message/refusal.ts';
import {
  addressOf,
  eui64,
  formatAddress,
  type IpAddress,
  keyOf,
  parseAddress,
  textOfKey,
} from './addresses.ts';
import { bucketGet } from '../../domain/bucket-map.ts';
import { lowestFree, takeAddress } from './free-ranges.ts';
import type { AddressRequest } from './protocol.ts';
import { findSubnet, hasAutomaticAddresses, type NetworkState, type SubnetState } from './state.ts';
import { isHostAddress, prefixOf } from './subnet-plan.ts';

export interface FixedIp {
  readonly subnetId: string;
  readonly address: string;
}

export interface AddressWish {
  readonly portId: string;
  readonly mac: string;
  /** What the port has now; kept where the wish allows it. */
  readonly current: readonly FixedIp[];
  /** Undefined: whatever is usual. */
  readonly requests: readonly AddressRequest[] | undefined;
  /** `network:…` ports may have a gateway's address. */
  readonly deviceOwner: string;
}

/** What is being chosen: so that one port's addresses don't take the same one twice. */
interface Plan {
  readonly network: NetworkState;
  readonly wish: AddressWish;
  readonly chosen: FixedIp[];
  readonly left: FixedIp[];
}

/** Refusals: subnet-not-on-network, address-…, no-addresses, no-subnets. */
export function planAddresses(
  network: NetworkState,
  wish: AddressWish,
): readonly FixedIp[] | Refusal {
  const plan: Plan = { network, wish, chosen: [], left: [...wish.current] };
  const refused =
    wish.requests === undefined ? chooseUsual(plan) : chooseWanted(plan, wish.requests);
  if (refused !== undefined) return refused;
  addAutomatic(plan);
  return plan.chosen;
}

/** One address per IP version, of the first subnet that has some. */
function chooseUsual(plan: Plan): Refusal | undefined {
  const stateful = plan.network.subnets.filter((subnet) => !hasAutomaticAddresses(subnet));
  for (const version of [4, 6]) {
    const subnets = stateful.filter((subnet) => subnet.version === version);
    if (subnets.length === 0) continue;
    const subnet = subnets.find((each) => lowestFree(each.free) !== undefined);
    if (subnet === undefined) return refuse('no-addresses', { networkId: plan.network.id });
    plan.chosen.push({ subnetId: subnet.id, address: textOfKey(lowestFree(subnet.free) ?? '') });
  }
  return undefined;
}

/** Addresses by name first, so that those left to chance don't take them. */
function chooseWanted(plan: Plan, requests: readonly AddressRequest[]): Refusal | undefined {
  if (requests.length > 0 && plan.network.subnets.length === 0)
    return refuse('no-subnets', { networkId: plan.network.id });
  for (const request of requests) {
    if (request.address === undefined) continue;
    const refused = chooseNamed(plan, request.address, request.subnetId);
    if (refused !== undefined) return refused;
  }
  for (const request of requests) {
    if (request.address !== undefined) continue;
    const refused = chooseAny(plan, request.subnetId);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function chooseNamed(plan: Plan, text: string, subnetId: string | undefined): Refusal | undefined {
  const address = parseAddress(text);
  if (address === undefined) return refuse('address-not-on-network', { address: text });
  const subnet = subnetFor(plan, address, subnetId);
  if (isRefusal(subnet)) return subnet;
  const canonical = formatAddress(address);
  const fixedIp = { subnetId: subnet.id, address: canonical };
  if (plan.chosen.some((each) => each.address === canonical))
    return refuse('address-in-use', fixedIp);
  if (keep(plan, (own) => own.address === canonical)) return undefined;
  if (hasAutomaticAddresses(subnet)) return refuse('address-automatic', fixedIp);
  const holder = bucketGet(plan.network.addresses, keyOf(address));
  if (holder !== undefined && holder !== plan.wish.portId) return refuse('address-in-use', fixedIp);
  if (canonical === subnet.gateway && !plan.wish.deviceOwner.startsWith('network:'))
    return refuse('address-in-use', fixedIp);
  plan.chosen.push(fixedIp);
  return undefined;
}

function subnetFor(
  plan: Plan,
  address: IpAddress,
  subnetId: string | undefined,
): SubnetState | Refusal {
  const text = formatAddress(address);
  if (subnetId === undefined) {
    for (const subnet of plan.network.subnets)
      if (isHostAddress(prefixOf(subnet.cidr), address)) return subnet;
    return refuse('address-not-on-network', { address: text });
  }
  const subnet = findSubnet(plan.network, subnetId);
  if (subnet === undefined)
    return refuse('subnet-not-on-network', { networkId: plan.network.id, subnetId });
  if (isHostAddress(prefixOf(subnet.cidr), address)) return subnet;
  return refuse('address-not-in-subnet', { address: text, subnetId });
}

function chooseAny(plan: Plan, subnetId = ''): Refusal | undefined {
  const subnet = findSubnet(plan.network, subnetId);
  if (subnet === undefined)
    return refuse('subnet-not-on-network', { networkId: plan.network.id, subnetId });
  if (hasAutomaticAddresses(subnet)) return undefined;
  if (keep(plan, (own) => own.subnetId === subnetId)) return undefined;
  let { free } = subnet;
  for (const { address } of plan.chosen) {
    const taken = parseAddress(address);
    if (taken !== undefined) free = takeAddress(free, keyOf(taken));
  }
  const key = lowestFree(free);
  if (key === undefined) return refuse('no-addresses', { networkId: plan.network.id });
  plan.chosen.push({ subnetId, address: formatAddress(addressOf(key)) });
  return undefined;
}

/** Moves the first of the port's own addresses that fits to those chosen. */
function keep(plan: Plan, fits: (own: FixedIp) => boolean): boolean {
  const index = plan.left.findIndex(fits);
  const own = plan.left[index];
  if (own === undefined) return false;
  plan.left.splice(index, 1);
  plan.chosen.push(own);
  return true;
}

/** Hosts make these themselves, so every port of the network has them. */
function addAutomatic(plan: Plan): void {
  for (const subnet of plan.network.subnets) {
    if (!hasAutomaticAddresses(subnet)) continue;
    if (plan.chosen.some((fixedIp) => fixedIp.subnetId === subnet.id)) continue;
    const address = formatAddress(eui64(prefixOf(subnet.cidr), plan.wish.mac));
    plan.chosen.push({ subnetId: subnet.id, address });
  }
}
