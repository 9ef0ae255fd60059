// What a cloud holds for its servers, read from outside at rest: claims, quota, ports, guests, disks. A leak is a
// difference between what is held and the servers that are there.
import type { ApiClient, ServerRow } from './api-client.ts';
import { StateFile } from './state-files.ts';

/** Flavor of every server. */
export interface Size {
  readonly vcpus: number;
  readonly ramMiB: number;
  readonly diskGiB: number;
}

/** Nova's reserved memory counts as used (hypervisors.ts shows it so). */
const RESERVED_MIB = 512;

export interface Held {
  readonly claims: object;
  readonly quota: object;
  /** Ids of servers, one for each port. */
  readonly ports: readonly string[];
}

interface Hypervisor {
  readonly vcpus_used: number;
  readonly memory_mb_used: number;
  readonly local_gb_used: number;
  readonly running_vms: number;
}

export async function readHeld(admin: ApiClient, user: ApiClient): Promise<Held> {
  const { body } = await admin.call(
    'GET',
    '/compute/v2.1/os-hypervisors/detail',
    undefined,
    '2.79',
  );
  const { hypervisors } = body as { hypervisors: readonly Hypervisor[] };
  const sum = (of: (one: Hypervisor) => number): number =>
    hypervisors.reduce((total, one) => total + of(one), 0);
  const { limits } = await user.get<{ limits: { absolute: Record<string, number> } }>(
    '/compute/v2.1/limits',
  );
  const { ports } = await admin.get<{
    ports: readonly { readonly device_id: string; readonly device_owner: string }[];
  }>('/network/v2.0/ports');
  return {
    claims: {
      servers: sum((one) => one.running_vms),
      vcpus: sum((one) => one.vcpus_used),
      ramMiB: sum((one) => one.memory_mb_used - RESERVED_MIB),
      diskGiB: sum((one) => one.local_gb_used),
    },
    quota: {
      instances: limits.absolute['totalInstancesUsed'],
      cores: limits.absolute['totalCoresUsed'],
      ramMiB: limits.absolute['totalRAMUsed'],
    },
    ports: ports
      .filter((port) => port.device_owner.startsWith('compute:'))
      .map((port) => port.device_id)
      .toSorted(),
  };
}

/** What these servers, and nothing else, would hold. */
export function owedFor(rows: readonly ServerRow[], size: Size): Held {
  const count = rows.length;
  // A server in error holds nothing on a host, but counts in its project.
  const placed = rows.filter((row) => row.status !== 'ERROR');
  return {
    claims: {
      servers: placed.length,
      vcpus: placed.length * size.vcpus,
      ramMiB: placed.length * size.ramMiB,
      diskGiB: placed.length * size.diskGiB,
    },
    quota: { instances: count, cores: count * size.vcpus, ramMiB: count * size.ramMiB },
    ports: placed.map((row) => row.id).toSorted(),
  };
}

export interface OnHosts {
  /** Ids of guests that are not off. */
  readonly guests: readonly string[];
  /** Ids of guests that have files. */
  readonly disks: readonly string[];
  readonly ports: number;
}

/** From the simulated hosts' own records, which stand in these files. */
export function readSimulatedHosts(paths: readonly string[]): OnHosts {
  const files = paths.map((path) => new StateFile(path).look());
  const all = (table: string): readonly string[] => files.flatMap((file) => file.keys(table));
  return {
    guests: files.flatMap((file) => file.guests().map(({ id }) => id)).toSorted(),
    disks: all('file').toSorted(),
    ports: all('port').length,
  };
}

export function owedOnHosts(rows: readonly ServerRow[]): OnHosts {
  const placed = rows.filter((row) => row.status !== 'ERROR');
  const running = placed.filter((row) => row.status === 'ACTIVE' || row.status === 'PAUSED');
  return {
    guests: running.map((row) => row.id).toSorted(),
    disks: placed.map((row) => row.id).toSorted(),
    ports: placed.length,
  };
}
