// Images that lie, and disks that are full, through the whole cloud on real libvirt: refused in words before a domain is
// defined, with no file left, and the cloud is as good as before.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer } from '#cli/chaos/api-client.ts';
import { PrivateLibvirtCloud } from './private-libvirt-cloud.ts';

const MIB = 1024 ** 2;
let cloud: PrivateLibvirtCloud;
/** Where hostile images are made. */
let workshop: string;
/** The host's image cache, on a small disk of its own. */
let cache: string;

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'kilonova-images-'));
  cloud = await PrivateLibvirtCloud.start({
    cidr: '10.94.0.0/24',
    before: async (data) => {
      cache = join(data, 'host', 'images');
      mkdirSync(cache, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512m,mode=755', 'none', cache]);
    },
  });
});

afterAll(async () => {
  await cloud?.process.kill();
  if (cache !== undefined) execFileSync('umount', ['--lazy', cache]);
  await cloud?.remove();
  rmSync(workshop, { recursive: true, force: true });
});

/** A file made by qemu-img, read back. */
function made(...args: readonly string[]): Uint8Array {
  const path = join(workshop, randomBytes(4).toString('hex'));
  execFileSync(
    'qemu-img',
    args.map((arg) => (arg === 'FILE' ? path : arg)),
  );
  return readFileSync(path);
}

function victim(): string {
  const path = join(workshop, 'victim.raw');
  writeFileSync(path, 'a secret of the host\n'.repeat(1_000));
  return path;
}

function cutShort(): Uint8Array {
  const path = join(workshop, 'whole.qcow2');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, '4M']);
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 4M', path]);
  return readFileSync(path).subarray(0, 2_000_000);
}

async function newImage(diskFormat: string): Promise<string> {
  const image = await cloud.admin.ask<{ id: string }>('POST', '/image/v2/images', {
    name: 'hostile',
    disk_format: diskFormat,
    container_format: 'bare',
  });
  return image.id;
}

async function uploaded(diskFormat: string, bytes: Uint8Array): Promise<string> {
  const id = await newImage(diskFormat);
  const { status, body } = await cloud.admin.call('PUT', `/image/v2/images/${id}/file`, bytes);
  expect({ status, body }).toEqual({ status: 204, body: '' });
  return id;
}

/** What a cloud has of images and domains: nothing of it may change by a refusal. */
async function traces(): Promise<object> {
  return {
    cached: readdirSync(cache),
    guests: readdirSync(join(cloud.process.data, 'host', 'instances')),
    stored: readdirSync(join(cloud.process.data, 'images')).filter((name) => name.startsWith('.')),
    domains: await cloud.domainsEver(),
  };
}

describe('an image whose head shows that it would open other files', () => {
  it.each<readonly [string, () => Uint8Array, RegExp]>([
    [
      'a qcow2 file with a backing file',
      () => made('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', victim(), 'FILE'),
      /names a backing file/,
    ],
    [
      'a qcow2 file with an external data file',
      () => {
        const data = join(workshop, 'data.raw');
        const option = `data_file=${data},data_file_raw=on`;
        return made('create', '-q', '-f', 'qcow2', '-o', option, 'FILE', '1M');
      },
      /keeps its data in an external file/,
    ],
  ])('%s: the upload is refused and says why', async (_what, bytes, reason) => {
    const before = await traces();
    const id = await newImage('qcow2');
    const { status, body } = await cloud.admin.call('PUT', `/image/v2/images/${id}/file`, bytes());
    expect({ status, body }).toEqual({ status: 400, body: expect.stringMatching(reason) });
    expect(await traces()).toEqual(before);
    await cloud.admin.ask('DELETE', `/image/v2/images/${id}`);
  });
});

describe('an image that lies or is not whole', () => {
  it.each<readonly [string, string, () => Uint8Array, RegExp]>([
    [
      'a fixed VHD, known by its end alone, declared raw',
      'raw',
      () => made('create', '-q', '-f', 'vpc', '-o', 'subformat=fixed', 'FILE', '1M'),
      /declared raw but is a vhd file/,
    ],
    [
      'a text that QEMU takes for a VMDK descriptor, declared raw',
      'raw',
      () => Buffer.from(`# a disk\n\nversion=1\nRW 40 FLAT "${victim()}" 0\n`.padEnd(4096)),
      /declared raw but is a vmdk file/,
    ],
    [
      'anything else declared qcow2',
      'qcow2',
      () => Buffer.alloc(MIB, 'no image at all '),
      /does not start as a qcow2 file/,
    ],
    ['a qcow2 file cut short in its data', 'qcow2', cutShort, /is damaged/],
  ])('%s: the server is in ERROR and says why', async (_what, format, bytes, reason) => {
    const imageId = await uploaded(format, bytes());
    const before = await traces();
    const id = await cloud.create('hostile', { imageId });
    const { fault } = await cloud.untilStatus(id, 'ERROR');
    expect(fault?.message).toMatch(reason);
    expect(fault?.message).toContain(imageId);
    expect(await traces()).toEqual(before);
    await cloud.delete(id);
    await cloud.admin.ask('DELETE', `/image/v2/images/${imageId}`);
  });

  it.each<readonly [string, string, readonly string[]]>([
    ['a VMDK', 'raw', ['create', '-q', '-f', 'vmdk', 'FILE', '1M']],
    ['a VMDK', 'qcow2', ['create', '-q', '-f', 'vmdk', 'FILE', '1M']],
    ['a qcow2 file', 'raw', ['create', '-q', '-f', 'qcow2', 'FILE', '1M']],
  ])('%s declared %s is not even taken in', async (_what, format, args) => {
    const before = await traces();
    const imageId = await newImage(format);
    const refused = await cloud.admin.call(
      'PUT',
      `/image/v2/images/${imageId}/file`,
      made(...args),
    );
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toMatch(/does not match disk_format/);
    const create = await cloud.admin.call('POST', '/compute/v2.1/servers', {
      server: { name: 'x', imageRef: imageId, flavorRef: '42', networks: 'none' },
    });
    expect({ status: create.status, body: create.body }).toEqual({
      status: 400,
      body: { badRequest: { code: 400, message: `Image ${imageId} is not active.` } },
    });
    expect(await traces()).toEqual(before);
    await cloud.admin.ask('DELETE', `/image/v2/images/${imageId}`);
  });

  it('a format that no guest is given is refused at the create', async () => {
    const imageId = await uploaded('vmdk', made('create', '-q', '-f', 'vmdk', 'FILE', '1M'));
    const { status, body } = await cloud.admin.call('POST', '/compute/v2.1/servers', {
      server: { name: 'x', imageRef: imageId, flavorRef: '42', networks: 'none' },
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toMatch(/disk format vmdk can't be booted here/);
    await cloud.admin.ask('DELETE', `/image/v2/images/${imageId}`);
  });
});

describe('a full disk under the image cache', () => {
  const limit = (size: string): void =>
    void execFileSync('mount', ['-o', `remount,size=${size}`, cache]);
  const image = (fill: number): Promise<string> => uploaded('raw', Buffer.alloc(20 * MIB, fill));

  it('is told as missing space, leaves no partial file, and is got over when there is space', async () => {
    const settled = await cloud.create('settled');
    await cloud.untilStatus(settled, 'ACTIVE');
    await cloud.delete(settled);
    const imageId = await image(1);
    limit('24m');
    const before = await traces();
    const id = await cloud.create('no-space', { imageId });
    const { fault } = await cloud.untilStatus(id, 'ERROR');
    expect(fault?.message).toMatch(/needs 20971520 bytes, the host has \d+ free|no space is left/);
    expect(await traces()).toEqual(before);
    limit('512m');
    const next = await cloud.create('space', { imageId });
    await cloud.untilStatus(next, 'ACTIVE');
    await cloud.delete(next);
    await cloud.delete(id);
  });

  it('that fills up while images come in: who has no room says so, and no half image stays', async () => {
    const images = [await image(2), await image(3), await image(4)];
    const used = execFileSync('du', ['-sm', cache], { encoding: 'utf8' }).split('\t')[0];
    limit(`${Number(used) + 30}m`);
    const ids = await Promise.all(images.map((imageId) => cloud.create('squeezed', { imageId })));
    const settle = async (id: string): Promise<string> => {
      for (;;) {
        const row = await findServer(cloud.admin, id);
        if (row?.status === 'ACTIVE') return 'ACTIVE';
        if (row?.status === 'ERROR') return row.fault?.message ?? '';
      }
    };
    const ends = await Promise.all(ids.map(settle));
    const failed = ends.filter((end) => end !== 'ACTIVE');
    expect(failed.length).toBeGreaterThanOrEqual(2);
    for (const words of failed)
      expect(words).toMatch(/bytes, the host has \d+ free|no space is left/);
    expect(readdirSync(cache).filter((name) => name.startsWith('.'))).toEqual([]);
    limit('512m');
    const next = await cloud.create('space', { imageId: images[2] ?? '' });
    await cloud.untilStatus(next, 'ACTIVE');
    for (const id of [...ids, next]) await cloud.delete(id);
  });

  it('leaves no error in the log', () => {
    expect(cloud.process.errors).toEqual([]);
  });
});
