// The part of the storage suite about disks on their way: read in pieces, taken over, enlarged, withdrawn and brought back.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestStorage } from '#hypervisor/storage-port.ts';
import { imageSource, qcow2Image } from '#test/support/image-sources.ts';
import type { StorageHarness } from './storage-contract.ts';

const mebibyte = 1_048_576;

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no fault';
  } catch (error) {
    if (error instanceof HypervisorFault) return error.code;
    throw error;
  }
}

export function movingDisksContract(
  name: string,
  makeHarness: () => Promise<StorageHarness>,
): void {
  describe(`${name} and disks on their way`, () => {
    let source: StorageHarness;
    let destination: StorageHarness;
    const guestId = randomUUID();
    const imageId = randomUUID();
    const image = qcow2Image();

    beforeEach(async () => {
      [source, destination] = [await makeHarness(), await makeHarness()];
      for (const { storage } of [source, destination])
        await storage.ensureImage(imageSource(imageId, image));
      await source.storage.createOverlay({ guestId, name: 'disk', imageId, sizeBytes: 0 });
      await source.storage.createBlank({ guestId, name: 'disk.swap', sizeBytes: mebibyte });
    });
    afterEach(async () => {
      await source.close();
      await destination.close();
    });

    const reader =
      (storage: GuestStorage, disk: string) =>
      (range: { readonly offset: number; readonly length: number }) =>
        storage.readDisk({ guestId, name: disk }, range);

    async function moved(): Promise<void> {
      for (const { name: disk, sizeBytes } of await source.storage.listDisks(guestId))
        await destination.storage.receiveDisk({
          guestId,
          name: disk,
          sizeBytes,
          imageId: disk === 'disk' ? imageId : undefined,
          read: reader(source.storage, disk),
        });
    }

    test('the storage has a name that stays', async () => {
      const id = await source.storage.storageId();
      expect(id).not.toBe('');
      expect(await (await source.reopen()).storageId()).toBe(id);
    });

    test('a guest’s disks are listed, and read to their end', async () => {
      const disks = await source.storage.listDisks(guestId);
      expect(disks.map((one) => one.name)).toEqual(['disk', 'disk.swap']);
      for (const { name: disk, sizeBytes } of disks) {
        const bytes = await reader(source.storage, disk)({ offset: 0, length: mebibyte });
        expect(bytes.length).toBe(Math.min(sizeBytes, mebibyte));
        expect(await reader(source.storage, disk)({ offset: sizeBytes, length: 1 })).toHaveLength(
          0,
        );
      }
      expect(await source.storage.listDisks(randomUUID())).toEqual([]);
      expect(await codeOf(reader(source.storage, 'none')({ offset: 0, length: 1 }))).toBe('failed');
    });

    test('a disk arrives whole, and stands on the image of its new host', async () => {
      await moved();
      await moved();
      const { storage } = destination;
      expect(await storage.listDisks(guestId)).toEqual(await source.storage.listDisks(guestId));
      const path = storage.diskPath({ guestId, name: 'disk' });
      const sourcePath = source.storage.diskPath({ guestId, name: 'disk' });
      expect(await destination.virtualSize(path)).toBe(await source.virtualSize(sourcePath));
      const fresh = randomUUID();
      const own = await storage.createOverlay({
        guestId: fresh,
        name: 'disk',
        imageId,
        sizeBytes: 0,
      });
      expect(await destination.base(path)).toBe(await destination.base(own));
    });

    test('a disk that breaks off leaves nothing', async () => {
      const [disk] = await source.storage.listDisks(guestId);
      const broken = destination.storage.receiveDisk({
        guestId,
        name: 'disk',
        sizeBytes: (disk?.sizeBytes ?? 0) + 1,
        imageId,
        read: reader(source.storage, 'disk'),
      });
      expect(await codeOf(broken)).toBe('failed');
      expect(await destination.storage.listDisks(guestId)).toEqual([]);
    });

    test('a disk that stands on something else is refused', async () => {
      const [disk] = await source.storage.listDisks(guestId);
      const stray = destination.storage.receiveDisk({
        guestId,
        name: 'disk',
        sizeBytes: disk?.sizeBytes ?? 0,
        imageId: undefined,
        read: reader(source.storage, 'disk'),
      });
      expect(await codeOf(stray)).toBe('image-refused');
      expect(await destination.storage.listDisks(guestId)).toEqual([]);
    });

    test('a disk grows and never shrinks', async () => {
      const { storage } = source;
      const path = storage.diskPath({ guestId, name: 'disk.swap' });
      await storage.growDisk({ guestId, name: 'disk.swap', sizeBytes: 2 * mebibyte });
      await storage.growDisk({ guestId, name: 'disk.swap', sizeBytes: mebibyte });
      expect(await source.virtualSize(path)).toBe(2 * mebibyte);
      const none = storage.growDisk({ guestId, name: 'none', sizeBytes: mebibyte });
      expect(await codeOf(none)).toBe('failed');
    });

    test('a withdrawn disk is out of the way, and can be read, copied, brought back or dropped', async () => {
      const { storage } = source;
      const before = await storage.listDisks(guestId);
      const path = storage.diskPath({ guestId, name: 'disk.swap' });
      await storage.withdraw(guestId);
      await storage.withdraw(guestId);
      expect([await source.exists(path), await storage.listDisks(guestId)]).toEqual([
        false,
        before,
      ]);
      await storage.copyWithdrawn(guestId);
      await storage.growDisk({ guestId, name: 'disk.swap', sizeBytes: 4 * mebibyte });
      await storage.copyWithdrawn(guestId);
      expect(await source.virtualSize(path)).toBe(4 * mebibyte);
      await storage.bringBack(guestId);
      await storage.bringBack(guestId);
      expect(await source.virtualSize(path)).toBe(mebibyte);
      await storage.withdraw(guestId);
      await storage.copyWithdrawn(guestId);
      await storage.dropWithdrawn(guestId);
      await storage.bringBack(guestId);
      expect([await source.exists(path), await source.virtualSize(path)]).toEqual([true, mebibyte]);
    });
  });
}
