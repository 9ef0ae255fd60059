// What an image service refuses by the head of a file: qcow2 and VMDK that lead elsewhere, files that are two things.
import { describe, expect, it } from 'vitest';
import { inspectHead } from '#actors/services/image/formats.ts';
import { unsafeBecause } from '#actors/services/image/safety.ts';
import { qcow2Image, type Qcow2Fields } from '#test/support/image-sources.ts';

const qcow2 = (fields: Qcow2Fields = {}) => unsafeBecause('qcow2', qcow2Image(fields));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('qcow2', () => {
  it.each([
    {},
    { version: 2 },
    { clusterBits: 9, virtualSizeBytes: 4_096 },
    { incompatibleFeatures: 16n },
    { incompatibleFeatures: 8n, compressionType: 1 },
    { extensions: [[0x6803f857, new Uint8Array(96)]] },
  ] satisfies Qcow2Fields[])('with %o is taken', (fields) => {
    expect(qcow2(fields)).toBeUndefined();
  });

  it.each([
    [{ backingFile: '/etc/shadow' }, 'it names a backing file'],
    [{ backingFileSize: 9 }, 'it names a backing file'],
    [{ extensions: [[0xe2792aca, text('raw')]] }, 'it names the format of a backing file'],
    [{ extensions: [[0x44415441, text('/dev/sda')]] }, 'it names an external data file'],
    [{ extensions: [[0x0537be77, new Uint8Array(16)]] }, 'it is encrypted'],
    [{ incompatibleFeatures: 4n }, 'it keeps its data in an external file'],
    [{ incompatibleFeatures: 2n }, 'it is marked corrupt'],
    [{ incompatibleFeatures: 64n }, 'it needs unknown features (bits 0x40)'],
    [
      { incompatibleFeatures: 16n, clusterBits: 12 },
      'its cluster size of 2^12 is outside of 2^14 to 2^21',
    ],
  ] satisfies [Qcow2Fields, string][])('with %o is refused', (fields, why) => {
    expect(qcow2(fields)).toBe(why);
  });

  /** A sound header with one number changed. */
  function patched(offset: number, value: bigint | number): Uint8Array {
    const image = qcow2Image({});
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    if (typeof value === 'bigint') view.setBigUint64(offset, value);
    else view.setUint32(offset, value);
    return image;
  }

  it.each([
    ['an L1 table in its header', 40, 8n, 'its tables overlap its header'],
    ['reference counts in its header', 48, 0n, 'its tables overlap its header'],
    ['clusters that are too large', 20, 40, 'its cluster size of 2^40 is outside of 2^9 to 2^21'],
    ['a header beyond its cluster', 100, 0x7fff_ffff, 'its header is out of bounds'],
    ['encryption', 32, 1, 'it is encrypted'],
    ['a version of its own', 4, 9, 'its version 9 is unknown'],
  ])('with %s is refused', (_what, offset, value, why) => {
    expect(unsafeBecause('qcow2', patched(offset, value))).toBe(why);
  });

  it('whose tables overlap is refused', () => {
    const image = qcow2Image({});
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    expect(unsafeBecause('qcow2', patched(40, view.getBigUint64(48)))).toBe('its tables overlap');
  });

  it('whose extensions do not end, or which is cut off, is refused', () => {
    const endless = qcow2Image({ extensions: [[0x12345678, new Uint8Array(8)]] }).slice(0, 124);
    expect(unsafeBecause('qcow2', endless)).toBe(
      'its header extensions do not end within its head',
    );
    expect(unsafeBecause('qcow2', qcow2Image({}).slice(0, 60))).toBe('its header is cut off');
  });
});

describe('VMDK', () => {
  function vmdk(createType: string): Uint8Array {
    const image = Buffer.alloc(2_048);
    image.write('KDMV', 0, 'latin1');
    image.writeBigUInt64LE(1n, 28);
    image.write(`# Disk DescriptorFile\ncreateType="${createType}"\n`, 512, 'latin1');
    return image;
  }

  it('that is one file is taken', () => {
    expect(unsafeBecause('vmdk', vmdk('streamOptimized'))).toBeUndefined();
    expect(unsafeBecause('vmdk', vmdk('monolithicSparse'))).toBeUndefined();
  });

  it.each([
    [vmdk('monolithicFlat'), /^its type monolithicFlat is none of/],
    [vmdk('').subarray(0, 600), /^its type .*is none of/],
    [Buffer.from('KDMV'), /^its header is cut off/],
    [
      Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(1_000)]),
      /^its descriptor is not in its head/,
    ],
    [Buffer.from('# Disk DescriptorFile\nRW 1 FLAT "/etc/passwd" 0'), /^it is a descriptor/],
  ])('that leads to other files, or hides where, is refused', (head, why) => {
    expect(unsafeBecause('vmdk', head)).toMatch(why);
  });
});

it('a file that is two things is known as such', () => {
  const both = Buffer.alloc(65_536);
  both.set(qcow2Image({}).subarray(0, 1_024));
  both.write('CD001', 0x8001, 'latin1');
  expect(inspectHead(both)).toMatchObject({ format: 'qcow2', otherFormat: 'iso' });
});

it('other formats are not looked into here', () => {
  expect(unsafeBecause('vdi', new Uint8Array())).toBeUndefined();
  expect(unsafeBecause(undefined, new Uint8Array())).toBeUndefined();
});
