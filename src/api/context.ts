// What every service plugin gets, and what every request carries. Wired once, in main.ts.
import type { FastifyRequest } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Views } from '#runtime/events/projection.ts';

export interface ApiContext {
  readonly env: Env;
  readonly router: Router;
  readonly views: Views;
  readonly identity: Identity;
  readonly region: string;
  /** Base URL as clients reach it, without a trailing slash: `http://127.0.0.1:8774`. Used for links if no Host header. */
  readonly publicUrl: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `req-` + UUID; also in the reply's x-openstack-request-id. */
    requestId: string;
    /** Set by the authenticate hook of a service plugin. */
    caller: Caller;
  }
}

export type ApiRequest = FastifyRequest;
