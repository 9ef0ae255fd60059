// Tokens over HTTP: issue, validate, check, revoke; and what a token's holder could get tokens for.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { domainIdsOf, projectsOf, rolesOn } from '#actors/services/identity/roles.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { authenticateRequest } from './authentication.ts';
import { renderCatalog } from './catalogue/token-catalog.ts';
import { renderWithLink } from './collection.ts';
import { domains } from './domains.ts';
import { listReply } from './listing.ts';
import { isAdmin, isService, isSystemReader, isUser } from './policy.ts';
import { Problem } from './problem.ts';
import { projects } from './projects.ts';
import { passwordExpiry } from './users.ts';
import {
  clientBase,
  type IdentityApi,
  link,
  permit,
  queryFlag,
  queryValue,
  requireToken,
  stateOf,
  write,
} from './service.ts';
import { formatTime } from './timestamps.ts';

/** How long after its end a service may still have a token validated, for requests that take long. */
const expiredWindowMs = 172_800_000;

export function tokenRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post('/auth/tokens', async (request, reply) => {
    const grant = await authenticateRequest(api, request);
    return reply
      .code(201)
      .header('x-subject-token', api.identity.issue(grant.claims))
      .send(tokenBody(api, request, grant));
  });

  app.get('/auth/tokens', (request, reply) => {
    const caller = requireToken(api, request);
    const { token, grant } = subjectOf(api, request, queryFlag(request, 'allow_expired'));
    const action = request.method === 'HEAD' ? 'check_token' : 'validate_token';
    permit(mayValidate(caller, grant), action);
    return reply.header('x-subject-token', token).send(tokenBody(api, request, grant));
  });

  app.delete('/auth/tokens', async (request, reply) => {
    const caller = requireToken(api, request);
    const { grant } = subjectOf(api, request, false);
    permit(isAdmin(caller) || isUser(caller, grant.user.id), 'revoke_token');
    const { auditId, expiresAtMs } = grant.claims;
    await write(api, request, { type: 'identity.revoke-token', auditId, expiresAtMs });
    return reply.code(204).send();
  });

  app.get('/auth/catalog', (request) => {
    const grant = requireToken(api, request);
    if (grant.project === undefined)
      throw new Problem(403, 'You are not authorized to perform the requested action.');
    return {
      catalog: catalogFor(api, request, grant),
      links: { self: link(api, request, '/auth/catalog') },
    };
  });

  registerScopes(app, api);
}

function registerScopes(app: FastifyInstance, api: IdentityApi): void {
  app.get('/auth/projects', (request) => {
    const grant = requireToken(api, request);
    const mine = projectsOf(stateOf(api), grant.user.id).filter((project) => project.enabled);
    return listReply(api, request, {
      collection: 'projects',
      records: mine,
      render: (project) => renderWithLink(projects, project, { api, request, grant }),
    });
  });

  app.get('/auth/domains', (request) => {
    const grant = requireToken(api, request);
    const state = stateOf(api);
    const mine = domainIdsOf(state, grant.user.id)
      .flatMap((id) => lookUp(state.domains, id) ?? [])
      .filter((domain) => domain.enabled);
    return listReply(api, request, {
      collection: 'domains',
      records: mine,
      render: (domain) => renderWithLink(domains, domain, { api, request, grant }),
    });
  });

  app.get('/auth/system', (request) => {
    const grant = requireToken(api, request);
    const has = rolesOn(stateOf(api), grant.user.id, { kind: 'system' }).length > 0;
    return {
      system: has ? [{ all: true }] : [],
      links: { self: link(api, request, '/auth/system') },
    };
  });
}

function mayValidate(caller: TokenGrant, subject: TokenGrant): boolean {
  return (
    isAdmin(caller) ||
    isService(caller) ||
    isSystemReader(caller) ||
    isUser(caller, subject.user.id)
  );
}

function subjectOf(
  api: IdentityApi,
  request: FastifyRequest,
  allowExpired: boolean,
): { readonly token: string; readonly grant: TokenGrant } {
  const token = request.headers['x-subject-token'];
  if (typeof token !== 'string' || token === '') throw new Problem(404, 'No token in the request');
  const grant = api.identity.inspect(token, allowExpired ? expiredWindowMs : 0);
  if (grant === undefined) throw new Problem(404, 'Failed to validate token');
  return { token, grant };
}

export function tokenBody(api: IdentityApi, request: FastifyRequest, grant: TokenGrant): object {
  const { claims, user, userDomain } = grant;
  const scoped = claims.scope.kind !== 'unscoped';
  const wantsCatalog = queryValue(request, 'nocatalog') === undefined;
  return {
    token: {
      methods: claims.methods,
      user: {
        domain: { id: userDomain.id, name: userDomain.name },
        id: user.id,
        name: user.name,
        password_expires_at: passwordExpiry(api, user),
      },
      audit_ids:
        claims.parentAuditId === undefined
          ? [claims.auditId]
          : [claims.auditId, claims.parentAuditId],
      expires_at: formatTime(claims.expiresAtMs),
      issued_at: formatTime(claims.issuedAtMs),
      ...scopeBody(grant),
      ...(scoped ? { roles: grant.roles.map(({ id, name }) => ({ id, name })) } : {}),
      ...(scoped && wantsCatalog ? { catalog: catalogFor(api, request, grant) } : {}),
      ...credentialBody(grant),
    },
  };
}

function scopeBody(grant: TokenGrant): object {
  const { claims, project, scopeDomain } = grant;
  const domain = { id: scopeDomain?.id, name: scopeDomain?.name };
  switch (claims.scope.kind) {
    case 'system':
      return { system: { all: true } };
    case 'domain':
      return { domain };
    case 'project':
      return {
        project: { domain, id: project?.id, name: project?.name },
        is_domain: false,
        ...trustBody(grant),
      };
    default:
      return trustBody(grant);
  }
}

function trustBody({ trust }: TokenGrant): object {
  if (trust === undefined) return {};
  return {
    'OS-TRUST:trust': {
      id: trust.id,
      impersonation: trust.impersonation,
      trustor_user: { id: trust.trustorUserId },
      trustee_user: { id: trust.trusteeUserId },
    },
  };
}

function credentialBody({ applicationCredential: credential, accessToken }: TokenGrant): object {
  if (accessToken !== undefined)
    return {
      'OS-OAUTH1': { access_token_id: accessToken.id, consumer_id: accessToken.consumerId },
    };
  if (credential === undefined) return {};
  return {
    application_credential: {
      id: credential.id,
      name: credential.name,
      restricted: !credential.unrestricted,
      ...(credential.accessRules === undefined ? {} : { access_rules: credential.accessRules }),
    },
  };
}

function catalogFor(
  api: IdentityApi,
  request: FastifyRequest,
  grant: TokenGrant,
): readonly object[] {
  return renderCatalog(stateOf(api), {
    base: clientBase(api, request),
    projectId: grant.project?.id,
    userId: grant.user.id,
  });
}
