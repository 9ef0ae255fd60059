// Actions that change what a guest is made of, on real libvirt under emulation: what QEMU has open afterwards, and what the
// guest says on its console.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '#test/e2e/launched-cloud.ts';
import { PrivateLibvirtCloud } from './private-libvirt-cloud.ts';

const BOOT_MS = 120_000;
const BANNER = 'Kilonova tiny image';
let cloud: PrivateLibvirtCloud;

beforeAll(async () => {
  cloud = await PrivateLibvirtCloud.start({ cidr: '10.93.0.0/24' });
});
afterAll(async () => {
  await cloud?.remove();
});

function filesOf(id: string): string {
  return join(cloud.process.data, 'host', 'instances', id);
}

async function console(id: string): Promise<string> {
  const { output } = await cloud.admin.ask<{ output: string }>(
    'POST',
    `/compute/v2.1/servers/${id}/action`,
    { 'os-getConsoleOutput': {} },
  );
  return output;
}

async function untilBooted(id: string, hostname: string): Promise<void> {
  await until(
    `the guest to say that it is ${hostname}`,
    async () => {
      const output = await console(id);
      const isUp = output.includes(BANNER) && output.includes(`hostname      ${hostname}`);
      return isUp ? true : undefined;
    },
    BOOT_MS,
  );
}

/** Names of the guest's disks, in the order in which QEMU was given them. */
async function disksInUse(id: string): Promise<readonly string[]> {
  const pid = await cloud.guestPid(id);
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return [...words.matchAll(/instances\/[^"]*\/([\w.-]+)\.qcow2"/g)].map((match) => match[1] ?? '');
}

describe('a server on real libvirt', () => {
  it('is rebuilt with a new disk, and boots with its new name', async () => {
    const id = await cloud.create('before');
    await cloud.untilStatus(id, 'ACTIVE');
    await untilBooted(id, 'before');
    const disk = join(filesOf(id), 'disk.qcow2');
    const { birthtimeMs } = statSync(disk);
    await cloud.act(id, { rebuild: { imageRef: cloud.imageId, name: 'after' } });
    await cloud.untilStatus(id, 'ACTIVE');
    expect(statSync(disk).birthtimeMs).toBeGreaterThan(birthtimeMs);
    expect(await disksInUse(id)).toEqual(['disk']);
    // Its host name stays what it was, until it is given another one.
    await untilBooted(id, 'before');
    await cloud.act(id, { 'os-stop': null });
    await cloud.untilStatus(id, 'SHUTOFF', 90_000);
    await cloud.act(id, { rebuild: { imageRef: cloud.imageId } });
    await cloud.untilStatus(id, 'SHUTOFF');
    expect(await cloud.guestPid(id)).toBeUndefined();
    await cloud.delete(id);
  });

  it('is rescued from a disk of its own beside the root disk, and comes back', async () => {
    const id = await cloud.create('patient');
    await cloud.untilStatus(id, 'ACTIVE');
    await untilBooted(id, 'patient');
    await cloud.act(id, { rescue: null });
    await cloud.untilStatus(id, 'RESCUE', 90_000);
    expect(await disksInUse(id)).toEqual(['disk.rescue', 'disk']);
    await untilBooted(id, 'patient');
    await cloud.act(id, { unrescue: null });
    await cloud.untilStatus(id, 'ACTIVE');
    expect(await disksInUse(id)).toEqual(['disk']);
    expect(readdirSync(filesOf(id))).not.toContain('disk.rescue.qcow2');
    await untilBooted(id, 'patient');
    await cloud.delete(id);
  });

  it('gives an image while it runs and while it is off, and servers boot from them', async () => {
    const id = await cloud.create('model');
    await cloud.untilStatus(id, 'ACTIVE');
    await untilBooted(id, 'model');
    const running = await imageOf(id, 'running');
    expect((await cloud.untilStatus(id, 'ACTIVE')).status).toBe('ACTIVE');
    await cloud.act(id, { 'os-stop': null });
    await cloud.untilStatus(id, 'SHUTOFF', 90_000);
    const off = await imageOf(id, 'off');
    expect(readdirSync(filesOf(id))).not.toContain('snapshot.qcow2');
    await cloud.delete(id);
    for (const imageId of [running, off]) {
      const copy = await cloud.create('copy', { imageId });
      await cloud.untilStatus(copy, 'ACTIVE', 60_000);
      await untilBooted(copy, 'copy');
      await cloud.delete(copy);
    }
  });
});

interface Nic {
  readonly mac_address: string;
  readonly rx_octets: number | null;
}

async function nicsOf(id: string): Promise<readonly Nic[]> {
  const { nic_details: nics } = await cloud.admin.ask<{ nic_details: Nic[] }>(
    'GET',
    `/compute/v2.1/servers/${id}/diagnostics`,
  );
  return nics;
}

describe('a server that runs on real libvirt', () => {
  it('gets another interface and lets go of it, and resumes with what it had', async () => {
    const id = await cloud.create('wired');
    await cloud.untilStatus(id, 'ACTIVE');
    await untilBooted(id, 'wired');
    const [own] = await nicsOf(id);
    const path = `/compute/v2.1/servers/${id}/os-interface`;
    const { interfaceAttachment: added } = await cloud.admin.ask<{
      interfaceAttachment: { port_id: string; mac_addr: string };
    }>('POST', path, { interfaceAttachment: {} });
    const both = [own?.mac_address, added.mac_addr];
    const macs = async () => (await nicsOf(id)).map((nic) => nic.mac_address);
    expect(await macs()).toEqual(both);
    await cloud.act(id, { suspend: null });
    await cloud.untilStatus(id, 'SUSPENDED', 90_000);
    await cloud.act(id, { resume: null });
    await cloud.untilStatus(id, 'ACTIVE', 90_000);
    expect(await macs()).toEqual(both);
    const detached = await cloud.admin.call('DELETE', `${path}/${added.port_id}`);
    expect(detached.status).toBe(202);
    const tap = `/sys/class/net/tap${added.port_id.slice(0, 11)}`;
    await until(
      'the guest to let go of its interface',
      async () => ((await macs()).length === 1 && !existsSync(tap) ? true : undefined),
      60_000,
    );
    expect(await macs()).toEqual([own?.mac_address]);
    await cloud.delete(id);
  });
});

describe('a server that is shelved on real libvirt', () => {
  it('leaves nothing on its host, and comes back from its image with its address', async () => {
    const id = await cloud.create('shelved');
    await cloud.untilStatus(id, 'ACTIVE');
    await untilBooted(id, 'shelved');
    const { addresses } = await shown(id);
    await cloud.act(id, { shelve: null });
    await cloud.untilStatus(id, 'SHELVED_OFFLOADED', 120_000);
    expect(await cloud.guestPid(id)).toBeUndefined();
    expect(existsSync(filesOf(id))).toBe(false);
    expect(await imagesNamed('shelved-shelved')).toEqual(['active']);
    await cloud.act(id, { unshelve: null });
    await cloud.untilStatus(id, 'ACTIVE', 120_000);
    expect(await disksInUse(id)).toEqual(['disk']);
    expect((await shown(id)).addresses).toEqual(addresses);
    await untilBooted(id, 'shelved');
    await until(
      'the image of the shelve to be removed',
      async () => ((await imagesNamed('shelved-shelved')).length === 0 ? true : undefined),
      BOOT_MS,
    );
    // Its disk stands on no image: it can be copied as any other.
    await imageOf(id, 'again');
    await cloud.delete(id);
  });
});

async function shown(id: string): Promise<{ readonly addresses: unknown }> {
  const reply = await cloud.admin.get<{ server: { readonly addresses: unknown } }>(
    `/compute/v2.1/servers/${id}`,
  );
  return reply.server;
}

async function imagesNamed(name: string): Promise<readonly string[]> {
  const { images } = await cloud.admin.get<{ images: readonly ImageRow[] }>(
    `/image/v2/images?name=${name}`,
  );
  return images.map(({ status }) => status);
}

/** Asks for an image and waits until it has its bytes. */
async function imageOf(id: string, name: string): Promise<string> {
  await cloud.act(id, { createImage: { name } });
  return until(
    `the image ${name} to be active`,
    async () => {
      const { images } = await cloud.admin.get<{ images: readonly ImageRow[] }>(
        `/image/v2/images?name=${name}`,
      );
      const [image] = images;
      if (image?.status !== 'active') return undefined;
      expect(image).toMatchObject({
        disk_format: 'qcow2',
        instance_uuid: id,
        image_type: 'snapshot',
      });
      expect(image.virtual_size).toBe(1024 ** 3);
      return image.id;
    },
    60_000,
  );
}

interface ImageRow {
  readonly id: string;
  readonly status: string;
  readonly virtual_size: number;
}
