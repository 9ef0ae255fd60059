// Which providers could serve an allocation request, and how. Every provider is a tree of its own here and none shares
// with others, so that a candidate is always one provider that meets all groups. Pure; it reserves nothing.
import { capacityOf, misfitOf } from '#actors/provider/arithmetic.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { CandidateRequest, RequestGroup } from './candidate-query.ts';
import type { AggregateWishes, TraitWishes } from './query.ts';

export interface Candidate {
  readonly provider: ProviderState;
  /** The sum over all groups. */
  readonly resources: Readonly<Record<string, number>>;
}

/** What of one provider a filter asks; GET /resource_providers and a request group alike. */
export interface ProviderWishes {
  readonly resources: Readonly<Record<string, number>>;
  readonly traits: TraitWishes;
  readonly aggregates: AggregateWishes;
  readonly inTree: string | undefined;
}

export function meets(provider: ProviderState, wishes: ProviderWishes): boolean {
  return (
    (wishes.inTree === undefined || wishes.inTree === provider.id) &&
    hasTraits(provider, wishes.traits) &&
    // No provider is in an aggregate: every wish to be in one fails, and none is in a forbidden one.
    wishes.aggregates.required.length === 0 &&
    hasRoomFor(provider, wishes.resources)
  );
}

function hasTraits({ traits }: ProviderState, wishes: TraitWishes): boolean {
  return (
    wishes.required.every((any) => any.some((trait) => traits.includes(trait))) &&
    !wishes.forbidden.some((trait) => traits.includes(trait))
  );
}

function hasRoomFor(provider: ProviderState, resources: Readonly<Record<string, number>>): boolean {
  return Object.entries(resources).every(([resource, amount]) => {
    const used = provider.used[resource] ?? 0;
    return misfitOf(provider.inventories[resource], { resource, amount, used }) === undefined;
  });
}

/** In the order of the providers, at most `limit`. */
export function findCandidates(
  providers: Iterable<ProviderState>,
  request: CandidateRequest,
): readonly Candidate[] {
  const { groups, isolate, rootTraits, limit = Number.POSITIVE_INFINITY } = request;
  if (isolate && groups.filter(({ suffix }) => suffix !== '').length > 1) return [];
  const resources = sumOf(groups);
  const found: Candidate[] = [];
  for (const provider of providers) {
    if (found.length >= limit) break;
    const fits =
      hasTraits(provider, rootTraits) &&
      groups.every((group) => meets(provider, group)) &&
      holdsTogether(provider, resources);
    if (fits) found.push({ provider, resources });
  }
  return found;
}

function sumOf(groups: readonly RequestGroup[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { resources } of groups)
    for (const [resource, amount] of Object.entries(resources))
      sum[resource] = (sum[resource] ?? 0) + amount;
  return sum;
}

/** Groups that fit alone may be too much together. Unit and step are asked of each group, not of the sum. */
function holdsTogether(
  { inventories, used }: ProviderState,
  resources: Readonly<Record<string, number>>,
): boolean {
  return Object.entries(resources).every(([resource, amount]) => {
    const inventory = inventories[resource];
    if (inventory === undefined) return false;
    return amount <= inventory.maxUnit && (used[resource] ?? 0) + amount <= capacityOf(inventory);
  });
}
