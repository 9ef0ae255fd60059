// Hosts and requests for the scheduler's tests: complete ones, of which each test changes what it is about.
import type { Flavor, ServerImage } from '#actors/domain/server.ts';
import type { FilterContext } from '#actors/scheduler/filters/filter.ts';
import { noLoad } from '#actors/scheduler/host-view.ts';
import { defaultSchedulerSettings } from '#actors/scheduler/settings.ts';
import type { HostView, ResourceView } from '#actors/scheduler/host-view.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import type { Aggregate } from '#actors/topology/aggregates-protocol.ts';

export const flavor: Flavor = {
  id: '1',
  name: 'm1.tiny',
  vcpus: 1,
  ramMiB: 512,
  diskGiB: 1,
  ephemeralGiB: 0,
  swapMiB: 0,
  rxtxFactor: 1,
  isPublic: true,
  disabled: false,
  extraSpecs: {},
};

export function resource(capacity: number, used = 0): ResourceView {
  return {
    inventory: {
      total: capacity,
      reserved: 0,
      minUnit: 1,
      maxUnit: capacity,
      stepSize: 1,
      allocationRatio: 1,
    },
    capacity,
    used,
  };
}

export function hostView(host: string, more: Partial<HostView> = {}): HostView {
  return {
    host,
    providerId: `rp-${host}`,
    availabilityZone: 'nova',
    isUp: true,
    forcedDown: false,
    enabled: true,
    disabledReason: undefined,
    hypervisor: {
      hostname: `${host}.example`,
      type: 'QEMU',
      version: 7_002_000,
      hostIp: '127.0.0.1',
      cpus: 4,
      memoryMiB: 4096,
      diskGiB: 40,
      architecture: 'x86_64',
      cpuModel: 'EPYC',
      cpuVendor: 'AMD',
      cpuTopology: { sockets: 1, cores: 4, threads: 1 },
      cpuFeatures: [],
    },
    resources: { VCPU: resource(64), MEMORY_MB: resource(4096), DISK_GB: resource(40) },
    traits: [],
    aggregates: [],
    ...noLoad,
    metrics: {},
    ...more,
  };
}

export function spec(more: Partial<RequestSpec> = {}): RequestSpec {
  return {
    serverId: 's1',
    projectId: 'p1',
    flavor,
    image: undefined,
    availabilityZone: undefined,
    requestedHost: undefined,
    hints: {},
    excludedHosts: [],
    ...more,
  };
}

export function image(properties: Record<string, string>): ServerImage {
  return {
    id: 'i',
    format: 'qcow2',
    sha512: '',
    sizeBytes: 1,
    minDiskGiB: 0,
    minRamMiB: 0,
    properties,
  };
}

/** What is known besides host and request: the hosts of servers, and whatever a test sets. */
export function context(
  byServer: Readonly<Record<string, string>> = {},
  more: Omit<Partial<FilterContext>, 'settings'> & {
    readonly settings?: Partial<FilterContext['settings']>;
  } = {},
): FilterContext {
  return {
    hostOf: (serverId) => byServer[serverId],
    ...more,
    settings: { ...defaultSchedulerSettings, ...more.settings },
  };
}

let made = 0;
export function aggregate(metadata: Readonly<Record<string, string>>): Aggregate {
  made += 1;
  return {
    number: made,
    uuid: `aggregate-${made}`,
    name: `aggregate-${made}`,
    hosts: [],
    metadata: { ...metadata },
    createdAtMs: 0,
  };
}
