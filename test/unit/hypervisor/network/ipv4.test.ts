import { expect, test } from 'vitest';
import * as fc from 'fast-check';
import {
  containsIpv4,
  formatIpv4,
  netmaskOf,
  overlapsIpv4,
  parseIpv4,
  parseIpv4Network,
} from '#hypervisor/network/ipv4.ts';

const network = (text: string) => parseIpv4Network(text) ?? { address: -1, prefix: -1 };

test('every address is read as it is written', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), (address) => {
      expect(parseIpv4(formatIpv4(address))).toBe(address);
    }),
  );
});

test.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '1.2.3.a', '1.2.3.4\n', ' 1.2.3.4', '1..2.3'])(
  '%j is no address',
  (text) => expect(parseIpv4(text)).toBeUndefined(),
);

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.1/24', '10.0.0.0/24/8', '/24', '10.0.0.0/-1'])(
  '%j is no network',
  (text) => expect(parseIpv4Network(text)).toBeUndefined(),
);

test('networks know their addresses, also at both ends of the space', () => {
  const small = network('10.0.0.0/30');
  expect(['9.255.255.255', '10.0.0.0', '10.0.0.3', '10.0.0.4'].map(parseIpv4)).toEqual([
    small.address - 1,
    small.address,
    small.address + 3,
    small.address + 4,
  ]);
  expect([-1, 0, 3, 4].map((step) => containsIpv4(small, small.address + step))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  expect(containsIpv4(network('0.0.0.0/0'), 2 ** 32 - 1)).toBe(true);
  expect(containsIpv4(network('255.255.255.255/32'), 2 ** 32 - 1)).toBe(true);
});

test('networks overlap when one holds the other', () => {
  const overlap = (left: string, right: string) => overlapsIpv4(network(left), network(right));
  expect(overlap('10.0.0.0/8', '10.5.0.0/16')).toBe(true);
  expect(overlap('10.5.0.0/16', '10.0.0.0/8')).toBe(true);
  expect(overlap('10.5.0.0/24', '10.5.1.0/24')).toBe(false);
});

test('netmasks are written out', () => {
  expect([0, 8, 22, 24, 32].map(netmaskOf)).toEqual([
    '0.0.0.0',
    '255.0.0.0',
    '255.255.252.0',
    '255.255.255.0',
    '255.255.255.255',
  ]);
});
