// What bodies of all delegations have in common: when it ends, and with which roles.
import { findByName, type IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { type Body, textOf } from '../collection.ts';
import { invalid, notFound } from '../problem.ts';
import type { IdentityApi } from '../service.ts';
import { parseTime } from '../timestamps.ts';

const inError =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';

/** A moment to come; throws 400 for any other. */
export function readExpiry(api: IdentityApi, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseTime(text);
  if (ms === undefined) throw invalid(`Timestamp not in expected format. ${inError}`);
  if (ms <= api.context.env.clock.now())
    throw invalid(`The 'expires_at' must not be before now. ${inError}`);
  return ms;
}

/** Ids of roles that are named by id or by name. */
export function readRoles(state: IdentityState, wanted: readonly Body[]): string[] {
  return wanted.map((named) => {
    const name = textOf(named, 'name');
    const id = textOf(named, 'id') ?? findByName(state, 'role', '', name ?? '');
    if (id === undefined || lookUp(state.roles, id) === undefined)
      throw notFound('role', id ?? name ?? '');
    return id;
  });
}
