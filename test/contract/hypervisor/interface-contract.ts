// Interfaces that are plugged into a guest and out of it. A guest that has no driver for them never lets go of one: what
// an adapter's guests do, the harness tells. Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { faultOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** A guest that ignores the request is given up only after its time. */
const UNPLUG_TEST_MS = 60_000;

export function interfaceContract(scene: Scene): void {
  describe('interfaces', () => {
    test('one that is plugged in is there, once, and the guest goes on', async () => {
      const spec = await scene.startReadyGuest();
      const [first, second] = [scene.harness.newInterface(), scene.harness.newInterface()];
      expect(await scene.driver.interfacesOf(spec.id)).toEqual([]);
      await scene.driver.attachInterface(spec.id, first);
      await scene.driver.attachInterface(spec.id, second);
      await scene.driver.attachInterface(spec.id, first);
      expect(await scene.driver.interfacesOf(spec.id)).toEqual([first.mac, second.mac]);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('one is plugged into a guest that stands still, and is there when it goes on', async () => {
      const spec = await scene.startReadyGuest();
      const given = scene.harness.newInterface();
      await scene.driver.pause(spec.id);
      await scene.driver.attachInterface(spec.id, given);
      expect((await scene.driver.find(spec.id))?.power).toBe('paused');
      await scene.driver.resume(spec.id);
      expect(await scene.driver.interfacesOf(spec.id)).toEqual([given.mac]);
    });

    test('a guest is asked to let go of one; one that does not is told as such', {
      timeout: UNPLUG_TEST_MS,
    }, async () => {
      const spec = await scene.startReadyGuest();
      const given = scene.harness.newInterface();
      await scene.driver.attachInterface(spec.id, given);
      const heeds = scene.harness.heedsUnplug;
      expect(await faultOf(scene.driver.detachInterface(spec.id, given.mac))).toBe(
        heeds ? 'no fault' : 'timeout',
      );
      expect(await scene.driver.interfacesOf(spec.id)).toEqual(heeds ? [] : [given.mac]);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest goes on from saved memory with what was plugged in while it ran', async () => {
      const spec = await scene.startReadyGuest({ interfaces: [scene.harness.newInterface()] });
      const given = scene.harness.newInterface();
      await scene.driver.attachInterface(spec.id, given);
      const path = scene.harness.newPath();
      await scene.driver.save(spec.id, path);
      const interfaces = [...spec.interfaces, given];
      await scene.driver.restore({ ...spec, interfaces }, path);
      const macs = interfaces.map(({ mac }) => mac);
      expect(await scene.driver.interfacesOf(spec.id)).toEqual(macs);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('what a guest has is counted', async () => {
      const given = scene.harness.newInterface();
      const spec = await scene.startReadyGuest({ interfaces: [given] });
      const { cpus, memory, disks, interfaces } = await scene.driver.statistics(spec.id);
      expect(cpus).toEqual([{ timeNs: expect.any(Number) }]);
      expect(memory.maximumKiB).toBe(spec.memoryMiB * 1024);
      expect(disks).toEqual([
        {
          target: 'vda',
          readBytes: expect.any(Number),
          readRequests: expect.any(Number),
          writeBytes: expect.any(Number),
          writeRequests: expect.any(Number),
        },
      ]);
      expect(interfaces.map(({ mac, received }) => ({ mac, drops: received.drops }))).toEqual([
        { mac: given.mac, drops: expect.any(Number) },
      ]);
      expect(await faultOf(scene.driver.statistics(randomUUID()))).toBe('guest-not-found');
    });

    test('a password is set by an agent, and by nobody where there is none', async () => {
      const without = await scene.startReadyGuest();
      const withChannel = await scene.startReadyGuest({ hasAgentChannel: true });
      const login = { user: 'root', password: 'secret' };
      expect(await faultOf(scene.driver.setPassword(without.id, login))).toBe('unsupported');
      expect(await faultOf(scene.driver.setPassword(withChannel.id, login))).toBe(
        scene.harness.hasAgent ? 'no fault' : 'unsupported',
      );
      expect((await scene.driver.find(withChannel.id))?.power).toBe('running');
    });

    test('a guest that stands still is not asked, and keeps it', async () => {
      const spec = await scene.startReadyGuest();
      const given = scene.harness.newInterface();
      await scene.driver.attachInterface(spec.id, given);
      await scene.driver.pause(spec.id);
      expect(await faultOf(scene.driver.detachInterface(spec.id, given.mac))).toBe('wrong-state');
      expect(await scene.driver.interfacesOf(spec.id)).toEqual([given.mac]);
    });

    test('to unplug what is not there is silent; to plug into no guest is not', async () => {
      const spec = await scene.startGuest();
      const given = scene.harness.newInterface();
      expect(await faultOf(scene.driver.detachInterface(spec.id, given.mac))).toBe('no fault');
      const id = randomUUID();
      expect(await faultOf(scene.driver.detachInterface(id, given.mac))).toBe('no fault');
      expect(await faultOf(scene.driver.attachInterface(id, given))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.interfacesOf(id))).toBe('guest-not-found');
    });
  });
}
