// OS-TRUST: a user (the trustor) lets another (the trustee) get tokens for one project, with some of the own roles, under
// the own name or the other's, for a while or some uses. A trustee may pass a trust on where it allows that.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Trust } from '#actors/services/identity/entries/schemas.ts';
import {
  entriesOwnedBy,
  findEntry,
  listEntries,
} from '#actors/services/identity/entries/tables.ts';
import type { Role } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { checkBody } from '../body-check.ts';
import { renderWithLink, type Work } from '../collection.ts';
import { addEntry, removeEntry } from '../entry-collection.ts';
import { listReply, selfUrl } from '../listing.ts';
import { hasDelegatedMethod, isAdmin, isUser, readsAll } from '../policy.ts';
import { notFound, Problem } from '../problem.ts';
import { roles } from '../roles.ts';
import { trustCreate } from '../schemas.ts';
import {
  type IdentityApi,
  link,
  memberBody,
  param,
  permit,
  queryValue,
  requireToken,
  stateOf,
  write,
} from '../service.ts';
import { formatTime } from '../timestamps.ts';
import { newTrust } from './new-trust.ts';

const path = '/OS-TRUST/trusts';

export function trustRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post(path, async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    const body = memberBody(request, 'trust');
    permit(isUser(work.grant, String(body.trustor_user_id)), 'create_trust');
    checkBody(trustCreate, body);
    refuseDelegated(work.grant);
    const trust = newTrust(work, body);
    await write(api, request, addEntry('trust', trust));
    return reply.code(201).send({ trust: renderWhole(work, trust) });
  });

  app.get(path, (request) => {
    const work = { api, request, grant: requireToken(api, request) };
    return listReply(api, request, {
      collection: 'trusts',
      records: listFor(work),
      render: (trust) => render(work, trust),
    });
  });

  app.get(`${path}/:id`, (request) => {
    const { work, trust } = trustIn(api, request, 'get_trust');
    return { trust: renderWhole(work, trust) };
  });

  app.delete(`${path}/:id`, async (request, reply) => {
    const { trust } = trustIn(api, request, 'delete_trust');
    await write(api, request, removeEntry('trust', trust.id));
    return reply.code(204).send();
  });

  app.get(`${path}/:id/roles`, (request) => {
    const { work, trust } = trustIn(api, request, 'list_roles_for_trust');
    return {
      roles: rolesOf(api, trust).map((role) => renderWithLink(roles, role, work)),
      links: { self: selfUrl(api, request), next: null, previous: null },
    };
  });

  app.get(`${path}/:id/roles/:roleId`, (request) => {
    const { work, trust } = trustIn(api, request, 'get_role_for_trust');
    const id = param(request, 'roleId');
    const role = rolesOf(api, trust).find((other) => other.id === id);
    if (role === undefined) throw notFound('role', id);
    return { role: renderWithLink(roles, role, work) };
  });
}

/** Whoever acts for another by a key must not found a longer-lived right on it. A trust may be passed on by a trust. */
function refuseDelegated({ claims }: TokenGrant): void {
  if (hasDelegatedMethod(claims))
    throw new Problem(
      403,
      'You are not authorized to perform the requested action: Delegated tokens cannot manage trusts..',
    );
}

function listFor({ api, request, grant }: Work): readonly Trust[] {
  const state = stateOf(api);
  const trustor = queryValue(request, 'trustor_user_id');
  const trustee = queryValue(request, 'trustee_user_id');
  const owned = (userId: string) => entriesOwnedBy(state, `user:${userId}`, 'trust');
  if (trustor !== undefined) {
    permit(readsAll(grant) || isUser(grant, trustor), 'list_trusts_for_trustor');
    refuseDelegated(grant);
    return owned(trustor).filter(({ trustorUserId }) => trustorUserId === trustor);
  }
  if (trustee !== undefined) {
    permit(readsAll(grant) || isUser(grant, trustee), 'list_trusts_for_trustee');
    refuseDelegated(grant);
    return owned(trustee).filter(({ trusteeUserId }) => trusteeUserId === trustee);
  }
  permit(readsAll(grant), 'list_trusts');
  refuseDelegated(grant);
  return listEntries(state, 'trust');
}

/** A trust that is not there (any more) is 404 for everybody. */
function trustIn(
  api: IdentityApi,
  request: FastifyRequest,
  action: string,
): { readonly work: Work; readonly trust: Trust } {
  const grant = requireToken(api, request);
  const trust = findEntry(stateOf(api), 'trust', param(request, 'id'));
  if (trust === undefined || trust.remainingUses === 0 || isOver(api, trust))
    throw notFound('trust', param(request, 'id'));
  const mayRead =
    action === 'delete_trust'
      ? isAdmin(grant)
      : readsAll(grant) || isUser(grant, trust.trusteeUserId);
  permit(mayRead || isUser(grant, trust.trustorUserId), action);
  refuseDelegated(grant);
  return { work: { api, request, grant }, trust };
}

function isOver(api: IdentityApi, { expiresAtMs }: Trust): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= api.context.env.clock.now();
}

function rolesOf(api: IdentityApi, trust: Trust): readonly Role[] {
  return trust.roleIds.flatMap((id) => lookUp(stateOf(api).roles, id) ?? []);
}

function render({ api, request }: Work, trust: Trust): object {
  return {
    id: trust.id,
    trustor_user_id: trust.trustorUserId,
    trustee_user_id: trust.trusteeUserId,
    project_id: trust.projectId ?? null,
    impersonation: trust.impersonation,
    expires_at: trust.expiresAtMs === undefined ? null : formatTime(trust.expiresAtMs),
    remaining_uses: trust.remainingUses ?? null,
    redelegated_trust_id: trust.redelegatedTrustId ?? null,
    redelegation_count: trust.redelegationCount,
    deleted_at: null,
    links: { self: link(api, request, `${path}/${trust.id}`) },
  };
}

function renderWhole(work: Work, trust: Trust): object {
  const self = link(work.api, work.request, `${path}/${trust.id}/roles`);
  return {
    ...render(work, trust),
    roles: rolesOf(work.api, trust).map((role) => renderWithLink(roles, role, work)),
    roles_links: { self, next: null, previous: null },
  };
}
