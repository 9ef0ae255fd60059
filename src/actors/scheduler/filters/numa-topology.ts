// Guests with NUMA nodes of their own (extra specs `hw:numa_nodes`, `hw:numa_cpus.N`, `hw:numa_mem.N`; `hw:mem_page_size`):
// each of their nodes must fit into one of the host's, another for each. A host counts as having a node per socket, with
// equal shares of processors and memory. Huge pages are offered by no host.
import type { HostView } from '../host-view.ts';
import type { RequestSpec } from '../protocol.ts';
import type { Filter } from './filter.ts';

interface Cell {
  readonly cpus: number;
  readonly memoryMiB: number;
}

export const numaTopologyFilter: Filter = {
  name: 'NUMATopologyFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const pages = spec.flavor.extraSpecs['hw:mem_page_size'];
    if (pages !== undefined && !['small', 'any', '4', '4KB', '4KiB'].includes(pages))
      return `needs memory pages of size ${pages}, offers only small ones`;
    const wanted = wantedCells(spec);
    if (typeof wanted === 'string') return wanted;
    const [cell, count] = hostCells(host);
    if (wanted.length > count) return `needs ${wanted.length} NUMA nodes, has ${count}`;
    const large = wanted.find(
      ({ cpus, memoryMiB }) => cpus > cell.cpus || memoryMiB > cell.memoryMiB,
    );
    return large === undefined
      ? undefined
      : `needs a NUMA node of ${large.cpus} processors and ${large.memoryMiB} MiB, its nodes have ${cell.cpus} and ${cell.memoryMiB} MiB`;
  },
};

/** Empty for a guest without NUMA nodes; a sentence when the extra specs contradict each other. */
function wantedCells({ flavor }: RequestSpec): readonly Cell[] | string {
  const { extraSpecs, vcpus, ramMiB } = flavor;
  const asked = extraSpecs['hw:numa_nodes'];
  if (asked === undefined) return [];
  const count = Number(asked);
  if (!Number.isInteger(count) || count < 1 || count > vcpus)
    return `the flavor asks for ${asked} NUMA nodes and ${vcpus} processors`;
  const cells = Array.from({ length: count }, (_, index): Cell => {
    const cpus = extraSpecs[`hw:numa_cpus.${index}`];
    const memory = extraSpecs[`hw:numa_mem.${index}`];
    return {
      cpus: cpus === undefined ? Math.ceil(vcpus / count) : countOfCpus(cpus),
      memoryMiB: memory === undefined ? Math.ceil(ramMiB / count) : Number(memory),
    };
  });
  const isSound = cells.every(({ cpus, memoryMiB }) => cpus > 0 && memoryMiB > 0);
  return isSound ? cells : 'the flavor’s NUMA nodes can’t be understood';
}

/** `0-3,6`: 5; not a number where it is no list of processors. */
function countOfCpus(list: string): number {
  return list.split(',').reduce((sum, part) => {
    const [from = '', to = from] = part.split('-');
    return sum + Number(to) - Number(from) + 1;
  }, 0);
}

function hostCells({ hypervisor }: HostView): readonly [Cell, number] {
  const count = Math.max(1, hypervisor.cpuTopology.sockets);
  const cpus = Math.floor(hypervisor.cpus / count);
  return [{ cpus, memoryMiB: Math.floor(hypervisor.memoryMiB / count) }, count];
}
