// What a subnet's prefix allows: its gateway, its pools, and which addresses hosts may have. Pure. Rules: Neutron's.
import {
  addressOf,
  contains,
  type IpAddress,
  keyOf,
  parseAddress,
  parsePrefix,
  type Prefix,
  textOfKey,
} from './addresses.ts';
import { type FreeRange, takeAddress } from './free-ranges.ts';

export interface AddressPool {
  readonly start: string;
  readonly end: string;
}

/** The first host address; of an IPv6 prefix its own address, as the routers' anycast address is. */
export function defaultGateway(prefix: Prefix): string {
  const value = prefix.version === 4 ? prefix.first + 1n : prefix.first;
  return textOfKey(keyOf({ version: prefix.version, value }));
}

/** First and last address that hosts may have: without network and broadcast address. */
export function hostBounds(prefix: Prefix): readonly [bigint, bigint] {
  if (prefix.version === 6)
    return prefix.first === prefix.last
      ? [prefix.first, prefix.last]
      : [prefix.first + 1n, prefix.last];
  return prefix.length <= 30 ? [prefix.first + 1n, prefix.last - 1n] : [prefix.first, prefix.last];
}

/** Everything that hosts may have, but the gateway. */
export function defaultPools(prefix: Prefix, gateway: string | undefined): readonly AddressPool[] {
  const [first, last] = hostBounds(prefix);
  const { version } = prefix;
  let ranges: readonly FreeRange[] = [
    [keyOf({ version, value: first }), keyOf({ version, value: last })],
  ];
  const address = gateway === undefined ? undefined : parseAddress(gateway);
  if (address !== undefined && contains(prefix, address) && prefix.first !== prefix.last)
    ranges = takeAddress(ranges, keyOf(address));
  return ranges.map(([start, end]) => ({ start: textOfKey(start), end: textOfKey(end) }));
}

export type PoolFault =
  | { readonly code: 'invalid' | 'out-of-bounds'; readonly pool: AddressPool }
  | { readonly code: 'overlap'; readonly pool: AddressPool; readonly other: AddressPool };

/** The first thing wrong with pools that a user wants, or undefined. */
export function findPoolFault(
  prefix: Prefix,
  pools: readonly AddressPool[],
): PoolFault | undefined {
  const [first, last] = hostBounds(prefix);
  const seen: { readonly pool: AddressPool; readonly start: bigint; readonly end: bigint }[] = [];
  for (const pool of pools) {
    const start = parseAddress(pool.start);
    const end = parseAddress(pool.end);
    if (start?.version !== prefix.version || end?.version !== prefix.version)
      return { code: 'invalid', pool };
    if (start.value > end.value) return { code: 'invalid', pool };
    if (start.value < first || end.value > last) return { code: 'out-of-bounds', pool };
    const other = seen.find((each) => each.start <= end.value && start.value <= each.end);
    if (other !== undefined) return { code: 'overlap', pool: other.pool, other: pool };
    seen.push({ pool, start: start.value, end: end.value });
  }
  return undefined;
}

/** The pool that holds this address, or undefined. */
export function poolWith(
  pools: readonly AddressPool[],
  address: IpAddress,
): AddressPool | undefined {
  return pools.find(({ start, end }) => {
    const first = parseAddress(start);
    const last = parseAddress(end);
    return (
      first?.version === address.version &&
      last !== undefined &&
      first.value <= address.value &&
      address.value <= last.value
    );
  });
}

/** The pools as free ranges, sorted, neighbours joined, without the addresses in use. */
export function freeRangesOf(
  pools: readonly AddressPool[],
  inUse: Iterable<string>,
): readonly FreeRange[] {
  const sorted = pools
    .map(({ start, end }): FreeRange => [keyOfPool(start), keyOfPool(end)])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  let ranges: FreeRange[] = [];
  for (const range of sorted) {
    const before = ranges.at(-1);
    if (before !== undefined && addressOf(before[1]).value + 1n === addressOf(range[0]).value)
      ranges = [...ranges.slice(0, -1), [before[0], range[1]]];
    else ranges.push(range);
  }
  let free: readonly FreeRange[] = ranges;
  for (const key of inUse) free = takeAddress(free, key);
  return free;
}

function keyOfPool(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? '' : keyOf(address);
}

/** Whether a host may have this address: not the network's, not the broadcast's, not a router's anycast address. */
export function isHostAddress(prefix: Prefix, address: IpAddress): boolean {
  if (!contains(prefix, address)) return false;
  const [first, last] = hostBounds(prefix);
  return address.value >= first && address.value <= last;
}

/** In IPv4 a gateway in the subnet can be neither its network nor its broadcast address. */
export function isGatewayAllowed(prefix: Prefix, gateway: IpAddress): boolean {
  if (prefix.version === 6 || !contains(prefix, gateway)) return true;
  return gateway.value !== prefix.first && gateway.value !== prefix.last;
}

/** For prefixes that were checked when they came in. */
export function prefixOf(cidr: string): Prefix {
  const prefix = parsePrefix(cidr);
  if (prefix === undefined) throw new Error(`${cidr} is no prefix`);
  return prefix;
}
