import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressOf,
  contains,
  eui64,
  formatAddress,
  formatPrefix,
  keyOf,
  neighbour,
  overlaps,
  parseAddress,
  parsePrefix,
  type Prefix,
  textOfKey,
} from '#actors/services/network/addresses.ts';

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
};

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
    ['fe80::', 'fe80::'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
    ['::1:2', '::0.1.0.2'],
  ])('%s is %s', (text, canonical) => {
    const address = parseAddress(text);
    expect(address === undefined ? undefined : formatAddress(address)).toBe(canonical);
  });

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    '10.0.0.1.2',
    ' 10.0.0.1',
    '10.0.0.1/8',
    'a.b.c.d',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    '12345::',
    'g::',
    '::10.0.0',
    '::10.0.0.256',
    '1:',
    ':1',
  ])('%j is no address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('text, number and key of any address are the same address', () => {
    const v4 = fc.record({
      version: fc.constant(4 as const),
      value: fc.bigInt(0n, 2n ** 32n - 1n),
    });
    const v6 = fc.record({
      version: fc.constant(6 as const),
      value: fc.bigInt(0n, 2n ** 128n - 1n),
    });
    fc.assert(
      fc.property(fc.oneof(v4, v6), (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
        expect(addressOf(keyOf(address))).toEqual(address);
      }),
    );
  });

  it('keys are in the order of numbers', () => {
    const value = fc.bigInt(0n, 2n ** 128n - 1n);
    fc.assert(
      fc.property(value, value, (left, right) => {
        const keys = [left, right].map((each) => keyOf({ version: 6, value: each }));
        expect((keys[0] ?? '') < (keys[1] ?? '')).toBe(left < right);
      }),
    );
    expect(textOfKey(neighbour('0a0000ff', 1n))).toBe('10.0.1.0');
    expect(textOfKey(neighbour('0a000100', -1n))).toBe('10.0.0.255');
  });
});

describe('prefixes', () => {
  it.each([
    ['10.0.0.5/24', '10.0.0.0/24'],
    ['10.0.0.5/32', '10.0.0.5/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00:1::9/64', 'fd00:1::/64'],
  ])('%s is %s', (text, canonical) => {
    expect(formatPrefix(prefix(text))).toBe(canonical);
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::/129',
    '192.168.1./24',
    '256',
  ])('%j is no prefix', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  it('overlap when one holds the other, never across versions', () => {
    expect(overlaps(prefix('10.0.0.0/24'), prefix('10.0.0.128/25'))).toBe(true);
    expect(overlaps(prefix('10.0.0.128/25'), prefix('10.0.0.0/24'))).toBe(true);
    expect(overlaps(prefix('10.0.0.0/24'), prefix('10.0.1.0/24'))).toBe(false);
    expect(overlaps(prefix('0.0.0.0/1'), prefix('::/1'))).toBe(false);
  });

  it('hold their first and last address and none beyond', () => {
    const inside = ['10.0.0.0', '10.0.0.255', '10.0.1.0', '9.255.255.255', '::a00:1'].map(
      (text) => {
        const address = parseAddress(text);
        return address !== undefined && contains(prefix('10.0.0.0/24'), address);
      },
    );
    expect(inside).toEqual([true, true, false, false, false]);
  });

  it('a host makes its address from its MAC with one bit flipped and fffe in the middle', () => {
    const address = eui64(prefix('2001:db8::/64'), 'fa:16:3e:63:dd:e0');
    expect(formatAddress(address)).toBe('2001:db8::f816:3eff:fe63:dde0');
  });
});
