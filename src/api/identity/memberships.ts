// Who is in which group, from both sides.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Group, User } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { renderWithLink, type Work } from './collection.ts';
import { groups } from './groups.ts';
import { applyFilters, listReply } from './listing.ts';
import { managesDomain, readsDomain } from './policy.ts';
import { notFound } from './problem.ts';
import { type IdentityApi, param, permit, requireToken, stateOf, write } from './service.ts';
import { subjectOf, users } from './users.ts';

export function membershipRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get('/users/:id/groups', (request) => {
    const work = subjectOf(api, request, 'list_groups_for_user');
    const state = stateOf(api);
    const records = (lookUp(state.groupsOfUser, work.user.id) ?? []).flatMap(
      (id) => lookUp(state.groups, id) ?? [],
    );
    return listReply(api, request, {
      collection: 'groups',
      records: applyFilters(request, records, { name: (group) => group.name }),
      render: (group) => renderWithLink(groups, group, work),
    });
  });

  app.get('/groups/:id/users', (request) => {
    const grant = requireToken(api, request);
    const id = param(request, 'id');
    const state = stateOf(api);
    const group = lookUp(state.groups, id);
    permit(readsDomain(grant, group?.domainId), 'list_users_in_group');
    if (group === undefined) throw notFound('group', id);
    const members = (lookUp(state.usersOfGroup, id) ?? []).flatMap(
      (userId) => lookUp(state.users, userId) ?? [],
    );
    return listReply(api, request, {
      collection: 'users',
      records: applyFilters(request, members, users.filters),
      render: (user) => renderWithLink(users, user, { api, request, grant }),
    });
  });

  app.get('/groups/:id/users/:userId', (request, reply) => {
    const { work, group, user } = pairOf(api, request, 'check_user_in_group');
    if (!(lookUp(stateOf(work.api).usersOfGroup, group.id) ?? []).includes(user.id))
      throw notFound('user', user.id);
    return reply.code(204).send();
  });
  app.put('/groups/:id/users/:userId', async (request, reply) => {
    const { group, user } = pairOf(api, request, 'add_user_to_group');
    await write(api, request, {
      type: 'identity.add-member',
      groupId: group.id,
      userId: user.id,
    });
    return reply.code(204).send();
  });
  app.delete('/groups/:id/users/:userId', async (request, reply) => {
    const { group, user } = pairOf(api, request, 'remove_user_from_group');
    if (!(lookUp(stateOf(api).usersOfGroup, group.id) ?? []).includes(user.id))
      throw notFound('user', user.id);
    await write(api, request, {
      type: 'identity.remove-member',
      groupId: group.id,
      userId: user.id,
    });
    return reply.code(204).send();
  });
}

function pairOf(
  api: IdentityApi,
  request: FastifyRequest,
  action: string,
): { readonly work: Work; readonly group: Group; readonly user: User } {
  const grant = requireToken(api, request);
  const state = stateOf(api);
  const group = lookUp(state.groups, param(request, 'id'));
  const user = lookUp(state.users, param(request, 'userId'));
  const allowed = action === 'check_user_in_group' ? readsDomain : managesDomain;
  permit(allowed(grant, group?.domainId) && allowed(grant, user?.domainId), action);
  if (user === undefined) throw notFound('user', param(request, 'userId'));
  if (group === undefined) throw notFound('group', param(request, 'id'));
  return { work: { api, request, grant }, group, user };
}
