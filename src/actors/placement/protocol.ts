// Writes of the placement API that touch several providers, or the tree of providers: one entity sees them through, all or
// nothing. A write names what it locks (a consumer, the tree) and up to where its writer had read: a lock that was taken
// since refuses it, and the writer reads again. Each part is prepared at its provider, then all are committed.
// Refusals: write-overtaken (read again and try anew). What a provider refuses is the outcome of the write.
import { type Static, Type } from 'typebox';
import type { BucketMap } from '../domain/bucket-map.ts';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';
import { providerChangeSchema } from '../provider/protocol.ts';

const text = Type.String();
const parentId = Type.Optional(text);

const partSchema = Type.Object({
  providerId: text,
  op: Type.Union([
    Type.Object({ kind: Type.Literal('create'), name: text, parentId }),
    Type.Object({ kind: Type.Literal('place'), name: text, parentId }),
    Type.Object({ kind: Type.Literal('remove') }),
    Type.Object({ kind: Type.Literal('change'), change: providerChangeSchema }),
  ]),
});
export type WritePart = Static<typeof partSchema>;

const refusalSchema = Type.Object({
  refused: text,
  detail: Type.Record(Type.String(), Type.Unknown()),
});
const named = Type.Object({ writeId: text });
const nothing = Type.Object({});

export const placementCommands = {
  'placement.begin': command(
    1,
    Type.Object({
      writeId: text,
      /** `seq` of the state that the writer had seen before it read anything else. */
      seen: Type.Integer({ minimum: 0 }),
      locks: Type.Array(text),
      parts: Type.Array(partSchema),
    }),
    nothing,
  ),
  /** Every provider has agreed: from here on there is no way back. */
  'placement.prepared': command(1, named, nothing),
  /** A provider did not agree. */
  'placement.refuse': command(1, Type.Object({ writeId: text, refusal: refusalSchema }), nothing),
  /** Every provider has committed, or aborted. */
  'placement.settle': command(1, named, nothing),
} as const;

export const placementEvents = {
  'placement.begun': event(
    1,
    Type.Object({ writeId: text, locks: Type.Array(text), parts: Type.Array(partSchema) }),
  ),
  'placement.agreed': event(1, named),
  'placement.refused': event(1, Type.Object({ writeId: text, refusal: refusalSchema })),
  'placement.settled': event(1, named),
} as const;

export type PlacementCommand = CommandOf<typeof placementCommands>;
export type PlacementEvent = EventOf<typeof placementEvents>;
export const placementWrites = entityKind('placement', placementCommands);
/** The id of the one entity. */
export const ALL_WRITES = 'writes';

export const TREE_LOCK = 'tree';
export function consumerLock(consumer: string): string {
  return `consumer:${consumer}`;
}

export interface PlacementWrite {
  readonly locks: readonly string[];
  readonly parts: readonly WritePart[];
  readonly phase: 'preparing' | 'committing' | 'aborting';
  readonly refusal: Static<typeof refusalSchema> | undefined;
}

export interface PlacementState {
  /** Counts settled writes. */
  readonly seq: number;
  readonly writes: Readonly<Record<string, PlacementWrite>>;
  /** Lock → `seq` after the last write that held it. When `recent` is full it becomes `older`. */
  readonly recent: BucketMap<number>;
  readonly older: BucketMap<number>;
  /** Locks that were let go up to here may have been forgotten: who read before can't be told whether it holds. */
  readonly forgotten: number;
  /** The last ones, oldest first. */
  readonly outcomes: readonly {
    readonly writeId: string;
    readonly refusal: PlacementWrite['refusal'];
  }[];
}
