// What all deciders of the identity entity share: the type of an answer, the refusals that recur, and how changes
// merge into a record. Pure.
import type { identityCommands, IdentityCommandNamed, IdentityEvent } from '../protocol.ts';
import { findByName, type IdentityState, type NamedKind } from '../state.ts';
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

export type Outcome = Accepted<IdentityEvent, object> | Refusal;
type CommandType = keyof typeof identityCommands;
export type Decider<T extends CommandType> = (
  state: IdentityState,
  command: IdentityCommandNamed<T>,
  facts: Facts,
) => Outcome;
export type Deciders<T extends CommandType> = { readonly [K in T]: Decider<K> };

export function done(...events: readonly IdentityEvent[]): Outcome {
  return accept(events, {});
}

/** `kind` in Keystone's words: `project`, `Application Credential`. */
export function notFound(kind: string, id: string): Refusal {
  return refuse('identity-not-found', { kind, id });
}

/**
 * What stands in the way of a new record: another one of that id (undefined if it is this very one, sent again),
 * or of that name.
 */
export function clash<R extends { readonly id: string; readonly name: string }>(
  state: IdentityState,
  kind: NamedKind,
  wanted: { readonly record: R; readonly existing: R | undefined; readonly scope: string },
): 'repeat' | Refusal | undefined {
  const { record, existing, scope } = wanted;
  if (existing !== undefined && same(existing, record)) return 'repeat';
  if (existing !== undefined || findByName(state, kind, scope, record.name) !== undefined)
    return nameTaken(kind, { id: record.id, name: record.name, scope });
  return undefined;
}

/** Refuses a new name that another record of the scope has. */
export function renameClash(
  state: IdentityState,
  kind: NamedKind,
  wanted: { readonly id: string; readonly name: string | undefined; readonly scope: string },
): Refusal | undefined {
  const { id, name, scope } = wanted;
  if (name === undefined) return undefined;
  const holder = findByName(state, kind, scope, name);
  return holder === undefined || holder === id ? undefined : nameTaken(kind, { id, name, scope });
}

function nameTaken(
  kind: NamedKind,
  taken: { readonly id: string; readonly name: string; readonly scope: string },
): Refusal {
  return refuse('identity-name-taken', { kind, ...taken });
}

/** Nothing of a resource with the option `immutable` may change, but that option, alone. */
export function immutableClash(
  kind: string,
  record: { readonly id: string; readonly options: Readonly<Record<string, unknown>> },
  changes: Readonly<Record<string, unknown>>,
): Refusal | undefined {
  if (record.options.immutable !== true) return undefined;
  const options = changes.options as Readonly<Record<string, unknown>> | undefined;
  const frees = options !== undefined && 'immutable' in options && options.immutable !== true;
  const alone = Object.keys(changes).length === 1;
  return frees && alone ? undefined : refuse('resource-immutable', { kind, id: record.id });
}

export function immutableDelete(
  kind: string,
  record: { readonly id: string; readonly options: Readonly<Record<string, unknown>> },
): Refusal | undefined {
  return record.options.immutable === true
    ? refuse('resource-immutable-delete', { kind, id: record.id })
    : undefined;
}

/** The record with the changes: null takes a field away, `extra` and `options` are merged. */
export function merge<R extends object>(record: R, changes: Readonly<Record<string, unknown>>): R {
  const fields = new Map<string, unknown>(Object.entries(record));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    if (value === null) fields.delete(name);
    else if (name === 'extra') fields.set(name, mergeMap(fields.get(name), value, false));
    else if (name === 'options') fields.set(name, mergeMap(fields.get(name), value, true));
    else fields.set(name, value);
  }
  return Object.fromEntries(fields) as R;
}

function mergeMap(before: unknown, changes: unknown, nullRemoves: boolean): object {
  const merged = new Map(Object.entries(before ?? {}));
  for (const [name, value] of Object.entries(changes as object))
    if (value === null && nullRemoves) merged.delete(name);
    else merged.set(name, value);
  return Object.fromEntries(merged);
}

/** Equal as JSON, whatever the order of keys. */
export function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner)
            .filter(([, field]) => field !== undefined)
            .sort(([one], [other]) => (one < other ? -1 : 1)),
        )
      : inner,
  );
}
