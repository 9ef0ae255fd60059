// The method `oauth1`: the request is signed with an access token's secret; there is nothing in the body.
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { checkSignature, oauthParams, requireParam } from '../delegation/oauth-tokens.ts';
import { notFound, Problem, unauthorized } from '../problem.ts';
import { stateOf } from '../service.ts';
import type { Claim, Proof } from './proof.ts';

export async function proveOauth({ api, request }: Claim): Promise<Proof> {
  const params = oauthParams(request);
  const id = requireParam(params, 'oauth_token');
  const accessToken = findEntry(stateOf(api), 'access-token', id);
  if (accessToken === undefined) throw notFound('access token', id);
  const { consumerId, secret, expiresAtMs, authorizingUserId } = accessToken;
  if (expiresAtMs !== undefined && expiresAtMs <= api.context.env.clock.now())
    throw new Problem(401, 'Access token is expired');
  checkSignature(api, request, params, { consumerId, tokenSecret: secret });
  const user = lookUp(stateOf(api).users, authorizingUserId);
  if (user === undefined) throw unauthorized();
  return {
    user,
    methods: ['oauth1'],
    accessToken,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}
