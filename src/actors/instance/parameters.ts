// What an operation is asked with, beside its name: checked by the API, kept in the journal with the operation that it
// belongs to. One object for all tables, each field optional; a table that needs one says so where it reads it. Pure.
import { type Static, Type } from 'typebox';
import { flavorSchema, portRequestSchema, serverImageSchema } from '../domain/server.ts';
import { serverSnapshotSchema } from '../domain/server-snapshot.ts';
import { rebuildSchema } from './rebuild.ts';

const text = Type.String();

export const operationParametersSchema = Type.Object({
  /** resize: what the server becomes. */
  flavor: Type.Optional(flavorSchema),
  /** migrate, evacuate, unshelve, live migration: the host that an administrator asks for. */
  host: Type.Optional(text),
  /** unshelve: the zone that the server is bound to from now on; null for none. */
  availabilityZone: Type.Optional(Type.Union([text, Type.Null()])),
  /** resize: the server may stay on its host (allow_resize_to_same_host). */
  sameHost: Type.Optional(Type.Boolean()),
  /** live-migrate: whether disks are copied; undefined for where the hosts share no storage. */
  blockMigration: Type.Optional(Type.Boolean()),
  /** evacuate: the guest is not started at the other host (from 2.95). */
  staysDown: Type.Optional(Type.Boolean()),
  /** resize, migrate: confirmed by itself after this long (resize_confirm_window). */
  confirmAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  /** rebuild: what changes. */
  rebuild: Type.Optional(rebuildSchema),
  /** rescue: what is booted, and the password that is given to it. */
  rescue: Type.Optional(Type.Object({ image: serverImageSchema, adminPass: Type.Optional(text) })),
  /** soft-delete: deleted for good after this long (reclaim_instance_interval). */
  reclaimAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  /** shelve: its host lets it go after this long (shelved_offload_time); left out for never. */
  offloadAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  /** unshelve-offloaded: what the server is made from, which is the image of its shelve. */
  shelvedImage: Type.Optional(serverImageSchema),
  /** snapshot, backup, shelve: the image that is made. */
  snapshot: Type.Optional(serverSnapshotSchema),
  /** attach-interface: the port, made under this id or one that is there, and the groups of one that is made. */
  attach: Type.Optional(Type.Object({ port: portRequestSchema })),
  /** change-addresses: of which port; one more of that subnet, or one less. */
  addresses: Type.Optional(
    Type.Object({
      portId: text,
      networkId: text,
      add: Type.Optional(text),
      remove: Type.Optional(text),
    }),
  ),
  /** set-password: for whom, and which. */
  password: Type.Optional(Type.Object({ user: text, adminPass: text })),
  /** detach-interface: which port. */
  detach: Type.Optional(Type.Object({ portId: text, networkId: text })),
});
export type OperationParameters = Static<typeof operationParametersSchema>;

/** What an operation can't do without: who asks without it has a bug. */
export const neededParameters: Readonly<Record<string, keyof OperationParameters>> = {
  rebuild: 'rebuild',
  rescue: 'rescue',
  snapshot: 'snapshot',
  backup: 'snapshot',
  shelve: 'snapshot',
  'unshelve-offloaded': 'shelvedImage',
  'soft-delete': 'reclaimAfterMs',
  'attach-interface': 'attach',
  'detach-interface': 'detach',
  'set-password': 'password',
  'change-addresses': 'addresses',
};
