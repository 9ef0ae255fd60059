// A simulated machine outlives the process that simulates it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { networkSpec, portOn } from '#test/contract/host-network/host-network-contract.ts';
import { imageSource, qcow2Image } from '#test/support/image-sources.ts';
import { simulatedSpec } from '#test/support/simulated-specs.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const env = createVirtualEnv({ seed: 1 });
let directory: string;
let statePath: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kilonova-sim-'));
  statePath = join(directory, 'deep', 'host-1.jsonl');
});

afterEach(() => rmSync(directory, { recursive: true }));

function start(): { host: SimulatedHost; driver: SimulatedHypervisor; storage: SimulatedStorage } {
  const host = new SimulatedHost({ env, statePath });
  return { host, driver: new SimulatedHypervisor(host), storage: new SimulatedStorage(host) };
}

describe('after kill -9 of the process', () => {
  test('guests run on, with marks, consoles and saved memory', async () => {
    const first = start();
    const [running, paused, saved, gone] = [1, 2, 3, 4].map((n) => simulatedSpec(first.host, n));
    for (const spec of [running!, paused!, saved!, gone!]) await first.driver.create(spec);
    await first.driver.pause(paused!.id);
    await first.driver.save(saved!.id, first.storage.paths(saved!.id).savedMemory);
    await first.driver.destroy(gone!.id);
    await first.storage.removeGuest(gone!.id);
    const console = await first.driver.consoleOutput(running!, 1_000);

    const next = start();
    expect(await next.driver.list()).toEqual(await first.driver.list());
    expect(await next.driver.find(running!.id)).toMatchObject({ mark: running!.mark });
    expect(await next.driver.find(paused!.id)).toMatchObject({ power: 'paused' });
    expect(await next.driver.consoleOutput(running!, 1_000)).toEqual(console);
    expect(await next.storage.hasSavedMemory(saved!.id)).toBe(true);
    expect(await next.storage.listGuests()).toEqual([running!.id, paused!.id, saved!.id]);
    expect(await next.storage.capacity()).toEqual(await first.storage.capacity());
    await next.driver.restore(saved!, next.storage.paths(saved!.id).savedMemory);
    await next.driver.shutdown(running!.id);
    await env.advance(1);
    expect(await next.driver.find(running!.id)).toBeUndefined();
  });

  test('images, networks and ports are still there', async () => {
    const first = start();
    const imageId = '00000000-0000-4000-8000-000000000001';
    const image = imageSource(imageId, qcow2Image());
    await first.storage.ensureImage(image);
    const network = networkSpec('br0');
    const port = portOn(network, '10.123.0.5');
    const firstNetwork = new SimulatedHostNetwork(first.host);
    await firstNetwork.ensureNetwork(network);
    await firstNetwork.plug(port);

    const next = start();
    const disk = { guestId: imageId, name: 'disk', imageId, sizeBytes: 0 };
    expect(await next.storage.createOverlay(disk)).toBe(next.storage.diskPath(disk));
    const nextNetwork = new SimulatedHostNetwork(next.host);
    expect(await nextNetwork.listNetworks()).toEqual([network.id]);
    expect(await nextNetwork.listPorts()).toEqual([port.id]);
  });

  test('a line that was cut off does not count', async () => {
    const first = start();
    const spec = simulatedSpec(first.host, 1);
    await first.driver.create(spec);
    await first.driver.pause(spec.id);
    const text = readFileSync(statePath, 'utf8');
    writeFileSync(statePath, text.slice(0, -20));
    expect(await start().driver.find(spec.id)).toMatchObject({ power: 'running' });
  });
});

test('the file is rewritten before it holds much more than there is to know', async () => {
  const { host, driver } = start();
  const spec = simulatedSpec(host, 1);
  await driver.create(spec);
  for (let count = 0; count < 3_000; count += 1) {
    await driver.pause(spec.id);
    await driver.resume(spec.id);
  }
  expect(readFileSync(statePath, 'utf8').split('\n').length).toBeLessThan(4_200);
  expect(await start().driver.find(spec.id)).toMatchObject({ power: 'running' });
});

test('a closed host writes nothing more', async () => {
  const { host, driver } = start();
  const spec = simulatedSpec(host, 1);
  await driver.create(spec);
  host.close();
  await driver.destroy(spec.id);
  expect(await start().driver.find(spec.id)).toMatchObject({ power: 'running' });
});
