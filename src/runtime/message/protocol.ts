// How an actor kind declares what it understands: commands with their replies, and the events that it stores.
// One TypeBox schema per type gives the static type, the check at the border, and the fingerprint that a test
// compares (DESIGN §4, messages). A changed shape needs a new version and an upcaster from the one before.
import type { Static, TObject, TSchema } from 'typebox';

export interface CommandShape<C extends TObject = TObject, R extends TSchema = TSchema> {
  readonly version: number;
  readonly body: C;
  readonly reply: R;
}
export type CommandCatalog = Readonly<Record<string, CommandShape>>;

export interface EventShape<D extends TObject = TObject> {
  readonly version: number;
  readonly data: D;
  /** From data of version n to data of version n + 1, for every n below `version`. */
  readonly upcasters: Readonly<Record<number, (data: unknown) => unknown>>;
}
export type EventCatalog = Readonly<Record<string, EventShape>>;

export function command<C extends TObject, R extends TSchema>(
  version: number,
  body: C,
  reply: R,
): CommandShape<C, R> {
  return { version, body, reply };
}

export function event<D extends TObject>(
  version: number,
  data: D,
  upcasters: Readonly<Record<number, (data: unknown) => unknown>> = {},
): EventShape<D> {
  return { version, data, upcasters };
}

/** Every command of a catalog as a discriminated union: `{ type: 'flavor.create', …body }`. */
export type CommandOf<P extends CommandCatalog> = {
  [T in keyof P & string]: { readonly type: T } & Static<P[T]['body']>;
}[keyof P & string];

export type CommandNamed<P extends CommandCatalog, T extends keyof P & string> = {
  readonly type: T;
} & Static<P[T]['body']>;

export type ReplyOf<
  P extends CommandCatalog,
  T extends keyof P & string = keyof P & string,
> = Static<P[T]['reply']>;

/** Every event of a catalog as a discriminated union: `{ type: 'flavor.created', …data }`. */
export type EventOf<P extends EventCatalog> = {
  [T in keyof P & string]: { readonly type: T } & Static<P[T]['data']>;
}[keyof P & string];

/** Names an entity, wherever it lives. The catalog is a phantom: it types what may be asked. */
export interface EntityRef<P extends CommandCatalog = CommandCatalog> {
  readonly kind: string;
  readonly id: string;
  readonly catalog?: P;
}

export interface EntityKind<P extends CommandCatalog> {
  readonly kind: string;
  ref(id: string): EntityRef<P>;
}

export function entityKind<P extends CommandCatalog>(kind: string, _commands: P): EntityKind<P> {
  return { kind, ref: (id) => ({ kind, id }) };
}
