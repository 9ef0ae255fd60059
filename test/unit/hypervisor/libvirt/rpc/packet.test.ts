import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodePacket, MAX_PACKET_BYTES, PacketSplitter } from '#hypervisor/libvirt/rpc/packet.ts';
import type { Packet } from '#hypervisor/libvirt/rpc/packet.ts';
import { XdrError } from '#hypervisor/libvirt/rpc/xdr.ts';

function packet(serial: number, payload: readonly number[]): Packet {
  return {
    program: 0x2000_8086,
    version: 1,
    procedure: 344,
    type: 1,
    serial,
    status: 0,
    payload: Uint8Array.from(payload),
  };
}

const three = [packet(1, []), packet(2, [1, 2, 3, 4]), packet(0xffff_ffff, [5])];
const stream = Buffer.concat(three.map(encodePacket));

describe('packets', () => {
  test('the header is seven big endian words', () => {
    expect(Buffer.from(encodePacket(packet(2, [9, 8, 7, 6]))).toString('hex')).toBe(
      '0000002020008086000000010000015800000001000000020000000009080706',
    );
  });

  test('a stream cut at any two places gives the same packets', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const splitter = new PacketSplitter();
        const chunks = [
          stream.subarray(0, first),
          stream.subarray(first, second),
          stream.subarray(second),
        ];
        expect(chunks.flatMap((chunk) => splitter.push(chunk))).toEqual(three);
      }
    }
  });

  test('a stream that comes byte by byte gives each packet at its last byte', () => {
    const splitter = new PacketSplitter();
    const counts = [...stream].map((byte) => splitter.push(Uint8Array.of(byte)).length);
    expect(counts.flatMap((count, index) => (count > 0 ? [index] : []))).toEqual([27, 59, 88]);
  });

  test.each([0, 4, 27, MAX_PACKET_BYTES + 5, 0xffff_ffff])(
    'a length of %i is refused',
    (length) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      expect(() => new PacketSplitter().push(bytes)).toThrow(XdrError);
    },
  );

  test('a payload over the limit is refused before it is sent', () => {
    const payload = new Uint8Array(MAX_PACKET_BYTES - 24);
    expect(encodePacket({ ...packet(1, []), payload }).length).toBe(MAX_PACKET_BYTES + 4);
    const more = new Uint8Array(MAX_PACKET_BYTES - 23);
    expect(() => encodePacket({ ...packet(1, []), payload: more })).toThrow(XdrError);
  });

  test('random bytes give packets or an XdrError, nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
        const splitter = new PacketSplitter();
        expect(outcomeOf(() => chunks.flatMap((chunk) => splitter.push(chunk)))).toBe(
          'as it should',
        );
      }),
      { numRuns: 1_000 },
    );
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
