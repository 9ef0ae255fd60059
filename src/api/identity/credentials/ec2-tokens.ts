// POST /ec2tokens: a service that got a request signed with a key in EC2's form asks for a token of the key's user.
import type { FastifyInstance } from 'fastify';
import type { Credential } from '#actors/services/identity/entries/schemas.ts';
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { grantOf, type TokenGrant } from '#actors/services/identity/token-check.ts';
import { claimsFor, claimsOfTrust } from '../authentication.ts';
import { type Body, textOf } from '../collection.ts';
import { isAdmin, isService } from '../policy.ts';
import { notFound, Problem, unauthorized } from '../problem.ts';
import type { Proof } from '../proofs/proof.ts';
import { type IdentityApi, jsonBody, permit, requireToken, stateOf } from '../service.ts';
import { parseTime } from '../timestamps.ts';
import { tokenBody } from '../tokens.ts';
import { type Ec2Blob, idOfAccess, readEc2Blob } from './credentials.ts';
import { isSignedWith, readSignedRequest, type SignedRequest } from './ec2-signature.ts';

/** How old a signature may be. */
const signatureLifetimeMs = 15 * 60_000;

export function ec2TokenRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post('/ec2tokens', (request, reply) => {
    const caller = requireToken(api, request);
    permit(isAdmin(caller) || isService(caller), 'ec2tokens_validate');
    const body = jsonBody(request);
    const signed = (body.credentials ?? body.credential ?? body.ec2Credentials ?? {}) as Body;
    const grant = grantFor(api, signed);
    return reply
      .code(200)
      .header('x-subject-token', api.identity.issue(grant.claims))
      .send(tokenBody(api, request, grant));
  });
}

function grantFor(api: IdentityApi, signed: Body): TokenGrant {
  const access = textOf(signed, 'access');
  if (access === undefined) throw new Problem(401, 'EC2 Signature not supplied');
  const id = idOfAccess(access);
  const credential = findEntry(stateOf(api), 'credential', id);
  if (credential === undefined) throw notFound('credential', id);
  if (credential.type !== 'ec2') throw new Problem(401, 'EC2 access key not found.');
  const key = readEc2Blob(credential.blob);
  const signature = textOf(signed, 'signature');
  if (signature === undefined) throw new Problem(401, 'EC2 signature not supplied.');
  const request = readSignedRequest(signed);
  if (key.secret === undefined || !isSignedWith(key.secret, request, signature))
    throw new Problem(401, 'Invalid EC2 signature.');
  refuseOld(api, request);
  return worthOf(api, credential, key);
}

/** A request without a time was meant to have none. */
function refuseOld(api: IdentityApi, { params, headers }: SignedRequest): void {
  const time = params.Timestamp ?? headers['x-amz-date'] ?? params['X-Amz-Date'];
  if (time === undefined) return;
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const ms = parseTime(iso);
  if (ms === undefined)
    throw new Problem(401, `Credential timestamp is invalid: ${time.slice(0, 64)}`);
  if (ms + signatureLifetimeMs < api.context.env.clock.now())
    throw new Problem(401, 'Credential is expired');
}

/** What the user has on the key's project, cut to what the key was made on behalf of. */
function worthOf(api: IdentityApi, credential: Credential, key: Ec2Blob): TokenGrant {
  const state = stateOf(api);
  const user = lookUp(state.users, credential.userId);
  const { projectId } = credential;
  if (user === undefined || projectId === undefined) throw unauthorized();
  const proof: Proof = { user, methods: ['ec2credential'] };
  const trust = key.trustId === undefined ? undefined : findEntry(state, 'trust', key.trustId);
  if (key.trustId !== undefined && trust?.trusteeUserId !== user.id) throw unauthorized();
  const claims =
    trust === undefined
      ? claimsFor(api, proof, { kind: 'project', id: projectId })
      : claimsOfTrust(api, proof, trust);
  const { applicationCredentialId, accessTokenId } = key;
  const bound = {
    ...(applicationCredentialId === undefined ? {} : { applicationCredentialId }),
    ...(accessTokenId === undefined ? {} : { accessTokenId }),
  };
  const grant = claims === undefined ? undefined : grantOf(state, { ...claims, ...bound });
  if (grant === undefined) throw unauthorized();
  return grant;
}
