// Storage on real files with the real qemu-img: the contract suite, and what only real files can show.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostStorage } from '#hypervisor/disk/host-storage.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import { realEnv } from '#runtime/env/real.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';
import { movingDisksContract } from '#test/contract/storage/moving-disks-contract.ts';
import { storageContract } from '#test/contract/storage/storage-contract.ts';
import type { StorageHarness } from '#test/contract/storage/storage-contract.ts';
import { imageSource, qcow2Image } from '#test/support/image-sources.ts';

const run = promisify(execFile);
const env = realEnv(silentLog);
const mebibyte = 1_048_576;

interface DiskInfo {
  readonly 'virtual-size': number;
  readonly 'backing-filename'?: string;
  readonly 'backing-filename-format'?: string;
}

async function diskInfo(path: string): Promise<DiskInfo> {
  const { stdout } = await run('qemu-img', ['info', '-f', 'qcow2', '--output=json', path]);
  return JSON.parse(stdout) as DiskInfo;
}

/** What qemu-io says; it fails when a pattern is not found. */
async function qemuIo(path: string, command: string): Promise<string> {
  const { stdout } = await run('qemu-io', ['-f', 'qcow2', '-c', command, path]).catch(
    (error: { readonly stdout: string }) => error,
  );
  return stdout;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A file system of its own, so that it can be filled without harm. */
async function makeHarness(): Promise<StorageHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-storage-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'kilonova-test', directory]);
  const storage = await HostStorage.open({ directory, env });
  return {
    storage,
    reopen: () => HostStorage.open({ directory, env }),
    exists,
    virtualSize: async (path) => (await diskInfo(path))['virtual-size'],
    base: async (path) => (await diskInfo(path))['backing-filename'],
    saveMemory: (guestId) => writeFile(storage.paths(guestId).savedMemory, 'LibvirtQemudSave…'),
    tearMemory: (guestId) => writeFile(storage.paths(guestId).savedMemory, 'LibvirtQemudPart…'),
    limitSpace: async (bytes) => {
      const { freeBytes } = await storage.capacity();
      const ballast = Buffer.alloc(freeBytes - bytes);
      await writeFile(join(directory, 'ballast'), ballast);
    },
    imageFiles: async () => readdir(join(directory, 'images')),
    close: async () => {
      await run('umount', [directory]);
      await rm(directory, { recursive: true });
    },
  };
}

storageContract('a real host', makeHarness);
movingDisksContract('a real host', makeHarness);

describe('storage on real files', () => {
  let directory: string;
  let storage: HostStorage;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-storage-'));
    storage = await HostStorage.open({ directory, env });
  });

  afterEach(() => rm(directory, { recursive: true }));

  async function newOverlay(sizeBytes: number): Promise<string> {
    const imageId = randomUUID();
    await storage.ensureImage(imageSource(imageId, qcow2Image()));
    return storage.createOverlay({ guestId: randomUUID(), name: 'disk', imageId, sizeBytes });
  }

  test('an overlay names its base by absolute path and explicit format, and is sound', async () => {
    const path = await newOverlay(8 * mebibyte);
    expect(await diskInfo(path)).toMatchObject({
      'virtual-size': 8 * mebibyte,
      'backing-filename': expect.stringMatching(/^\/.*\/images\/.*\/disk$/),
      'backing-filename-format': 'qcow2',
    });
    await run('qemu-img', ['check', '-f', 'qcow2', path]);
  });

  test('a copied overlay is byte for byte what qemu-img makes', async () => {
    const path = await newOverlay(8 * mebibyte);
    const base = (await diskInfo(path))['backing-filename'] ?? '';
    const oracle = join(directory, 'oracle.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, oracle, '8M']);
    expect(await readFile(path)).toEqual(await readFile(oracle));
  });

  test('what a guest writes to its overlay reaches neither image nor template', async () => {
    const imageId = randomUUID();
    await storage.ensureImage(imageSource(imageId, qcow2Image()));
    const disk = { name: 'disk', imageId, sizeBytes: 8 * mebibyte };
    const first = await storage.createOverlay({ ...disk, guestId: randomUUID() });
    expect(await qemuIo(first, 'write -P 0x5a 0 64k')).toContain('wrote 65536/65536');
    const second = await storage.createOverlay({ ...disk, guestId: randomUUID() });
    expect(await qemuIo(second, 'read -P 0 0 64k')).toContain('read 65536/65536');
    expect(await qemuIo(first, 'read -P 0x5a 0 64k')).toContain('read 65536/65536');
    expect(await qemuIo(first, 'read -P 0 0 64k')).toContain('Pattern verification failed');
  });

  test('one image makes only so many templates; further sizes are still made', async () => {
    const imageId = randomUUID();
    await storage.ensureImage(imageSource(imageId, qcow2Image()));
    for (let size = 1; size <= 34; size += 1) {
      const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: size * mebibyte };
      const path = await storage.createOverlay(disk);
      expect((await diskInfo(path))['virtual-size']).toBe(size * mebibyte);
    }
    const [image = ''] = await readdir(join(directory, 'images'));
    expect(await readdir(join(directory, 'images', image))).toHaveLength(2 + 32);
  });

  test('what a crash left unfinished is swept at the next start; the rest stays', async () => {
    const path = await newOverlay(mebibyte);
    const guest = join(path, '..');
    await mkdir(join(directory, 'images', '.incoming-1'));
    await writeFile(join(directory, 'images', '.incoming-1', 'disk'), 'half');
    await mkdir(join(directory, 'instances', '.removed-1'));
    await writeFile(join(guest, '.incoming-2'), 'half');
    await mkdir(join(directory, 'images', 'lost+found'));
    await HostStorage.open({ directory, env });
    const images = await readdir(join(directory, 'images'));
    expect(images.filter((name) => name.startsWith('.'))).toEqual([]);
    expect(images).toHaveLength(2);
    expect(await readdir(join(directory, 'instances'))).toHaveLength(1);
    expect(await readdir(guest)).toEqual(['disk.qcow2']);
  });

  test('an empty file that a power cut left in the place of a new disk is made anew', async () => {
    const imageId = randomUUID();
    await storage.ensureImage(imageSource(imageId, qcow2Image()));
    const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 8 * mebibyte };
    const path = await storage.createOverlay(disk);
    await writeFile(path, '');
    await storage.createOverlay(disk);
    expect((await diskInfo(path))['virtual-size']).toBe(8 * mebibyte);
    await writeFile(path, 'something of a guest');
    await expect(storage.createOverlay(disk)).rejects.toMatchObject({ code: 'failed' });
    expect(await readFile(path, 'utf8')).toBe('something of a guest');
  });

  test('pruning notices a disk that is made while it looks for disks', async () => {
    const imageId = randomUUID();
    await storage.ensureImage(imageSource(imageId, qcow2Image()));
    const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 0 };
    const [path] = await Promise.all([storage.createOverlay(disk), storage.pruneImages(new Set())]);
    expect(await qemuIo(path, 'read -P 0 0 64k')).toContain('read 65536/65536');
  });

  test('a damaged qcow2 image that only qemu-img sees through is refused', async () => {
    const image = Buffer.from(qcow2Image());
    image.writeUInt32BE(5, 60);
    image.writeBigUInt64BE(BigInt(4 * 65_536), 64);
    image.fill(0xff, 4 * 65_536);
    const refused = storage.ensureImage(imageSource(randomUUID(), image));
    await expect(refused).rejects.toMatchObject({ code: 'image-refused' });
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });

  test('a qcow2 image that was cut short is refused, though its header is good', async () => {
    const whole = join(directory, 'whole.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', whole, '4M']);
    await run('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 4M', whole]);
    const bytes = await readFile(whole);
    const refused = storage.ensureImage(imageSource(randomUUID(), bytes.subarray(0, 2_000_000)));
    await expect(refused).rejects.toMatchObject({
      code: 'image-refused',
      message: expect.stringMatching(/it is damaged; .* exceeding the end of the file/),
    });
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });

  test('an image whose reader needs too much processor time is refused', async () => {
    const hungry = await HostStorage.open({
      directory,
      env,
      run: async () => {
        throw new HypervisorFault('failed', 'prlimit … was killed by SIGXCPU: it said nothing');
      },
    });
    const refused = hungry.ensureImage(imageSource(randomUUID(), qcow2Image()));
    await expect(refused).rejects.toMatchObject({
      code: 'image-refused',
      message: expect.stringMatching(/more than 20 s of processor time$/),
    });
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });

  test('a fetch that stands still is given up', async () => {
    const impatient = await HostStorage.open({ directory, env, stallMs: 50 });
    const source = imageSource(randomUUID(), qcow2Image(), {
      open: async function* () {
        yield new Uint8Array(10);
        await new Promise(() => undefined);
      },
    });
    const fault = await impatient.ensureImage(source).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(HypervisorFault);
    expect(fault).toMatchObject({ code: 'timeout', retryable: true });
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });
});

describe('a disk that fills up during a fetch', () => {
  test('ends in no-space and leaves no partial file', async () => {
    const harness = await makeHarness();
    try {
      const bytes = qcow2Image({ clusters: 320 });
      const source = imageSource(randomUUID(), bytes, {
        open: async function* () {
          yield bytes.subarray(0, 65_536);
          await harness.limitSpace(1_000_000);
          yield bytes.subarray(65_536);
        },
      });
      const fault = await harness.storage.ensureImage(source).catch((error: unknown) => error);
      expect(fault).toMatchObject({ code: 'no-space', retryable: true });
      expect(await harness.imageFiles()).toEqual([]);
    } finally {
      await harness.close();
    }
  });
});
