// POST /auth/tokens, the thinking part: who is it (proofs/), and for what scope: a project, a domain, the system, a trust.
// Whatever is wrong with the credentials is the same 401, so that nobody learns which part of them was right.
import type { FastifyRequest } from 'fastify';
import { type Scope, rolesOn } from '#actors/services/identity/roles.ts';
import type { Trust } from '#actors/services/identity/entries/schemas.ts';
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import type { User } from '#actors/services/identity/records.ts';
import { findByName, type IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { grantOf, type TokenGrant } from '#actors/services/identity/token-check.ts';
import { type TokenClaims, tokenMethods } from '#actors/services/identity/token-codec.ts';
import { checkBody } from './body-check.ts';
import type { Body } from './collection.ts';
import { forbiddenAction, missing, notFound, Problem, unauthorized } from './problem.ts';
import { requireFactors } from './proofs/factors.ts';
import { findDomain, requireIdOrName } from './proofs/lookups.ts';
import { proveBy } from './proofs/methods.ts';
import type { Proof } from './proofs/proof.ts';
import { authSchema } from './schemas.ts';
import { type IdentityApi, jsonBody, stateOf, write } from './service.ts';

/** The claims of the new token and what they are worth; throws 400 or 401. */
export async function authenticateRequest(
  api: IdentityApi,
  request: FastifyRequest,
): Promise<TokenGrant> {
  const auth = readAuth(request);
  const identity = auth.identity as Body;
  const methods = readMethods(identity);
  const requested = readScope(auth, methods);
  const proofs: Proof[] = [];
  for (const method of methods)
    proofs.push(await proveBy[method]({ api, request, data: (identity[method] ?? {}) as Body }));
  const proof = unite(proofs);
  requireFactors(proof.user, proof.methods, Object.keys(proveBy));
  const state = stateOf(api);
  if (requested.kind === 'trust') return grantByTrust(api, request, proof, requested.trust);
  const scope = chooseScope(state, proof, requested);
  const grant = grantOf(state, claimsFor(api, proof, scope));
  if (grant === undefined) throw unauthorized();
  return grant;
}

/** The trustee asks; the token is the trustor's where the trust says so. */
async function grantByTrust(
  api: IdentityApi,
  request: FastifyRequest,
  proof: Proof,
  named: Body,
): Promise<TokenGrant> {
  const id = String(named.id);
  const trust = findEntry(stateOf(api), 'trust', id);
  const isOver = (trust?.expiresAtMs ?? Infinity) <= api.context.env.clock.now();
  if (trust === undefined || trust.remainingUses === 0 || isOver) throw notFound('trust', id);
  if (trust.trusteeUserId !== proof.user.id) throw new Problem(403, 'User is not a trustee.');
  const claims = claimsOfTrust(api, proof, trust);
  const grant = claims === undefined ? undefined : grantOf(stateOf(api), claims);
  if (grant === undefined) throw new Problem(403, 'Trustee has no delegated roles.');
  await write(api, request, { type: 'identity.use-trust', id });
  return grant;
}

export function claimsOfTrust(
  api: IdentityApi,
  proof: Proof,
  trust: Trust,
): TokenClaims | undefined {
  const { trustorUserId, projectId, expiresAtMs } = trust;
  const trustor = lookUp(stateOf(api).users, trustorUserId);
  if (trustor === undefined) return undefined;
  const end = Math.min(proof.expiresAtMs ?? Infinity, expiresAtMs ?? Infinity);
  const scope: Scope =
    projectId === undefined ? { kind: 'unscoped' } : { kind: 'project', id: projectId };
  const user = trust.impersonation ? trustor : proof.user;
  const held = { ...proof, user, ...(end === Infinity ? {} : { expiresAtMs: end }) };
  const claims = claimsFor(api, held, scope, [trustor, proof.user]);
  return { ...claims, trustId: trust.id };
}

function readAuth(request: FastifyRequest): Body {
  const { auth } = jsonBody(request);
  if (auth === undefined || auth === null) throw missing('auth', 'request body');
  checkBody(authSchema, auth);
  return auth as Body;
}

function readMethods(identity: Body): readonly ProvableMethod[] {
  const methods = [...new Set(identity.methods as readonly string[])];
  for (const method of methods)
    if (identity[method] === undefined) throw missing(method, 'identity');
  if (!methods.every(isMethod))
    throw new Problem(401, 'Attempted to authenticate with an unsupported method.', {
      extra: { identity: { methods: Object.keys(proveBy) } },
    });
  if (methods.length === 0) throw unauthorized();
  return methods;
}

type ProvableMethod = keyof typeof proveBy;

function isMethod(name: string): name is ProvableMethod {
  return Object.hasOwn(proveBy, name);
}

type RequestedScope =
  | { readonly kind: 'default' }
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'system' }
  | { readonly kind: 'domain'; readonly domain: Body }
  | { readonly kind: 'project'; readonly project: Body }
  | { readonly kind: 'trust'; readonly trust: Body };

const scopeNames = ['project', 'domain', 'unscoped', 'system', 'OS-TRUST:trust'];

function readScope(auth: Body, methods: readonly ProvableMethod[]): RequestedScope {
  const { scope } = auth;
  if (scope === undefined) return { kind: 'default' };
  if (methods.includes('application_credential'))
    throw new Problem(
      401,
      'Error authenticating with application credential: Application credentials cannot request a scope.',
    );
  if (scope === 'unscoped') return { kind: 'unscoped' };
  const named = typeof scope === 'string' ? {} : (scope as Body);
  const names = scopeNames.filter((name) => name in named);
  const [name] = names;
  if (names.length !== 1 || name === undefined)
    throw missing('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  if (name === 'unscoped' || name === 'system') return { kind: name };
  const place = named[name] as Body;
  if (name === 'OS-TRUST:trust') {
    if (place.id === undefined) throw missing('trust_id', 'trust');
    return { kind: 'trust', trust: place };
  }
  requireIdOrName(place, `scope/${name}`);
  if (name === 'domain') return { kind: 'domain', domain: place };
  if (place.domain !== undefined) requireIdOrName(place.domain as Body, 'scope/project/domain');
  if (place.name !== undefined && place.id === undefined && place.domain === undefined)
    throw missing('domain', 'project');
  return { kind: 'project', project: place };
}

/** All proofs must be of one user; the earliest end counts. */
function unite(proofs: readonly Proof[]): Proof {
  const [first, ...rest] = proofs;
  if (first === undefined || rest.some(({ user }) => user.id !== first.user.id))
    throw unauthorized();
  const ends = proofs.flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
  const united = Object.assign({}, ...proofs) as Proof;
  return {
    ...united,
    methods: tokenMethods.filter((method) => proofs.some((p) => p.methods.includes(method))),
    ...(ends.length === 0 ? {} : { expiresAtMs: Math.min(...ends) }),
  };
}

function chooseScope(
  state: IdentityState,
  proof: Proof,
  requested: Exclude<RequestedScope, { kind: 'trust' }>,
): Scope {
  const bound = proof.credential?.projectId ?? proof.accessToken?.projectId;
  if (bound !== undefined) return { kind: 'project', id: bound };
  if (proof.isOfSystem === true && (requested.kind === 'project' || requested.kind === 'domain'))
    throw forbiddenAction(
      'Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.',
    );
  switch (requested.kind) {
    case 'default':
      return defaultScope(state, proof.user);
    case 'domain': {
      const id = findDomain(state, requested.domain);
      if (id === undefined) throw unauthorized();
      return { kind: 'domain', id };
    }
    case 'project': {
      const id = findProject(state, requested.project);
      if (id === undefined) throw unauthorized();
      return { kind: 'project', id };
    }
    default:
      return { kind: requested.kind };
  }
}

function findProject(state: IdentityState, named: Body): string | undefined {
  if (typeof named.name !== 'string') return named.id as string | undefined;
  if (named.domain === undefined) return named.id as string | undefined;
  const domainId = findDomain(state, named.domain as Body);
  return domainId === undefined ? undefined : findByName(state, 'project', domainId, named.name);
}

/** The user's default project, if it can be had; else none. */
function defaultScope(state: IdentityState, user: User): Scope {
  const id = user.defaultProjectId;
  const project = id === undefined ? undefined : lookUp(state.projects, id);
  if (project === undefined || !project.enabled) return { kind: 'unscoped' };
  if (lookUp(state.domains, project.domainId)?.enabled !== true) return { kind: 'unscoped' };
  const scope = { kind: 'project' as const, id: project.id };
  return rolesOn(state, user.id, scope).length === 0 ? { kind: 'unscoped' } : scope;
}

/** Issued after whatever voided the user's or scope's earlier tokens, even within the same millisecond. */
export function claimsFor(
  api: IdentityApi,
  proof: Proof,
  scope: Scope,
  users: readonly User[] = [proof.user],
): TokenClaims {
  const { env } = api.context;
  const state = stateOf(api);
  const project = scope.kind === 'project' ? lookUp(state.projects, scope.id) : undefined;
  const domains = [
    ...users.map(({ domainId }) => domainId),
    project?.domainId,
    scope.kind === 'domain' ? scope.id : undefined,
  ];
  const voidedMs = [
    ...users.map(({ revokedBeforeMs }) => revokedBeforeMs),
    project?.revokedBeforeMs ?? 0,
    ...domains.map((id) =>
      id === undefined ? 0 : (lookUp(state.domains, id)?.revokedBeforeMs ?? 0),
    ),
  ];
  const issuedAtMs = Math.max(env.clock.now(), ...voidedMs.map((ms) => ms + 1));
  const lifetimeEndMs = issuedAtMs + api.identity.tokenLifetimeMs;
  return {
    userId: proof.user.id,
    methods: proof.methods,
    scope,
    issuedAtMs,
    expiresAtMs: Math.min(lifetimeEndMs, proof.expiresAtMs ?? lifetimeEndMs),
    auditId: Buffer.from(env.random.bytes(16)).toString('base64url'),
    ...(proof.parentAuditId === undefined ? {} : { parentAuditId: proof.parentAuditId }),
    ...(proof.credential === undefined ? {} : { applicationCredentialId: proof.credential.id }),
    ...(proof.accessToken === undefined ? {} : { accessTokenId: proof.accessToken.id }),
  };
}
