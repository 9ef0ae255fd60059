// The rules of a resource provider, pure: a claim never takes use above capacity, the same claim counts once, and a
// claim that was let go stays closed, so that a late repeat can't leak. The memory of that is bounded (evolve.ts).
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import { bucketGet, bucketHas } from '../domain/bucket-map.ts';
import { misfitOf, sameNumbers, withoutZeroes } from './arithmetic.ts';
import type {
  Allocation,
  ClosedClaims,
  Inventory,
  ProviderCommand,
  ProviderEvent,
  ProviderState,
} from './protocol.ts';

type Decision = Accepted<ProviderEvent, { readonly generation: number }> | Refusal;
type CommandNamed<T extends ProviderCommand['type']> = Extract<ProviderCommand, { type: T }>;

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
  if (isStaleOwner(held, command)) return refuse('stale-owner', { consumer, claimId });
  const ownerEpoch = command.ownerEpoch ?? held?.ownerEpoch;
  if (held?.claimId === claimId && !sameNumbers(held.resources, resources))
    return refuse('claim-differs', {
      consumer,
      claimId,
      held: held.resources,
      requested: resources,
    });
  if (held?.claimId === claimId && held.ownerEpoch === ownerEpoch) return unchanged(state);
  for (const [resource, amount] of Object.entries(resources)) {
    const used = (state.used[resource] ?? 0) - (held?.resources[resource] ?? 0);
    const misfit = misfitOf(state.inventories[resource], { resource, amount, used });
    if (misfit !== undefined)
      return refuse('claim-refused', { ...misfit, provider: state.id, providerName: state.name });
  }
  const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
  const allocation: Allocation = { resources, claimId, projectId, userId, ...owner };
  return changed(state, { type: 'provider.claimed', consumer, allocation });
}

/** Also a release of what was never held is kept: the claim may still be on its way. */
function decideRelease(state: ProviderState, command: CommandNamed<'provider.release'>): Decision {
  const { consumer, claimId } = command;
  const held = bucketGet(state.allocations, consumer);
  if (isStaleOwner(held, command)) return refuse('stale-owner', { consumer });
  const lets = held !== undefined && (claimId === undefined || held.claimId === claimId);
  if (!lets && isClosed(state.closed, consumer, claimId)) return unchanged(state);
  return changed(state, {
    type: 'provider.released',
    consumer,
    ...(claimId === undefined ? {} : { claimId }),
  });
}

function isStaleOwner(
  held: Allocation | undefined,
  { ownerEpoch }: { readonly ownerEpoch?: number },
): boolean {
  return ownerEpoch !== undefined && ownerEpoch < (held?.ownerEpoch ?? 0);
}

function isClosed(closed: ClosedClaims, consumer: string, claimId: string | undefined): boolean {
  const has = (key: string): boolean =>
    bucketHas(closed.recent, key) || bucketHas(closed.older, key);
  return has(consumer) || (claimId !== undefined && has(`${consumer}#${claimId}`));
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
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
