// The one suite for src/hypervisor/storage-port.ts: every adapter must pass it. What lies outside of the port (a disk
// that is full, what a file holds, another process) comes from the harness.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestStorage } from '#hypervisor/storage-port.ts';
import { imageSource, pieces, qcow2Image } from '#test/support/image-sources.ts';

export interface StorageHarness {
  readonly storage: GuestStorage;
  /** A second process on the same host, after the first one died. */
  reopen(): Promise<GuestStorage>;
  exists(path: string): Promise<boolean>;
  /** What the guest would see of a disk. */
  virtualSize(path: string): Promise<number>;
  /** The path or key of the image that a disk stands on. */
  base(path: string): Promise<string | undefined>;
  /** Puts a complete memory file where the hypervisor would. */
  saveMemory(guestId: string): Promise<void>;
  /** Leaves only the beginning of a memory file, where such a thing can be. */
  tearMemory(guestId: string): Promise<void>;
  /** Less than this is free on the disk from now on. */
  limitSpace(bytes: number): Promise<void>;
  /** Names of everything under the image cache, finished or not. */
  imageFiles(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const mebibyte = 1_048_576;
const encoder = new TextEncoder();
const configFiles = [
  { path: 'openstack/latest/meta_data.json', content: encoder.encode('{"uuid":"1"}') },
  { path: 'openstack/latest/user_data', content: encoder.encode('#!/bin/sh\n') },
];

async function faultOf(call: Promise<unknown>): Promise<HypervisorFault | 'no fault'> {
  try {
    await call;
    return 'no fault';
  } catch (error) {
    if (error instanceof HypervisorFault) return error;
    throw error;
  }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const fault = await faultOf(call);
  return fault === 'no fault' ? fault : fault.code;
}

export function storageContract(name: string, makeHarness: () => Promise<StorageHarness>): void {
  describe(`${name} as guest storage`, () => {
    let harness: StorageHarness;
    let storage: GuestStorage;

    beforeEach(async () => {
      harness = await makeHarness();
      storage = harness.storage;
    });

    afterEach(() => harness.close());

    async function cachedImage(fields: Parameters<typeof qcow2Image>[0] = {}): Promise<string> {
      const id = randomUUID();
      await storage.ensureImage(imageSource(id, qcow2Image(fields)));
      return id;
    }

    test('a disk that is removed can be made anew over another image', async () => {
      const [first, second] = [await cachedImage(), await cachedImage({ clusterBits: 17 })];
      const disk = { guestId: randomUUID(), name: 'disk' };
      await storage.removeDisk(disk);
      await storage.createOverlay({ ...disk, imageId: first, sizeBytes: mebibyte });
      await storage.createBlank({ ...disk, name: 'disk.swap', sizeBytes: mebibyte });
      await storage.removeDisk(disk);
      await storage.removeDisk(disk);
      expect(await harness.exists(storage.diskPath(disk))).toBe(false);
      const path = await storage.createOverlay({ ...disk, imageId: second, sizeBytes: mebibyte });
      expect(await harness.base(path)).toContain(second);
      expect(await harness.exists(storage.diskPath({ ...disk, name: 'disk.swap' }))).toBe(true);
    });

    test('a disk can have the content of its image in itself', async () => {
      const imageId = await cachedImage();
      const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 3 * mebibyte };
      const path = await storage.createWhole(disk);
      expect(await harness.base(path)).toBeUndefined();
      expect(await harness.virtualSize(path)).toBe(3 * mebibyte);
      expect(await storage.createWhole(disk)).toBe(path);
      await storage.pruneImages(new Set());
      const later = storage.createWhole({ ...disk, guestId: randomUUID() });
      expect(await codeOf(later)).toBe('failed');
      expect(await harness.exists(path)).toBe(true);
      expect(await codeOf(storage.createOverlay({ ...disk, imageId: await cachedImage() }))).toBe(
        'failed',
      );
    });

    test('a copy of a disk is made whole, and read as a qcow2 image that passes for one', async () => {
      const imageId = await cachedImage();
      const guestId = randomUUID();
      const disk = { guestId, name: 'disk' };
      await storage.createOverlay({ ...disk, imageId, sizeBytes: 2 * mebibyte });
      const copy = { guestId, name: 'snapshot' };
      await storage.copyDisk({ guestId, from: 'disk', to: 'snapshot' });
      await storage.copyDisk({ guestId, from: 'disk', to: 'snapshot' });
      expect(await harness.base(storage.diskPath(copy))).toContain(imageId);
      await storage.flattenDisk(copy);
      expect(await harness.base(storage.diskPath(copy))).toBeUndefined();
      expect(await harness.base(storage.diskPath(disk))).toContain(imageId);
      const chunks: Uint8Array[] = [];
      for await (const chunk of storage.streamDisk(copy)) chunks.push(chunk);
      const made = imageSource(randomUUID(), Buffer.concat(chunks));
      await storage.ensureImage(made);
      const again = { guestId: randomUUID(), name: 'disk', imageId: made.id, sizeBytes: 0 };
      const path = await storage.createOverlay(again);
      expect(await harness.virtualSize(path)).toBe(2 * mebibyte);
    });

    test('a disk that is not there can be neither copied nor read', async () => {
      const guestId = randomUUID();
      const copied = storage.copyDisk({ guestId, from: 'disk', to: 'snapshot' });
      expect(await codeOf(copied)).toBe('failed');
      const read = async (): Promise<void> => {
        for await (const chunk of storage.streamDisk({ guestId, name: 'disk' }))
          expect(chunk).toEqual([]);
      };
      expect(await codeOf(read())).toBe('failed');
    });

    describe('images', () => {
      test('an image is fetched once and then is there', async () => {
        let opened = 0;
        const bytes = qcow2Image();
        const source = imageSource(randomUUID(), bytes, {
          open: () => {
            opened += 1;
            return pieces(bytes, 1_000);
          },
        });
        await Promise.all([storage.ensureImage(source), storage.ensureImage(source)]);
        await storage.ensureImage(source);
        expect(opened).toBe(1);
      });

      test('a fetched image is still there for the next process', async () => {
        const imageId = await cachedImage();
        storage = await harness.reopen();
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: mebibyte };
        expect(await harness.exists(await storage.createOverlay(disk))).toBe(true);
      });

      test('a raw image of any size is accepted', async () => {
        const bytes = new Uint8Array(100_001).fill(0x41);
        const imageId = randomUUID();
        await storage.ensureImage(imageSource(imageId, bytes, { format: 'raw' }));
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 0 };
        expect(await harness.virtualSize(await storage.createOverlay(disk))).toBe(100_352);
      });

      test.each([
        ['a wrong digest', 'image-refused', { sha512: '0'.repeat(128) }],
        ['fewer bytes than announced', 'failed', { sizeBytes: 400_000 }],
        ['more bytes than announced', 'image-refused', { sizeBytes: 300_000 }],
        ['no digest to check against', 'failed', { sha512: '' }],
        ['an id that is no UUID', 'failed', { id: '../../etc' }],
      ] as const)('%s is refused and leaves nothing', async (_, code, claims) => {
        const source = imageSource(randomUUID(), qcow2Image(), claims);
        expect(await codeOf(storage.ensureImage(source))).toBe(code);
        expect(await harness.imageFiles()).toEqual([]);
      });

      test('a source that breaks off is told of, leaves nothing, and can be tried again', async () => {
        const bytes = qcow2Image();
        const source = imageSource(randomUUID(), bytes);
        const broken = {
          ...source,
          open: async function* () {
            yield bytes.subarray(0, 70_000);
            throw new Error('the image service went away');
          },
        };
        const fault = await faultOf(storage.ensureImage(broken));
        expect(fault).toMatchObject({ code: 'failed', retryable: true });
        expect(String(fault)).toContain('the image service went away');
        expect(await harness.imageFiles()).toEqual([]);
        await storage.ensureImage(source);
      });

      test('an image that does not fit on the disk is refused in words, before a byte is read', async () => {
        await harness.limitSpace(100_000);
        const source = imageSource(randomUUID(), qcow2Image(), {
          open: () => {
            throw new Error('must not be opened');
          },
        });
        const fault = await faultOf(storage.ensureImage(source));
        expect(fault).toMatchObject({ code: 'no-space', retryable: true });
        expect(await harness.imageFiles()).toEqual([]);
      });

      test.each([
        ['names a backing file', { backingFile: '/etc/shadow' }, 'backing file'],
        [
          'keeps its data elsewhere',
          { incompatibleFeatures: 4n, extensions: [[0x44415441, encoder.encode('/etc/shadow')]] },
          'external file',
        ],
        ['is encrypted', { cryptMethod: 2 }, 'encrypted'],
      ] as const)('a qcow2 image that %s is refused', async (_, fields, words) => {
        const source = imageSource(randomUUID(), qcow2Image(fields));
        const fault = await faultOf(storage.ensureImage(source));
        expect(fault).toMatchObject({ code: 'image-refused', retryable: false });
        expect(String(fault)).toContain(words);
        expect(await harness.imageFiles()).toEqual([]);
      });

      test('an image is refused when its content is not of the declared format', async () => {
        const asRaw = imageSource(randomUUID(), qcow2Image(), { format: 'raw' });
        expect(await codeOf(storage.ensureImage(asRaw))).toBe('image-refused');
        const vmdk = Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(65_536)]);
        const disguised = imageSource(randomUUID(), vmdk, { format: 'raw' });
        expect(await codeOf(storage.ensureImage(disguised))).toBe('image-refused');
        const asQcow2 = imageSource(randomUUID(), new Uint8Array(65_536));
        expect(await codeOf(storage.ensureImage(asQcow2))).toBe('image-refused');
        expect(await harness.imageFiles()).toEqual([]);
      });

      test('a new content under an old id is kept beside the old one', async () => {
        const imageId = await cachedImage();
        const old = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 0 };
        const oldPath = await storage.createOverlay(old);
        await storage.ensureImage(
          imageSource(imageId, qcow2Image({ virtualSizeBytes: 2 * mebibyte })),
        );
        const fresh = { ...old, guestId: randomUUID() };
        const freshPath = await storage.createOverlay(fresh);
        expect(await harness.virtualSize(oldPath)).toBe(mebibyte);
        expect(await harness.virtualSize(freshPath)).toBe(2 * mebibyte);
        expect(await harness.base(oldPath)).not.toBe(await harness.base(freshPath));
      });

      test('pruning drops what nobody keeps and no disk stands on', async () => {
        const [kept, used, unused] = [
          await cachedImage(),
          await cachedImage(),
          await cachedImage(),
        ];
        const guestId = randomUUID();
        await storage.createOverlay({ guestId, name: 'disk', imageId: used, sizeBytes: 0 });
        await storage.pruneImages(new Set([kept]));
        const overlay = (imageId: string): Promise<string> =>
          codeOf(
            storage.createOverlay({ guestId: randomUUID(), name: 'x', imageId, sizeBytes: 0 }),
          );
        expect(await overlay(unused)).toBe('failed');
        expect(await overlay(used)).toBe('no fault');
        expect(await overlay(kept)).toBe('no fault');
      });

      test('a pruned image can be fetched again', async () => {
        const source = imageSource(randomUUID(), qcow2Image());
        await storage.ensureImage(source);
        await storage.pruneImages(new Set());
        expect(await harness.imageFiles()).toEqual([]);
        await storage.ensureImage(source);
        expect((await harness.imageFiles()).length).toBeGreaterThan(0);
      });
    });

    describe('disks', () => {
      test('an overlay stands on its image, has the size asked for, and is where diskPath says', async () => {
        const imageId = await cachedImage();
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 8 * mebibyte };
        const path = await storage.createOverlay(disk);
        expect(path).toBe(storage.diskPath(disk));
        expect(await harness.virtualSize(path)).toBe(8 * mebibyte);
        expect(await harness.base(path)).toBeDefined();
      });

      test('overlays of two guests are two files', async () => {
        const imageId = await cachedImage();
        const disk = { name: 'disk', imageId, sizeBytes: 8 * mebibyte };
        const paths = await Promise.all(
          [randomUUID(), randomUUID()].map((guestId) =>
            storage.createOverlay({ ...disk, guestId }),
          ),
        );
        expect(new Set(paths).size).toBe(2);
      });

      test('size 0 means the size of the image', async () => {
        const imageId = await cachedImage({ virtualSizeBytes: 3 * mebibyte });
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 0 };
        expect(await harness.virtualSize(await storage.createOverlay(disk))).toBe(3 * mebibyte);
      });

      test('a disk smaller than its image is refused with both sizes', async () => {
        const imageId = await cachedImage({ virtualSizeBytes: 3 * mebibyte });
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: mebibyte };
        const fault = await faultOf(storage.createOverlay(disk));
        expect(fault).toMatchObject({ code: 'image-refused' });
        expect(String(fault)).toContain('3145728');
        expect(String(fault)).toContain('1048576');
        expect(await harness.exists(storage.diskPath(disk))).toBe(false);
      });

      test('an overlay needs its image', async () => {
        const disk = { guestId: randomUUID(), name: 'd', imageId: randomUUID(), sizeBytes: 0 };
        expect(await codeOf(storage.createOverlay(disk))).toBe('failed');
      });

      test('making a disk again keeps the one that is there', async () => {
        const imageId = await cachedImage();
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 4 * mebibyte };
        const path = await storage.createOverlay(disk);
        expect(await storage.createOverlay(disk)).toBe(path);
        expect(await storage.createOverlay({ ...disk, sizeBytes: 2 * mebibyte })).toBe(path);
        expect(await harness.virtualSize(path)).toBe(4 * mebibyte);
      });

      test('a disk that is there with another image or a smaller size is left alone', async () => {
        const imageId = await cachedImage();
        const disk = { guestId: randomUUID(), name: 'disk', imageId, sizeBytes: 4 * mebibyte };
        const path = await storage.createOverlay(disk);
        const other = { ...disk, imageId: await cachedImage() };
        expect(await codeOf(storage.createOverlay(other))).toBe('failed');
        const larger = { ...disk, sizeBytes: 8 * mebibyte };
        expect(await codeOf(storage.createOverlay(larger))).toBe('failed');
        expect(await harness.virtualSize(path)).toBe(4 * mebibyte);
      });

      test('a blank disk stands alone, and making it again keeps it', async () => {
        const disk = { guestId: randomUUID(), name: 'disk.eph0', sizeBytes: 5 * mebibyte };
        const path = await storage.createBlank(disk);
        expect(await storage.createBlank(disk)).toBe(path);
        expect(path).toBe(storage.diskPath(disk));
        expect(await harness.virtualSize(path)).toBe(5 * mebibyte);
        expect(await harness.base(path)).toBeUndefined();
      });

      test.each([
        ['guest id', { guestId: '../../../etc', name: 'disk' }],
        ['guest id', { guestId: 'AAAAAAAA-0000-4000-8000-000000000000', name: 'disk' }],
        ['disk name', { guestId: '00000000-0000-4000-8000-000000000000', name: '../disk' }],
        ['disk name', { guestId: '00000000-0000-4000-8000-000000000000', name: '' }],
      ])('a %s that could leave its directory is refused', async (_, names) => {
        expect(await codeOf(storage.createBlank({ ...names, sizeBytes: mebibyte }))).toBe('failed');
        expect(await storage.listGuests()).toEqual([]);
      });
    });

    describe('config drives', () => {
      test('a config drive is where paths says, and a later one replaces it', async () => {
        const guestId = randomUUID();
        const path = await storage.createConfigDrive({ guestId, files: configFiles });
        expect(path).toBe(storage.paths(guestId).configDrive);
        expect(await storage.createConfigDrive({ guestId, files: configFiles })).toBe(path);
        expect(await harness.exists(path)).toBe(true);
      });

      test('a path that leaves the drive is refused', async () => {
        const files = [{ path: '../evil', content: encoder.encode('x') }];
        const drive = { guestId: randomUUID(), files };
        expect(await codeOf(storage.createConfigDrive(drive))).toBe('failed');
      });
    });

    describe('guests', () => {
      test('everything of a guest lies in its directory, and goes with it', async () => {
        const imageId = await cachedImage();
        const guestId = randomUUID();
        const path = await storage.createOverlay({ guestId, name: 'disk', imageId, sizeBytes: 0 });
        const drive = await storage.createConfigDrive({ guestId, files: configFiles });
        const { directory, consoleLog, savedMemory } = storage.paths(guestId);
        for (const place of [path, drive, consoleLog, savedMemory]) {
          expect(place.startsWith(`${directory}/`)).toBe(true);
        }
        expect(await storage.listGuests()).toEqual([guestId]);
        await storage.removeGuest(guestId);
        expect(await harness.exists(path)).toBe(false);
        expect(await harness.exists(drive)).toBe(false);
        expect(await storage.listGuests()).toEqual([]);
        await storage.removeGuest(guestId);
      });

      test('a guest with files is listed by the next process, too', async () => {
        const guestId = randomUUID();
        await storage.createBlank({ guestId, name: 'disk', sizeBytes: mebibyte });
        storage = await harness.reopen();
        expect(await storage.listGuests()).toEqual([guestId]);
      });

      test('saved memory is there when complete, until it is removed', async () => {
        const guestId = randomUUID();
        await storage.createBlank({ guestId, name: 'disk', sizeBytes: mebibyte });
        expect(await storage.hasSavedMemory(guestId)).toBe(false);
        await harness.tearMemory(guestId);
        expect(await storage.hasSavedMemory(guestId)).toBe(false);
        await harness.saveMemory(guestId);
        expect(await storage.hasSavedMemory(guestId)).toBe(true);
        await storage.removeSavedMemory(guestId);
        await storage.removeSavedMemory(guestId);
        expect(await storage.hasSavedMemory(guestId)).toBe(false);
      });
    });

    describe('the paths of a run', () => {
      const newGuest = async (): Promise<string> => {
        const guestId = randomUUID();
        await storage.createBlank({ guestId, name: 'disk', sizeBytes: mebibyte });
        return guestId;
      };

      test('lead to the guest’s files from when it is opened until it is closed', async () => {
        const guestId = await newGuest();
        const path = storage.diskPath({ guestId, name: 'disk', runEpoch: 7 });
        expect(path.startsWith(`${storage.paths(guestId, 7).directory}/`)).toBe(true);
        expect(await harness.exists(path)).toBe(false);
        await storage.openRun(guestId, 7);
        await storage.openRun(guestId, 7);
        expect(await harness.virtualSize(path)).toBe(mebibyte);
        await storage.closeRuns(guestId, 7);
        await storage.closeRuns(guestId, 7);
        expect(await harness.exists(path)).toBe(false);
        expect(await harness.exists(storage.diskPath({ guestId, name: 'disk' }))).toBe(true);
      });

      test('close with all runs before it and with none after it', async () => {
        const guestId = await newGuest();
        const paths = [9, 10, 11].map((runEpoch) =>
          storage.diskPath({ guestId, name: 'disk', runEpoch }),
        );
        for (const runEpoch of [9, 10, 11]) await storage.openRun(guestId, runEpoch);
        await storage.closeRuns(guestId, 10);
        expect(await Promise.all(paths.map((path) => harness.exists(path)))).toEqual([
          false,
          false,
          true,
        ]);
      });

      test('follow what becomes of the disks, and the next process finds them as they were', async () => {
        const guestId = await newGuest();
        const path = storage.diskPath({ guestId, name: 'disk', runEpoch: 2 });
        await storage.openRun(guestId, 2);
        await storage.withdraw(guestId);
        expect(await harness.exists(path)).toBe(false);
        await storage.copyWithdrawn(guestId);
        storage = await harness.reopen();
        expect(await harness.exists(path)).toBe(true);
        expect((await storage.listDisks(guestId)).map((disk) => disk.name)).toEqual(['disk']);
        expect(await storage.listGuests()).toEqual([guestId]);
      });

      test('are gone with the guest, and a new guest of that id does not bring them back', async () => {
        const guestId = await newGuest();
        const path = storage.diskPath({ guestId, name: 'disk', runEpoch: 2 });
        await storage.openRun(guestId, 2);
        await storage.removeGuest(guestId);
        await storage.createBlank({ guestId, name: 'disk', sizeBytes: mebibyte });
        expect(await harness.exists(path)).toBe(false);
      });

      test('are there for a guest without disks, too; closing makes nothing', async () => {
        const guestId = randomUUID();
        await storage.closeRuns(guestId, 3);
        expect(await storage.listGuests()).toEqual([]);
        await storage.openRun(guestId, 3);
        expect(await storage.listGuests()).toEqual([guestId]);
      });

      test.each([0, -1, 1.5, Number.NaN])('%d is no run-epoch', async (runEpoch) => {
        const guestId = await newGuest();
        expect(() => storage.paths(guestId, runEpoch)).toThrow(HypervisorFault);
      });
    });

    test('capacity tells the size of the disk and what is free', async () => {
      const { totalBytes, freeBytes } = await storage.capacity();
      expect(totalBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeLessThanOrEqual(totalBytes);
    });
  });
}
