// What a user let consumers do: access tokens, seen and taken back, and the roles of each.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessToken } from '#actors/services/identity/entries/schemas.ts';
import { entriesOwnedBy, findEntry } from '#actors/services/identity/entries/tables.ts';
import type { Role } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { renderWithLink, type Work } from '../collection.ts';
import { removeEntry } from '../entry-collection.ts';
import { listReply } from '../listing.ts';
import { isAdmin, isDelegated } from '../policy.ts';
import { notFound } from '../problem.ts';
import { roles } from '../roles.ts';
import { type IdentityApi, link, param, permit, requireToken, stateOf, write } from '../service.ts';
import { formatTime } from '../timestamps.ts';

const path = '/users/:id/OS-OAUTH1/access_tokens';

export function accessTokenRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get(path, (request) => {
    const work = workFor(api, request, 'list_access_tokens');
    return listReply(api, request, {
      collection: 'access_tokens',
      records: entriesOwnedBy(stateOf(api), `user:${param(request, 'id')}`, 'access-token'),
      render: (token) => render(work, token),
    });
  });

  app.get(`${path}/:tokenId`, (request) => {
    const work = workFor(api, request, 'get_access_token');
    return { access_token: render(work, tokenIn(work)) };
  });

  app.delete(`${path}/:tokenId`, async (request, reply) => {
    const work = workFor(api, request, 'delete_access_token');
    await write(api, request, removeEntry('access-token', tokenIn(work).id));
    return reply.code(204).send();
  });

  app.get(`${path}/:tokenId/roles`, (request) => {
    const work = workFor(api, request, 'list_access_token_roles');
    return listReply(api, request, {
      collection: 'roles',
      records: rolesOf(work),
      render: (role) => renderWithLink(roles, role, work),
    });
  });

  app.get(`${path}/:tokenId/roles/:roleId`, (request) => {
    const work = workFor(api, request, 'get_access_token_role');
    const id = param(request, 'roleId');
    const role = rolesOf(work).find((other) => other.id === id);
    if (role === undefined) throw notFound('role', id);
    return { role: renderWithLink(roles, role, work) };
  });
}

/** For administrators by their own login. */
function workFor(api: IdentityApi, request: FastifyRequest, action: string): Work {
  const grant = requireToken(api, request);
  permit(isAdmin(grant) && !isDelegated(grant), action);
  return { api, request, grant };
}

function tokenIn({ api, request }: Work): AccessToken {
  const id = param(request, 'tokenId');
  const token = findEntry(stateOf(api), 'access-token', id);
  if (token?.authorizingUserId !== param(request, 'id')) throw notFound('access token', id);
  return token;
}

function rolesOf(work: Work): readonly Role[] {
  return tokenIn(work).roleIds.flatMap((id) => lookUp(stateOf(work.api).roles, id) ?? []);
}

function render({ api, request }: Work, token: AccessToken): object {
  const self = link(
    api,
    request,
    `/users/${token.authorizingUserId}/OS-OAUTH1/access_tokens/${token.id}`,
  );
  return {
    id: token.id,
    consumer_id: token.consumerId,
    project_id: token.projectId,
    authorizing_user_id: token.authorizingUserId,
    expires_at: token.expiresAtMs === undefined ? null : formatTime(token.expiresAtMs),
    links: { self, roles: `${self}/roles` },
  };
}
