// What a signed token is worth in a given state: its holder, scope and roles now, or nothing if the user, the scope, what
// it was delegated by or the last role is gone or off, or the token was voided. Pure: time is the caller's.
import type { Caller } from '../../ports/identity.ts';
import type { AccessToken, Trust } from './entries/schemas.ts';
import { findEntry } from './entries/tables.ts';
import type { ApplicationCredential, Domain, Project, Role, User } from './records.ts';
import { expandRoles, rolesOn } from './roles.ts';
import { type IdentityState, isRevoked } from './state.ts';
import { lookUp } from './table.ts';
import type { TokenClaims } from './token-codec.ts';

export interface TokenGrant {
  readonly claims: TokenClaims;
  readonly user: User;
  readonly userDomain: Domain;
  readonly project?: Project;
  /** The project's domain, or the domain of a domain-scoped token. */
  readonly scopeDomain?: Domain;
  readonly applicationCredential?: ApplicationCredential;
  readonly trust?: Trust;
  readonly accessToken?: AccessToken;
  /** In order of name; empty for unscoped tokens only. */
  readonly roles: readonly Role[];
  readonly caller: Caller;
}

/** Undefined: the token is void. Expiry is not looked at. */
export function grantOf(state: IdentityState, claims: TokenClaims): TokenGrant | undefined {
  const user = lookUp(state.users, claims.userId);
  const userDomain = user === undefined ? undefined : lookUp(state.domains, user.domainId);
  if (user === undefined || userDomain === undefined) return undefined;
  if (!isGood(user, claims) || !isGood(userDomain, claims)) return undefined;
  if (isRevoked(state, claims.auditId)) return undefined;
  const scope = scopeOf(state, claims);
  if (scope === undefined) return undefined;
  const delegation = delegationOf(state, claims);
  if (delegation === 'gone') return undefined;
  const roles = rolesOf(state, claims, delegation);
  if (claims.scope.kind !== 'unscoped' && roles.length === 0) return undefined;
  const grant = {
    claims,
    user,
    userDomain,
    ...scope,
    ...delegation,
    roles,
  };
  return { ...grant, caller: callerOf(grant) };
}

/** On, and not switched off (or given another password) since the token was issued. */
function isGood(
  record: { readonly enabled: boolean; readonly revokedBeforeMs: number },
  claims: TokenClaims,
): boolean {
  return record.enabled && claims.issuedAtMs > record.revokedBeforeMs;
}

type ScopeRecords = Pick<TokenGrant, 'project' | 'scopeDomain'>;

function scopeOf(state: IdentityState, claims: TokenClaims): ScopeRecords | undefined {
  const { scope } = claims;
  if (scope.kind === 'unscoped' || scope.kind === 'system') return {};
  const project = scope.kind === 'project' ? lookUp(state.projects, scope.id) : undefined;
  if (scope.kind === 'project' && (project === undefined || !isGood(project, claims)))
    return undefined;
  const scopeDomain = lookUp(state.domains, project?.domainId ?? scope.id);
  if (scopeDomain === undefined || !isGood(scopeDomain, claims)) return undefined;
  return project === undefined ? { scopeDomain } : { project, scopeDomain };
}

type Delegation = Pick<TokenGrant, 'applicationCredential' | 'trust' | 'accessToken'>;

/** On whose behalf the token acts; `gone` where that has ended. */
function delegationOf(state: IdentityState, claims: TokenClaims): Delegation | 'gone' {
  const { applicationCredentialId, trustId, accessTokenId, userId } = claims;
  let found: Delegation = {};
  if (applicationCredentialId !== undefined) {
    const credential = lookUp(state.applicationCredentials, applicationCredentialId);
    if (credential === undefined || credential.userId !== userId) return 'gone';
    found = { ...found, applicationCredential: credential };
  }
  if (trustId !== undefined) {
    const trust = findEntry(state, 'trust', trustId);
    if (trust === undefined || !isTrustGood(state, trust, claims)) return 'gone';
    found = { ...found, trust };
  }
  if (accessTokenId !== undefined) {
    const accessToken = findEntry(state, 'access-token', accessTokenId);
    if (accessToken === undefined || accessToken.authorizingUserId !== userId) return 'gone';
    found = { ...found, accessToken };
  }
  return found;
}

/** Everybody in the chain of a trust must still be there and on. */
function isTrustGood(state: IdentityState, trust: Trust, claims: TokenClaims): boolean {
  const acting = trust.impersonation ? trust.trustorUserId : trust.trusteeUserId;
  if (claims.userId !== acting) return false;
  for (const link of chainOf(state, trust)) {
    if (link === undefined) return false;
    for (const id of [link.trustorUserId, link.trusteeUserId]) {
      const user = lookUp(state.users, id);
      const domain = user === undefined ? undefined : lookUp(state.domains, user.domainId);
      if (user === undefined || domain === undefined) return false;
      if (!isGood(user, claims) || !isGood(domain, claims)) return false;
    }
  }
  return true;
}

/** The trust, the one that it was made from, and so on; undefined for one that is gone. */
function chainOf(state: IdentityState, trust: Trust): readonly (Trust | undefined)[] {
  const { redelegatedTrustId } = trust;
  if (redelegatedTrustId === undefined) return [trust];
  const parent = findEntry(state, 'trust', redelegatedTrustId);
  return [trust, ...(parent === undefined ? [undefined] : chainOf(state, parent))];
}

/** A delegation carries some of its giver's roles, never more than the giver has now. */
function rolesOf(
  state: IdentityState,
  claims: TokenClaims,
  { applicationCredential, trust, accessToken }: Delegation,
): readonly Role[] {
  if (trust !== undefined) return trustedRoles(state, trust);
  const held = rolesOn(state, claims.userId, claims.scope);
  const given = applicationCredential?.roleIds ?? accessToken?.roleIds;
  if (given === undefined) return held;
  const heldIds = new Set(held.map((role) => role.id));
  return expandRoles(
    state,
    given.filter((id) => heldIds.has(id)),
  );
}

/** All or nothing: a trust whose giver has lost one of its roles is worth none. */
function trustedRoles(state: IdentityState, trust: Trust): readonly Role[] {
  const { projectId, roleIds } = trust;
  if (projectId === undefined) return [];
  const giver = chainOf(state, trust).at(-1)?.trustorUserId ?? trust.trustorUserId;
  const held = rolesOn(state, giver, { kind: 'project', id: projectId });
  const heldIds = new Set(held.map((role) => role.id));
  return roleIds.every((id) => heldIds.has(id)) ? expandRoles(state, roleIds) : [];
}

function callerOf(grant: Omit<TokenGrant, 'caller'>): Caller {
  const { user, userDomain, project, scopeDomain, claims, applicationCredential } = grant;
  const accessRules = applicationCredential?.accessRules;
  const roles = grant.roles.map((role) => role.name);
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: userDomain.id,
    userDomainName: userDomain.name,
    projectId: project?.id,
    projectName: project?.name,
    projectDomainId: project?.domainId,
    domainId: claims.scope.kind === 'domain' ? scopeDomain?.id : undefined,
    system: claims.scope.kind === 'system',
    roles,
    isAdmin: roles.includes('admin'),
    ...(accessRules === undefined ? {} : { accessRules }),
  };
}
