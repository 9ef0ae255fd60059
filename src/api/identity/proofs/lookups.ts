// Users and domains as authentication bodies name them: by id, or by name within a domain.
import type { User } from '#actors/services/identity/records.ts';
import { findByName, type IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { Body } from '../collection.ts';
import { invalid, missing } from '../problem.ts';

export function findUser(state: IdentityState, named: Body): User | undefined {
  if (typeof named.id === 'string') return lookUp(state.users, named.id);
  const domainId = findDomain(state, (named.domain ?? {}) as Body);
  if (domainId === undefined || typeof named.name !== 'string') return undefined;
  const id = findByName(state, 'user', domainId, named.name);
  return id === undefined ? undefined : lookUp(state.users, id);
}

export function findDomain(state: IdentityState, named: Body): string | undefined {
  return typeof named.name === 'string'
    ? findByName(state, 'domain', '', named.name)
    : typeof named.id === 'string'
      ? named.id
      : undefined;
}

/** The `user` of a method's body; throws 400 unless it names one. */
export function namedUser(method: string, data: Body): Body {
  const named = data.user as Body | undefined;
  if (named === undefined) throw missing('user', method);
  if (named.id === undefined && named.name === undefined) throw missing('id or name', 'user');
  if (named.id === undefined && named.domain === undefined) throw missing('domain', 'user');
  if (named.domain !== undefined)
    requireIdOrName(named.domain as Body, `identity/${method}/user/domain`);
  return named;
}

export function requireIdOrName(named: Body, field: string): void {
  if (named.id === undefined && named.name === undefined)
    throw invalid(`Invalid input for field ${field}: id or name must be present.`);
}
