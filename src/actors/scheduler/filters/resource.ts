// The rule that the ram, disk and cpu filters share: what the flavor takes must fit into what the provider has left.
import { flavorResources } from '../../domain/flavor-resources.ts';
import { misfitOf } from '../../provider/arithmetic.ts';
import { freeOf } from '../host-view.ts';
import type { Filter } from './filter.ts';

/** `unit` follows each figure in the reason: `MiB`. */
export function resourceFilter(name: string, resource: string, unit: string): Filter {
  return {
    name,
    holdsWhenForced: true,
    refuse: (host, spec) => {
      const needed = flavorResources(spec.flavor)[resource] ?? 0;
      const view = host.resources[resource];
      const wanted = { resource, amount: needed, used: view?.used ?? 0 };
      const misfit = misfitOf(view?.inventory, wanted);
      if (misfit === undefined) return undefined;
      const needs = `needs ${needed} ${unit}`;
      if (view === undefined) return `${needs}, offers none`;
      const { inventory, capacity } = view;
      switch (misfit.reason) {
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
    },
  };
}
