// What of one provider a filter asks: traits, aggregates and room, in GET /resource_providers and a request group alike. Pure.
import { misfitOf } from '#actors/provider/arithmetic.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { AggregateWishes, TraitWishes } from './query.ts';

export interface ProviderWishes {
  readonly resources: Readonly<Record<string, number>>;
  readonly traits: TraitWishes;
  readonly aggregates: AggregateWishes;
}

export function meets(provider: ProviderState, wishes: ProviderWishes): boolean {
  return (
    hasTraits(provider.traits, wishes.traits) &&
    isInAggregates(provider, wishes.aggregates) &&
    Object.entries(wishes.resources).every((wanted) => hasRoomFor(provider, wanted))
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
  { aggregates }: ProviderState,
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
  const wanted = { resource, amount, used: used[resource] ?? 0 };
  return misfitOf(inventories[resource], wanted) === undefined;
}
