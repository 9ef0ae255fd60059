// Which extra specs Nova knows, and what their values may be: checked from microversion 2.86 on. A key of a known
// namespace that is not in the table is refused; keys of other namespaces, and keys without one, are free. Pure.
// Source of names and values: nova.api.validation.extra_specs (facts).

type ValueRule =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'text' }
  | { readonly kind: 'integer'; readonly min?: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'pattern'; readonly pattern: string };
interface SpecRule {
  readonly name: RegExp;
  readonly value: ValueRule;
}

const boolean: ValueRule = { kind: 'boolean' };
const text: ValueRule = { kind: 'text' };
const integer: ValueRule = { kind: 'integer' };
const natural: ValueRule = { kind: 'integer', min: 0 };
const positive: ValueRule = { kind: 'integer', min: 1 };
const choice = (...of: readonly string[]): ValueRule => ({ kind: 'choice', of });
const pattern = (source: string): ValueRule => ({ kind: 'pattern', pattern: source });

const cpuList = pattern('\\^?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*');

const fixed: Readonly<Record<string, ValueRule>> = {
  hide_hypervisor_id: boolean,
  'hw:hide_hypervisor_id': boolean,
  'hw:cpu_realtime': boolean,
  'hw:cpu_realtime_mask': cpuList,
  'hw:cpu_policy': choice('dedicated', 'shared', 'mixed'),
  'hw:cpu_thread_policy': choice('prefer', 'isolate', 'require'),
  'hw:emulator_threads_policy': choice('isolate', 'share'),
  'hw:cpu_dedicated_mask': cpuList,
  'hw:mem_page_size': pattern('(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)'),
  'hw:numa_nodes': positive,
  'hw:pci_numa_affinity_policy': choice('required', 'preferred', 'legacy', 'socket'),
  'hw:cpu_sockets': positive,
  'hw:cpu_cores': positive,
  'hw:cpu_threads': positive,
  'hw:max_cpu_sockets': positive,
  'hw:max_cpu_cores': positive,
  'hw:max_cpu_threads': positive,
  'hw:boot_menu': boolean,
  'hw:mem_encryption': boolean,
  'hw:pmem': pattern('([a-zA-Z0-9_]+(,)?)+'),
  'hw:pmu': boolean,
  'hw:serial_port_count': natural,
  'hw:tpm_model': choice('tpm-tis', 'tpm-crb'),
  'hw:tpm_version': choice('1.2', '2.0'),
  'hw:watchdog_action': choice('none', 'pause', 'poweroff', 'reset', 'disabled'),
  'hw:vif_multiqueue_enabled': boolean,
  'hw:locked_memory': boolean,
  'hw:viommu_model': choice('intel', 'smmuv3', 'virtio', 'auto'),
  'hw:virtio_packed_ring': boolean,
  'hw:maxphysaddr_mode': choice('passthrough', 'emulate'),
  'hw:maxphysaddr_bits': natural,
  'hw:ephemeral_encryption': boolean,
  'hw:ephemeral_encryption_format': choice('luks'),
  'hw_rng:allowed': boolean,
  'hw_rng:rate_bytes': natural,
  'hw_rng:rate_period': natural,
  'hw_video:ram_max_mb': natural,
  'os:secure_boot': choice('disabled', 'required'),
  'accel:device_profile': text,
  'pci_passthrough:alias': text,
};

const families: readonly SpecRule[] = [
  { name: /^hw:numa_cpus\.\d+$/, value: cpuList },
  { name: /^hw:numa_mem\.\d+$/, value: positive },
  { name: /^quota:(cpu|memory|disk_io|vif)_(limit|reservation|shares_share)$/, value: integer },
  { name: /^quota:(cpu|memory|disk_io|vif)_shares_level$/, value: text },
  { name: /^quota:cpu_(shares|period|quota)$/, value: natural },
  { name: /^quota:disk_(read|write|total)_(bytes|iops)_sec$/, value: natural },
  { name: /^quota:vif_(inbound|outbound)_(average|peak|burst)$/, value: natural },
  { name: /^resources([a-zA-Z0-9_-]{1,64})?:[A-Z0-9_]+$/, value: natural },
  { name: /^trait([a-zA-Z0-9_-]{1,64})?:[A-Z0-9_]+$/, value: choice('required', 'forbidden') },
  { name: /^group_policy$/, value: choice('isolate', 'none') },
  { name: /^(capabilities|aggregate_instance_extra_specs|powervm|vmware):.+$/, value: text },
];

const namespaces =
  /^(hw|hw_rng|hw_video|os|quota|accel|pci_passthrough|capabilities|aggregate_instance_extra_specs|powervm|vmware|resources[a-zA-Z0-9_-]{0,64}|trait[a-zA-Z0-9_-]{0,64})$/;

/** What is wrong with a spec, or undefined. */
export function extraSpecFault(name: string, value: string): string | undefined {
  const rule = Object.hasOwn(fixed, name)
    ? fixed[name]
    : families.find((family) => family.name.test(name))?.value;
  if (rule !== undefined) return valueFault(rule, value);
  const colon = name.indexOf(':');
  if (colon < 0 || !namespaces.test(name.slice(0, colon))) return undefined;
  return `Validation failed; extra spec '${name}' does not appear to be a valid extra spec.`;
}

function valueFault(rule: ValueRule, value: string): string | undefined {
  switch (rule.kind) {
    case 'boolean':
      return /^(1|t|true|on|y|yes|0|f|false|off|n|no)$/i.test(value.trim())
        ? undefined
        : `Validation failed; '${value}' is not a valid boolean-like value.`;
    case 'integer':
      return integerFault(value, rule.min);
    case 'choice':
      return rule.of.includes(value)
        ? undefined
        : `Validation failed; '${value}' is not one of: ${rule.of.join(', ')}.`;
    case 'pattern':
      return new RegExp(`^(?:${rule.pattern})$`).test(value)
        ? undefined
        : `Validation failed; '${value}' is not of the format '${rule.pattern}'.`;
    default:
      return undefined;
  }
}

function integerFault(value: string, min: number | undefined): string | undefined {
  if (!/^\s*[+-]?\d+\s*$/.test(value))
    return `Validation failed; '${value}' is not a valid integer value.`;
  const number = Number(value);
  return min !== undefined && number < min
    ? `Validation failed; '${number}' is less than the min value of '${min}'.`
    : undefined;
}
