// The orders in which events come, read from real libvirt (see libvirt/events.ts), and that a call resolves only after
// the events it caused were told. Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { describe, expect, test } from 'vitest';
import { faultOf } from './scene.ts';
import type { Scene } from './scene.ts';

/**
 * The events of one guest, in order, as `type detail`, for each call on a running guest (restore: on a saved one).
 * A call resolves only after its events were told, so that no late event speaks of an earlier run of the guest.
 */
export const EVENT_ORDERS = {
  create: ['resumed unpaused', 'started booted'],
  createPaused: ['started booted', 'paused paused'],
  pause: ['paused paused'],
  pauseAgain: [],
  resume: ['resumed unpaused'],
  resumeAgain: [],
  destroy: ['stopped destroyed'],
  save: ['paused paused', 'stopped saved'],
  savePaused: ['stopped saved'],
  restore: ['started restored', 'resumed from-snapshot'],
  /** Asynchronous: these come when the guest went. */
  shutdown: ['stopped shutdown'],
  powerOffInside: ['stopped shutdown'],
  kill: ['stopped failed'],
  /** Nothing: the domain lives on. */
  reset: [],
  reboot: [],
  failedCreate: [],
} as const satisfies Record<string, readonly string[]>;

export function eventOrderContract(scene: Scene): void {
  describe('event orders, as libvirt gives them', () => {
    /** Runs a call and gives the events that were told when it resolved. */
    async function orderOf(id: string, call: () => Promise<unknown>): Promise<string[]> {
      scene.forgetEvents();
      await call();
      return namesOf(id);
    }

    function namesOf(id: string): string[] {
      return scene
        .eventsOf(id)
        .map((event) =>
          'detail' in event ? `${event.type.slice('guest.'.length)} ${event.detail}` : event.type,
        );
    }

    test('create and destroy', async () => {
      const spec = await scene.newGuest();
      expect(await orderOf(spec.id, () => scene.driver.create(spec))).toEqual(EVENT_ORDERS.create);
      expect(await orderOf(spec.id, () => scene.driver.destroy(spec.id))).toEqual(
        EVENT_ORDERS.destroy,
      );
      expect(await orderOf(spec.id, () => scene.driver.destroy(spec.id))).toEqual([]);
    });

    test('create paused, resume, pause', async () => {
      const spec = await scene.newGuest();
      const { id } = spec;
      const created = await orderOf(id, () => scene.driver.create(spec, { paused: true }));
      expect(created).toEqual(EVENT_ORDERS.createPaused);
      expect(await orderOf(id, () => scene.driver.resume(id))).toEqual(EVENT_ORDERS.resume);
      expect(await orderOf(id, () => scene.driver.resume(id))).toEqual(EVENT_ORDERS.resumeAgain);
      expect(await orderOf(id, () => scene.driver.pause(id))).toEqual(EVENT_ORDERS.pause);
      expect(await orderOf(id, () => scene.driver.pause(id))).toEqual(EVENT_ORDERS.pauseAgain);
    });

    test('save and restore, running and paused', async () => {
      const spec = await scene.startReadyGuest();
      const { id } = spec;
      const path = scene.harness.newPath();
      expect(await orderOf(id, () => scene.driver.save(id, path))).toEqual(EVENT_ORDERS.save);
      expect(await orderOf(id, () => scene.driver.restore(spec, path))).toEqual(
        EVENT_ORDERS.restore,
      );
      await scene.driver.pause(id);
      const second = scene.harness.newPath();
      expect(await orderOf(id, () => scene.driver.save(id, second))).toEqual(
        EVENT_ORDERS.savePaused,
      );
      const restored = await orderOf(id, () => scene.driver.restore(spec, second));
      expect(restored).toEqual(EVENT_ORDERS.restore);
      expect((await scene.driver.find(id))?.power).toBe('running');
    });

    test('power off by button, from inside, and by death', async () => {
      const spec = await scene.startReadyGuest();
      const { id } = spec;
      const ways = [
        [() => scene.driver.shutdown(id), EVENT_ORDERS.shutdown],
        [() => scene.harness.powerOffInside(id), EVENT_ORDERS.powerOffInside],
        [() => scene.harness.killGuest(id), EVENT_ORDERS.kill],
      ] as const;
      for (const [go, wanted] of ways) {
        scene.forgetEvents();
        await go();
        await scene.untilEvent(id, 'guest.stopped');
        expect(namesOf(id)).toEqual(wanted);
        await scene.driver.create(spec);
        await scene.untilBanners(spec, 1);
      }
    });

    test('reset and reboot are silent', async () => {
      const spec = await scene.startReadyGuest();
      const { id } = spec;
      scene.forgetEvents();
      await scene.driver.reset(id);
      await scene.untilBanners(spec, 2);
      expect(namesOf(id)).toEqual(EVENT_ORDERS.reset);
      await scene.driver.reboot(id);
      await scene.untilBanners(spec, 3);
      expect(namesOf(id)).toEqual(EVENT_ORDERS.reboot);
    });

    test('a create that is refused is silent', async () => {
      const spec = await scene.newGuest();
      const disks = spec.disks.map((disk) => ({ ...disk, path: `${disk.path}.missing` }));
      const order = await orderOf(spec.id, () => faultOf(scene.driver.create({ ...spec, disks })));
      expect(order).toEqual(EVENT_ORDERS.failedCreate);
    });
  });
}
