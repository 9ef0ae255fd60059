// The hook that every service but identity puts before its routes: who is asking? It answers 401 in the words of
// OpenStack's token filter, which are the same for all services. A token that is good for some requests only is none for
// the others. What a caller may do is decided elsewhere.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import { allowsRequest, type AskedRequest } from './access-rules.ts';
import { baseUrl } from './server.ts';

export interface AuthenticateOptions {
  /** Whole paths, from the root, without a trailing slash, that need no token: `/compute`, `/compute/v2.1`. */
  readonly publicPaths?: readonly string[];
}

/** What the hook needs of an ApiContext. */
export interface AuthenticateContext {
  readonly identity: Identity;
  readonly publicUrl: string;
}

/** For `addHook('onRequest', …)`: sets `request.caller`, or replies 401. On public paths `caller` stays undefined. */
export function authenticate(
  context: AuthenticateContext,
  options: AuthenticateOptions = {},
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const open = new Set(options.publicPaths);
  return async (request, reply) => {
    const token = request.headers['x-auth-token'];
    const caller =
      typeof token === 'string' && token !== '' ? await context.identity.verify(token) : undefined;
    const path = plainPath(request.url);
    if (caller !== undefined && mayAsk(caller, { method: request.method, path })) {
      request.caller = caller;
      return undefined;
    }
    if (open.has(path)) return undefined;
    return refuseUnauthenticated(request, reply, context.publicUrl);
  };
}

function mayAsk({ accessRules }: Caller, asked: AskedRequest): boolean {
  return accessRules === undefined || allowsRequest(accessRules, asked);
}

/** The token filter's 401, challenge included. */
export function refuseUnauthenticated(
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
): FastifyReply {
  const base = baseUrl(request.headers.host, publicUrl);
  return reply
    .code(401)
    .header('www-authenticate', `Keystone uri="${base}/identity"`)
    .type('application/json')
    .send({
      error: {
        code: 401,
        title: 'Unauthorized',
        message: 'The request you have made requires authentication.',
      },
    });
}

/** Without its query, doubled slashes and the one at its end. */
export function plainPath(url: string): string {
  const query = url.indexOf('?');
  const path = (query < 0 ? url : url.slice(0, query)).replaceAll(/\/{2,}/g, '/');
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
