// Domains over HTTP.
import type { FastifyInstance } from 'fastify';
import type { Domain } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { type Body, type Collection, extraOf, registerCollection, textOf } from './collection.ts';
import { readsAll } from './policy.ts';
import { invalid, Problem } from './problem.ts';
import { domainCreate, domainUpdate } from './schemas.ts';
import { type IdentityApi, newId, stateOf } from './service.ts';

/** Of domains and projects alike. */
export const placeFields = {
  name: 'name',
  description: 'description',
  enabled: 'enabled',
  tags: 'tags',
  options: 'options',
};
const attributes = {
  fields: placeFields,
  fixed: ['explicit_domain_id', 'is_domain', 'domain_id', 'parent_id'],
};

export const domains: Collection<Domain> = {
  ...attributes,
  collection: 'domains',
  member: 'domain',
  all: (state) => valuesOf(state.domains),
  find: (state, id) => lookUp(state.domains, id),
  render: (domain) => ({
    ...domain.extra,
    id: domain.id,
    name: domain.name,
    description: domain.description ?? null,
    enabled: domain.enabled,
    tags: domain.tags,
    options: domain.options,
  }),
  filters: { name: (domain) => domain.name, enabled: (domain) => domain.enabled },
  createSchema: domainCreate,
  updateSchema: domainUpdate,
  may: {
    list: readsAll,
    show: (grant, _domain, id) =>
      readsAll(grant) ||
      grant.caller.system ||
      grant.caller.domainId === id ||
      grant.caller.projectDomainId === id,
  },
  build: ({ api }, body) => newDomain(api, body),
  commands: {
    create: (domain) => ({ type: 'identity.create-domain', domain }),
    update: ({ id }, changes) => ({ type: 'identity.update-domain', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-domain', id }),
  },
};

/** Also for projects that act as domains. */
export function newDomain(api: IdentityApi, body: Body): Domain {
  return {
    id: explicitId(api, body) ?? newId(api),
    name: body.name as string,
    description: textOf(body, 'description') ?? '',
    enabled: body.enabled !== false,
    tags: (body.tags as string[] | undefined) ?? [],
    options: (body.options as Domain['options'] | undefined) ?? {},
    extra: extraOf(attributes, body),
    revokedBeforeMs: 0,
  };
}

function explicitId(api: IdentityApi, body: Body): string | undefined {
  const id = textOf(body, 'explicit_domain_id');
  if (id === undefined) return undefined;
  if (!/^[0-9a-f]{32}$/.test(id))
    throw invalid('Domain ID does not conform to required UUID format.');
  const state = stateOf(api);
  if (lookUp(state.domains, id) === undefined && lookUp(state.projects, id) === undefined)
    return id;
  throw new Problem(409, `Conflict occurred attempting to store domain - Duplicate ID, ${id}.`);
}

export function domainRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, domains);
}
