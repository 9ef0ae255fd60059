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
import type {
  Allocation,
  ClosedClaims,
  ProviderDescription,
  ProviderEvent,
  ProviderState,
  SettledChange,
} from './protocol.ts';

/** At least half as many closed claims are remembered, at most this many. */
export const MAX_CLOSED = 20_000;
/** Up to this many allocations, the sum over them is checked after every event. */
const FULL_CHECK_ALLOCATIONS = 128;

export function initialProvider(id: string): ProviderState {
  return {
    id,
    exists: false,
    name: '',
    parentId: undefined,
    isMade: false,
    description: undefined,
    aggregates: [],
    pending: {},
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
    case 'provider.described':
      return withCeilings({ ...described(state, event), generation });
    case 'provider.claimed':
      return claimed({ ...state, generation }, event);
    case 'provider.released':
      return released({ ...state, generation }, event);
    case 'provider.created': {
      const { name, parentId, writeId } = event;
      const { id, closed } = state;
      const made = { ...initialProvider(id), exists: true, isMade: true, name, parentId };
      return { ...made, closed: close(closed, writeKey(writeId)) };
    }
    case 'provider.placed': {
      const { name, parentId, writeId } = event;
      return { ...state, name, parentId, closed: close(state.closed, writeKey(writeId)) };
    }
    case 'provider.removed': {
      const { id, closed, description } = state;
      return {
        ...initialProvider(id),
        description,
        closed: close(closed, writeKey(event.writeId)),
      };
    }
    case 'provider.inventories-set':
      return withCeilings({ ...state, generation, inventories: event.inventories });
    case 'provider.traits-set':
      return { ...state, generation, traits: event.traits };
    case 'provider.aggregates-set': {
      const { aggregates, keepsGeneration } = event;
      return { ...state, aggregates, generation: keepsGeneration ? state.generation : generation };
    }
    case 'provider.write-prepared': {
      const { type: _type, ...change } = event;
      return { ...state, pending: { ...state.pending, [change.writeId]: change } };
    }
    case 'provider.write-committed':
      return committed(state, event);
    case 'provider.write-aborted':
      return settled(state, event.writeId);
    default:
      return unreachable(event);
  }
}

/** What the host said before goes, what it says now comes; what others wrote beside it stays, their ratios too. */
function described(
  state: ProviderState,
  { name, inventories, traits }: ProviderDescription,
): ProviderState {
  const last = state.description ?? { name: state.name, inventories: {}, traits: [] };
  const others = Object.entries(state.inventories).filter(
    ([resource]) => !Object.hasOwn(last.inventories, resource),
  );
  const own = Object.entries(inventories).map(([resource, inventory]) => {
    const ratio = state.inventories[resource]?.allocationRatio;
    const isOverridden =
      ratio !== undefined && ratio !== last.inventories[resource]?.allocationRatio;
    const isAsBefore = last.inventories[resource]?.allocationRatio === inventory.allocationRatio;
    return [
      resource,
      isOverridden && isAsBefore ? { ...inventory, allocationRatio: ratio } : inventory,
    ] as const;
  });
  const othersTraits = state.traits.filter((trait) => !last.traits.includes(trait));
  return {
    ...state,
    exists: true,
    name: state.exists && state.name !== last.name ? state.name : name,
    description: { name, inventories, traits },
    inventories: Object.fromEntries([...others, ...own]),
    traits: [...new Set([...othersTraits, ...traits])].sort(),
  };
}

function claimed(
  state: ProviderState,
  { consumer, allocation }: { readonly consumer: string; readonly allocation: Allocation },
): ProviderState {
  const held = bucketGet(state.allocations, consumer);
  const replaced = held !== undefined && held.claimId !== allocation.claimId;
  return {
    ...state,
    allocations: bucketSet(state.allocations, consumer, allocation),
    used: shifted(state.used, allocation.resources, held?.resources ?? {}),
    closed: replaced ? close(state.closed, `${consumer}#${held.claimId}`) : state.closed,
  };
}

function committed(state: ProviderState, change: SettledChange): ProviderState {
  const { writeId, holders, inventories = state.inventories, steps } = change;
  let { allocations, used } = state;
  for (const { consumer, allocation } of holders) {
    const held = bucketGet(allocations, consumer);
    used = shifted(used, allocation?.resources ?? {}, held?.resources ?? {});
    allocations =
      allocation === undefined
        ? bucketDelete(allocations, consumer)
        : bucketSet(allocations, consumer, allocation);
  }
  const generation = state.generation + steps;
  const after = { ...state, generation, allocations, used, inventories };
  return withCeilings(settled(after, writeId));
}

function settled(state: ProviderState, writeId: string): ProviderState {
  const { [writeId]: _settled, ...pending } = state.pending;
  return { ...state, pending, closed: close(state.closed, writeKey(writeId)) };
}

/** Whatever a write under way would give a consumer that has let go: it gets it no more. */
function withoutHolder(
  pending: ProviderState['pending'],
  consumer: string,
): ProviderState['pending'] {
  return Object.fromEntries(
    Object.entries(pending).map(([writeId, change]) => {
      const holders = change.holders.filter((holder) => holder.consumer !== consumer);
      return [writeId, holders.length === change.holders.length ? change : { ...change, holders }];
    }),
  );
}

function released(
  state: ProviderState,
  { consumer, claimId }: { readonly consumer: string; readonly claimId?: string },
): ProviderState {
  const closed = close(state.closed, claimId === undefined ? consumer : `${consumer}#${claimId}`);
  const held = bucketGet(state.allocations, consumer);
  if (held === undefined && claimId === undefined)
    return { ...state, closed, pending: withoutHolder(state.pending, consumer) };
  if (held === undefined || (claimId !== undefined && held.claimId !== claimId))
    return { ...state, closed };
  return withCeilings({
    ...state,
    closed,
    pending: withoutHolder(state.pending, consumer),
    allocations: bucketDelete(state.allocations, consumer),
    used: shifted(state.used, {}, held.resources),
  });
}

/** How a write that is over is remembered. */
export function writeKey(writeId: string): string {
  return `write#${writeId}`;
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

function withCeilings(state: ProviderState): ProviderState {
  const ceilings: Record<string, number> = { ...state.used };
  for (const [resource, inventory] of Object.entries(state.inventories))
    ceilings[resource] = Math.max(capacityOf(inventory), state.used[resource] ?? 0);
  return { ...state, ceilings };
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
