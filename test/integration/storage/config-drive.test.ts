// The config drive read by programs that others wrote: isoinfo (genisoimage) and blkid.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeIsoImage } from '#hypervisor/config-drive/iso-image.ts';

const run = promisify(execFile);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const files = [
  { path: 'openstack/latest/meta_data.json', content: text('{"name":"żółw 💥"}') },
  { path: 'openstack/latest/network_data.json', content: text('{"links":[]}') },
  { path: 'openstack/latest/vendor_data2.json', content: text('{}') },
  { path: 'openstack/latest/user_data', content: text('#!/bin/sh\necho hello\n') },
  { path: 'openstack/2018-08-27/meta_data.json', content: text('{"v":1}') },
  { path: 'openstack/content/0000', content: new Uint8Array(5_000).fill(0x41) },
  { path: 'ec2/latest/meta-data.json', content: text('{"ec2":1}') },
  { path: 'ec2/latest/empty', content: new Uint8Array() },
  { path: 'Ünïcode/naïve.txt', content: text('ü') },
  { path: `long/${'n'.repeat(60)}.txt`, content: text('long') },
  { path: `long/${'N'.repeat(60)}.txt`, content: text('LONG') },
  ...Array.from({ length: 90 }, (_, index) => ({
    path: `many/file-number-${index}.json`,
    content: text(String(index)),
  })),
];

/** isoinfo prints Rock Ridge names as they are, Joliet names in a charset that it is told. */
const nameSpaces = [
  ['Rock Ridge', ['-R'], 'utf8'],
  ['Joliet', ['-J', '-j', 'iso8859-1'], 'latin1'],
] as const;

describe('a config drive', () => {
  let directory: string;
  let image: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-iso-'));
    image = join(directory, 'config.iso');
    const createdAtMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    await writeFile(image, writeIsoImage(files, { label: 'config-2', createdAtMs }));
  });

  afterAll(() => rm(directory, { recursive: true }));

  async function isoinfo(...args: readonly string[]): Promise<Buffer> {
    const { stdout } = await run('isoinfo', ['-i', image, ...args], { encoding: 'buffer' });
    return stdout;
  }

  test('is found by its label and type', async () => {
    const { stdout } = await run('blkid', ['-p', '-o', 'export', image]);
    expect(stdout).toContain('LABEL=config-2');
    expect(stdout).toContain('TYPE=iso9660');
  });

  test('has Joliet and Rock Ridge', async () => {
    const facts = (await isoinfo('-d')).toString();
    expect(facts).toContain('Joliet with UCS level 3 found');
    expect(facts).toContain('Rock Ridge signatures version 1 found');
  });

  test.each(nameSpaces)('shows every path by its own name with %s', async (_, flags, encoding) => {
    const listed = (await isoinfo(...flags, '-f')).toString(encoding).split('\n');
    const wanted = files.map(({ path }) => `/${path}`);
    expect(listed.filter((path) => wanted.includes(path)).sort()).toEqual(wanted.sort());
  });

  test('shows the names that guests look for without any extension, too', async () => {
    const listed = (await isoinfo('-f')).toString().toLowerCase();
    for (const name of ['meta_data.json', 'network_data.json', 'vendor_data2.json']) {
      expect(listed).toContain(`/openstack/latest/${name};1`);
    }
    expect(listed).toContain('/openstack/latest/user_data.;1');
  });

  test.each(nameSpaces)('gives every content back with %s', async (_, flags) => {
    for (const { path, content } of files.filter((file) => file.content.length > 0)) {
      if (!/^[ -~]+$/.test(path)) continue;
      expect(await isoinfo(...flags, '-x', `/${path}`)).toEqual(Buffer.from(content));
    }
  });

  test('lets every file be read by all and written by none', async () => {
    const lines = (await isoinfo('-R', '-l')).toString().split('\n');
    const modes = new Set(lines.map((line) => /^[d-][rwx-]{9}/.exec(line)?.[0]));
    expect([...modes].filter((mode) => mode !== undefined).sort()).toEqual([
      '-r--r--r--',
      'dr-xr-xr-x',
    ]);
  });
});
