// OS-OAUTH1: a consumer asks for a request token, a user agrees to it with some roles, the consumer exchanges it for an
// access token, which it gets tokens of identity with (proofs/oauth.ts). Bodies of answers are forms, as OAuth has them.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import { rolesOn } from '#actors/services/identity/roles.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { checkBody } from '../body-check.ts';
import type { Body } from '../collection.ts';
import { addEntry } from '../entry-collection.ts';
import { isAdmin, isDelegated } from '../policy.ts';
import { missing, notFound, Problem } from '../problem.ts';
import { requestTokenAuthorize } from '../schemas.ts';
import {
  clientBase,
  type IdentityApi,
  jsonBody,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from '../service.ts';
import { formatTime } from '../timestamps.ts';
import { readRoles } from './body-parts.ts';
import { isSignedBy, type OauthParams, readOauthHeader } from './oauth-signature.ts';

const requestTokenLifetimeMs = 8 * 3_600_000;
const accessTokenLifetimeMs = 24 * 3_600_000;
/** How far a consumer's clock may be off, and how long a signed request is good. */
const clockToleranceMs = 600_000;

export function oauthTokenRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post('/OS-OAUTH1/request_token', async (request, reply) => {
    const params = oauthParams(request);
    const consumer = requireParam(params, 'oauth_consumer_key');
    const projectId = request.headers['requested-project-id'];
    if (typeof projectId !== 'string') throw missing('Requested-Project-Id', 'request');
    if (lookUp(stateOf(api).projects, projectId) === undefined)
      throw notFound('project', projectId);
    checkSignature(api, request, params, { consumerId: consumer, tokenSecret: '' });
    const expiresAtMs = api.context.env.clock.now() + requestTokenLifetimeMs;
    const token = {
      id: newId(api),
      secret: newId(api),
      consumerId: consumer,
      projectId,
      expiresAtMs,
    };
    await write(api, request, addEntry('request-token', token));
    return reply.code(201).type(formType).send(formOf(token));
  });

  app.put('/OS-OAUTH1/authorize/:id', async (request, reply) => {
    const grant = requireToken(api, request);
    permit(isAdmin(grant), 'authorize_request_token');
    const roles = jsonBody(request).roles ?? [];
    checkBody(requestTokenAuthorize, roles);
    if (isDelegated(grant))
      throw new Problem(
        403,
        'Cannot authorize a request token with a token issued via delegation.',
      );
    const token = requestTokenIn(api, param(request, 'id'));
    const roleIds = readRoles(stateOf(api), roles as readonly Body[]);
    const scope = { kind: 'project' as const, id: token.projectId };
    const held = new Set(rolesOn(stateOf(api), grant.user.id, scope).map(({ id }) => id));
    if (!roleIds.every((id) => held.has(id)))
      throw new Problem(401, 'authorizing user does not have role required');
    const verifier = newId(api).slice(0, 8);
    const changes = { authorizingUserId: grant.user.id, roleIds, verifier };
    const { id } = token;
    await write(api, request, {
      type: 'identity.change-entry',
      kind: 'request-token',
      id,
      changes,
    });
    return reply.send({ token: { oauth_verifier: verifier } });
  });

  app.post('/OS-OAUTH1/access_token', async (request, reply) => {
    const params = oauthParams(request);
    const consumerId = requireParam(params, 'oauth_consumer_key');
    const requestTokenId = requireParam(params, 'oauth_token');
    const verifier = requireParam(params, 'oauth_verifier');
    const granted = requestTokenIn(api, requestTokenId);
    if (granted.consumerId !== consumerId)
      throw new Problem(401, 'Provided consumer key does not match stored consumer key.');
    checkSignature(api, request, params, { consumerId, tokenSecret: granted.secret });
    const expiresAtMs = api.context.env.clock.now() + accessTokenLifetimeMs;
    const token = { id: newId(api), secret: newId(api), expiresAtMs };
    await write(api, request, {
      type: 'identity.exchange-request-token',
      id: requestTokenId,
      verifier,
      accessToken: token,
    });
    return reply.code(201).type(formType).send(formOf(token));
  });
}

const formType = 'application/x-www-form-urlencoded';

function formOf(token: {
  readonly id: string;
  readonly secret: string;
  readonly expiresAtMs: number;
}): string {
  return `oauth_token=${token.id}&oauth_token_secret=${token.secret}&oauth_expires_at=${formatTime(token.expiresAtMs)}`;
}

function requestTokenIn(api: IdentityApi, id: string): EntryRecord<'request-token'> {
  const token = findEntry(stateOf(api), 'request-token', id);
  if (token === undefined) throw notFound('request token', id);
  if (token.expiresAtMs <= api.context.env.clock.now())
    throw new Problem(401, 'Request token is expired');
  return token;
}

export function oauthParams(request: FastifyRequest): OauthParams {
  const params = readOauthHeader(request.headers.authorization);
  if (params === undefined) throw missing('Authorization headers of OAuth', 'request');
  return params;
}

export function requireParam(params: OauthParams, name: string): string {
  const value = params[name];
  if (value === undefined || value === '') throw missing(name, 'request');
  return value;
}

export function checkSignature(
  api: IdentityApi,
  request: FastifyRequest,
  params: OauthParams,
  by: { readonly consumerId: string; readonly tokenSecret: string },
): void {
  const consumer = findEntry(stateOf(api), 'consumer', by.consumerId);
  if (consumer === undefined) throw new Problem(401, 'Provided consumer does not exist.');
  const sentMs = Number(params.oauth_timestamp) * 1_000;
  const isTimely = Math.abs(sentMs - api.context.env.clock.now()) <= clockToleranceMs;
  const url = `${clientBase(api, request)}${request.url}`;
  const asked = { method: request.method, url, params };
  if (!isTimely || !isSignedBy(asked, consumer.secret, by.tokenSecret))
    throw new Problem(401, 'Invalid signature');
}
