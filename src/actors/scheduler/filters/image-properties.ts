// An image made for one architecture, hypervisor or machine mode needs a host that has it.
// Properties: hw_architecture (also architecture), img_hv_type (also hypervisor_type), hw_vm_mode (also vm_mode).
import type { HostView } from '../host-view.ts';
import type { Filter } from './filter.ts';

/** Other names of the same thing, as Nova knows them. */
const architectures: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
  x86: 'i686',
  arm64: 'aarch64',
  powerpc: 'ppc',
};
const modes: Readonly<Record<string, string>> = { hv: 'hvm', baremetal: 'hvm' };

export const imagePropertiesFilter: Filter = {
  name: 'ImagePropertiesFilter',
  holdsWhenForced: false,
  refuse: (host, spec, { settings }) => {
    const properties = spec.image?.properties ?? {};
    const wanted = (name: string, oldName: string): string | undefined =>
      (properties[name] ?? properties[oldName])?.toLowerCase();
    const usual = settings.defaultArchitecture === '' ? undefined : settings.defaultArchitecture;
    const architecture = wanted('hw_architecture', 'architecture') ?? usual;
    if (architecture !== undefined && canonical(architecture) !== host.hypervisor.architecture)
      return `the image needs architecture ${architecture}, the host has ${host.hypervisor.architecture}`;
    const hypervisor = wanted('img_hv_type', 'hypervisor_type');
    if (hypervisor !== undefined && !hypervisorNames(host).includes(hypervisor))
      return `the image needs hypervisor ${hypervisor}, the host has ${hypervisorNames(host).join(', ')}`;
    const mode = wanted('hw_vm_mode', 'vm_mode');
    if (mode !== undefined && (modes[mode] ?? mode) !== 'hvm')
      return `the image needs machine mode ${mode}, the host has hvm`;
    return undefined;
  },
};

function canonical(architecture: string): string {
  return architectures[architecture] ?? architecture;
}

/** libvirt's QEMU driver runs images made for either name. */
function hypervisorNames(host: HostView): readonly string[] {
  const type = host.hypervisor.type.toLowerCase();
  return ['qemu', 'kvm'].includes(type) ? ['qemu', 'kvm'] : [type];
}
