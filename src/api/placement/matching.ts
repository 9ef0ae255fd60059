// What of one provider a filter asks: traits, aggregates and room, in GET /resource_providers and a request group alike. Pure.
import { capacityOf } from '#actors/provider/arithmetic.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { AggregateWishes, TraitWishes } from './query.ts';

export interface ProviderWishes {
  /** Class and amount. */
  readonly amounts: readonly (readonly [string, number])[];
  readonly traits: TraitWishes;
  readonly aggregates: AggregateWishes;
}

/** `aggregates`: those that the provider is in. */
export function meets(
  provider: ProviderState,
  wishes: ProviderWishes,
  aggregates: readonly string[],
): boolean {
  return (
    // Room first: in a full cloud it is what most have not.
    wishes.amounts.every((wanted) => hasRoomFor(provider, wanted)) &&
    hasTraits(provider.traits, wishes.traits) &&
    isInAggregates(aggregates, wishes.aggregates)
  );
}

export function hasTraits(
  traits: readonly string[],
  { required, forbidden }: TraitWishes,
): boolean {
  return (
    required.every((any) => any.some((trait) => traits.includes(trait))) &&
    !forbidden.some((trait) => traits.includes(trait))
  );
}

export function isInAggregates(
  aggregates: readonly string[],
  { required, forbidden }: AggregateWishes,
): boolean {
  return (
    required.every((any) => any.some((uuid) => aggregates.includes(uuid))) &&
    !forbidden.some((uuid) => aggregates.includes(uuid))
  );
}

export function hasRoomFor(
  { inventories, used }: ProviderState,
  [resource, amount]: readonly [string, number],
): boolean {
  const inventory = inventories[resource];
  return (
    inventory !== undefined &&
    amount >= inventory.minUnit &&
    amount <= inventory.maxUnit &&
    amount % inventory.stepSize === 0 &&
    (used[resource] ?? 0) + amount <= capacityOf(inventory)
  );
}
