import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  giveAddress,
  isFree,
  lowestFree,
  takeAddress,
  type FreeRange,
} from '#actors/services/network/free-ranges.ts';
import { keyOf, parseAddress } from '#actors/services/network/addresses.ts';
import {
  defaultGateway,
  defaultPools,
  findPoolFault,
  freeRangesOf,
  isGatewayAllowed,
  isHostAddress,
  prefixOf,
} from '#actors/services/network/subnet-plan.ts';

const address = (text: string) => {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
};

describe('defaults of a prefix', () => {
  it.each([
    ['10.0.0.0/24', '10.0.0.1', [['10.0.0.2', '10.0.0.254']]],
    ['10.0.0.0/30', '10.0.0.1', [['10.0.0.2', '10.0.0.2']]],
    ['10.0.0.0/31', '10.0.0.1', [['10.0.0.0', '10.0.0.0']]],
    ['10.0.0.7/32', '10.0.0.8', [['10.0.0.7', '10.0.0.7']]],
    ['fd00::/64', 'fd00::', [['fd00::1', 'fd00::ffff:ffff:ffff:ffff']]],
  ])('%s: gateway %s', (cidr, gateway, pools) => {
    const prefix = prefixOf(cidr);
    expect(defaultGateway(prefix)).toBe(gateway);
    expect(defaultPools(prefix, gateway)).toEqual(pools.map(([start, end]) => ({ start, end })));
  });

  it('a gateway in the middle parts the pool', () => {
    expect(defaultPools(prefixOf('10.0.0.0/29'), '10.0.0.3')).toEqual([
      { start: '10.0.0.1', end: '10.0.0.2' },
      { start: '10.0.0.4', end: '10.0.0.6' },
    ]);
    expect(defaultPools(prefixOf('10.0.0.0/29'), undefined)).toEqual([
      { start: '10.0.0.1', end: '10.0.0.6' },
    ]);
    expect(defaultPools(prefixOf('10.0.0.0/29'), '192.168.0.1')).toEqual([
      { start: '10.0.0.1', end: '10.0.0.6' },
    ]);
  });
});

describe('pools of a user', () => {
  const cidr = prefixOf('10.0.0.0/24');
  const pool = (start: string, end: string) => ({ start, end });

  it.each([
    [[pool('10.0.0.2', '10.0.0.9'), pool('10.0.0.20', '10.0.0.30')], undefined],
    [[pool('10.0.0.9', '10.0.0.2')], 'invalid'],
    [[pool('fd00::1', 'fd00::2')], 'invalid'],
    [[pool('10.0.0.0', '10.0.0.2')], 'out-of-bounds'],
    [[pool('10.0.0.9', '10.0.0.255')], 'out-of-bounds'],
    [[pool('10.0.1.1', '10.0.1.2')], 'out-of-bounds'],
    [[pool('10.0.0.2', '10.0.0.9'), pool('10.0.0.9', '10.0.0.12')], 'overlap'],
    [[], undefined],
  ])('%j: %s', (pools, code) => {
    expect(findPoolFault(cidr, pools)?.code).toBe(code);
  });
});

it('hosts and gateways are not the network or broadcast address', () => {
  const prefix = prefixOf('10.0.0.0/24');
  const hosts = ['10.0.0.0', '10.0.0.1', '10.0.0.254', '10.0.0.255', '10.0.1.1'];
  expect(hosts.map((text) => isHostAddress(prefix, address(text)))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(hosts.map((text) => isGatewayAllowed(prefix, address(text)))).toEqual([
    false,
    true,
    true,
    false,
    true,
  ]);
  expect(isHostAddress(prefixOf('fd00::/64'), address('fd00::'))).toBe(false);
  expect(isGatewayAllowed(prefixOf('fd00::/64'), address('fd00::'))).toBe(true);
});

describe('free ranges', () => {
  const key = (last: number): string => keyOf(address(`10.0.0.${last}`));

  it('neighbouring pools are one range, in order, without what is in use', () => {
    const pools = [
      { start: '10.0.0.20', end: '10.0.0.30' },
      { start: '10.0.0.2', end: '10.0.0.9' },
      { start: '10.0.0.10', end: '10.0.0.12' },
    ];
    expect(freeRangesOf(pools, [key(5), key(99)])).toEqual([
      [key(2), key(4)],
      [key(6), key(12)],
      [key(20), key(30)],
    ]);
  });

  it('taking and giving in any order is the same as a set, and ranges never touch', () => {
    const step = fc.record({ take: fc.boolean(), at: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let ranges: readonly FreeRange[] = [[key(1), key(40)]];
        const model = new Set(Array.from({ length: 40 }, (_, index) => index + 1));
        for (const { take, at } of steps) {
          ranges = take ? takeAddress(ranges, key(at)) : giveAddress(ranges, key(at));
          if (take) model.delete(at);
          else model.add(at);
        }
        const free = Array.from({ length: 42 }, (_, index) => index).filter((n) =>
          isFree(ranges, key(n)),
        );
        expect(free).toEqual([...model].sort((left, right) => left - right));
        expect(lowestFree(ranges)).toBe(model.size === 0 ? undefined : key(Math.min(...model)));
        const bounds = ranges.flatMap(([first, last]) => [
          BigInt(`0x${first}`),
          BigInt(`0x${last}`),
        ]);
        const gaps = bounds.slice(1).map((bound, index) => bound - (bounds[index] ?? bound));
        // Within a range from first to last, and at least one address in use between two ranges.
        expect(gaps.every((gap, index) => gap >= (index % 2 === 0 ? 0n : 2n))).toBe(true);
      }),
    );
  });
});
