// Memory: the flavor's must fit into what is free.
import { resourceFilter } from './resource.ts';

export const ramFilter = resourceFilter('RamFilter', 'MEMORY_MB', 'MiB');
