// The serial console, live and logged.
// Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { describe, expect, test } from 'vitest';
import { faultOf, GUEST_BANNER, readConsole } from './scene.ts';
import type { Scene } from './scene.ts';

export function consoleContract(scene: Scene): void {
  describe('console', () => {
    test('reset starts the same domain anew and keeps its console log', async () => {
      const spec = await scene.startReadyGuest();
      await scene.driver.reset(spec.id);
      await scene.untilBanners(spec, 2);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
      expect(scene.eventsOf(spec.id).filter((event) => event.type === 'guest.stopped')).toEqual([]);
    });

    test('the console carries bytes both ways and ends with the guest', async () => {
      const spec = await scene.startReadyGuest();
      const stream = await scene.driver.openConsole(spec.id);
      const seen = readConsole(stream);
      await stream.write(new TextEncoder().encode('hello'));
      await scene.until('the echo of hello', () => seen.text().includes('hello'));
      await scene.driver.destroy(spec.id);
      await scene.until('the end of the console', () => seen.ended());
      expect(seen.text()).toMatch(/hello$/);
    });

    test('a closed console leaves the guest running and can be opened again', async () => {
      const spec = await scene.startReadyGuest();
      const first = await scene.driver.openConsole(spec.id);
      const firstSeen = readConsole(first);
      await first.close();
      await scene.until('the end of the closed console', () => firstSeen.ended());
      expect(await faultOf(first.write(new Uint8Array([65])))).not.toBe('no fault');
      const second = await scene.driver.openConsole(spec.id);
      const secondSeen = readConsole(second);
      await second.write(new TextEncoder().encode('again'));
      await scene.until('the echo of again', () => secondSeen.text().includes('again'));
      await second.close();
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });

    test('the newest viewer takes the console over from an older one', async () => {
      const spec = await scene.startReadyGuest();
      const older = readConsole(await scene.driver.openConsole(spec.id));
      const stream = await scene.driver.openConsole(spec.id);
      const newer = readConsole(stream);
      await scene.until('the end of the older console', () => older.ended());
      await stream.write(new TextEncoder().encode('mine'));
      await scene.until('the echo of mine', () => newer.text().includes('mine'));
      expect(older.text()).not.toContain('mine');
      await stream.close();
    });

    test('a new start begins a new console log, a restore goes on in the old one', async () => {
      const spec = await scene.startReadyGuest();
      const path = scene.harness.newPath();
      await scene.driver.save(spec.id, path);
      await scene.driver.restore(spec, path);
      expect(await scene.consoleText(spec)).toContain(GUEST_BANNER);
      await scene.driver.reset(spec.id);
      await scene.untilBanners(spec, 2);
      await scene.driver.destroy(spec.id);
      await scene.driver.create(spec, { paused: true });
      expect(await scene.consoleText(spec)).toBe('');
    });

    test('console output gives the last bytes asked for, and none for a guest never started', async () => {
      const spec = await scene.startReadyGuest();
      const all = await scene.driver.consoleOutput(spec, 65_536);
      expect(await scene.driver.consoleOutput(spec, 4)).toEqual(all.slice(-4));
      expect(await scene.driver.consoleOutput(spec, 0)).toEqual(new Uint8Array(0));
      const never = await scene.harness.newSpec();
      expect(await scene.driver.consoleOutput(never, 100)).toEqual(new Uint8Array(0));
    });

    test('console output is kept after the guest stopped', async () => {
      const spec = await scene.startReadyGuest();
      const before = await scene.consoleText(spec);
      await scene.driver.destroy(spec.id);
      expect(await scene.consoleText(spec)).toBe(before);
    });
  });
}
