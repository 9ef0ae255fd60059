// Resources: what the flavor takes must fit into what the host's provider has left, class by class. These hold always,
// whatever is configured: they are Placement's part, and the claim would refuse such a host.
import { misfitOf } from '../../provider/arithmetic.ts';
import { freeOf, type HostView } from '../host-view.ts';
import { needsOf } from '../needs.ts';
import type { Filter } from './filter.ts';

export const vcpuFilter = resourceFilter('CoreFilter', 'VCPU', 'VCPU');
export const ramFilter = resourceFilter('RamFilter', 'MEMORY_MB', 'MiB');
export const diskFilter = resourceFilter('DiskFilter', 'DISK_GB', 'GiB');

/** All other classes: dedicated processors, graphics, and those that the cloud's administrators made up. */
export const customResourceFilter: Filter = {
  name: 'ResourceClassFilter',
  holdsWhenForced: true,
  refuse: (host, spec) => {
    for (const [resource, needed] of needsOf(spec).custom) {
      const reason = misfit(host, { resource, unit: resource, needed });
      if (reason !== undefined) return reason;
    }
    return undefined;
  },
};

function resourceFilter(name: string, resource: string, unit: string): Filter {
  return {
    name,
    holdsWhenForced: true,
    refuse: (host, spec) =>
      misfit(host, { resource, unit, needed: needsOf(spec).resources[resource] ?? 0 }),
  };
}

/** `unit` follows each figure in the reason: `MiB`. */
function misfit(
  host: HostView,
  wanted: { readonly resource: string; readonly unit: string; readonly needed: number },
): string | undefined {
  const { resource, unit, needed } = wanted;
  const view = host.resources[resource];
  const found = misfitOf(view?.inventory, { resource, amount: needed, used: view?.used ?? 0 });
  if (found === undefined) return undefined;
  const needs = `needs ${needed} ${unit}`;
  if (view === undefined) return `${needs}, offers none`;
  const { inventory, capacity } = view;
  switch (found.reason) {
    case 'no-inventory':
      return `${needs}, offers none`;
    case 'min-unit':
      return `${needs}, gives at least ${inventory.minUnit} ${unit} to one server`;
    case 'max-unit':
      return `${needs}, gives at most ${inventory.maxUnit} ${unit} to one server`;
    case 'step-size':
      return `${needs}, gives multiples of ${inventory.stepSize} ${unit}`;
    default:
      return `${needs}, has ${Math.max(0, freeOf(host, resource))} ${unit} free of ${capacity} ${unit}`;
  }
}
