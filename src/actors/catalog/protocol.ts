// Flavors (one entity for all: names and ids are unique) and key pairs (one entity per user).
// Refusals: flavor-not-found, flavor-exists (detail: field, value), flavor-access-exists, flavor-access-not-found,
// extra-spec-not-found, keypair-not-found, keypair-exists, keypair-quota.
import { Type } from 'typebox';
import { type Flavor, flavorSchema } from '../domain/server.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const done = Type.Object({});
const specs = Type.Record(Type.String(), text);

/** Kept with each change, so that a command that arrives twice is known and answered as before. */
const requestId = text;

export const flavorCommands = {
  /** The flavors that a new cloud starts with; does nothing the second time, whatever became of them. */
  'flavor.seed': command(1, Type.Object({ flavors: Type.Array(flavorSchema) }), done),
  'flavor.create': command(1, Type.Object({ flavor: flavorSchema }), done),
  'flavor.describe': command(
    1,
    Type.Object({ flavorId: text, description: Type.Union([text, Type.Null()]) }),
    done,
  ),
  'flavor.delete': command(1, Type.Object({ flavorId: text }), done),
  'flavor.set-specs': command(1, Type.Object({ flavorId: text, specs }), done),
  'flavor.remove-spec': command(1, Type.Object({ flavorId: text, key: text }), done),
  'flavor.add-access': command(1, Type.Object({ flavorId: text, projectId: text }), done),
  'flavor.remove-access': command(1, Type.Object({ flavorId: text, projectId: text }), done),
} as const;

export const flavorEvents = {
  'flavor.seeded': event(
    1,
    Type.Object({ flavors: Type.Array(flavorSchema), requestId, atMs: Type.Number() }),
  ),
  'flavor.created': event(1, Type.Object({ flavor: flavorSchema, requestId, atMs: Type.Number() })),
  'flavor.described': event(
    1,
    Type.Object({
      flavorId: text,
      description: Type.Union([text, Type.Null()]),
      requestId,
      atMs: Type.Number(),
    }),
  ),
  'flavor.deleted': event(1, Type.Object({ flavorId: text, requestId })),
  'flavor.specs-set': event(1, Type.Object({ flavorId: text, specs, requestId })),
  'flavor.spec-removed': event(1, Type.Object({ flavorId: text, key: text, requestId })),
  'flavor.access-added': event(1, Type.Object({ flavorId: text, projectId: text, requestId })),
  'flavor.access-removed': event(1, Type.Object({ flavorId: text, projectId: text, requestId })),
} as const;

const keypair = Type.Object({
  name: text,
  type: Type.Union([Type.Literal('ssh'), Type.Literal('x509')]),
  publicKey: text,
  fingerprint: text,
});

export const keypairCommands = {
  /** `limit` is the user's quota; −1 is unlimited. */
  'keypair.create': command(1, Type.Object({ keypair, limit: Type.Integer() }), done),
  'keypair.delete': command(1, Type.Object({ name: text }), done),
} as const;

export const keypairEvents = {
  'keypair.created': event(
    1,
    Type.Object({ keypair, number: Type.Integer(), requestId, atMs: Type.Number() }),
  ),
  'keypair.deleted': event(1, Type.Object({ name: text, requestId })),
} as const;

export type FlavorCommand = CommandOf<typeof flavorCommands>;
export type FlavorEvent = EventOf<typeof flavorEvents>;
export const flavors = entityKind('flavors', flavorCommands);
/** The id of the one flavors entity. */
export const ALL_FLAVORS = 'all';

export type KeypairCommand = CommandOf<typeof keypairCommands>;
export type KeypairEvent = EventOf<typeof keypairEvents>;
export const keypairs = entityKind('keypairs', keypairCommands);

export interface FlavorRecord {
  readonly flavor: Flavor;
  /** Projects that may use a private flavor. */
  readonly access: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number | undefined;
}

export interface FlavorsState {
  /** In the order in which they were made. Found by `flavorOf` in lookup.ts. */
  readonly records: readonly FlavorRecord[];
  readonly seeded: boolean;
  /** The last changes and the requests that made them, oldest first; bounded. */
  readonly receipts: readonly string[];
}

export interface Keypair {
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  readonly publicKey: string;
  readonly fingerprint: string;
  /** The integer id of the API. */
  readonly number: number;
  readonly createdAtMs: number;
}

export interface KeypairsState {
  /** The user's id. */
  readonly id: string;
  /** In the order in which they were made. Found by `keypairOf` in lookup.ts. */
  readonly keypairs: readonly Keypair[];
  readonly lastNumber: number;
  /** As in FlavorsState. */
  readonly receipts: readonly string[];
}
