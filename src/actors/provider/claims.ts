// Claims of servers and migrations: one allocation per consumer, all of it or nothing, and once only. Pure.
import { refuse } from '#runtime/message/refusal.ts';
import { bucketGet } from '../domain/bucket-map.ts';
import { misfitOf, sameNumbers, withoutZeroes } from './arithmetic.ts';
import {
  changed,
  type CommandNamed,
  type Decision,
  hasClosed,
  notFound,
  unchanged,
} from './decision.ts';
import type { Allocation, ClosedClaims, ProviderState } from './protocol.ts';
import { pendingUse } from './writes.ts';

export function decideClaim(
  state: ProviderState,
  command: CommandNamed<'provider.claim'>,
): Decision {
  const { consumer, claimId, projectId, userId } = command;
  const resources = withoutZeroes(command.resources);
  if (isClosed(state.closed, consumer, claimId))
    return refuse('claim-closed', { consumer, claimId });
  if (!state.exists) return notFound(state);
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
  if (isBeingWritten(state, consumer)) return refuse('provider-busy', { provider: state.id });
  const pending = pendingUse(state);
  for (const [resource, amount] of Object.entries(resources)) {
    const before = held?.resources[resource] ?? 0;
    // What it has already fits for it, however the inventory has shrunk since: else nobody could take a change back.
    if (amount <= before) continue;
    const others = (state.used[resource] ?? 0) - before;
    const used = others + (pending[resource] ?? 0);
    const misfit = misfitOf(state.inventories[resource], { resource, amount, used });
    if (misfit !== undefined)
      return refuse('claim-refused', { ...misfit, provider: state.id, providerName: state.name });
  }
  const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
  const allocation: Allocation = { resources, claimId, projectId, userId, ...owner };
  return changed(state, { type: 'provider.claimed', consumer, allocation });
}

/** Also a release of what was never held is kept: the claim may still be on its way. */
export function decideRelease(
  state: ProviderState,
  command: CommandNamed<'provider.release'>,
): Decision {
  const { consumer, claimId } = command;
  const held = bucketGet(state.allocations, consumer);
  if (isStaleOwner(held, command)) return refuse('stale-owner', { consumer });
  const lets = held !== undefined && (claimId === undefined || held.claimId === claimId);
  const isOver = !lets && isClosed(state.closed, consumer, claimId);
  if (isOver && !isBeingWritten(state, consumer)) return unchanged(state);
  return changed(state, {
    type: 'provider.released',
    consumer,
    ...(claimId === undefined ? {} : { claimId }),
  });
}

/** A write under way decides over what this consumer holds, or over all that there is to hold. */
function isBeingWritten({ pending }: ProviderState, consumer: string): boolean {
  return Object.values(pending).some(
    ({ holders, inventories }) =>
      inventories !== undefined || holders.some((holder) => holder.consumer === consumer),
  );
}

function isStaleOwner(
  held: Allocation | undefined,
  { ownerEpoch }: { readonly ownerEpoch?: number },
): boolean {
  return ownerEpoch !== undefined && ownerEpoch < (held?.ownerEpoch ?? 0);
}

function isClosed(closed: ClosedClaims, consumer: string, claimId: string | undefined): boolean {
  return (
    hasClosed(closed, consumer) ||
    (claimId !== undefined && hasClosed(closed, `${consumer}#${claimId}`))
  );
}
