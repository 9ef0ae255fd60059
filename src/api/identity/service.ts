// What every identity route needs: the entity's state, who asks, a way to write, and where links lead.
import type { FastifyRequest } from 'fastify';
import { type IdentityCommand, identityRef } from '#actors/services/identity/protocol.ts';
import { randomHexId } from '#actors/services/identity/ids.ts';
import type { SecurityCompliance } from '#actors/services/identity/compliance.ts';
import type { PasswordHasher } from '#actors/services/identity/passwords.ts';
import type { EmbeddedIdentity } from '#actors/services/identity/service.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import type { ApiContext } from '../context.ts';
import { allowsRequest } from '../access-rules.ts';
import { plainPath } from '../authenticate.ts';
import { baseUrl } from '../server.ts';
import { forbidden, fromRefusal, invalid, missing, unauthorized } from './problem.ts';
import { isRefusal } from '#runtime/message/refusal.ts';

export interface IdentityDependencies {
  readonly identity: EmbeddedIdentity;
  readonly passwords: PasswordHasher;
  readonly compliance: SecurityCompliance;
}

export interface IdentityApi extends IdentityDependencies {
  readonly context: ApiContext;
}

export function stateOf(api: IdentityApi): IdentityState {
  return api.identity.state();
}

export function newId(api: IdentityApi): string {
  return randomHexId(api.context.env.random);
}

/** The token that the request carries, checked; throws 401 without a good one. */
export function requireToken(api: IdentityApi, request: FastifyRequest): TokenGrant {
  const token = request.headers['x-auth-token'];
  const grant = typeof token === 'string' && token !== '' ? api.identity.inspect(token) : undefined;
  if (grant === undefined || !mayAsk(grant, request)) throw unauthorized();
  return grant;
}

/** Tokens may be validated whatever an application credential's rules say: other services do it with any token. */
function mayAsk({ caller: { accessRules } }: TokenGrant, { method, url }: FastifyRequest): boolean {
  if (accessRules === undefined) return true;
  const path = plainPath(url);
  return (
    (method === 'GET' && path.endsWith('/v3/auth/tokens')) ||
    allowsRequest(accessRules, { method, path })
  );
}

export function permit(allowed: boolean, action: string): void {
  if (!allowed) throw forbidden(action);
}

/** Resolves when the write is durable and visible; throws the refusal's words. */
export async function write(
  api: IdentityApi,
  request: FastifyRequest,
  command: IdentityCommand,
): Promise<void> {
  const { requestId } = request;
  const answer = await api.context.router.ask(identityRef, command, { requestId });
  if (isRefusal(answer)) throw fromRefusal(answer);
  await api.context.views.barrier();
}

/** `http://host:port/identity`, as this client reaches it. */
export function serviceUrl(api: IdentityApi, request: FastifyRequest): string {
  return `${clientBase(api, request)}/identity`;
}

export function clientBase(api: IdentityApi, request: FastifyRequest): string {
  return baseUrl(request.headers.host, api.context.publicUrl);
}

/** An absolute link below `/v3`. */
export function link(api: IdentityApi, request: FastifyRequest, path: string): string {
  return `${serviceUrl(api, request)}/v3${path}`;
}

export function param(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name] ?? '';
}

/** The first value of a query field; undefined if it is absent. */
export function queryValue(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Readonly<Record<string, string | readonly string[]>>)[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** `?effective` and `?effective=1` are true; only 0 is false. */
export function queryFlag(request: FastifyRequest, name: string): boolean {
  const value = queryValue(request, name);
  return value !== undefined && value !== '0';
}

/** The whole JSON object that was sent; 400 for anything else. */
export function jsonBody(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw missing('valid JSON', 'request body');
  return body as Readonly<Record<string, unknown>>;
}

/** Unknown attributes are stored as they come, so they may not be deeper than this. */
const deepestBody = 24;

/** The object under the member's name; an empty one if it is not there, as validation will then say what lacks. */
export function memberBody(
  request: FastifyRequest,
  member: string,
): Readonly<Record<string, unknown>> {
  const body = jsonBody(request)[member] ?? {};
  if (!isStorable(body, 0))
    throw invalid(
      `Invalid input for field '${member}': it is nested more than ${deepestBody} levels deep, or holds a number beyond all bounds`,
    );
  return body as Readonly<Record<string, unknown>>;
}

function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return depth < deepestBody && Object.values(value).every((inner) => isStorable(inner, depth + 1));
}
