import { describe, expect, test } from 'vitest';
import { guestDomainXml } from '#hypervisor/libvirt/domain-xml/guest-domain.ts';
import type { GuestHost } from '#hypervisor/libvirt/domain-xml/guest-domain.ts';
import { readXml } from '#hypervisor/libvirt/domain-xml/read.ts';
import type { XmlNode } from '#hypervisor/libvirt/domain-xml/read.ts';
import type { GuestSpec } from '#hypervisor/port.ts';

const HOST: GuestHost = { virtType: 'qemu', architecture: 'x86_64', guestUser: 'root' };

const SPEC: GuestSpec = {
  id: '11111111-2222-4333-8444-555555555555',
  name: 'instance-00000001',
  title: 'web 1',
  vcpus: 2,
  memoryMiB: 512,
  disks: [
    {
      target: 'vda',
      device: 'disk',
      bus: 'virtio',
      format: 'qcow2',
      path: '/data/disk',
      readonly: false,
      bootOrder: 1,
      serial: 'abc',
    },
    {
      target: 'sda',
      device: 'cdrom',
      bus: 'sata',
      format: 'raw',
      path: '/data/config.iso',
      readonly: true,
    },
  ],
  interfaces: [
    { mac: 'fa:16:3e:00:00:01', bridge: 'br1', tap: 'tap1', model: 'virtio', mtu: 1450 },
    { mac: 'fa:16:3e:00:00:02', bridge: 'br2', tap: 'tap2', model: 'e1000' },
  ],
  consoleLogPath: '/data/console.log',
  mark: { cluster: 'c', host: 'h', runEpoch: 4 },
};

function build(over: Partial<GuestSpec> = {}, host: Partial<GuestHost> = {}): string {
  return guestDomainXml({ ...SPEC, ...over }, { ...HOST, ...host }, { consoleLog: 'new' });
}

function domain(over: Partial<GuestSpec> = {}, host: Partial<GuestHost> = {}): XmlNode {
  const node = readXml(build(over, host))?.child('domain');
  if (node === undefined) throw new Error('no domain was built');
  return node;
}

describe('the domain XML', () => {
  test('is exactly this for a guest with two disks and two interfaces', () => {
    expect(build().replaceAll('><', '>\n<').split('\n')).toEqual([
      "<domain type='qemu'>",
      '<name>instance-00000001</name>',
      '<uuid>11111111-2222-4333-8444-555555555555</uuid>',
      '<title>web 1</title>',
      '<metadata>',
      "<kilonova:guest xmlns:kilonova='urn:kilonova:guest:1' cluster='c' host='h' runEpoch='4'/>",
      '</metadata>',
      "<memory unit='MiB'>512</memory>",
      "<vcpu placement='static'>2</vcpu>",
      '<os>',
      "<type arch='x86_64' machine='q35'>hvm</type>",
      '</os>',
      '<features>',
      '<acpi/>',
      '<apic/>',
      '</features>',
      "<cpu mode='custom' match='exact' check='none'>",
      "<model fallback='forbid'>Nehalem</model>",
      "<topology sockets='2' cores='1' threads='1'/>",
      '</cpu>',
      "<clock offset='utc'>",
      "<timer name='pit' tickpolicy='delay'/>",
      "<timer name='rtc' tickpolicy='catchup'/>",
      "<timer name='hpet' present='no'/>",
      '</clock>',
      '<on_poweroff>destroy</on_poweroff>',
      '<on_reboot>restart</on_reboot>',
      '<on_crash>destroy</on_crash>',
      '<devices>',
      "<disk type='file' device='disk'>",
      "<driver name='qemu' type='qcow2' discard='unmap'/>",
      "<source file='/data/disk'/>",
      "<target dev='vda' bus='virtio'/>",
      '<serial>abc</serial>',
      "<boot order='1'/>",
      '</disk>',
      "<disk type='file' device='cdrom'>",
      "<driver name='qemu' type='raw'/>",
      "<source file='/data/config.iso'/>",
      "<target dev='sda' bus='sata'/>",
      '<readonly/>',
      '</disk>',
      "<controller type='usb' model='none'/>",
      "<controller type='pci' index='0' model='pcie-root'/>",
      ...Array.from({ length: 9 }, () => "<controller type='pci' model='pcie-root-port'/>"),
      "<interface type='bridge'>",
      "<mac address='fa:16:3e:00:00:01'/>",
      "<source bridge='br1'/>",
      "<target dev='tap1'/>",
      "<model type='virtio'/>",
      "<mtu size='1450'/>",
      '</interface>',
      "<interface type='bridge'>",
      "<mac address='fa:16:3e:00:00:02'/>",
      "<source bridge='br2'/>",
      "<target dev='tap2'/>",
      "<model type='e1000'/>",
      '</interface>',
      "<serial type='pty'>",
      "<log file='/data/console.log' append='off'/>",
      "<target port='0'/>",
      '</serial>',
      "<console type='pty'>",
      "<target type='serial' port='0'/>",
      '</console>',
      "<rng model='virtio'>",
      "<backend model='random'>/dev/urandom</backend>",
      '</rng>',
      "<memballoon model='virtio'/>",
      '</devices>',
      "<seclabel type='static' model='dac' relabel='no'>",
      '<label>+0:+0</label>',
      '</seclabel>',
      '</domain>',
    ]);
  });

  test('a restored guest goes on in its console log', () => {
    const xml = guestDomainXml(SPEC, HOST, { consoleLog: 'continued' });
    expect(xml.replace("append='on'", "append='off'")).toBe(build());
    expect(xml).not.toBe(build());
  });

  test('user text never becomes markup, wherever it stands', () => {
    const evil = `x</domain><domain type='kvm'>&"'\u0000\u001b`;
    const node = domain({
      title: evil,
      consoleLogPath: `/${evil}`,
      disks: [{ ...SPEC.disks[0]!, path: `/${evil}`, serial: evil }],
      mark: { cluster: evil, host: evil, runEpoch: 1 },
    });
    const text = `x</domain><domain type='kvm'>&"'\ufffd\ufffd`;
    expect(node.child('title')?.text).toBe(text);
    expect(node.at('devices', 'disk', 'source')?.attribute('file')).toBe(`/${text}`);
    expect(node.at('devices', 'disk', 'serial')?.text).toBe(text);
    expect(node.at('devices', 'serial', 'log')?.attribute('file')).toBe(`/${text}`);
    expect(node.at('metadata', 'guest')?.attribute('cluster')).toBe(text);
    expect(node.attribute('type')).toBe('qemu');
  });

  test('a title is one line of at most 255 characters', () => {
    expect(domain({ title: 'a\r\n\nb' }).child('title')?.text).toBe('a b');
    expect(domain({ title: 'x'.repeat(300) }).child('title')?.text).toBe('x'.repeat(255));
    expect(domain({ title: `${'x'.repeat(254)}💥` }).child('title')?.text).toBe(
      `${'x'.repeat(254)}\ufffd`,
    );
  });

  test('under KVM the guest sees the host model', () => {
    const node = domain({}, { virtType: 'kvm' });
    expect(node.attribute('type')).toBe('kvm');
    expect(node.child('cpu')?.attribute('mode')).toBe('host-model');
    expect(node.at('cpu', 'model')).toBeUndefined();
  });

  test('a machine type that is asked for is taken', () => {
    expect(domain({ machine: 'pc-i440fx-7.2' }).at('os', 'type')?.attribute('machine')).toBe(
      'pc-i440fx-7.2',
    );
  });

  test('another architecture gets its own machine and nothing of a PC', () => {
    const node = domain({}, { architecture: 'aarch64' });
    expect(node.at('os', 'type')?.attribute('machine')).toBe('virt');
    expect(node.at('cpu', 'model')).toBeUndefined();
    expect(node.at('features')).toBeUndefined();
    expect(node.at('clock', 'timer')).toBeUndefined();
  });

  test("libvirt's configured user runs the guest when told so", () => {
    expect(domain({}, { guestUser: 'configured' }).child('seclabel')).toBeUndefined();
  });

  test('the firmware table says what it is told, with the id as serial number', () => {
    const node = domain({
      firmwareTable: { manufacturer: 'M<', product: 'P', version: '1', family: 'F' },
    });
    expect(node.at('os', 'smbios')?.attribute('mode')).toBe('sysinfo');
    const entries = node.at('sysinfo', 'system')?.children('entry') ?? [];
    expect(entries.map((entry) => [entry.attribute('name'), entry.text])).toEqual([
      ['manufacturer', 'M<'],
      ['product', 'P'],
      ['version', '1'],
      ['serial', SPEC.id],
      ['uuid', SPEC.id],
      ['family', 'F'],
    ]);
  });
});
