// The arithmetic of a resource provider, pure: what fits, who holds it, and that it comes back exactly.
// Capacity is floor((total − reserved) × ratio), as Placement counts it; a claim never takes use above it. A claim
// that was let go stays closed, so that a late repeat can't leak; the memory of that is bounded by MAX_CLOSED.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import {
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketHas,
  bucketSet,
  emptyBuckets,
} from '../domain/bucket-map.ts';
import type {
  Allocation,
  ClosedClaims,
  Inventory,
  ProviderCommand,
  ProviderEvent,
  ProviderState,
} from './protocol.ts';

type Resources = Readonly<Record<string, number>>;
type Decision = Accepted<ProviderEvent, { readonly generation: number }> | Refusal;
type CommandNamed<T extends ProviderCommand['type']> = Extract<ProviderCommand, { type: T }>;

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

export function decideProvider(
  state: ProviderState,
  command: ProviderCommand,
  _facts: Facts,
): Decision {
  switch (command.type) {
    case 'provider.describe':
      return decideDescribe(state, command);
    case 'provider.claim':
      return decideClaim(state, command);
    case 'provider.release':
      return decideRelease(state, command);
    default:
      return unreachable(command);
  }
}

function changed(state: ProviderState, event: ProviderEvent): Decision {
  return accept([event], { generation: state.generation + 1 });
}

function unchanged(state: ProviderState): Decision {
  return accept([], { generation: state.generation });
}

function decideDescribe(
  state: ProviderState,
  command: CommandNamed<'provider.describe'>,
): Decision {
  const { name, inventories } = command;
  const traits = [...new Set(command.traits)].sort();
  const isSame =
    state.exists &&
    state.name === name &&
    sameTexts(state.traits, traits) &&
    sameInventories(state.inventories, inventories);
  if (isSame) return unchanged(state);
  return changed(state, { type: 'provider.described', name, inventories, traits });
}

function decideClaim(state: ProviderState, command: CommandNamed<'provider.claim'>): Decision {
  const { consumer, claimId, projectId, userId } = command;
  const resources = withoutZeroes(command.resources);
  if (isClosed(state.closed, consumer, claimId))
    return refuse('claim-closed', { consumer, claimId });
  if (!state.exists) return refuse('provider-not-found', { provider: state.id });
  const held = bucketGet(state.allocations, consumer);
  if (held?.claimId === claimId)
    return sameNumbers(held.resources, resources)
      ? unchanged(state)
      : refuse('claim-differs', { consumer, claimId, held: held.resources, requested: resources });
  for (const [resource, amount] of Object.entries(resources)) {
    const used = (state.used[resource] ?? 0) - (held?.resources[resource] ?? 0);
    const misfit = misfitOf(state.inventories[resource], { resource, amount, used });
    if (misfit !== undefined)
      return refuse('claim-refused', { ...misfit, provider: state.id, providerName: state.name });
  }
  const allocation: Allocation = { resources, claimId, projectId, userId };
  return changed(state, { type: 'provider.claimed', consumer, allocation });
}

/** Also a release of what was never held is kept: the claim may still be on its way. */
function decideRelease(state: ProviderState, command: CommandNamed<'provider.release'>): Decision {
  const { consumer, claimId } = command;
  const held = bucketGet(state.allocations, consumer);
  const lets = held !== undefined && (claimId === undefined || held.claimId === claimId);
  if (!lets && isClosed(state.closed, consumer, claimId)) return unchanged(state);
  return changed(state, {
    type: 'provider.released',
    consumer,
    ...(claimId === undefined ? {} : { claimId }),
  });
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

function isClosed(closed: ClosedClaims, consumer: string, claimId: string | undefined): boolean {
  const has = (key: string): boolean =>
    bucketHas(closed.recent, key) || bucketHas(closed.older, key);
  return has(consumer) || (claimId !== undefined && has(`${consumer}#${claimId}`));
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

function withoutZeroes(resources: Resources): Resources {
  return Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount !== 0));
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

function sameNumbers(one: Resources, other: Resources): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
  );
}

function sameInventories(
  one: Readonly<Record<string, Inventory>>,
  other: Readonly<Record<string, Inventory>>,
): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => {
      const theirs = other[name];
      return theirs !== undefined && sameNumbers({ ...one[name] }, { ...theirs });
    })
  );
}
