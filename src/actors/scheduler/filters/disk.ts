// Disk: root, ephemeral and swap together must fit into what is free.
import { resourceFilter } from './resource.ts';

export const diskFilter = resourceFilter('DiskFilter', 'DISK_GB', 'GiB');
