// What a driver's listeners and callers meet when the hypervisor goes away, and when the driver does.
// Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { describe, expect, test } from 'vitest';
import type { GuestEvent } from '#hypervisor/port.ts';
import { faultOf, readConsole } from './scene.ts';
import type { Scene } from './scene.ts';

export function connectionContract(scene: Scene): void {
  describe('connection', () => {
    test('guests outlive a lost connection, and calls work again after it is back', async () => {
      const spec = await scene.startReadyGuest();
      await scene.harness.loseConnection();
      await scene.until('connection.down', () =>
        scene.events.some((event) => event.type === 'connection.down'),
      );
      expect(await faultOf(scene.driver.list())).toBe('connection-lost');
      expect(await faultOf(scene.driver.pause(spec.id))).toBe('connection-lost');
      await scene.harness.restoreConnection();
      await scene.until('connection.up', () =>
        scene.events.some((event) => event.type === 'connection.up'),
      );
      expect(await scene.driver.find(spec.id)).toEqual({
        id: spec.id,
        name: spec.name,
        power: 'running',
        mark: spec.mark,
      });
      scene.forgetEvents();
      await scene.driver.pause(spec.id);
      await scene.untilEvent(spec.id, 'guest.paused');
    });

    test('another driver sees the same guests with their marks', async () => {
      const spec = await scene.startGuest();
      const other = await scene.harness.newDriver();
      expect(await other.find(spec.id)).toEqual(await scene.driver.find(spec.id));
      expect((await other.list()).filter((guest) => guest.id === spec.id)).toEqual([
        { id: spec.id, name: spec.name, power: 'running', mark: spec.mark },
      ]);
      await other.close();
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('a closed driver refuses calls and is silent', async () => {
      const other = await scene.harness.newDriver();
      const heard: GuestEvent[] = [];
      other.subscribe((event) => heard.push(event));
      await other.close();
      await other.close();
      expect(await faultOf(other.list())).toBe('connection-lost');
      const spec = await scene.startGuest();
      await scene.untilEvent(spec.id, 'guest.started');
      expect(heard).toEqual([]);
    });

    test('an unsubscribed listener hears nothing more', async () => {
      const heard: GuestEvent[] = [];
      const stop = scene.driver.subscribe((event) => heard.push(event));
      stop();
      const spec = await scene.startGuest();
      await scene.untilEvent(spec.id, 'guest.started');
      expect(heard).toEqual([]);
    });

    test('a console ends when the connection is lost', async () => {
      const spec = await scene.startReadyGuest();
      const seen = readConsole(await scene.driver.openConsole(spec.id));
      await scene.harness.loseConnection();
      await scene.until('the end of the console', () => seen.ended());
      await scene.harness.restoreConnection();
      await scene.until('connection.up', () =>
        scene.events.some((event) => event.type === 'connection.up'),
      );
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });
  });
}
