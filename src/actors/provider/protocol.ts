// A resource provider (one per compute node): what it has, and who holds how much of it.
// Refusals: provider-not-found, provider-generation-conflict, claim-refused (detail: resource, requested, used, capacity,
// reason), claim-closed, claim-differs (a claim id came back with other resources), stale-owner (the consumer's owner was
// replaced by one that has claimed already).
import { Type } from 'typebox';
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
} as const;

export type ProviderCommand = CommandOf<typeof providerCommands>;
export type ProviderEvent = EventOf<typeof providerEvents>;
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
}

/** Claims that may not come back. When `recent` is full it becomes `older`, and the older ones are forgotten. */
export interface ClosedClaims {
  readonly recent: BucketMap<true>;
  readonly older: BucketMap<true>;
}

export interface ProviderState {
  readonly id: string;
  readonly exists: boolean;
  readonly name: string;
  /** Grows by one with each change. */
  readonly generation: number;
  readonly inventories: Readonly<Record<string, Inventory>>;
  readonly traits: readonly string[];
  readonly allocations: BucketMap<Allocation>;
  /** Sum of the allocations by resource class; classes of which nothing is used are left out. */
  readonly used: Readonly<Record<string, number>>;
  /** By resource class, the most that may be in use now: the capacity, or what was in use when it shrank below that. */
  readonly ceilings: Readonly<Record<string, number>>;
  /** `consumer` for all its claims, or `consumer#claimId` for one. */
  readonly closed: ClosedClaims;
}
