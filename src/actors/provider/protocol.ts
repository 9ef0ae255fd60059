// A resource provider (one per compute node, and those that administrators make): what it has, and who holds how much
// of it. Servers claim and release; the placement API writes the rest, by commands with an expected generation, and by
// writes that are prepared at every provider that they touch before any is committed (actors/placement).
// Refusals: provider-not-found, provider-exists, provider-generation-conflict (detail: actual), provider-in-use,
// provider-busy (an unfinished write is in the way), inventory-in-use (detail: resources), claim-refused (detail:
// resource, requested, used, capacity, reason), claim-closed, claim-differs (a claim id came back with other resources),
// allocation-changed (not held as the write was told), write-closed (it is over), stale-owner (the consumer's owner was
// replaced by one that has claimed already).
import { type Static, Type } from 'typebox';
import type { BucketMap } from '../domain/bucket-map.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });

export const inventorySchema = Type.Object({
  total: count,
  reserved: count,
  minUnit: count,
  maxUnit: count,
  stepSize: count,
  allocationRatio: Type.Number({ exclusiveMinimum: 0 }),
});
/** Resource class → amount: `{ VCPU: 1, MEMORY_MB: 64, DISK_GB: 1 }`. */
export const resourcesSchema = Type.Record(Type.String(), count);

const allocation = Type.Object({
  resources: resourcesSchema,
  /** Names this claim, so that a late repeat after its release is refused. */
  claimId: text,
  projectId: text,
  userId: text,
  /** Of the consumer's owner when it claimed: an owner that it has replaced changes nothing here any more. */
  ownerEpoch: Type.Optional(count),
});

/** What a write gives a consumer. */
const writtenAllocation = Type.Object({
  resources: resourcesSchema,
  projectId: text,
  userId: text,
  /** Left out below 1.38: unknown. */
  consumerType: Type.Optional(text),
  /** The consumer's, after the write. */
  generation: count,
});
/** An administrator may promise nothing of what there is. */
const inventoriesSchema = Type.Record(
  Type.String(),
  Type.Object({ ...inventorySchema.properties, allocationRatio: Type.Number({ minimum: 0 }) }),
);
const generationReply = Type.Object({ generation: Type.Integer() });

/** What one write changes at one provider. */
export const providerChangeSchema = Type.Object({
  holders: Type.Array(
    Type.Object({
      consumer: text,
      /** `heldKey` of what the consumer holds here, as the writer knows it; left out: nothing. */
      expects: Type.Optional(text),
      /** Left out: the consumer holds nothing here any more. */
      allocation: Type.Optional(writtenAllocation),
    }),
  ),
  /** In place of all that there are; with the generation that the writer knows. */
  inventories: Type.Optional(inventoriesSchema),
  expectedGeneration: Type.Optional(Type.Integer()),
  /** By how much the provider's generation grows. */
  steps: count,
});
const settledHolder = Type.Object({
  consumer: text,
  allocation: Type.Optional(
    Type.Object({
      ...writtenAllocation.properties,
      claimId: text,
      ownerEpoch: Type.Optional(count),
    }),
  ),
});
const settledChange = Type.Object({
  writeId: text,
  holders: Type.Array(settledHolder),
  inventories: Type.Optional(inventoriesSchema),
  steps: count,
});

export const providerCommands = {
  /** Makes the provider, or brings inventories and traits up to date. */
  'provider.describe': command(
    1,
    Type.Object({
      name: text,
      inventories: Type.Record(Type.String(), inventorySchema),
      traits: Type.Array(text),
    }),
    Type.Object({ generation: Type.Integer() }),
  ),
  /**
   * Holds resources for a consumer (a server or a migration). One allocation per consumer and provider: a claim
   * under a new id takes the place of the one held, whose id is closed.
   */
  'provider.claim': command(
    2,
    Type.Object({
      consumer: text,
      claimId: text,
      resources: resourcesSchema,
      projectId: text,
      userId: text,
      ownerEpoch: Type.Optional(count),
    }),
    Type.Object({ generation: Type.Integer() }),
  ),
  /** Lets go of one claim, or, without `claimId`, of all that the consumer holds now and ever will. */
  'provider.release': command(
    2,
    Type.Object({
      consumer: text,
      claimId: Type.Optional(text),
      ownerEpoch: Type.Optional(count),
    }),
    Type.Object({ generation: Type.Integer() }),
  ),
  /** Part of the tree: made, named, hung elsewhere, taken away. A repeat of the same write changes nothing. */
  'provider.create': command(
    1,
    Type.Object({ writeId: text, name: text, parentId: Type.Optional(text) }),
    generationReply,
  ),
  'provider.place': command(
    1,
    Type.Object({ writeId: text, name: text, parentId: Type.Optional(text) }),
    generationReply,
  ),
  'provider.remove': command(1, Type.Object({ writeId: text }), generationReply),
  /** All of them, in place of those that there are. */
  'provider.set-inventories': command(
    1,
    Type.Object({ expectedGeneration: Type.Integer(), inventories: inventoriesSchema }),
    generationReply,
  ),
  'provider.set-traits': command(
    1,
    Type.Object({ expectedGeneration: Type.Integer(), traits: Type.Array(text) }),
    generationReply,
  ),
  /** Without an expected generation the generation stays as it is. */
  'provider.set-aggregates': command(
    1,
    Type.Object({
      expectedGeneration: Type.Optional(Type.Integer()),
      aggregates: Type.Array(text),
    }),
    generationReply,
  ),
  /** Checks a change and holds what it needs until it is committed or aborted. `alone`: commits it at once. */
  'provider.prepare': command(
    1,
    Type.Object({ writeId: text, change: providerChangeSchema, alone: Type.Boolean() }),
    generationReply,
  ),
  'provider.commit': command(1, Type.Object({ writeId: text }), generationReply),
  /** Also before it was prepared: then it never will be. */
  'provider.abort': command(1, Type.Object({ writeId: text }), generationReply),
} as const;

export const providerEvents = {
  'provider.described': event(
    1,
    Type.Object({
      name: text,
      inventories: Type.Record(Type.String(), inventorySchema),
      traits: Type.Array(text),
    }),
  ),
  'provider.claimed': event(2, Type.Object({ consumer: text, allocation }), {
    1: (data) => data,
  }),
  'provider.released': event(1, Type.Object({ consumer: text, claimId: Type.Optional(text) })),
  'provider.created': event(
    1,
    Type.Object({ writeId: text, name: text, parentId: Type.Optional(text) }),
  ),
  'provider.placed': event(
    1,
    Type.Object({ writeId: text, name: text, parentId: Type.Optional(text) }),
  ),
  'provider.removed': event(1, Type.Object({ writeId: text })),
  'provider.inventories-set': event(1, Type.Object({ inventories: inventoriesSchema })),
  'provider.traits-set': event(1, Type.Object({ traits: Type.Array(text) })),
  'provider.aggregates-set': event(
    1,
    Type.Object({ aggregates: Type.Array(text), keepsGeneration: Type.Boolean() }),
  ),
  'provider.write-prepared': event(1, settledChange),
  'provider.write-committed': event(1, settledChange),
  'provider.write-aborted': event(1, Type.Object({ writeId: text })),
} as const;

export type ProviderCommand = CommandOf<typeof providerCommands>;
export type ProviderEvent = EventOf<typeof providerEvents>;
export type ProviderChange = Static<typeof providerChangeSchema>;
/** A change as it will be committed. */
export type SettledChange = Static<typeof settledChange>;
export const providers = entityKind('provider', providerCommands);

export interface Inventory {
  readonly total: number;
  readonly reserved: number;
  readonly minUnit: number;
  readonly maxUnit: number;
  readonly stepSize: number;
  readonly allocationRatio: number;
}

export interface Allocation {
  readonly resources: Readonly<Record<string, number>>;
  readonly claimId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly ownerEpoch?: number;
  /** The consumer's generation; of what was written through the API only. Nobody else may take it away again. */
  readonly generation?: number;
  readonly consumerType?: string;
}

/** Changes with every claim and every write: what a writer must know to replace it. */
export function heldKey({ claimId, generation }: Allocation): string {
  return generation === undefined ? claimId : `${claimId}@${generation}`;
}

/** Claims that may not come back. When `recent` is full it becomes `older`, and the older ones are forgotten. */
export interface ClosedClaims {
  readonly recent: BucketMap<true>;
  readonly older: BucketMap<true>;
}

export interface ProviderDescription {
  readonly name: string;
  readonly inventories: Readonly<Record<string, Inventory>>;
  readonly traits: readonly string[];
}

export interface ProviderState {
  readonly id: string;
  readonly exists: boolean;
  readonly name: string;
  /** The provider above it in its tree; undefined for a root. */
  readonly parentId: string | undefined;
  /** Made through the API; those of hosts come and go with them. */
  readonly isMade: boolean;
  /** What its host said last, if it has one: the API's changes stay until the host says something else. */
  readonly description: ProviderDescription | undefined;
  readonly aggregates: readonly string[];
  /** Prepared and not settled, by the id of the write. */
  readonly pending: Readonly<Record<string, SettledChange>>;
  /** Grows with each change, as Placement's does. */
  readonly generation: number;
  readonly inventories: Readonly<Record<string, Inventory>>;
  readonly traits: readonly string[];
  readonly allocations: BucketMap<Allocation>;
  /** Sum of the allocations by resource class; classes of which nothing is used are left out. */
  readonly used: Readonly<Record<string, number>>;
  /** By resource class, the most that may be in use now: the capacity, or what was in use when it shrank below that. */
  readonly ceilings: Readonly<Record<string, number>>;
  /** `consumer` for all its claims, `consumer#claimId` for one, `write#writeId` for a write. */
  readonly closed: ClosedClaims;
}
