// Processors: the flavor's must fit into what is free, and into one host's real ones.
import { resourceFilter } from './resource.ts';

export const vcpuFilter = resourceFilter('CoreFilter', 'VCPU', 'VCPU');
