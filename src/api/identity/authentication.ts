// POST /auth/tokens, the thinking part: who is it (password, token, application credential), and for what scope.
// Whatever is wrong with the credentials is the same 401, so that nobody learns which part of them was right.
import type { FastifyRequest } from 'fastify';
import { type Scope, rolesOn } from '#actors/services/identity/roles.ts';
import type { ApplicationCredential, User } from '#actors/services/identity/records.ts';
import { findByName, type IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { grantOf, type TokenGrant } from '#actors/services/identity/token-check.ts';
import {
  type TokenClaims,
  type TokenMethod,
  tokenMethods,
} from '#actors/services/identity/token-codec.ts';
import { checkBody } from './body-check.ts';
import type { Body } from './collection.ts';
import { invalid, missing, Problem, unauthorized } from './problem.ts';
import { authSchema } from './schemas.ts';
import { type IdentityApi, jsonBody, stateOf } from './service.ts';

/** What the methods prove together. */
interface Proof {
  readonly user: User;
  readonly methods: readonly TokenMethod[];
  /** Only for tokens made from others, and application credentials that end. */
  readonly expiresAtMs?: number;
  readonly parentAuditId?: string;
  readonly credential?: ApplicationCredential;
}

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
  for (const method of methods) proofs.push(await prove(api, method, identity[method] as Body));
  const proof = unite(proofs);
  const state = stateOf(api);
  const scope = chooseScope(state, proof, requested);
  const grant = grantOf(state, claimsFor(api, proof, scope));
  if (grant === undefined) throw unauthorized();
  return grant;
}

function readAuth(request: FastifyRequest): Body {
  const { auth } = jsonBody(request);
  if (auth === undefined || auth === null) throw missing('auth', 'request body');
  checkBody(authSchema, auth);
  return auth as Body;
}

function readMethods(identity: Body): readonly TokenMethod[] {
  const methods = [...new Set(identity.methods as readonly string[])];
  for (const method of methods)
    if (identity[method] === undefined) throw missing(method, 'identity');
  if (methods.some((method) => !isMethod(method)))
    throw new Problem(401, 'Attempted to authenticate with an unsupported method.', {
      extra: { identity: { methods: tokenMethods } },
    });
  if (methods.length === 0) throw unauthorized();
  return methods.filter(isMethod);
}

function isMethod(name: string): name is TokenMethod {
  return (tokenMethods as readonly string[]).includes(name);
}

type RequestedScope =
  | { readonly kind: 'default' }
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'system' }
  | { readonly kind: 'domain'; readonly domain: Body }
  | { readonly kind: 'project'; readonly project: Body };

const scopeNames = ['project', 'domain', 'unscoped', 'system', 'OS-TRUST:trust'];

function readScope(auth: Body, methods: readonly TokenMethod[]): RequestedScope {
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
  if (names.length !== 1 || name === undefined || name === 'OS-TRUST:trust')
    throw missing('system, project, domain, OS-TRUST:trust or unscoped', 'scope');
  if (name === 'unscoped' || name === 'system') return { kind: name };
  const place = named[name] as Body;
  requireIdOrName(place, `scope/${name}`);
  if (name === 'domain') return { kind: 'domain', domain: place };
  if (place.domain !== undefined) requireIdOrName(place.domain as Body, 'scope/project/domain');
  if (place.name !== undefined && place.id === undefined && place.domain === undefined)
    throw missing('domain', 'project');
  return { kind: 'project', project: place };
}

function requireIdOrName(named: Body, field: string): void {
  if (named.id === undefined && named.name === undefined)
    throw invalid(`Invalid input for field ${field}: id or name must be present.`);
}

function prove(api: IdentityApi, method: TokenMethod, data: Body): Promise<Proof> {
  if (method === 'password') return provePassword(api, data);
  if (method === 'token') return Promise.resolve(proveToken(api, data));
  return proveCredential(api, data);
}

async function provePassword(api: IdentityApi, data: Body): Promise<Proof> {
  const named = data.user as Body | undefined;
  if (named === undefined) throw missing('user', 'password');
  if (named.id === undefined && named.name === undefined) throw missing('id or name', 'user');
  if (named.id === undefined && named.domain === undefined) throw missing('domain', 'user');
  if (named.domain !== undefined)
    requireIdOrName(named.domain as Body, 'identity/password/user/domain');
  const user = findUser(stateOf(api), named);
  const password = typeof named.password === 'string' ? named.password : '';
  const right = await api.passwords.verify(password, user?.passwordHash);
  if (user === undefined || !right) throw unauthorized();
  return { user, methods: ['password'] };
}

function proveToken(api: IdentityApi, data: Body): Proof {
  const grant = api.identity.inspect(data.id as string);
  if (grant === undefined) throw new Problem(404, 'Failed to validate token');
  if (grant.applicationCredential !== undefined) throw unauthorized();
  const { claims, user } = grant;
  const methods = tokenMethods.filter((m) => m === 'token' || claims.methods.includes(m));
  return { user, methods, expiresAtMs: claims.expiresAtMs, parentAuditId: claims.auditId };
}

async function proveCredential(api: IdentityApi, data: Body): Promise<Proof> {
  const state = stateOf(api);
  const credential = findCredential(state, data);
  const secret = typeof data.secret === 'string' ? data.secret : '';
  const right = await api.passwords.verify(secret, credential?.secretHash);
  const user = credential === undefined ? undefined : lookUp(state.users, credential.userId);
  if (credential === undefined || user === undefined || !right) throw unauthorized();
  const { expiresAtMs } = credential;
  if (expiresAtMs !== undefined && expiresAtMs <= api.context.env.clock.now()) throw unauthorized();
  return {
    user,
    methods: ['application_credential'],
    credential,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function findCredential(state: IdentityState, data: Body): ApplicationCredential | undefined {
  if (typeof data.id === 'string') return lookUp(state.applicationCredentials, data.id);
  if (typeof data.name !== 'string') throw missing('name or ID', 'application credential');
  const owner = data.user as Body | undefined;
  if (owner === undefined) throw missing('user', 'application credential');
  if (owner.id === undefined && owner.domain === undefined) throw missing('domain', 'user');
  const user = findUser(state, owner);
  const id =
    user === undefined
      ? undefined
      : findByName(state, 'application-credential', user.id, data.name);
  return id === undefined ? undefined : lookUp(state.applicationCredentials, id);
}

function findUser(state: IdentityState, named: Body): User | undefined {
  if (typeof named.id === 'string') return lookUp(state.users, named.id);
  const domainId = findDomain(state, (named.domain ?? {}) as Body);
  if (domainId === undefined || typeof named.name !== 'string') return undefined;
  const id = findByName(state, 'user', domainId, named.name);
  return id === undefined ? undefined : lookUp(state.users, id);
}

function findDomain(state: IdentityState, named: Body): string | undefined {
  return typeof named.name === 'string'
    ? findByName(state, 'domain', '', named.name)
    : typeof named.id === 'string'
      ? named.id
      : undefined;
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

function chooseScope(state: IdentityState, proof: Proof, requested: RequestedScope): Scope {
  if (proof.credential !== undefined) return { kind: 'project', id: proof.credential.projectId };
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
function claimsFor(api: IdentityApi, proof: Proof, scope: Scope): TokenClaims {
  const { env } = api.context;
  const state = stateOf(api);
  const project = scope.kind === 'project' ? lookUp(state.projects, scope.id) : undefined;
  const domains = [
    proof.user.domainId,
    project?.domainId,
    scope.kind === 'domain' ? scope.id : undefined,
  ];
  const voidedMs = [
    proof.user.revokedBeforeMs,
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
  };
}
