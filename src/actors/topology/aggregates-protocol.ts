// Host aggregates: groups of compute hosts with metadata; one whose metadata names an availability zone makes that zone.
// One entity for all, so that names are unique and no host gets into two zones.
// Refusals: aggregate-not-found, aggregate-exists, aggregate-host-exists, aggregate-host-not-found, aggregate-refused
// (detail: aggregateId, action, reason).
import { type Static, Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const done = Type.Object({});
const number = Type.Integer();
const metadata = Type.Record(Type.String(), text);
/** Kept with each change, so that a command that arrives twice is known and answered as before. */
const requestId = text;
const atMs = Type.Number();

export const aggregateSchema = Type.Object({
  /** The integer id of the API. */
  number,
  uuid: text,
  name: text,
  /** Names of compute hosts, in the order in which they joined. */
  hosts: Type.Array(text),
  metadata,
  createdAtMs: Type.Number(),
  updatedAtMs: Type.Optional(Type.Number()),
});
export type Aggregate = Readonly<Static<typeof aggregateSchema>>;

export const aggregateCommands = {
  'aggregate.create': command(
    1,
    Type.Object({ uuid: text, name: text, metadata }),
    Type.Object({ number }),
  ),
  'aggregate.rename': command(1, Type.Object({ number, name: text }), done),
  /** Adds to the metadata; null takes a key away. `action` is the word for what was asked. */
  'aggregate.set-metadata': command(
    1,
    Type.Object({
      number,
      metadata: Type.Record(Type.String(), Type.Union([text, Type.Null()])),
      action: Type.Union([Type.Literal('update'), Type.Literal('update-metadata')]),
    }),
    done,
  ),
  'aggregate.add-host': command(1, Type.Object({ number, host: text }), done),
  'aggregate.remove-host': command(1, Type.Object({ number, host: text }), done),
  'aggregate.delete': command(1, Type.Object({ number }), done),
} as const;

export const aggregateEvents = {
  'aggregate.created': event(
    1,
    Type.Object({ number, uuid: text, name: text, metadata, requestId, atMs }),
  ),
  'aggregate.renamed': event(1, Type.Object({ number, name: text, requestId, atMs })),
  /** The whole metadata as it is from now on. */
  'aggregate.metadata-set': event(1, Type.Object({ number, metadata, requestId, atMs })),
  'aggregate.host-added': event(1, Type.Object({ number, host: text, requestId, atMs })),
  'aggregate.host-removed': event(1, Type.Object({ number, host: text, requestId, atMs })),
  'aggregate.deleted': event(1, Type.Object({ number, requestId, atMs })),
} as const;

export type AggregateCommand = CommandOf<typeof aggregateCommands>;
export type AggregateEvent = EventOf<typeof aggregateEvents>;
export const aggregates = entityKind('aggregates', aggregateCommands);
/** The id of the one aggregates entity. */
export const ALL_AGGREGATES = 'all';
/** The key of the metadata that makes an aggregate a zone. */
export const ZONE_KEY = 'availability_zone';

export interface AggregatesState {
  /** In the order in which they were made. */
  readonly aggregates: readonly Aggregate[];
  readonly lastNumber: number;
  /** The last changes and the requests that made them, oldest first; bounded. */
  readonly receipts: readonly string[];
}
