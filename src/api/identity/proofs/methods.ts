// The methods of POST /auth/tokens by name. Whatever is wrong with a proof is 401, so that nobody learns which part of
// it was right.
import type { ApplicationCredential } from '#actors/services/identity/records.ts';
import { findByName, type IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { tokenMethods } from '#actors/services/identity/token-codec.ts';
import type { Body } from '../collection.ts';
import { hasDelegatedMethod } from '../policy.ts';
import { forbiddenAction, missing, Problem, unauthorized } from '../problem.ts';
import { stateOf } from '../service.ts';
import { findUser } from './lookups.ts';
import { proveOauth } from './oauth.ts';
import { provePassword } from './password.ts';
import type { Claim, Proof } from './proof.ts';
import { proveTotp } from './totp.ts';

export const proveBy = {
  password: provePassword,
  token: async (claim: Claim) => proveToken(claim),
  application_credential: proveCredential,
  oauth1: proveOauth,
  totp: proveTotp,
} as const;

function proveToken({ api, data }: Claim): Proof {
  const grant = api.identity.inspect(data.id as string);
  if (grant === undefined) throw new Problem(404, 'Failed to validate token');
  const { claims, user } = grant;
  if (claims.accessTokenId !== undefined)
    throw forbiddenAction(
      'Using OAuth-scoped token to create another token. Create a new OAuth-scoped token instead',
    );
  if (claims.trustId !== undefined)
    throw forbiddenAction(
      'Using trust-scoped token to create another token. Create a new trust-scoped token instead',
    );
  if (hasDelegatedMethod(claims)) throw unauthorized();
  return {
    user,
    methods: tokenMethods.filter((method) => method === 'token' || claims.methods.includes(method)),
    expiresAtMs: claims.expiresAtMs,
    parentAuditId: claims.auditId,
    isOfSystem: claims.scope.kind === 'system',
  };
}

async function proveCredential({ api, data }: Claim): Promise<Proof> {
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
