import { describe, expect, test } from 'vitest';
import { inspectRaw, recogniseFormat } from '#hypervisor/image/format-signatures.ts';

function file(content: string, offset = 0): Uint8Array {
  const bytes = Buffer.alloc(1_024);
  bytes.write(content, offset, 'latin1');
  return bytes;
}

const nothing = new Uint8Array(512);

describe('a file declared raw is recognised', () => {
  test.each([
    ['qcow2', file('QFI\u00fb')],
    ['qed', file('QED\0')],
    ['vmdk', file('KDMV')],
    ['vmdk', file('COWD')],
    ['vmdk', file('# Disk DescriptorFile\nversion=1\n')],
    ['vmdk', file('# a comment\n\nversion=1\nparentCID=ffffffff\n')],
    ['vhd', file('conectix')],
    ['vhdx', file('vhdxfile')],
    ['vdi', file('\u007f\u0010\u00da\u00be', 64)],
    ['parallels', file('WithoutFreeSpace')],
    ['luks', file('LUKS\u00ba\u00be')],
    ['bochs', file('Bochs Virtual HD Image')],
  ])('as %s', (format, start) => {
    expect(inspectRaw(start, nothing, 4_096)).toEqual({
      ok: false,
      reason: `it is declared raw but is a ${format} file`,
    });
  });

  test.each([
    ['vhd', file('conectix').subarray(0, 512)],
    ['dmg', file('koly').subarray(0, 512)],
  ])('as %s by its end', (format, end) => {
    expect(recogniseFormat(nothing, end)).toBe(format);
  });
});

test('a disk without a known signature is raw, in whole sectors', () => {
  const start = file('\u00eb\u003c\u0090MSDOS5.0');
  expect(inspectRaw(start, nothing, 1_000)).toEqual({ ok: true, virtualSizeBytes: 1_024 });
  expect(inspectRaw(file('#!/bin/sh\necho version=1\n'), nothing, 512)).toEqual({
    ok: true,
    virtualSizeBytes: 512,
  });
  expect(inspectRaw(nothing, nothing, 512)).toEqual({ ok: true, virtualSizeBytes: 512 });
});

test('an empty file is refused', () => {
  expect(inspectRaw(new Uint8Array(), new Uint8Array(), 0)).toMatchObject({ ok: false });
});
