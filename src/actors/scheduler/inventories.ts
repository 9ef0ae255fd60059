// What a new compute host offers, before an administrator says otherwise: Nova's classes, reserves and ratios.
import type { Inventory } from '../provider/protocol.ts';
import type { HypervisorFacts } from '../topology/protocol.ts';

export interface AllocationRatios {
  readonly cpu: number;
  readonly ram: number;
  readonly disk: number;
}

/** Nova's classic 16 virtual CPUs for a real one; memory and disk are not promised twice. */
export const defaultAllocationRatios: AllocationRatios = { cpu: 16, ram: 1, disk: 1 };
/** Nova's reserved_host_memory_mb: for the host itself. */
export const RESERVED_MEMORY_MIB = 512;

/** By resource class, for `provider.describe`. A class of which the host has nothing is left out. */
export function defaultInventories(
  facts: Pick<HypervisorFacts, 'cpus' | 'memoryMiB' | 'diskGiB'>,
  ratios: AllocationRatios = defaultAllocationRatios,
): Record<string, Inventory> {
  const rows: readonly (readonly [string, Inventory])[] = [
    ['VCPU', inventory(facts.cpus, 0, ratios.cpu)],
    ['MEMORY_MB', inventory(facts.memoryMiB, RESERVED_MEMORY_MIB, ratios.ram)],
    ['DISK_GB', inventory(facts.diskGiB, 0, ratios.disk)],
  ];
  return Object.fromEntries(rows.filter(([, { total }]) => total > 0));
}

function inventory(total: number, reserved: number, allocationRatio: number): Inventory {
  return {
    total,
    reserved: Math.min(reserved, total),
    minUnit: 1,
    maxUnit: Math.max(1, total),
    stepSize: 1,
    allocationRatio,
  };
}
