// Saving a guest's memory and going on from it.
// Part of the hypervisor contract; runs through hypervisor-contract.ts.

import { describe, expect, test } from 'vitest';
import { faultOf, GUEST_BANNER, readConsole } from './scene.ts';
import type { Scene } from './scene.ts';

export function memoryContract(scene: Scene): void {
  describe('memory', () => {
    test('a saved guest stops, and restore goes on where it was under the new mark', async () => {
      const spec = await scene.startReadyGuest();
      const path = scene.harness.newPath();
      await scene.driver.save(spec.id, path);
      expect(await scene.driver.find(spec.id)).toBeUndefined();
      expect(await scene.harness.fileExists(path)).toBe(true);

      const next = { ...spec, mark: { ...spec.mark, runEpoch: spec.mark.runEpoch + 5 } };
      const wanted = { id: spec.id, name: spec.name, power: 'running', mark: next.mark };
      expect(await scene.driver.restore(next, path)).toEqual(wanted);
      expect(await scene.driver.find(spec.id)).toEqual(wanted);
      expect(await scene.harness.fileExists(path)).toBe(true);

      const stream = await scene.driver.openConsole(spec.id);
      const seen = readConsole(stream);
      await stream.write(new TextEncoder().encode('still here'));
      await scene.until('the restored guest to echo', () => seen.text().includes('still here'));
      expect(seen.text()).not.toContain(GUEST_BANNER);
      await stream.close();
    });

    test('restore is refused while the guest runs, and of a file that is not there', async () => {
      const spec = await scene.startReadyGuest();
      const path = scene.harness.newPath();
      await scene.driver.save(spec.id, path);
      await scene.driver.restore(spec, path);
      expect(await faultOf(scene.driver.restore(spec, path))).toBe('guest-exists');
      await scene.driver.destroy(spec.id);
      expect(await faultOf(scene.driver.restore(spec, scene.harness.newPath()))).toBe('failed');
      expect(await scene.driver.find(spec.id)).toBeUndefined();
    });

    test('a save that cannot be written leaves no file and the guest running', async () => {
      const spec = await scene.startReadyGuest();
      const path = `${scene.harness.newPath()}/no/such/directory/memory`;
      expect(await faultOf(scene.driver.save(spec.id, path))).toBe('failed');
      expect(await scene.harness.fileExists(path)).toBe(false);
      expect((await scene.driver.find(spec.id))?.power).toBe('running');
    });
  });
}
