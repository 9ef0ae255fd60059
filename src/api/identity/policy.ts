// Who may do what in identity: Keystone's default rules, by role and by scope. Pure. A rule says nothing about
// existence: an unknown record is refused like a foreign one, so that nobody can probe for ids.
import type { TokenGrant } from '#actors/services/identity/token-check.ts';

export function isAdmin({ caller }: TokenGrant): boolean {
  return caller.isAdmin;
}

export function isSystemReader(grant: TokenGrant): boolean {
  return grant.caller.system && hasRole(grant, 'reader');
}

/** May read all there is. */
export function readsAll(grant: TokenGrant): boolean {
  return isAdmin(grant) || isSystemReader(grant);
}

/** May read what is in a domain. */
export function readsDomain(grant: TokenGrant, domainId: string | undefined): boolean {
  return readsAll(grant) || (isOfDomain(grant, domainId) && hasRole(grant, 'reader'));
}

/** May write what is in a domain: admins, and managers with a token for that very domain. */
export function managesDomain(grant: TokenGrant, domainId: string | undefined): boolean {
  return isAdmin(grant) || (isOfDomain(grant, domainId) && hasRole(grant, 'manager'));
}

/** Any domain will do: lists are cut to the domain of the token. */
export function readsSomeDomain(grant: TokenGrant): boolean {
  return readsDomain(grant, grant.caller.domainId);
}

/** Roles are for all who may give some: the manager of a domain must find their ids. */
export function readsRoles(grant: TokenGrant): boolean {
  return readsAll(grant) || managesDomain(grant, grant.caller.domainId);
}

export function isUser(grant: TokenGrant, userId: string): boolean {
  return grant.caller.userId === userId;
}

export function isService(grant: TokenGrant): boolean {
  return hasRole(grant, 'service');
}

export function hasRole(grant: TokenGrant, role: string): boolean {
  return grant.caller.roles.includes(role);
}

/** Was the token given on behalf of someone: by a trust, an application credential, a key, a consumer? */
export function isDelegated({ claims }: TokenGrant): boolean {
  return claims.trustId !== undefined || hasDelegatedMethod(claims);
}

const delegatedMethods: readonly string[] = ['application_credential', 'oauth1', 'ec2credential'];

export function hasDelegatedMethod({ methods }: TokenGrant['claims']): boolean {
  return methods.some((method) => delegatedMethods.includes(method));
}

function isOfDomain({ caller }: TokenGrant, domainId: string | undefined): boolean {
  return caller.domainId !== undefined && caller.domainId === domainId;
}

/** The domain that new things go into when their body names none. */
export function homeDomain({ caller }: TokenGrant): string {
  return caller.domainId ?? caller.projectDomainId ?? 'default';
}
