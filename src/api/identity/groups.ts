// Groups over HTTP; who is in them: memberships.ts.
import type { FastifyInstance } from 'fastify';
import type { Group } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { changesOf, type Collection, extraOf, registerCollection, textOf } from './collection.ts';
import { someExtra } from './domains.ts';
import { homeDomain, managesDomain, readsDomain, readsSomeDomain } from './policy.ts';
import { invalid } from './problem.ts';
import { groupCreate, groupUpdate } from './schemas.ts';
import { type IdentityApi, newId, write } from './service.ts';

const known = ['name', 'domain_id', 'description'];

export const groups: Collection<Group> = {
  collection: 'groups',
  member: 'group',
  all: (state) => valuesOf(state.groups),
  find: (state, id) => lookUp(state.groups, id),
  render: (group) => ({
    ...group.extra,
    id: group.id,
    name: group.name,
    domain_id: group.domainId,
    description: group.description ?? null,
  }),
  filters: { name: (group) => group.name, domain_id: (group) => group.domainId },
  createSchema: groupCreate,
  updateSchema: groupUpdate,
  may: {
    list: readsSomeDomain,
    show: (grant, group) => readsDomain(grant, group?.domainId),
    write: managesDomain,
  },
  visible: (all, { grant: { caller } }) =>
    caller.domainId === undefined ? all : all.filter((group) => group.domainId === caller.domainId),
  domainOf: (group) => group.domainId,
  domainOfBody: (body, grant) => textOf(body, 'domain_id') ?? homeDomain(grant),
  create: async ({ api, request, grant }, body) => {
    const group: Group = {
      id: newId(api),
      name: body.name as string,
      domainId: textOf(body, 'domain_id') ?? homeDomain(grant),
      description: textOf(body, 'description') ?? '',
      extra: extraOf(body, known),
    };
    await write(api, request, { type: 'identity.create-group', group });
    return group.id;
  },
  update: async ({ api, request }, group, body) => {
    if (body.domain_id !== undefined && body.domain_id !== group.domainId)
      throw invalid('Cannot change Domain ID');
    const changes = {
      ...changesOf(body, { name: 'name', description: 'description' }),
      ...someExtra(body, known),
    };
    await write(api, request, { type: 'identity.update-group', id: group.id, changes });
  },
  remove: async ({ api, request }, group) =>
    write(api, request, { type: 'identity.delete-group', id: group.id }),
};

export function groupRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, groups);
}
