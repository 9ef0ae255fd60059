// What a signed token is worth in a given state: its holder, scope and roles now, or nothing if the user, the scope or
// the last role is gone or off, or the token was voided. Pure: time is the caller's.
import type { Caller } from '../../ports/identity.ts';
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
  const credential = credentialOf(state, claims);
  if (credential === 'gone') return undefined;
  const roles = rolesOf(state, claims, credential);
  if (claims.scope.kind !== 'unscoped' && roles.length === 0) return undefined;
  const grant = {
    claims,
    user,
    userDomain,
    ...scope,
    ...(credential === undefined ? {} : { applicationCredential: credential }),
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

function credentialOf(
  state: IdentityState,
  claims: TokenClaims,
): ApplicationCredential | undefined | 'gone' {
  const id = claims.applicationCredentialId;
  if (id === undefined) return undefined;
  const credential = lookUp(state.applicationCredentials, id);
  if (credential === undefined || credential.userId !== claims.userId) return 'gone';
  return credential;
}

/** An application credential carries some of its user's roles, never more than the user has now. */
function rolesOf(
  state: IdentityState,
  claims: TokenClaims,
  credential: ApplicationCredential | undefined,
): readonly Role[] {
  const held = rolesOn(state, claims.userId, claims.scope);
  if (credential === undefined) return held;
  const heldIds = new Set(held.map((role) => role.id));
  return expandRoles(
    state,
    credential.roleIds.filter((id) => heldIds.has(id)),
  );
}

function callerOf(grant: Omit<TokenGrant, 'caller'>): Caller {
  const { user, userDomain, project, scopeDomain, claims } = grant;
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
  };
}
