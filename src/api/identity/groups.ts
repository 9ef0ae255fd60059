// Groups over HTTP; who is in them: memberships.ts.
import type { FastifyInstance } from 'fastify';
import type { Group } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { type Collection, extraOf, registerCollection, textOf } from './collection.ts';
import { homeDomain, managesDomain, readsDomain, readsSomeDomain } from './policy.ts';
import { invalid } from './problem.ts';
import { groupCreate, groupUpdate } from './schemas.ts';
import { type IdentityApi, newId } from './service.ts';

const attributes = { fields: { name: 'name', description: 'description' }, fixed: ['domain_id'] };

export const groups: Collection<Group> = {
  ...attributes,
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
  build: ({ api, grant }, body) => ({
    id: newId(api),
    name: body.name as string,
    domainId: textOf(body, 'domain_id') ?? homeDomain(grant),
    description: textOf(body, 'description') ?? '',
    extra: extraOf(attributes, body),
  }),
  prepare: (_work, group, body) => {
    if (body.domain_id !== undefined && body.domain_id !== group.domainId)
      throw invalid('Cannot change Domain ID');
    return {};
  },
  commands: {
    create: (group) => ({ type: 'identity.create-group', group }),
    update: ({ id }, changes) => ({ type: 'identity.update-group', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-group', id }),
  },
};

export function groupRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, groups);
}
