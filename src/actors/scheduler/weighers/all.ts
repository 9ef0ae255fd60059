// The weighers. One whose multiplier is 0, in the settings and in the host's aggregates, counts for nothing.
import { buildFailureWeigher } from './build-failure.ts';
import { cpuWeigher } from './cpu.ts';
import { crossCellWeigher } from './cross-cell.ts';
import { diskWeigher } from './disk.ts';
import { hypervisorVersionWeigher } from './hypervisor-version.ts';
import { imagePropertiesWeigher } from './image-properties.ts';
import { ioOpsWeigher } from './io-ops.ts';
import { metricsWeigher } from './metrics.ts';
import { numInstancesWeigher } from './num-instances.ts';
import { pciWeigher } from './pci.ts';
import { ramWeigher } from './ram.ts';
import { softAffinityWeigher } from './soft-affinity.ts';
import { softAntiAffinityWeigher } from './soft-anti-affinity.ts';
import type { Weigher } from './weigher.ts';

export const allWeighers: readonly Weigher[] = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  ioOpsWeigher,
  pciWeigher,
  buildFailureWeigher,
  hypervisorVersionWeigher,
  crossCellWeigher,
  metricsWeigher,
  numInstancesWeigher,
  imagePropertiesWeigher,
  softAffinityWeigher,
  softAntiAffinityWeigher,
];
