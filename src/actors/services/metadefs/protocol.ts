// The catalogue of metadata definitions: which properties, objects and tags may describe images, flavors and the like,
// grouped by namespace. One entity for the whole cloud: it is small, seldom changed, and names are unique across it.
// Refusals: metadef-namespace-missing, metadef-namespace-exists, metadef-namespace-protected, metadef-item-missing,
// metadef-item-exists, metadef-limit.
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
/** Names one change, made by whoever asks: a repeat with the same id is answered as before. */
const changeId = text;
const at = { atMs: Type.Number() };

export const metadefKinds = ['object', 'property', 'tag', 'resource-type'] as const;
export type MetadefKind = (typeof metadefKinds)[number];
const kind = Type.Unsafe<MetadefKind>(Type.String({ enum: [...metadefKinds] }));

export const metadefNamespace = Type.Object({
  name: text,
  displayName: Type.Optional(text),
  description: Type.Optional(text),
  visibility: Type.Unsafe<'public' | 'private'>(Type.String({ enum: ['public', 'private'] })),
  protected: Type.Boolean(),
  ownerId: text,
});
export type MetadefNamespaceRecord = Static<typeof metadefNamespace>;

/** `body` is what users wrote beside the name, checked by the schema of its kind. */
export const metadefItem = Type.Object({
  name: text,
  body: Type.Record(Type.String(), Type.Unknown()),
});
export type MetadefItemRecord = Static<typeof metadefItem>;

const kindedItem = Type.Object({ kind, item: metadefItem });
export type KindedMetadefItem = Static<typeof kindedItem>;

export const metadefCommands = {
  /** With all that it starts with. */
  'metadefs.create-namespace': command(
    1,
    Type.Object({ namespace: metadefNamespace, items: Type.Array(kindedItem), changeId }),
    done,
  ),
  /** `name` is the one that it has; the new one stands in `namespace`. */
  'metadefs.change-namespace': command(
    1,
    Type.Object({ name: text, namespace: metadefNamespace, changeId }),
    done,
  ),
  'metadefs.delete-namespace': command(1, Type.Object({ name: text, changeId }), done),
  'metadefs.add-item': command(
    1,
    Type.Object({ namespace: text, kind, item: metadefItem, changeId }),
    done,
  ),
  'metadefs.change-item': command(
    1,
    Type.Object({ namespace: text, kind, name: text, item: metadefItem, changeId }),
    done,
  ),
  'metadefs.remove-item': command(
    1,
    Type.Object({ namespace: text, kind, name: text, changeId }),
    done,
  ),
  'metadefs.remove-items': command(1, Type.Object({ namespace: text, kind, changeId }), done),
  /** Many at once; without `append` in place of those that are there. */
  'metadefs.set-tags': command(
    1,
    Type.Object({
      namespace: text,
      items: Type.Array(metadefItem),
      append: Type.Boolean(),
      changeId,
    }),
    done,
  ),
} as const;

export const metadefEvents = {
  'metadefs.namespace-created': event(
    1,
    Type.Object({ namespace: metadefNamespace, items: Type.Array(kindedItem), changeId, ...at }),
  ),
  'metadefs.namespace-changed': event(
    1,
    Type.Object({ name: text, namespace: metadefNamespace, changeId, ...at }),
  ),
  'metadefs.namespace-deleted': event(1, Type.Object({ name: text, changeId, ...at })),
  'metadefs.item-added': event(
    1,
    Type.Object({ namespace: text, kind, item: metadefItem, changeId, ...at }),
  ),
  'metadefs.item-changed': event(
    1,
    Type.Object({ namespace: text, kind, name: text, item: metadefItem, changeId, ...at }),
  ),
  'metadefs.item-removed': event(
    1,
    Type.Object({ namespace: text, kind, name: text, changeId, ...at }),
  ),
  'metadefs.items-removed': event(1, Type.Object({ namespace: text, kind, changeId, ...at })),
  'metadefs.tags-set': event(
    1,
    Type.Object({
      namespace: text,
      items: Type.Array(metadefItem),
      append: Type.Boolean(),
      changeId,
      ...at,
    }),
  ),
} as const;

export type MetadefCommand = CommandOf<typeof metadefCommands>;
export type MetadefEvent = EventOf<typeof metadefEvents>;
export const metadefs = entityKind('metadefs', metadefCommands);
/** There is one. */
export const METADEFS_ID = 'metadefs';
