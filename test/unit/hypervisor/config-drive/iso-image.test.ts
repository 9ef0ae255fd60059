// Structure and bounds of the image; test/integration/storage reads it with programs that others wrote.

import { describe, expect, test } from 'vitest';
import { sectorSize, writeIsoImage } from '#hypervisor/config-drive/iso-image.ts';
import { buildIsoTree } from '#hypervisor/config-drive/iso-tree.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const options = { label: 'config-2', createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5) };

function write(paths: readonly string[]): Buffer {
  return Buffer.from(
    writeIsoImage(
      paths.map((path) => ({ path, content: text(path) })),
      options,
    ),
  );
}

describe('the image', () => {
  test('is made of whole sectors and says how many', () => {
    const image = write(['openstack/latest/meta_data.json']);
    expect(image.length % sectorSize).toBe(0);
    expect(image.readUInt32LE(16 * sectorSize + 80)).toBe(image.length / sectorSize);
    expect(image.readUInt32BE(16 * sectorSize + 84)).toBe(image.length / sectorSize);
  });

  test('carries the label in both volume descriptors and ends them', () => {
    const image = write(['a']);
    const [primary, joliet, end] = [16, 17, 18].map((sector) => sector * sectorSize);
    expect(image.toString('latin1', primary, (primary ?? 0) + 7)).toBe('\u0001CD001\u0001');
    expect(image.toString('latin1', (primary ?? 0) + 40, (primary ?? 0) + 48)).toBe('config-2');
    expect(image.toString('latin1', joliet, (joliet ?? 0) + 7)).toBe('\u0002CD001\u0001');
    const wide = Buffer.from(image.subarray((joliet ?? 0) + 40, (joliet ?? 0) + 56));
    expect(wide.swap16().toString('utf16le')).toBe('config-2');
    expect(image.toString('latin1', end, (end ?? 0) + 7)).toBe('\u00ffCD001\u0001');
  });

  test('is the same for the same files and time', () => {
    expect(write(['a/b', 'c'])).toEqual(write(['a/b', 'c']));
  });

  test('without files is an empty drive', () => {
    expect(write([]).length).toBeGreaterThan(18 * sectorSize);
  });

  test('holds every file’s bytes once, at a sector of its own', () => {
    const content = 'needle in the drive';
    const image = Buffer.from(writeIsoImage([{ path: 'a/b', content: text(content) }], options));
    const place = image.indexOf(content);
    expect(place % sectorSize).toBe(0);
    expect(image.indexOf(content, place + 1)).toBe(-1);
  });
});

describe('a path is refused', () => {
  test.each([
    ['that leaves the drive', ['../x']],
    ['that is absolute', ['/x']],
    ['with an empty part', ['a//b']],
    ['of a directory itself', ['a/']],
    ['that stays where it is', ['a/./b']],
    ['with a control character', ['a\u0007']],
    ['with a separator of others', ['a\\b', 'a:b']],
    ['with characters beyond UCS-2', ['💥']],
    ['with a name longer than 64', ['x'.repeat(65)]],
    ['with a name of too many bytes', ['ż'.repeat(64) + 'ż']],
    ['deeper than eight levels', ['a/b/c/d/e/f/g/h/i']],
    ['given twice', ['a/b', 'a/b']],
    ['of a file below a file', ['a', 'a/b']],
    ['of a file where a directory is', ['a/b', 'a']],
  ])('%s', (_, paths) => {
    expect(() => write(paths)).toThrow(RangeError);
  });
});

describe('names in the plain tree', () => {
  function plainNames(paths: readonly string[]): readonly string[] {
    const root = buildIsoTree(paths.map((path) => ({ path, content: new Uint8Array() })));
    return [...root.children.values()].map((node) => node.plainName);
  }

  test('are upper case, keep the dot, and stay one for one', () => {
    expect(plainNames(['meta_data.json', 'user_data', 'meta-data.json', 'META_DATA.JSON'])).toEqual(
      ['META_DATA.JSON', 'USER_DATA.', 'META_DATA_1.JSON', 'META_DATA_2.JSON'],
    );
  });

  test('are at most 30 characters without the dot', () => {
    const names = plainNames([`${'x'.repeat(59)}.json`, `${'x'.repeat(58)}y.json`, '.hidden']);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name.replace('.', '').length).toBeLessThanOrEqual(30);
  });
});
