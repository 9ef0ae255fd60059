import { describe, expect, test } from 'vitest';
import { hostArchitecture, hostInfoOf, machineOf } from '#hypervisor/libvirt/capabilities.ts';

const XML = `<capabilities>
  <host>
    <uuid>a654f432-897c-4ba6-a821-3d5581496f40</uuid>
    <cpu>
      <arch>x86_64</arch>
      <model>EPYC</model>
      <vendor>AMD</vendor>
      <topology sockets='2' dies='2' cores='8' threads='2'/>
      <feature name='vme'/>
      <feature name='aes'/>
    </cpu>
  </host>
  <guest><arch name='i686'/></guest>
</capabilities>`;

const FACTS = {
  virtType: 'qemu',
  hypervisorVersion: 7_002_022,
  cpus: 64,
  memoryKiB: 2_097_663,
} as const;

describe('capabilities', () => {
  test('give the host information', () => {
    expect(hostInfoOf(XML, FACTS)).toEqual({
      hypervisorType: 'QEMU',
      hypervisorVersion: 7_002_022,
      cpus: 64,
      memoryMiB: 2_048,
      architecture: 'x86_64',
      cpuModel: 'EPYC',
      cpuVendor: 'AMD',
      cpuTopology: { sockets: 4, cores: 8, threads: 2 },
      cpuFeatures: ['aes', 'vme'],
    });
    expect(hostInfoOf(XML, { ...FACTS, virtType: 'kvm' }).hypervisorType).toBe('KVM');
  });

  test('a host that tells little still gives whole information', () => {
    expect(hostInfoOf('<capabilities><host><cpu/></host></capabilities>', FACTS)).toMatchObject({
      architecture: '',
      cpuModel: '',
      cpuTopology: { sockets: 1, cores: 1, threads: 1 },
      cpuFeatures: [],
    });
  });

  test('the architecture is undefined when the text is something else', () => {
    expect(hostArchitecture(XML)).toBe('x86_64');
    expect(hostArchitecture('nonsense')).toBeUndefined();
  });

  test("the machine type is read from a saved guest's XML", () => {
    const xml = "<domain><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os></domain>";
    expect(machineOf(xml)).toBe('pc-q35-7.2');
    expect(machineOf('<domain/>')).toBeUndefined();
  });
});
