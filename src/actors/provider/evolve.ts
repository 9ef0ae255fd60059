// What a provider's state becomes with each event, and what must always be true of it. Pure.
import { unreachable } from '../domain/unreachable.ts';
import {
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketSet,
  emptyBuckets,
} from '../domain/bucket-map.ts';
import { capacityOf, type Resources, sameNumbers, withoutZeroes } from './arithmetic.ts';
import type { ClosedClaims, ProviderEvent, ProviderState } from './protocol.ts';

/** At least half as many closed claims are remembered, at most this many. */
export const MAX_CLOSED = 20_000;
/** Up to this many allocations, the sum over them is checked after every event. */
const FULL_CHECK_ALLOCATIONS = 128;

export function initialProvider(id: string): ProviderState {
  return {
    id,
    exists: false,
    name: '',
    generation: 0,
    inventories: {},
    traits: [],
    allocations: emptyBuckets(),
    used: {},
    ceilings: {},
    closed: { recent: emptyBuckets(), older: emptyBuckets() },
  };
}

export function evolveProvider(state: ProviderState, event: ProviderEvent): ProviderState {
  const generation = state.generation + 1;
  switch (event.type) {
    case 'provider.described': {
      const { name, inventories, traits } = event;
      const described = { ...state, generation, exists: true, name, inventories, traits };
      return { ...described, ceilings: ceilingsOf(described) };
    }
    case 'provider.claimed': {
      const { consumer, allocation } = event;
      const held = bucketGet(state.allocations, consumer);
      const replaced = held !== undefined && held.claimId !== allocation.claimId;
      return {
        ...state,
        generation,
        allocations: bucketSet(state.allocations, consumer, allocation),
        used: shifted(state.used, allocation.resources, held?.resources ?? {}),
        closed: replaced ? close(state.closed, `${consumer}#${held.claimId}`) : state.closed,
      };
    }
    case 'provider.released':
      return released({ ...state, generation }, event);
    default:
      return unreachable(event);
  }
}

function released(
  state: ProviderState,
  { consumer, claimId }: { readonly consumer: string; readonly claimId?: string },
): ProviderState {
  const closed = close(state.closed, claimId === undefined ? consumer : `${consumer}#${claimId}`);
  const held = bucketGet(state.allocations, consumer);
  if (held === undefined || (claimId !== undefined && held.claimId !== claimId))
    return { ...state, closed };
  const after = {
    ...state,
    closed,
    allocations: bucketDelete(state.allocations, consumer),
    used: shifted(state.used, {}, held.resources),
  };
  return { ...after, ceilings: ceilingsOf(after) };
}

function close(closed: ClosedClaims, key: string): ClosedClaims {
  const full = closed.recent.size >= MAX_CLOSED / 2;
  return {
    recent: bucketSet(full ? emptyBuckets<true>() : closed.recent, key, true),
    older: full ? closed.recent : closed.older,
  };
}

/** `used` plus one set of resources minus another, without the classes that come to nothing. */
function shifted(used: Resources, plus: Resources, minus: Resources): Resources {
  const after: Record<string, number> = { ...used };
  for (const [resource, amount] of Object.entries(plus))
    after[resource] = (after[resource] ?? 0) + amount;
  for (const [resource, amount] of Object.entries(minus))
    after[resource] = (after[resource] ?? 0) - amount;
  return withoutZeroes(after);
}

function ceilingsOf(state: Pick<ProviderState, 'inventories' | 'used'>): Resources {
  const ceilings: Record<string, number> = { ...state.used };
  for (const [resource, inventory] of Object.entries(state.inventories))
    ceilings[resource] = Math.max(capacityOf(inventory), state.used[resource] ?? 0);
  return ceilings;
}

export function providerInvariants(state: ProviderState): readonly string[] {
  const broken: string[] = [];
  for (const [resource, used] of Object.entries(state.used)) {
    const ceiling = state.ceilings[resource] ?? 0;
    if (used < 0 || used > ceiling)
      broken.push(`${used} ${resource} in use where 0 to ${ceiling} may be`);
  }
  if (state.allocations.size <= FULL_CHECK_ALLOCATIONS) {
    let sum: Resources = {};
    for (const [, { resources }] of bucketEntries(state.allocations))
      sum = shifted(sum, resources, {});
    if (!sameNumbers(sum, state.used))
      broken.push(
        `use ${JSON.stringify(state.used)} is not the sum of the allocations ${JSON.stringify(sum)}`,
      );
  }
  return broken;
}
