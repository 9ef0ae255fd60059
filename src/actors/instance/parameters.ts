// What an operation is asked with, beside its name: checked by the API, kept in the journal with the operation that it
// belongs to. One object for all tables, each field optional; a table that needs one says so where it reads it. Pure.
import { type Static, Type } from 'typebox';
import { flavorSchema } from '../domain/server.ts';

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
  /** resize, migrate: confirmed by itself after this long (resize_confirm_window). */
  confirmAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type OperationParameters = Static<typeof operationParametersSchema>;
