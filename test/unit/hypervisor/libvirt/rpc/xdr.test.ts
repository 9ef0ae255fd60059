import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  array,
  bool,
  decodeXdr,
  double,
  encodeXdr,
  fixedArray,
  fixedOpaque,
  hyper,
  int,
  nothing,
  opaque,
  optional,
  smallUhyper,
  string,
  struct,
  uhyper,
  uint,
  union,
  XdrError,
} from '#hypervisor/libvirt/rpc/xdr.ts';

const everything = struct({
  int,
  uint,
  hyper,
  uhyper,
  small: smallUhyper,
  double,
  bool,
  id: fixedOpaque(5),
  blob: opaque(50),
  text: string(200),
  numbers: array(int, 10),
  pair: fixedArray(uint, 2),
  maybe: optional(struct({ text: string(200) })),
  choice: union({ 1: { type: 'number', value: int }, 7: { type: 'text', value: string(200) } }),
});

const anyText = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((text) => !text.includes('\0'));

const anyEverything = fc.record({
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  hyper: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uhyper: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  small: fc.maxSafeNat(),
  double: fc.double(),
  bool: fc.boolean(),
  id: fc.uint8Array({ minLength: 5, maxLength: 5 }),
  blob: fc.uint8Array({ maxLength: 50 }),
  text: anyText,
  numbers: fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 10 }),
  pair: fc.constant([1, 2]),
  maybe: fc.option(fc.record({ text: anyText }), { nil: undefined }),
  choice: fc.oneof(
    fc.record({ type: fc.constant('number' as const), value: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ type: fc.constant('text' as const), value: anyText }),
  ),
});

describe('xdr', () => {
  test('every value that is written is read back', () => {
    fc.assert(
      fc.property(anyEverything, (value) => {
        expect(decodeXdr(everything, encodeXdr(everything, value))).toEqual(value);
      }),
    );
  });

  test('encodings are multiples of four bytes, big endian, padded with zeros', () => {
    const schema = struct({ text: string(10), flag: bool, big: uhyper });
    expect(
      Buffer.from(encodeXdr(schema, { text: 'abcde', flag: true, big: 258n })).toString('hex'),
    ).toBe('000000056162636465000000000000010000000000000102');
    expect(encodeXdr(nothing, undefined)).toEqual(new Uint8Array(0));
  });

  test('every proper prefix of an encoding is refused', () => {
    fc.assert(
      fc.property(anyEverything, (value) => {
        const bytes = encodeXdr(everything, value);
        for (let length = 0; length < bytes.length; length++) {
          expect(() => decodeXdr(everything, bytes.subarray(0, length))).toThrow(XdrError);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('bytes after the value are refused', () => {
    expect(() => decodeXdr(int, new Uint8Array(8))).toThrow(new XdrError('4 bytes too many'));
  });

  test('random bytes end in a value or an XdrError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(outcomeOf(() => decodeXdr(everything, bytes))).toBe('as it should');
      }),
      { numRuns: 2_000 },
    );
  });

  test('a length of four thousand million elements allocates nothing', () => {
    const claim = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    expect(() => decodeXdr(array(int, 10), claim)).toThrow('above the limit of 10');
    expect(() => decodeXdr(array(int, 2 ** 32), claim)).toThrow('4 bytes wanted, 0 left');
    expect(() => decodeXdr(string(2 ** 32), claim)).toThrow('4294967295 bytes wanted, 0 left');
  });

  test('values that do not fit are refused before they are sent', () => {
    expect(() => encodeXdr(int, 2 ** 31)).toThrow(XdrError);
    expect(() => encodeXdr(int, 1.5)).toThrow(XdrError);
    expect(() => encodeXdr(uint, -1)).toThrow(XdrError);
    expect(() => encodeXdr(uhyper, -1n)).toThrow(XdrError);
    expect(() => encodeXdr(hyper, 2n ** 63n)).toThrow(XdrError);
    expect(() => encodeXdr(smallUhyper, 2 ** 53)).toThrow(XdrError);
    expect(() => encodeXdr(string(3), 'äöü')).toThrow('length 6 is above the limit of 3');
    expect(() => encodeXdr(string(9), 'a\0b')).toThrow('NUL');
    expect(() => encodeXdr(fixedOpaque(4), new Uint8Array(3))).toThrow(XdrError);
    expect(() => encodeXdr(fixedArray(int, 2), [1])).toThrow(XdrError);
  });

  test('what is no boolean, no arm, and no small number is refused', () => {
    expect(() => decodeXdr(bool, encodeXdr(int, 2))).toThrow('2 is not a boolean');
    const choice = union({ 1: { type: 'one', value: int } });
    expect(() => decodeXdr(choice, encodeXdr(int, 3))).toThrow('no arm has the number 3');
    const wrong = { type: 'two', value: 1 } as unknown as { type: 'one'; value: number };
    expect(() => encodeXdr(choice, wrong)).toThrow('no arm is called two');
    expect(() => decodeXdr(smallUhyper, encodeXdr(uhyper, 2n ** 53n))).toThrow('above 2^53');
  });

  test('bytes read are copies, so that a reused buffer does not change them', () => {
    const bytes = Buffer.from([0, 0, 0, 2, 9, 9, 0, 0]);
    const read = decodeXdr(opaque(4), bytes);
    bytes.fill(1);
    expect(read).toEqual(Uint8Array.of(9, 9));
  });
});

function outcomeOf(run: () => unknown): unknown {
  try {
    run();
    return 'as it should';
  } catch (error) {
    return error instanceof XdrError ? 'as it should' : error;
  }
}
