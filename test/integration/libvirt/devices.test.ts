// A guest with all that a spec can name: overlay, config drive, network interface, firmware table, more than one vCPU.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GuestSpec } from '#hypervisor/port.ts';
import { GUEST_BANNER } from '#test/contract/hypervisor/scene.ts';
import { makeLibvirtHarness } from './libvirt-harness.ts';
import type { LibvirtHarness } from './libvirt-harness.ts';

const run = promisify(execFile);
const suffix = String(process.pid % 100_000);
const bridge = `kvtb${suffix}`;
const tap = `kvtt${suffix}`;

let harness: LibvirtHarness;
let spec: GuestSpec;

beforeAll(async () => {
  harness = await makeLibvirtHarness();
  await run('ip', ['link', 'add', bridge, 'mtu', '1450', 'type', 'bridge']);
  await run('ip', ['link', 'set', bridge, 'up']);
  const plain = await harness.newSpec();
  const base = plain.disks[0]?.path ?? '';
  const overlay = join(harness.directory, 'overlay.qcow2');
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, overlay]);
  const drive = join(harness.directory, 'config.iso');
  await writeFile(drive, new Uint8Array(65_536));
  spec = {
    ...plain,
    vcpus: 2,
    title: 'full & <fine>',
    firmwareTable: {
      manufacturer: 'Kilonova & Co',
      product: 'OpenStack Nova',
      version: '1',
      family: 'Virtual Machine',
    },
    disks: [
      {
        target: 'vda',
        device: 'disk',
        bus: 'virtio',
        format: 'qcow2',
        path: overlay,
        readonly: false,
        bootOrder: 1,
        serial: 'disk-1',
      },
      {
        target: 'sda',
        device: 'cdrom',
        bus: 'sata',
        format: 'raw',
        path: drive,
        readonly: true,
      },
    ],
    interfaces: [{ mac: 'fa:16:3e:12:34:56', bridge, tap, model: 'virtio', mtu: 1450 }],
  };
});

afterAll(async () => {
  await harness.close();
  await run('ip', ['link', 'del', bridge]);
});

async function untilReady(count: number): Promise<void> {
  await harness.until(`banner ${count}`, async () => {
    const log = Buffer.from(await harness.driver.consoleOutput(spec, 10_000)).toString();
    return log.split(GUEST_BANNER).length > count;
  });
}

async function tapState(): Promise<unknown> {
  const { stdout } = await run('ip', ['-j', 'link', 'show', 'dev', tap]).catch(() => ({
    stdout: '[]',
  }));
  const links = JSON.parse(stdout) as readonly { master: string; mtu: number }[];
  return links.map(({ master, mtu }) => ({ master, mtu }));
}

test('it boots, its tap is on its bridge, and both survive save and restore', async () => {
  await harness.driver.create(spec);
  await untilReady(1);
  expect(await tapState()).toEqual([{ master: bridge, mtu: 1450 }]);
  const path = harness.newPath();
  await harness.driver.save(spec.id, path);
  expect(await tapState()).toEqual([]);
  await harness.driver.restore(spec, path);
  expect(await tapState()).toEqual([{ master: bridge, mtu: 1450 }]);
  await harness.driver.reset(spec.id);
  await untilReady(2);
  await harness.driver.destroy(spec.id);
  expect(await tapState()).toEqual([]);
});

test('a bridge that is not there is a fault that names it, and nothing stays', async () => {
  const interfaces = spec.interfaces.map((one) => ({ ...one, bridge: 'kvtnone' }));
  await expect(harness.driver.create({ ...spec, interfaces })).rejects.toMatchObject({
    name: 'HypervisorFault',
    message: expect.stringContaining('kvtnone'),
  });
  expect(await harness.driver.find(spec.id)).toBeUndefined();
  expect(await tapState()).toEqual([]);
});

test('a disk that is not of the format it claims is refused', async () => {
  const disks = spec.disks.map((disk) =>
    disk.device === 'cdrom' ? { ...disk, format: 'qcow2' as const } : disk,
  );
  await expect(harness.driver.create({ ...spec, disks })).rejects.toMatchObject({
    name: 'HypervisorFault',
    code: 'failed',
  });
  expect(await harness.driver.find(spec.id)).toBeUndefined();
});
