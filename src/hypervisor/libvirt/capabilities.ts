// libvirt's capabilities XML as the port's HostInfo, and the machine type in a saved guest's XML. Pure.

import type { HostInfo } from '../port.ts';
import { readXml } from './domain-xml/read.ts';

export interface HostFacts {
  readonly virtType: 'kvm' | 'qemu';
  /** virConnectGetVersion: the hypervisor's, not libvirt's. */
  readonly hypervisorVersion: number;
  readonly cpus: number;
  readonly memoryKiB: number;
}

/** The host's own architecture, or undefined when the text is no capabilities document. */
export function hostArchitecture(capabilities: string): string | undefined {
  return readXml(capabilities)?.at('capabilities', 'host', 'cpu', 'arch')?.text;
}

export function hostInfoOf(capabilities: string, facts: HostFacts): HostInfo {
  const cpu = readXml(capabilities)?.at('capabilities', 'host', 'cpu');
  const topology = cpu?.child('topology');
  const count = (name: string): number => Math.max(1, Number(topology?.attribute(name) ?? 1));
  return {
    hypervisorType: facts.virtType === 'kvm' ? 'KVM' : 'QEMU',
    hypervisorVersion: facts.hypervisorVersion,
    cpus: facts.cpus,
    memoryMiB: Math.floor(facts.memoryKiB / 1024),
    architecture: cpu?.child('arch')?.text ?? '',
    cpuModel: cpu?.child('model')?.text ?? '',
    cpuVendor: cpu?.child('vendor')?.text ?? '',
    cpuTopology: {
      sockets: count('sockets') * count('dies'),
      cores: count('cores'),
      threads: count('threads'),
    },
    cpuFeatures: (cpu?.children('feature') ?? [])
      .map((feature) => feature.attribute('name'))
      .filter((name) => name !== undefined)
      .sort(),
  };
}

/** The exact machine type in a domain's XML: `pc-q35-7.2`. */
export function machineOf(domainXml: string): string | undefined {
  return readXml(domainXml)?.at('domain', 'os', 'type')?.attribute('machine');
}
