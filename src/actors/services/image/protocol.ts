// What may be said to an image, and what its journal keeps. One entity per image; the bytes are in a store (store.ts).
// Refusals: image-not-found, image-exists, image-protected, image-status, image-formats-missing, image-format-fixed,
// image-property-missing, image-property-present, image-limit, image-gone, image-member-exists, image-member-missing,
// image-not-shared, image-tag-missing, image-action-status, image-import-status.
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
const count = Type.Integer({ minimum: 0 });
const nullableText = Type.Union([text, Type.Null()]);

export const imageVisibilities = ['public', 'private', 'shared', 'community'] as const;
export type ImageVisibility = (typeof imageVisibilities)[number];
const visibility = Type.Unsafe<ImageVisibility>(Type.String({ enum: [...imageVisibilities] }));

export const memberStatuses = ['pending', 'accepted', 'rejected'] as const;
export type MemberStatus = (typeof memberStatuses)[number];
const memberStatus = Type.Unsafe<MemberStatus>(Type.String({ enum: [...memberStatuses] }));

/** What users may say of an image beside its properties and tags. `null` empties. */
const attributeShapes = {
  name: nullableText,
  visibility,
  protected: Type.Boolean(),
  hidden: Type.Boolean(),
  diskFormat: nullableText,
  containerFormat: nullableText,
  minDiskGiB: count,
  minRamMiB: count,
  ownerId: text,
};
export const imageAttributes = Type.Object(attributeShapes);
export type ImageAttributes = Static<typeof imageAttributes>;
const someAttributes = Type.Partial(imageAttributes);

/** One step of a change; steps are taken in order, all or none. */
const imageChange = Type.Union([
  Type.Object({ op: Type.Literal('set'), attributes: someAttributes }),
  Type.Object({ op: Type.Literal('set-tags'), tags: Type.Array(text) }),
  Type.Object({
    op: Type.Literal('set-property'),
    name: text,
    value: text,
    /** What must be so before: the property is there, is not there, or either. */
    expect: Type.Union([Type.Literal('present'), Type.Literal('absent'), Type.Literal('any')]),
  }),
  Type.Object({ op: Type.Literal('remove-property'), name: text }),
]);
export type ImageChange = Static<typeof imageChange>;

/** Names one change, made by whoever asks: a repeat with the same id is answered as before. */
const changeId = text;

/** What is known of a file once it is stored. */
const storedFile = Type.Object({
  sizeBytes: count,
  virtualSizeBytes: Type.Optional(count),
  md5: text,
  sha512: text,
});

export const importMethods = ['glance-direct', 'web-download', 'copy-image'] as const;
/** `copy-image` never runs, it is noted: with one store an image is everywhere already. */
const runMethods = ['glance-direct', 'web-download'] as const;

/** What an import was asked for, and by whom. */
const importTask = Type.Object({
  id: text,
  type: Type.Unsafe<'api_image_import' | 'import'>(
    Type.String({ enum: ['api_image_import', 'import'] }),
  ),
  method: Type.Unsafe<(typeof runMethods)[number]>(Type.String({ enum: [...runMethods] })),
  /** For web-download. */
  uri: Type.Optional(text),
  /** As users see it. */
  input: Type.Record(Type.String(), Type.Unknown()),
  ownerId: text,
  userId: text,
  requestId: text,
});
export type ImportTask = Static<typeof importTask>;

const copyTask = Type.Object({
  id: text,
  input: Type.Record(Type.String(), Type.Unknown()),
  ownerId: text,
  userId: text,
  requestId: text,
});
export type CopyTask = Static<typeof copyTask>;

export const imageCommands = {
  'image.create': command(
    1,
    Type.Object({
      attributes: imageAttributes,
      tags: Type.Array(text),
      properties: Type.Record(Type.String(), text),
      changeId,
    }),
    done,
  ),
  'image.change': command(1, Type.Object({ changes: Type.Array(imageChange), changeId }), done),
  'image.delete': command(1, Type.Object({ changeId }), done),
  'image.add-tag': command(1, Type.Object({ tag: text, changeId }), done),
  'image.remove-tag': command(1, Type.Object({ tag: text, changeId }), done),
  'image.add-member': command(1, Type.Object({ projectId: text, changeId }), done),
  'image.set-member': command(
    1,
    Type.Object({ projectId: text, status: memberStatus, changeId }),
    done,
  ),
  'image.remove-member': command(1, Type.Object({ projectId: text, changeId }), done),
  'image.deactivate': command(1, Type.Object({}), done),
  'image.reactivate': command(1, Type.Object({}), done),
  /** Claims the image for one upload; `uploadId` names it until it ends. */
  'image.start-upload': command(1, Type.Object({ uploadId: text }), done),
  'image.finish-upload': command(1, Type.Object({ uploadId: text, file: storedFile }), done),
  /** Back to `queued`. Nothing happens unless this upload is the one under way. */
  'image.fail-upload': command(1, Type.Object({ uploadId: text, reason: text }), done),
  /** Claims the image for bytes that an import will take; the store keeps them as `stagedId` until then. */
  'image.start-stage': command(1, Type.Object({ uploadId: text, stagedId: text }), done),
  'image.finish-stage': command(1, Type.Object({ uploadId: text, file: storedFile }), done),
  'image.start-import': command(1, Type.Object({ task: importTask }), done),
  'image.finish-import': command(1, Type.Object({ taskId: text, file: storedFile }), done),
  /** Back to `queued`; what was staged is thrown away. */
  'image.fail-import': command(1, Type.Object({ taskId: text, message: text }), done),
  /** A copy to all stores, which is done when it is asked for. */
  'image.note-copy': command(1, Type.Object({ task: copyTask }), done),
  /** From the effect that throws staged bytes away. */
  'image.staged-removed': command(1, Type.Object({ stagedId: text }), done),
  /** From the effect that follows a deletion: no byte is left. */
  'image.file-removed': command(1, Type.Object({}), done),
} as const;

const at = { atMs: Type.Number() };

export const imageEvents = {
  'image.created': event(
    1,
    Type.Object({
      attributes: imageAttributes,
      tags: Type.Array(text),
      properties: Type.Record(Type.String(), text),
      changeId,
      ...at,
    }),
  ),
  'image.changed': event(
    1,
    Type.Object({
      attributes: someAttributes,
      tags: Type.Optional(Type.Array(text)),
      properties: Type.Optional(Type.Record(Type.String(), text)),
      changeId,
      ...at,
    }),
  ),
  'image.deleted': event(1, Type.Object({ changeId, ...at })),
  'image.member-set': event(
    1,
    Type.Object({ projectId: text, status: memberStatus, changeId, ...at }),
  ),
  'image.member-removed': event(1, Type.Object({ projectId: text, changeId, ...at })),
  'image.deactivated': event(1, Type.Object({ ...at })),
  'image.reactivated': event(1, Type.Object({ ...at })),
  'image.upload-started': event(1, Type.Object({ uploadId: text, ...at })),
  'image.upload-finished': event(1, Type.Object({ uploadId: text, file: storedFile, ...at })),
  'image.upload-failed': event(1, Type.Object({ uploadId: text, reason: text, ...at })),
  'image.stage-started': event(1, Type.Object({ uploadId: text, stagedId: text, ...at })),
  'image.stage-finished': event(1, Type.Object({ uploadId: text, file: storedFile, ...at })),
  'image.import-started': event(1, Type.Object({ task: importTask, ...at })),
  'image.import-finished': event(1, Type.Object({ taskId: text, file: storedFile, ...at })),
  'image.import-failed': event(1, Type.Object({ taskId: text, message: text, ...at })),
  'image.copy-noted': event(1, Type.Object({ task: copyTask, ...at })),
  'image.staged-removed': event(1, Type.Object({ stagedId: text })),
  'image.file-removed': event(1, Type.Object({})),
} as const;

export type ImageCommand = CommandOf<typeof imageCommands>;
export type ImageEvent = EventOf<typeof imageEvents>;
export const images = entityKind('image', imageCommands);
export type StoredFile = Static<typeof storedFile>;
