// The layout of a domain is copied to the one that goes on as it, whatever was plugged in or out meanwhile.
import { expect, test } from 'vitest';
import { guestDomainXml } from '#hypervisor/libvirt/domain-xml/guest-domain.ts';
import { layoutOf } from '#hypervisor/libvirt/domain-xml/layout.ts';
import type { GuestSpec } from '#hypervisor/port.ts';

const pci = (bus: string) =>
  `<address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/>`;

const ran = `<domain type='qemu'><devices>
  <disk type='file' device='disk'><target dev='vda' bus='virtio'/>${pci('0x01')}</disk>
  <controller type='usb' index='0' model='none'/>
  <controller type='pci' index='0' model='pcie-root'><alias name='pcie.0'/></controller>
  <controller type='pci' index='1' model='pcie-root-port'><model name='pcie-root-port'/>
    <target chassis='1' port='0x8'/><address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'
    multifunction='on'/></controller>
  <interface type='bridge'><mac address='FA:16:3e:00:00:02'/>${pci('0x05')}</interface>
  <memballoon model='virtio'>${pci('0x02')}</memballoon>
  <rng model='virtio'>${pci('0x03')}</rng>
</devices></domain>`;

const spec: GuestSpec = {
  id: '550e8400-e29b-41d4-a716-446655440000',
  name: 'instance-1',
  title: 'vm',
  vcpus: 1,
  memoryMiB: 64,
  disks: [
    {
      target: 'vda',
      device: 'disk',
      bus: 'virtio',
      format: 'qcow2',
      path: '/data/disk',
      readonly: false,
    },
  ],
  interfaces: [
    { mac: 'fa:16:3e:00:00:01', bridge: 'br1', tap: 'tap1', model: 'virtio' },
    { mac: 'fa:16:3e:00:00:02', bridge: 'br1', tap: 'tap2', model: 'virtio' },
  ],
  consoleLogPath: '/data/console.log',
  mark: { cluster: 'c', host: 'h', runEpoch: 1 },
};

test('devices keep their addresses and controllers; what is new is placed by libvirt', () => {
  const host = { virtType: 'qemu', architecture: 'x86_64', guestUser: 'root' } as const;
  const xml = guestDomainXml(spec, host, { consoleLog: 'continued', layout: layoutOf(ran) });
  const has = (text: string): boolean => xml.includes(text);
  expect({
    disk: has(`<target dev='vda' bus='virtio'/>${pci('0x01')}`),
    plugged: has(`<target dev='tap2'/><model type='virtio'/>${pci('0x05')}`),
    fresh: has(`<target dev='tap1'/><model type='virtio'/></interface>`),
    balloon: has(`<memballoon model='virtio'>${pci('0x02')}</memballoon>`),
    rng: has(`</backend>${pci('0x03')}</rng>`),
    port: has(
      `<controller type='pci' index='1' model='pcie-root-port'><target chassis='1' port='0x8'/>` +
        `<address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0' multifunction='on'/></controller>`,
    ),
    ports: xml.split('pcie-root-port').length - 1,
    usb: xml.split(`type='usb'`).length - 1,
  }).toEqual({
    disk: true,
    plugged: true,
    fresh: true,
    balloon: true,
    rng: true,
    port: true,
    ports: 1,
    usb: 1,
  });
});

test('what is no domain has no layout', () => {
  expect(layoutOf('<volume/>')).toBeUndefined();
  expect(layoutOf('nonsense')).toBeUndefined();
});
