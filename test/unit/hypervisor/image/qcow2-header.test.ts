import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { inspectQcow2, readBacking, readVirtualSize } from '#hypervisor/image/qcow2-header.ts';
import { qcow2Image } from '#test/support/image-sources.ts';
import type { Qcow2Fields } from '#test/support/image-sources.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function inspect(fields: Qcow2Fields = {}): ReturnType<typeof inspectQcow2> {
  const image = qcow2Image(fields);
  return inspectQcow2(image, image.length);
}

function reasonOf(fields: Qcow2Fields): string {
  const verdict = inspect(fields);
  return verdict.ok ? 'accepted' : verdict.reason;
}

describe('a sound qcow2 header', () => {
  test.each([
    ['version 3', {}],
    ['version 2', { version: 2 }],
    ['the smallest clusters', { clusterBits: 9, virtualSizeBytes: 4_096 }],
    ['the largest clusters', { clusterBits: 21 }],
    ['zstd compression', { incompatibleFeatures: 8n, compressionType: 1 }],
    ['extended L2 entries', { incompatibleFeatures: 16n }],
    ['the dirty mark of lazy reference counts', { incompatibleFeatures: 1n }],
    ['a table of feature names', { extensions: [[0x6803f857, new Uint8Array(96)]] }],
    [
      'an unknown extension, which readers may pass over',
      { extensions: [[0x12345678, text('x')]] },
    ],
  ] satisfies [string, Qcow2Fields][])('is accepted with %s', (_, fields) => {
    expect(inspect(fields)).toEqual({
      ok: true,
      virtualSizeBytes: (fields as Qcow2Fields).virtualSizeBytes ?? 1_048_576,
    });
  });
});

describe('a qcow2 header is refused', () => {
  test.each([
    ['a backing file', { backingFile: '/etc/shadow' }, 'it names a backing file'],
    ['a backing file of length 0', { backingFile: '' }, 'it names a backing file'],
    ['a backing file name without place', { backingFileSize: 9 }, 'it names a backing file'],
    [
      'a backing format alone',
      { extensions: [[0xe2792aca, text('raw')]] },
      'it names a backing file format',
    ],
    [
      'a backing format behind other extensions',
      {
        extensions: [
          [0x12345678, new Uint8Array(13)],
          [0xe2792aca, text('raw')],
        ],
      },
      'it names a backing file format',
    ],
    [
      'extended L2 entries in small clusters',
      { incompatibleFeatures: 16n, clusterBits: 12, virtualSizeBytes: 4_096 },
      'its clusters are too small for extended L2 entries',
    ],
    [
      'an external data file',
      { incompatibleFeatures: 4n },
      'it keeps its data in an external file',
    ],
    [
      'the name of an external data file without its feature bit',
      { extensions: [[0x44415441, text('/dev/sda')]] },
      'it names an external data file',
    ],
    ['old encryption', { cryptMethod: 1 }, 'it is encrypted'],
    ['LUKS encryption', { cryptMethod: 2 }, 'it is encrypted'],
    ['a LUKS header', { extensions: [[0x0537be77, new Uint8Array(16)]] }, 'it is encrypted'],
    ['the corrupt mark', { incompatibleFeatures: 2n }, 'it is marked corrupt'],
    ['an unknown feature', { incompatibleFeatures: 32n }, 'unknown qcow2 features (bits 0x20)'],
    ['a far unknown feature', { incompatibleFeatures: 1n << 63n }, 'unknown qcow2 features'],
    [
      'an unknown compression',
      { incompatibleFeatures: 8n, compressionType: 2 },
      'compression type',
    ],
    ['compression without its bit', { compressionType: 1 }, 'compression type'],
    ['version 1', { version: 1 }, 'neither 2 nor 3'],
    ['version 4', { version: 4 }, 'neither 2 nor 3'],
    ['too small clusters', { clusterBits: 8 }, 'cluster size'],
    ['too large clusters', { clusterBits: 22 }, 'cluster size'],
    ['absurd clusters', { clusterBits: 0xffffffff }, 'cluster size'],
    ['a header longer than a cluster', { headerLength: 70_000, clusterBits: 16 }, 'header length'],
    ['a header of odd length', { headerLength: 109 }, 'header length'],
    ['a header too short for version 3', { headerLength: 96 }, 'header length'],
    ['no size', { virtualSizeBytes: 0 }, 'no size'],
    ['a size beyond all measure', { virtualSizeBytes: 2 ** 53 }, 'larger than 64 TiB'],
    ['a huge L1 table', { l1Size: 0x0fffffff }, 'larger than QEMU allows'],
    ['an L1 table too small for the size', { virtualSizeBytes: 2 ** 40 }, 'too small for its size'],
    ['an L1 table outside of the file', { l1TableOffset: 65_536 * 100 }, 'L1 table lies outside'],
    ['an L1 table in the header', { l1TableOffset: 0 }, 'L1 table lies outside'],
    ['an L1 table off its cluster', { l1TableOffset: 65_536 * 3 + 8 }, 'L1 table lies outside'],
    ['no reference counts', { refcountTableClusters: 0 }, 'impossible size'],
    ['absurd reference counts', { refcountTableClusters: 0xffffffff }, 'impossible size'],
    ['reference counts outside of the file', { refcountTableOffset: 65_536 * 9 }, 'lies outside'],
    ['too wide reference counts', { refcountOrder: 7 }, 'too wide'],
    ['a host of snapshots', { snapshots: 100_000 }, '100000 snapshots'],
    ['extensions without end', { endless: true }, 'do not end within the header'],
    [
      'an extension longer than the header',
      { extensions: [[1, new Uint8Array(16)]], headerLength: 65_520 },
      'do not end within the header',
    ],
  ] satisfies [string, Qcow2Fields, string][])('for %s', (_, fields, words) => {
    expect(reasonOf(fields)).toContain(words);
  });

  test('for being no qcow2 at all, cut off, or empty', () => {
    const image = qcow2Image();
    for (const bytes of [new Uint8Array(), new Uint8Array(600), image.subarray(0, 7)]) {
      expect(inspectQcow2(bytes, bytes.length)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('does not start as a qcow2 file'),
      });
    }
    for (const length of [8, 71, 100]) {
      expect(inspectQcow2(image.subarray(0, length), length)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('cut off'),
      });
    }
  });

  test('or accepted, but never fails to read, whatever its bytes', () => {
    const image = qcow2Image();
    const damage = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.nat({ max: image.length }), (changes, length) => {
        const bytes = Uint8Array.from(image.subarray(0, length));
        for (const [place, value] of changes) if (place < length) bytes[place] = value;
        const verdict = inspectQcow2(bytes, length);
        expect(verdict.ok ? verdict.virtualSizeBytes > 0 : verdict.reason !== '').toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('our own overlays', () => {
  test('tell their base and size', () => {
    const overlay = qcow2Image({ backingFile: '/data/images/x/disk', virtualSizeBytes: 123_392 });
    expect(readBacking(overlay)).toEqual({ path: '/data/images/x/disk' });
    expect(readVirtualSize(overlay)).toBe(123_392);
  });

  test('tell nothing when they stand alone or are cut off', () => {
    const image = qcow2Image();
    expect(readBacking(image)).toBeUndefined();
    expect(readBacking(image.subarray(0, 60))).toBeUndefined();
    expect(readVirtualSize(image.subarray(0, 60))).toBeUndefined();
    expect(readBacking(qcow2Image({ backingFileSize: 5_000 }))).toBeUndefined();
  });
});
