import { describe, expect, it } from 'vitest';
import { inspectHead, matchesDeclared, virtualSizeOf } from '#actors/services/image/formats.ts';

const GIB = 1_073_741_824;

function head(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
}

describe('inspectHead', () => {
  it.each([
    [
      'qcow2',
      GIB,
      (b: Buffer) => (b.write('QFI\u00fb', 'latin1'), b.writeBigUInt64BE(BigInt(GIB), 24)),
    ],
    ['vmdk', GIB, (b: Buffer) => (b.write('KDMV'), b.writeBigUInt64LE(BigInt(GIB / 512), 12))],
    ['vmdk', undefined, (b: Buffer) => b.write('# Disk DescriptorFile\nversion=1')],
    ['vhd', GIB, (b: Buffer) => (b.write('conectix'), b.writeBigUInt64BE(BigInt(GIB), 48))],
    ['vhdx', undefined, (b: Buffer) => b.write('vhdxfile')],
    [
      'vdi',
      GIB,
      (b: Buffer) => (
        b.write('\u007f\u0010\u00da\u00be', 64, 'latin1'), b.writeBigUInt64LE(BigInt(GIB), 0x170)
      ),
    ],
    ['ploop', undefined, (b: Buffer) => b.write('WithouFreSpacExt')],
    ['luks', undefined, (b: Buffer) => b.write('LUKS\u00ba\u00be', 'latin1')],
    ['qed', undefined, (b: Buffer) => b.write('QED\0')],
    ['iso', undefined, (b: Buffer) => b.write('CD001', 0x8001)],
    [undefined, undefined, (b: Buffer) => b.write('#!/bin/sh')],
  ])('knows %s by its mark', (format, virtualSizeBytes, write) => {
    expect(inspectHead(head(65_536, write))).toEqual({
      format,
      otherFormat: undefined,
      virtualSizeBytes,
    });
  });

  it('a head that is cut off tells no size, an empty one tells nothing', () => {
    expect(inspectHead(Buffer.from('QFI\u00fb', 'latin1'))).toEqual({
      format: 'qcow2',
      otherFormat: undefined,
      virtualSizeBytes: undefined,
    });
    expect(inspectHead(new Uint8Array())).toEqual({
      format: undefined,
      otherFormat: undefined,
      virtualSizeBytes: undefined,
    });
  });

  it('a size beyond all measure is no size', () => {
    const bytes = head(512, (b) => (b.write('QFI\u00fb', 'latin1'), b.fill(0xff, 24, 32)));
    expect(inspectHead(bytes).virtualSizeBytes).toBeUndefined();
  });
});

it.each([
  ['qcow2', 'qcow2', true],
  ['qcow2', undefined, true],
  ['raw', undefined, true],
  ['raw', 'iso', true],
  ['ami', undefined, true],
  ['raw', 'qcow2', false],
  ['raw', 'vmdk', false],
  ['ami', 'qcow2', false],
  ['qcow2', 'vmdk', false],
  ['iso', 'qcow2', false],
  ['raw', 'luks', false],
])('declared %s and found %s: %s', (declared, found, expected) => {
  expect(matchesDeclared(declared, found)).toBe(expected);
});

it('the virtual size is the file of a raw disk, the header of others, and unknown where they differ', () => {
  const qcow2 = { format: 'qcow2', virtualSizeBytes: GIB };
  expect(virtualSizeOf('raw', { format: undefined, virtualSizeBytes: undefined }, 10)).toBe(10);
  expect(virtualSizeOf('iso', { format: 'iso', virtualSizeBytes: undefined }, 10)).toBe(10);
  expect(virtualSizeOf('qcow2', qcow2, 10)).toBe(GIB);
  expect(
    virtualSizeOf('vmdk', { format: undefined, virtualSizeBytes: undefined }, 10),
  ).toBeUndefined();
});
