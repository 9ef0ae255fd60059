// What a flavor takes of its host, by Placement's resource classes.
import type { Flavor } from './server.ts';

/** VCPU, MEMORY_MB (MiB) and, unless it is nothing, DISK_GB (GiB; swap is rounded up to whole GiB, as Nova does). */
export function flavorResources(flavor: Flavor): Record<string, number> {
  const diskGiB = flavor.diskGiB + flavor.ephemeralGiB + Math.ceil(flavor.swapMiB / 1024);
  const resources: Record<string, number> = { VCPU: flavor.vcpus, MEMORY_MB: flavor.ramMiB };
  if (diskGiB > 0) resources['DISK_GB'] = diskGiB;
  return resources;
}
