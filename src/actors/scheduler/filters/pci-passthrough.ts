// Extra spec `pci_passthrough:alias` (`gpu:2,nic:1`): the host's provider must have that many devices of the alias's
// resource class free.
import { freeOf } from '../host-view.ts';
import type { Filter } from './filter.ts';

export const pciPassthroughFilter: Filter = {
  name: 'PciPassthroughFilter',
  holdsWhenForced: false,
  refuse: (host, spec, { settings }) => {
    const asked = spec.flavor.extraSpecs['pci_passthrough:alias'];
    if (asked === undefined) return undefined;
    for (const part of asked.split(',')) {
      const [name = '', number = '1'] = part.trim().split(':');
      const count = Number(number);
      const alias = settings.pciAliases.find((one) => one.name === name);
      if (alias === undefined)
        return `the flavor asks for PCI alias ${name}, which is not configured`;
      const free = freeOf(host, alias.resourceClass);
      if (!(count <= free)) return `needs ${number} PCI devices ${name}, has ${free} free`;
    }
    return undefined;
  },
};
