// Starts through the paths of a run on real libvirt: QEMU, virtlogd and libvirtd go through the link as if it were not there,
// and a start that comes after its run was closed makes no guest (docs/adr/0019-paths-of-a-run.md).

import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { HostStorage } from '#hypervisor/disk/host-storage.ts';
import { HypervisorFault } from '#hypervisor/port.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import { GUEST_BANNER } from '#test/contract/hypervisor/scene.ts';
import { makeLibvirtHarness } from './libvirt-harness.ts';
import type { LibvirtHarness } from './libvirt-harness.ts';

let harness: LibvirtHarness;
let storage: HostStorage;
let spec: GuestSpec;

beforeAll(async () => {
  harness = await makeLibvirtHarness();
  storage = await HostStorage.open({
    directory: join(harness.directory, 'host'),
    env: harness.env,
  });
});

beforeEach(async () => {
  spec = await harness.newSpec();
  await storage.openRun(spec.id, 1);
  const { directory } = storage.paths(spec.id);
  await copyFile(spec.disks[0]?.path ?? '', join(directory, 'disk.raw'));
});

afterEach(() => harness.driver.destroy(spec.id));
afterAll(() => harness.close());

/** The guest as it is started under a run-epoch. */
function under(runEpoch: number): GuestSpec {
  const { directory, consoleLog } = storage.paths(spec.id, runEpoch);
  return {
    ...spec,
    disks: spec.disks.map((disk) => ({ ...disk, path: join(directory, 'disk.raw') })),
    consoleLogPath: consoleLog,
    mark: { ...spec.mark, runEpoch },
  };
}

async function untilBanner(): Promise<void> {
  const consoleLogPath = storage.paths(spec.id).consoleLog;
  await harness.until('the banner', async () => {
    const output = await harness.driver.consoleOutput({ id: spec.id, consoleLogPath }, 1_000);
    return Buffer.from(output).toString().includes(GUEST_BANNER);
  });
}

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof HypervisorFault) return error.code;
      throw error;
    },
  );
}

test('a guest runs, is saved and goes on through the links of its runs', async () => {
  await harness.driver.create(under(1));
  await untilBanner();
  await harness.driver.save(spec.id, storage.paths(spec.id, 1).savedMemory);
  expect(await storage.hasSavedMemory(spec.id)).toBe(true);
  await storage.closeRuns(spec.id, 1);
  await storage.openRun(spec.id, 2);
  await harness.driver.restore(under(2), storage.paths(spec.id, 2).savedMemory);
  expect(await harness.driver.find(spec.id)).toMatchObject({
    power: 'running',
    mark: { runEpoch: 2 },
  });
});

test('a guest that runs when its run is closed goes on, and can be ended', async () => {
  await harness.driver.create(under(1));
  await untilBanner();
  await storage.closeRuns(spec.id, 1);
  expect((await harness.driver.find(spec.id))?.power).toBe('running');
  await harness.driver.destroy(spec.id);
  expect(await outcomeOf(harness.driver.create(under(1)))).toBe('failed');
  expect(await harness.driver.find(spec.id)).toBeUndefined();
});

test('a start that libvirtd gets to only after its run was closed makes no guest', async () => {
  const { libvirtd } = await harness.daemon.pids();
  if (libvirtd === undefined) throw new Error('libvirtd does not run');
  process.kill(libvirtd, 'SIGSTOP');
  const late = outcomeOf(harness.driver.create(under(1)));
  try {
    await storage.closeRuns(spec.id, 1);
    await storage.openRun(spec.id, 2);
  } finally {
    process.kill(libvirtd, 'SIGCONT');
  }
  expect(await late).toBe('failed');
  expect(await harness.driver.find(spec.id)).toBeUndefined();
  await harness.driver.create(under(2));
  await untilBanner();
});

test('memory of a run that was closed can not be resumed any more, nor saved', async () => {
  await harness.driver.create(under(1));
  await untilBanner();
  const { savedMemory } = storage.paths(spec.id, 1);
  await storage.closeRuns(spec.id, 1);
  expect(await outcomeOf(harness.driver.save(spec.id, savedMemory))).toBe('failed');
  expect((await harness.driver.find(spec.id))?.power).toBe('running');
  await harness.driver.destroy(spec.id);
  expect(await outcomeOf(harness.driver.restore(under(1), savedMemory))).toBe('failed');
  expect(await harness.driver.find(spec.id)).toBeUndefined();
});
