// Keeps hosts with PCI devices free for servers that need them: the fewer devices are left on a host, the better.
import { freeOf } from '../host-view.ts';
import type { Weigher } from './weigher.ts';

/** More devices than this make no difference. */
const MAX_DEVICES = 100;

export const pciWeigher: Weigher = {
  name: 'PCIWeigher',
  multiplier: 'pci',
  aggregateKey: 'pci_weight_multiplier',
  weigh: (host, _spec, { settings }) => {
    let free = 0;
    for (const { resourceClass } of settings.pciAliases) free += freeOf(host, resourceClass);
    return MAX_DEVICES - Math.min(free, MAX_DEVICES - 1);
  },
};
