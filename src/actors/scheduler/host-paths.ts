// The attributes of a host by the names that Nova's extra specs and queries use: `free_ram_mb`, `cpu_info:arch`,
// `$hypervisor_type`. Pure.
import { freeOf, type HostView } from './host-view.ts';

type Attribute =
  | string
  | number
  | boolean
  | readonly string[]
  | { readonly [name: string]: Attribute };

function attributes(host: HostView): Readonly<Record<string, Attribute>> {
  const { hypervisor } = host;
  return {
    host: host.host,
    hypervisor_hostname: hypervisor.hostname,
    nodename: hypervisor.hostname,
    host_ip: hypervisor.hostIp,
    hypervisor_type: hypervisor.type,
    hypervisor_version: hypervisor.version,
    vcpus_total: host.resources['VCPU']?.inventory.total ?? 0,
    vcpus_used: host.resources['VCPU']?.used ?? 0,
    total_usable_ram_mb: host.resources['MEMORY_MB']?.inventory.total ?? 0,
    free_ram_mb: freeOf(host, 'MEMORY_MB'),
    total_usable_disk_gb: host.resources['DISK_GB']?.inventory.total ?? 0,
    free_disk_mb: freeOf(host, 'DISK_GB') * 1024,
    num_instances: host.instances,
    num_io_ops: host.ioOps,
    cpu_info: {
      arch: hypervisor.architecture,
      model: hypervisor.cpuModel,
      vendor: hypervisor.cpuVendor,
      features: hypervisor.cpuFeatures,
      topology: { ...hypervisor.cpuTopology },
    },
  };
}

/** Undefined where there is nothing of that name. */
export function attributeAt(host: HostView, path: readonly string[]): Attribute | undefined {
  let at: Attribute = attributes(host);
  for (const name of path) {
    if (typeof at !== 'object' || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    const next: Attribute | undefined = (at as Readonly<Record<string, Attribute>>)[name];
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

/** As a requirement is compared with it. */
export function attributeText(attribute: Attribute): string {
  if (typeof attribute === 'object') return JSON.stringify(attribute);
  return String(attribute);
}
