// An image that is to be made of a server: all that is said of it is settled when it is asked for.
import { type Static, Type } from 'typebox';

const text = Type.String();

export const serverSnapshotSchema = Type.Object({
  id: text,
  name: text,
  /** The project that owns it. */
  ownerId: text,
  /** Another project that may see it: the server's, when an administrator has asked. */
  sharedWith: Type.Optional(text),
  minDiskGiB: Type.Integer({ minimum: 0 }),
  minRamMiB: Type.Integer({ minimum: 0 }),
  properties: Type.Record(Type.String(), text),
  /** Of this kind, no more than so many are kept of the server. */
  rotation: Type.Optional(Type.Object({ backupType: text, keep: Type.Integer({ minimum: 0 }) })),
});
export type ServerSnapshot = Static<typeof serverSnapshotSchema>;
