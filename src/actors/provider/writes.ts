// A write of the placement API at one of the providers that it touches: prepared, then committed or aborted. What it will
// need is kept from others meanwhile, so that a commit can't fail; what it gives back is not given away before. Pure.
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { bucketGet } from '../domain/bucket-map.ts';
import { misfitOf, type Resources } from './arithmetic.ts';
import {
  changed,
  type CommandNamed,
  type Decision,
  hasClosed,
  notFound,
  staleGeneration,
  unchanged,
} from './decision.ts';
import { writeKey } from './evolve.ts';
import {
  type Allocation,
  heldKey,
  type ProviderChange,
  type ProviderState,
  type SettledChange,
} from './protocol.ts';

export function decidePrepare(
  state: ProviderState,
  { writeId, change, alone }: CommandNamed<'provider.prepare'>,
): Decision {
  if (Object.hasOwn(state.pending, writeId)) return unchanged(state);
  if (hasClosed(state.closed, writeKey(writeId)))
    return alone ? unchanged(state) : refuse('write-closed', { writeId });
  if (!state.exists) return notFound(state);
  const refusal = refusedChange(state, change);
  if (refusal !== undefined) return refusal;
  const settled = settle(state, writeId, change);
  const type = alone ? 'provider.write-committed' : 'provider.write-prepared';
  return changed(state, { type, ...settled });
}

export function decideCommit(
  state: ProviderState,
  { writeId }: CommandNamed<'provider.commit'>,
): Decision {
  const settled = state.pending[writeId];
  if (settled === undefined) return unchanged(state);
  return changed(state, { type: 'provider.write-committed', ...settled });
}

export function decideAbort(
  state: ProviderState,
  { writeId }: CommandNamed<'provider.abort'>,
): Decision {
  if (hasClosed(state.closed, writeKey(writeId))) return unchanged(state);
  return changed(state, { type: 'provider.write-aborted', writeId });
}

/** By resource class, what writes under way will use beyond what is used now. */
export function pendingUse(state: ProviderState): Resources {
  const sum: Record<string, number> = {};
  for (const { holders } of Object.values(state.pending))
    for (const { consumer, allocation } of holders) {
      const held = bucketGet(state.allocations, consumer)?.resources ?? {};
      for (const [resource, amount] of Object.entries(allocation?.resources ?? {})) {
        const more = amount - (held[resource] ?? 0);
        if (more > 0) sum[resource] = (sum[resource] ?? 0) + more;
      }
    }
  return sum;
}

function refusedChange(state: ProviderState, change: ProviderChange): Refusal | undefined {
  const { inventories, holders, expectedGeneration } = change;
  const others = Object.values(state.pending);
  const isInTheWay = others.some(
    (other) =>
      (other.inventories ?? inventories) !== undefined ||
      other.holders.some(({ consumer }) => holders.some((holder) => holder.consumer === consumer)),
  );
  if (isInTheWay) return refuse('provider-busy', { provider: state.id });
  const stale = staleGeneration(state, expectedGeneration);
  if (stale !== undefined) return stale;
  for (const { consumer, expects } of holders) {
    const held = bucketGet(state.allocations, consumer);
    if ((held === undefined ? undefined : heldKey(held)) !== expects)
      return refuse('allocation-changed', { provider: state.id, consumer });
  }
  return misfit(state, change) ?? inventoriesInUse(state, change);
}

/** Asked of what was and of what will be: a class that goes may be given back by the same write. */
function misfit(
  state: ProviderState,
  { holders, inventories }: ProviderChange,
): Refusal | undefined {
  const offered = { ...state.inventories, ...inventories };
  const used = usedWithout(state, holders);
  for (const [resource, more] of Object.entries(pendingUse(state)))
    used[resource] = (used[resource] ?? 0) + more;
  for (const { allocation } of holders)
    for (const [resource, amount] of Object.entries(allocation?.resources ?? {})) {
      const inventory = Object.hasOwn(offered, resource) ? offered[resource] : undefined;
      const found = misfitOf(inventory, { resource, amount, used: used[resource] ?? 0 });
      if (found !== undefined)
        return refuse('claim-refused', {
          ...found,
          provider: state.id,
          providerName: state.name,
          offered: Object.keys(offered),
        });
      used[resource] = (used[resource] ?? 0) + amount;
    }
  return undefined;
}

function inventoriesInUse(
  state: ProviderState,
  { holders, inventories }: ProviderChange,
): Refusal | undefined {
  if (inventories === undefined) return undefined;
  const used = usedWithout(state, holders);
  for (const { allocation } of holders)
    for (const [resource, amount] of Object.entries(allocation?.resources ?? {}))
      used[resource] = (used[resource] ?? 0) + amount;
  const gone = Object.keys(used).filter(
    (resource) => (used[resource] ?? 0) > 0 && !Object.hasOwn(inventories, resource),
  );
  if (gone.length === 0) return undefined;
  return refuse('inventory-in-use', { provider: state.id, resources: gone });
}

function usedWithout(
  state: ProviderState,
  holders: ProviderChange['holders'],
): Record<string, number> {
  const used: Record<string, number> = { ...state.used };
  for (const { consumer } of holders)
    for (const [resource, amount] of Object.entries(
      bucketGet(state.allocations, consumer)?.resources ?? {},
    ))
      used[resource] = (used[resource] ?? 0) - amount;
  return used;
}

/** A claim keeps its id: the server that made it gives it back by that. */
function settle(state: ProviderState, writeId: string, change: ProviderChange): SettledChange {
  const holders = change.holders.map(({ consumer, allocation }) => {
    if (allocation === undefined) return { consumer };
    const held: Partial<Allocation> = bucketGet(state.allocations, consumer) ?? {};
    const { claimId = writeId, ownerEpoch, consumerType } = held;
    return {
      consumer,
      allocation: {
        ...(consumerType === undefined ? {} : { consumerType }),
        ...allocation,
        claimId,
        ...(ownerEpoch === undefined ? {} : { ownerEpoch }),
      },
    };
  });
  const { inventories, steps } = change;
  return { writeId, holders, steps, ...(inventories === undefined ? {} : { inventories }) };
}
