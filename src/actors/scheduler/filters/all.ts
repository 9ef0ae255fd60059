// The filters in force, in the order in which they are asked: cheap and telling ones first. The first that refuses
// a host is the one that users are told about.
import { availabilityZoneFilter } from './availability-zone.ts';
import { computeFilter, upFilter } from './compute.ts';
import { differentHostFilter } from './different-host.ts';
import { diskFilter } from './disk.ts';
import type { Filter } from './filter.ts';
import { imagePropertiesFilter } from './image-properties.ts';
import { ramFilter } from './ram.ts';
import { requestedHostFilter } from './requested-host.ts';
import { sameHostFilter } from './same-host.ts';
import { serverGroupAffinityFilter } from './server-group-affinity.ts';
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity.ts';
import { triedHostFilter } from './tried-host.ts';
import { vcpuFilter } from './vcpu.ts';

export const allFilters: readonly Filter[] = [
  requestedHostFilter,
  triedHostFilter,
  upFilter,
  computeFilter,
  availabilityZoneFilter,
  imagePropertiesFilter,
  differentHostFilter,
  sameHostFilter,
  serverGroupAntiAffinityFilter,
  serverGroupAffinityFilter,
  vcpuFilter,
  ramFilter,
  diskFilter,
];
