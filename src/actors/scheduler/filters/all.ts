// All filters, and which of them are in force: those that hold always come with what was asked for and what the host has,
// the others are named by the settings, in that order. The first that refuses a host is the one that users are told about.
import type { SchedulerSettings } from '../settings.ts';
import { aggregateImagePropertiesIsolationFilter } from './aggregate-image-properties-isolation.ts';
import { aggregateInstanceExtraSpecsFilter } from './aggregate-instance-extra-specs.ts';
import { aggregateIoOpsFilter } from './aggregate-io-ops.ts';
import { aggregateMultiTenancyIsolationFilter } from './aggregate-multi-tenancy-isolation.ts';
import { aggregateNumInstancesFilter } from './aggregate-num-instances.ts';
import { aggregateTypeAffinityFilter } from './aggregate-type-affinity.ts';
import { availabilityZoneFilter } from './availability-zone.ts';
import { computeCapabilitiesFilter } from './compute-capabilities.ts';
import { computeFilter, upFilter } from './compute.ts';
import { differentHostFilter } from './different-host.ts';
import type { Filter } from './filter.ts';
import { imagePropertiesFilter } from './image-properties.ts';
import { ioOpsFilter } from './io-ops.ts';
import { isolatedHostsFilter } from './isolated-hosts.ts';
import { jsonFilter } from './json.ts';
import { metricsFilter } from './metrics.ts';
import { numInstancesFilter } from './num-instances.ts';
import { numaTopologyFilter } from './numa-topology.ts';
import { pciPassthroughFilter } from './pci-passthrough.ts';
import { requestedHostFilter } from './requested-host.ts';
import { customResourceFilter, diskFilter, ramFilter, vcpuFilter } from './resources.ts';
import { sameHostFilter } from './same-host.ts';
import { serverGroupAffinityFilter } from './server-group-affinity.ts';
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity.ts';
import { simpleCidrAffinityFilter } from './simple-cidr-affinity.ts';
import { traitsFilter } from './traits.ts';
import { triedHostFilter } from './tried-host.ts';

/** By the names that the settings use. */
const configurable: readonly Filter[] = [
  availabilityZoneFilter,
  computeFilter,
  computeCapabilitiesFilter,
  imagePropertiesFilter,
  serverGroupAntiAffinityFilter,
  serverGroupAffinityFilter,
  differentHostFilter,
  sameHostFilter,
  simpleCidrAffinityFilter,
  aggregateInstanceExtraSpecsFilter,
  aggregateImagePropertiesIsolationFilter,
  aggregateMultiTenancyIsolationFilter,
  aggregateTypeAffinityFilter,
  aggregateIoOpsFilter,
  aggregateNumInstancesFilter,
  ioOpsFilter,
  numInstancesFilter,
  isolatedHostsFilter,
  jsonFilter,
  metricsFilter,
  numaTopologyFilter,
  pciPassthroughFilter,
];

const before: readonly Filter[] = [requestedHostFilter, triedHostFilter, upFilter];
const after: readonly Filter[] = [
  traitsFilter,
  vcpuFilter,
  ramFilter,
  diskFilter,
  customResourceFilter,
];

export const filterNames: readonly string[] = configurable.map(({ name }) => name);

/** Throws for a name that no filter has: the settings are checked before. */
export function filtersInForce(settings: Pick<SchedulerSettings, 'filters'>): readonly Filter[] {
  const named = settings.filters.map((name) => {
    const filter = configurable.find((one) => one.name === name);
    if (filter === undefined)
      throw new Error(`there is no filter ${name}; those there are: ${filterNames.join(', ')}`);
    return filter;
  });
  return [...before, ...named, ...after];
}
