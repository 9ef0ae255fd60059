// Amounts by resource class: what a provider can give, and why something does not fit. Pure.
// Capacity is floor((total − reserved) × ratio), as Placement counts it.
import type { Inventory } from './protocol.ts';

/** Resource class → amount. */
export type Resources = Readonly<Record<string, number>>;

/** How much may be in use at once. */
export function capacityOf(inventory: Inventory): number {
  return Math.max(
    0,
    Math.floor((inventory.total - inventory.reserved) * inventory.allocationRatio),
  );
}

export interface Misfit {
  readonly resource: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
  readonly reason: 'no-inventory' | 'min-unit' | 'max-unit' | 'step-size' | 'capacity';
}

/** Why `amount` more of a resource can't be had on top of `used`; undefined if it can. */
export function misfitOf(
  inventory: Inventory | undefined,
  wanted: { readonly resource: string; readonly amount: number; readonly used: number },
): Misfit | undefined {
  const { resource, amount: requested, used } = wanted;
  if (requested === 0) return undefined;
  const capacity = inventory === undefined ? 0 : capacityOf(inventory);
  const misfit = (reason: Misfit['reason']): Misfit => ({
    resource,
    requested,
    used,
    capacity,
    reason,
  });
  if (inventory === undefined) return misfit('no-inventory');
  if (requested < inventory.minUnit) return misfit('min-unit');
  if (requested > inventory.maxUnit) return misfit('max-unit');
  if (inventory.stepSize > 1 && requested % inventory.stepSize !== 0) return misfit('step-size');
  return used + requested > capacity ? misfit('capacity') : undefined;
}

export function withoutZeroes(resources: Resources): Resources {
  return Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount !== 0));
}

export function sameNumbers(one: Resources, other: Resources): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
  );
}
