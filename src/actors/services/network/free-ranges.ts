// The free addresses of a subnet's pools, as sorted ranges that neither touch nor overlap. Pure.
// The lowest free address is the start of the first range: found without a look at those in use. Taking or giving back
// one copies the list of ranges, whose length is the number of gaps, not of addresses.
import { neighbour } from './addresses.ts';

/** First and last key (addresses.ts), both free. */
export type FreeRange = readonly [string, string];

export function lowestFree(ranges: readonly FreeRange[]): string | undefined {
  return ranges[0]?.[0];
}

/** Without this address; the same ranges if it was not free. */
export function takeAddress(ranges: readonly FreeRange[], key: string): readonly FreeRange[] {
  const index = rangeAtOrBefore(ranges, key);
  const range = ranges[index];
  if (range === undefined || key > range[1]) return ranges;
  const [first, last] = range;
  const left: FreeRange[] = key === first ? [] : [[first, neighbour(key, -1n)]];
  const right: FreeRange[] = key === last ? [] : [[neighbour(key, 1n), last]];
  return [...ranges.slice(0, index), ...left, ...right, ...ranges.slice(index + 1)];
}

/** With this address, joined to its neighbours; the same ranges if it was free already. */
export function giveAddress(ranges: readonly FreeRange[], key: string): readonly FreeRange[] {
  const index = rangeAtOrBefore(ranges, key);
  const before = ranges[index];
  if (before !== undefined && key <= before[1]) return ranges;
  const after = ranges[index + 1];
  const joinsBefore = before !== undefined && neighbour(key, -1n) === before[1];
  const joinsAfter = after !== undefined && neighbour(key, 1n) === after[0];
  const range: FreeRange = [joinsBefore ? before[0] : key, joinsAfter ? after[1] : key];
  return [
    ...ranges.slice(0, joinsBefore ? index : index + 1),
    range,
    ...ranges.slice(joinsAfter ? index + 2 : index + 1),
  ];
}

/** The index of the last range that starts at or before `key`, or −1. */
function rangeAtOrBefore(ranges: readonly FreeRange[], key: string): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const start = ranges[middle]?.[0] ?? '';
    if (start <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function isFree(ranges: readonly FreeRange[], key: string): boolean {
  const range = ranges[rangeAtOrBefore(ranges, key)];
  return range !== undefined && key <= range[1];
}
