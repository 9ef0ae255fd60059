// What a provider is and has: described by its host, or made, named and filled through the placement API. Pure.
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { bucketEntries } from '../domain/bucket-map.ts';
import { sameNumbers } from './arithmetic.ts';
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
import type { Inventory, ProviderState } from './protocol.ts';

type Inventories = Readonly<Record<string, Inventory>>;

/** A host that says what it said before says nothing new: what was written through the API since then stays. */
export function decideDescribe(
  state: ProviderState,
  command: CommandNamed<'provider.describe'>,
): Decision {
  const { name, inventories } = command;
  const traits = sorted(command.traits);
  const { exists, description } = state;
  const isSame =
    exists &&
    description?.name === name &&
    sameTexts(description.traits, traits) &&
    sameInventories(description.inventories, inventories);
  if (isSame) return unchanged(state);
  return changed(state, { type: 'provider.described', name, inventories, traits });
}

export function decideCreate(
  state: ProviderState,
  command: CommandNamed<'provider.create'>,
): Decision {
  const { writeId, name, parentId } = command;
  if (isOver(state, writeId)) return unchanged(state);
  if (state.exists) return refuse('provider-exists', { provider: state.id });
  return changed(state, { type: 'provider.created', writeId, name, ...below(parentId) });
}

export function decidePlace(
  state: ProviderState,
  command: CommandNamed<'provider.place'>,
): Decision {
  const { writeId, name, parentId } = command;
  if (isOver(state, writeId)) return unchanged(state);
  if (!state.exists) return notFound(state);
  return changed(state, { type: 'provider.placed', writeId, name, ...below(parentId) });
}

/** With all that it has; what is held of it must have been given back before. */
export function decideRemove(
  state: ProviderState,
  { writeId }: CommandNamed<'provider.remove'>,
): Decision {
  if (isOver(state, writeId)) return unchanged(state);
  if (!state.exists) return notFound(state);
  if (state.allocations.size > 0 || Object.keys(state.pending).length > 0)
    return refuse('provider-in-use', { provider: state.id });
  return changed(state, { type: 'provider.removed', writeId });
}

export function decideSetInventories(
  state: ProviderState,
  command: CommandNamed<'provider.set-inventories'>,
): Decision {
  const { inventories, expectedGeneration } = command;
  const refusal = refusedWriter(state, expectedGeneration) ?? inventoriesInUse(state, inventories);
  return refusal ?? changed(state, { type: 'provider.inventories-set', inventories });
}

export function decideSetTraits(
  state: ProviderState,
  command: CommandNamed<'provider.set-traits'>,
): Decision {
  const traits = sorted(command.traits);
  const refusal = refusedWriter(state, command.expectedGeneration);
  return refusal ?? changed(state, { type: 'provider.traits-set', traits });
}

export function decideSetAggregates(
  state: ProviderState,
  command: CommandNamed<'provider.set-aggregates'>,
): Decision {
  const { aggregates, expectedGeneration } = command;
  const keepsGeneration = expectedGeneration === undefined;
  const refusal = refusedWriter(state, expectedGeneration);
  return (
    refusal ?? changed(state, { type: 'provider.aggregates-set', aggregates, keepsGeneration })
  );
}

/** A provider whose inventories are being replaced is not changed by others until that is settled. */
function refusedWriter(state: ProviderState, expected: number | undefined): Refusal | undefined {
  if (!state.exists) return notFound(state);
  const isReplaced = Object.values(state.pending).some((write) => write.inventories !== undefined);
  if (isReplaced) return refuse('provider-busy', { provider: state.id });
  return staleGeneration(state, expected);
}

/** Classes that would be gone while somebody holds some of them, or is about to. */
function inventoriesInUse(state: ProviderState, inventories: Inventories): Refusal | undefined {
  const held = [...bucketEntries(state.allocations)].map(([, { resources }]) => resources);
  const coming = Object.values(state.pending).flatMap(({ holders }) =>
    holders.map(({ allocation }) => allocation?.resources ?? {}),
  );
  const used = new Set([...held, ...coming].flatMap((resources) => Object.keys(resources)));
  const gone = Object.keys(state.inventories).filter(
    (resource) => !Object.hasOwn(inventories, resource) && used.has(resource),
  );
  if (gone.length === 0) return undefined;
  return refuse('inventory-in-use', { provider: state.id, resources: gone });
}

function isOver({ closed }: ProviderState, writeId: string): boolean {
  return hasClosed(closed, writeKey(writeId));
}

function below(parentId: string | undefined): { readonly parentId?: string } {
  return parentId === undefined ? {} : { parentId };
}

function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

function sameInventories(one: Inventories, other: Inventories): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => {
      const theirs = other[name];
      return theirs !== undefined && sameNumbers({ ...one[name] }, { ...theirs });
    })
  );
}
