// Starting, pausing, stopping: what every adapter does with a guest's life.
// Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { faultOf } from './scene.ts';
import type { Scene } from './scene.ts';

export function lifecycleContract(scene: Scene): void {
  describe('lifecycle', () => {
    test('hostInfo describes a machine', async () => {
      const info = await scene.driver.hostInfo();
      expect(info.cpus).toBeGreaterThan(0);
      expect(info.memoryMiB).toBeGreaterThan(64);
      expect(info.hypervisorVersion).toBeGreaterThan(1_000_000);
      expect(info.architecture).toMatch(/^[a-z0-9_]+$/);
      const { sockets, cores, threads } = info.cpuTopology;
      expect(Math.min(sockets, cores, threads)).toBeGreaterThan(0);
    });

    test('a created guest runs, is found and listed with its mark, and boots', async () => {
      const spec = await scene.newGuest();
      const wanted = { id: spec.id, name: spec.name, power: 'running', mark: spec.mark };
      expect(await scene.driver.create(spec)).toEqual(wanted);
      expect(await scene.driver.find(spec.id)).toEqual(wanted);
      expect((await scene.driver.list()).filter((guest) => guest.id === spec.id)).toEqual([wanted]);
      await scene.untilBanners(spec, 1);
    });

    test('a guest created paused stands still until it is resumed', async () => {
      const spec = await scene.newGuest();
      expect((await scene.driver.create(spec, { paused: true })).power).toBe('paused');
      expect(await scene.consoleText(spec)).toBe('');
      await scene.driver.resume(spec.id);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
      await scene.untilBanners(spec, 1);
    });

    test('a second guest of the same id is refused and the first goes on', async () => {
      const spec = await scene.startGuest();
      expect(await faultOf(scene.driver.create(spec))).toBe('guest-exists');
      const renamed = { ...spec, name: `${spec.name}-b` };
      expect(await faultOf(scene.driver.create(renamed))).toBe('guest-exists');
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a second guest of the same name is refused', async () => {
      const spec = await scene.startGuest();
      const other = await scene.newGuest({ name: spec.name });
      expect(await faultOf(scene.driver.create(other))).toBe('guest-exists');
      expect(await scene.driver.find(other.id)).toBeUndefined();
    });

    test('of two creates of one guest at once exactly one wins', async () => {
      const spec = await scene.newGuest();
      const outcomes = await Promise.all([
        faultOf(scene.driver.create(spec)),
        faultOf(scene.driver.create(spec)),
      ]);
      expect(outcomes.sort()).toEqual(['guest-exists', 'no fault']);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that is not there is not found, and only destroy is silent about it', async () => {
      const id = randomUUID();
      expect(await scene.driver.find(id)).toBeUndefined();
      expect(await faultOf(scene.driver.destroy(id))).toBe('no fault');
      expect(await faultOf(scene.driver.pause(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.resume(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.shutdown(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.reboot(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.reset(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.injectNmi(id))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.save(id, scene.harness.newPath()))).toBe('guest-not-found');
      expect(await faultOf(scene.driver.openConsole(id))).toBe('guest-not-found');
    });

    test('a destroyed guest is gone, and says so', async () => {
      const spec = await scene.startGuest();
      await scene.driver.destroy(spec.id);
      expect(await scene.driver.find(spec.id)).toBeUndefined();
      await scene.driver.destroy(spec.id);
      expect(await scene.driver.find(spec.id)).toBeUndefined();
    });

    test('the same guest can be created again after it was destroyed', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.destroy(spec.id);
      const again = { ...spec, mark: { ...spec.mark, runEpoch: spec.mark.runEpoch + 1 } };
      expect((await scene.driver.create(again)).mark).toEqual(again.mark);
      expect((await scene.driver.find(spec.id))?.mark).toEqual(again.mark);
      await scene.untilBanners(again, 1);
    });

    test('pause and resume stop and go on, and repeating either is no fault', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.pause(spec.id);
      await scene.driver.pause(spec.id);
      expect((await scene.driver.find(spec.id))?.power).toBe('paused');
      await scene.driver.resume(spec.id);
      await scene.driver.resume(spec.id);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that is interrupted is not ended by it', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.injectNmi(spec.id);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a guest that heeds the power button stops as shut down', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.shutdown(spec.id);
      const stopped = await scene.untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'shutdown' });
      expect(await scene.driver.find(spec.id)).toBeUndefined();
    });

    test('a guest that powers itself off stops as shut down', async () => {
      const spec = await scene.startReadyGuest();
      await scene.harness.powerOffInside(spec.id);
      const stopped = await scene.untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'shutdown' });
      expect(await scene.driver.find(spec.id)).toBeUndefined();
    });

    test('a guest whose process is killed stops as failed', async () => {
      const spec = await scene.startReadyGuest();
      await scene.harness.killGuest(spec.id);
      const stopped = await scene.untilEvent(spec.id, 'guest.stopped');
      expect(stopped).toEqual({ type: 'guest.stopped', id: spec.id, detail: 'failed' });
      expect(await scene.driver.find(spec.id)).toBeUndefined();
    });

    test('reboot restarts the guest within the same domain', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.reboot(spec.id);
      await scene.untilBanners(spec, 2);
      await scene.until(
        'the guest to run again',
        async () => (await scene.driver.find(spec.id))?.power === 'running',
      );
      expect(scene.eventsOf(spec.id).filter((event) => event.type === 'guest.stopped')).toEqual([]);
    });

    test('a guest that cannot start leaves nothing behind', async () => {
      const broken = await scene.newGuest();
      const disks = broken.disks.map((disk) => ({ ...disk, path: `${disk.path}.missing` }));
      expect(await faultOf(scene.driver.create({ ...broken, disks }))).toBe('failed');
      expect(await scene.driver.find(broken.id)).toBeUndefined();
    });

    test('a domain without our mark is listed as foreign', async () => {
      const foreign = await scene.harness.startForeignGuest();
      const wanted = { id: foreign.id, name: foreign.name, power: 'running', mark: undefined };
      expect((await scene.driver.list()).filter((guest) => guest.id === foreign.id)).toEqual([
        wanted,
      ]);
      expect(await scene.driver.find(foreign.id)).toEqual(wanted);
      await scene.harness.stopForeignGuest(foreign.id);
    });

    test('markup, quotes and control characters in a title stay text', async () => {
      const spec = await scene.startGuest({
        title: `</title><os>'"&amp;]]>\u0000\u0007\u001b[31m\u0085\ud800\ufffe\n\t💥`,
        mark: { cluster: `c<'">&`, host: 'h&"1', runEpoch: 7 },
      });
      expect(await scene.driver.find(spec.id)).toEqual({
        id: spec.id,
        name: spec.name,
        power: 'running',
        mark: { cluster: `c<'">&`, host: 'h&"1', runEpoch: 7 },
      });
    });
  });
}
