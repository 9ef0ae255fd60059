import { describe, expect, it } from 'vitest';
import { type GuestParts, guestSpec } from '#actors/node/guest-spec.ts';
import type { GuestPlan } from '#actors/node/protocol.ts';
import { testImage } from '#test/support/test-image.ts';
import { plan, serverId } from './node-world.ts';

const parts: GuestParts = {
  cluster: 'c',
  host: 'h',
  runEpoch: 7,
  rootDisk: '/d/disk.qcow2',
  ephemeralDisk: undefined,
  swapDisk: undefined,
  configDrive: undefined,
  consoleLogPath: '/d/console.log',
  interfaces: [{ bridge: 'br', tap: 'tap1', mtu: 1450 }],
};
const withProperties = (properties: Readonly<Record<string, string>>): GuestPlan => ({
  ...plan,
  image: { ...testImage, properties },
});
const virtio = (target: string, path: string, format: 'qcow2' | 'raw' = 'qcow2') => ({
  target,
  device: 'disk',
  bus: 'virtio',
  format,
  path,
  readonly: false,
});

describe('what the hypervisor is to start', () => {
  it('follows from the plan and the host', () => {
    expect(guestSpec(plan, parts)).toEqual({
      id: serverId,
      name: 'instance-aaaaaaaa0000',
      title: 'vm1',
      vcpus: 1,
      memoryMiB: 96,
      disks: [{ ...virtio('vda', '/d/disk.qcow2'), bootOrder: 1 }],
      interfaces: [
        { mac: 'fa:16:3e:00:00:01', bridge: 'br', tap: 'tap1', mtu: 1450, model: 'virtio' },
      ],
      consoleLogPath: '/d/console.log',
      mark: { cluster: 'c', host: 'h', runEpoch: 7 },
    });
  });

  it('has its disks in order, the root disk first to boot', () => {
    const more = { ...parts, ephemeralDisk: '/d/eph', swapDisk: '/d/swap', configDrive: '/d/iso' };
    expect(guestSpec(plan, more).disks).toEqual([
      { ...virtio('vda', '/d/disk.qcow2'), bootOrder: 1 },
      virtio('vdb', '/d/eph'),
      virtio('vdc', '/d/swap'),
      { ...virtio('vdz', '/d/iso', 'raw'), readonly: true },
    ]);
  });

  it('has swap as its second disk when there is no ephemeral one', () => {
    const { disks } = guestSpec(plan, { ...parts, swapDisk: '/d/swap' });
    expect(disks.map(({ target, path }) => `${target} ${path}`)).toEqual([
      'vda /d/disk.qcow2',
      'vdb /d/swap',
    ]);
  });

  it.each([
    ['sata', 'sda'],
    ['scsi', 'sda'],
    ['ide', 'hdd'],
  ])('gives an image that asks for it a CD on %s', (bus, target) => {
    const { disks } = guestSpec(withProperties({ hw_cdrom_bus: bus }), {
      ...parts,
      configDrive: '/d/iso',
    });
    const cdrom = { target, device: 'cdrom', bus, format: 'raw', path: '/d/iso', readonly: true };
    expect(disks.at(-1)).toEqual(cdrom);
  });

  it.each([
    [{ hw_vif_model: 'e1000' }, 'e1000'],
    [{ hw_vif_model: 'virtio' }, 'virtio'],
    [{ hw_vif_model: '<evil>' }, 'virtio'],
    [{}, 'virtio'],
  ])('gives an image of %j network cards of model %s', (properties, model) => {
    expect(guestSpec(withProperties(properties), parts).interfaces[0]?.model).toBe(model);
  });

  it('never has an interface without a port', () => {
    const two = [...parts.interfaces, { bridge: 'br', tap: 'tap2', mtu: 1450 }];
    expect(() => guestSpec(plan, { ...parts, interfaces: two })).toThrow('has no port 1');
  });
});
