// What one method of POST /auth/tokens is given, and what it proves.
import type { FastifyRequest } from 'fastify';
import type { AccessToken } from '#actors/services/identity/entries/schemas.ts';
import type { ApplicationCredential, User } from '#actors/services/identity/records.ts';
import type { TokenMethod } from '#actors/services/identity/token-codec.ts';
import type { Body } from '../collection.ts';
import type { IdentityApi } from '../service.ts';

export interface Claim {
  readonly api: IdentityApi;
  readonly request: FastifyRequest;
  /** The method's part of the body. */
  readonly data: Body;
}

export interface Proof {
  readonly user: User;
  readonly methods: readonly TokenMethod[];
  /** Only for tokens made from what ends itself. */
  readonly expiresAtMs?: number;
  readonly parentAuditId?: string;
  readonly credential?: ApplicationCredential;
  readonly accessToken?: AccessToken;
  /** By a token of the system: it leads to no project and no domain. */
  readonly isOfSystem?: boolean;
}
