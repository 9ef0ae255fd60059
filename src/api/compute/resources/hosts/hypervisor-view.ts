// A hypervisor as the API shows it, by microversion: the host's facts joined with what its provider says is in use.
// Memory in use counts the host's own reserve, as Nova does.
import type { InstanceState } from '#actors/instance/state.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { ComputeContext } from '../../context.ts';
import type { ComputeCall } from '../../route.ts';
import { isHostUp } from './service-rows.ts';

export type Load = ReadonlyMap<string, readonly InstanceState[]>;

/** Living servers by host. */
export function loadOf(call: ComputeCall): Load {
  const load = new Map<string, InstanceState[]>();
  for (const server of call.reads.living(undefined)) {
    if (server.grant === undefined) continue;
    const servers = load.get(server.grant.host);
    if (servers === undefined) load.set(server.grant.host, [server]);
    else servers.push(server);
  }
  return load;
}

export function basicHypervisor(call: ComputeCall, host: HostState): object {
  return {
    id: hypervisorId(call, host),
    hypervisor_hostname: host.hypervisor?.hostname ?? host.id,
    state: isHostUp(call.context, host) ? 'up' : 'down',
    status: host.enabled ? 'enabled' : 'disabled',
  };
}

/** The UUID from 2.53 on, before that the integer. */
export function hypervisorId(call: ComputeCall, host: HostState): string | number {
  return call.from(53) ? host.providerId : host.number;
}

export function serversField(servers: readonly InstanceState[]): object {
  return {
    servers: servers.map((server) => ({ name: server.request?.name ?? '', uuid: server.id })),
  };
}

export function wholeHypervisor(
  call: ComputeCall,
  host: HostState,
  servers: readonly InstanceState[],
): object {
  const capacity = capacityOf(call.context, host);
  return {
    ...basicHypervisor(call, host),
    host_ip: host.hypervisor?.hostIp ?? null,
    hypervisor_type: host.hypervisor?.type ?? '',
    hypervisor_version: host.hypervisor?.version ?? 0,
    ...(call.from(88)
      ? {}
      : { ...capacity, ...workloadOf(servers), cpu_info: cpuInfo(call, host) }),
    service: {
      id: call.from(53) ? host.serviceId : host.number,
      host: host.id,
      disabled_reason: host.disabledReason ?? null,
    },
  };
}

function cpuInfo(call: ComputeCall, { hypervisor }: HostState): object | string {
  const info =
    hypervisor === undefined
      ? {}
      : {
          arch: hypervisor.architecture,
          model: hypervisor.cpuModel,
          vendor: hypervisor.cpuVendor,
          features: hypervisor.cpuFeatures,
          topology: hypervisor.cpuTopology,
        };
  return call.from(28) ? info : JSON.stringify(info);
}

/** GiB, MiB and processors. */
export interface Capacity {
  readonly vcpus: number;
  readonly vcpus_used: number;
  readonly memory_mb: number;
  readonly memory_mb_used: number;
  readonly free_ram_mb: number;
  readonly local_gb: number;
  readonly local_gb_used: number;
  readonly free_disk_gb: number;
  readonly disk_available_least: number;
}

export function capacityOf(context: ComputeContext, host: HostState): Capacity {
  const provider = context.providers.get(host.providerId);
  const used = (name: string): number =>
    (provider?.used[name] ?? 0) + (provider?.inventories[name]?.reserved ?? 0);
  const { cpus = 0, memoryMiB = 0, diskGiB = 0 } = host.hypervisor ?? {};
  return {
    vcpus: cpus,
    vcpus_used: used('VCPU'),
    memory_mb: memoryMiB,
    memory_mb_used: used('MEMORY_MB'),
    free_ram_mb: memoryMiB - used('MEMORY_MB'),
    local_gb: diskGiB,
    local_gb_used: used('DISK_GB'),
    free_disk_gb: diskGiB - used('DISK_GB'),
    disk_available_least: diskGiB - used('DISK_GB'),
  };
}

export function workloadOf(servers: readonly InstanceState[]): {
  readonly running_vms: number;
  readonly current_workload: number;
} {
  return {
    running_vms: servers.length,
    current_workload: servers.filter((server) => server.taskState !== undefined).length,
  };
}
