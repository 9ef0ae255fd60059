// Domains over HTTP.
import type { FastifyInstance } from 'fastify';
import type { Domain } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import {
  type Body,
  changesOf,
  type Collection,
  extraOf,
  registerCollection,
  textOf,
  type Work,
} from './collection.ts';
import { readsAll } from './policy.ts';
import { invalid, Problem } from './problem.ts';
import { domainCreate, domainUpdate } from './schemas.ts';
import { type IdentityApi, newId, stateOf, write } from './service.ts';

const known = ['name', 'description', 'enabled', 'tags', 'options', 'explicit_domain_id'];

export const domains: Collection<Domain> = {
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
  create: createDomain,
  update: async ({ api, request }, domain, body) => {
    const changes = {
      ...changesOf(body, {
        name: 'name',
        description: 'description',
        enabled: 'enabled',
        tags: 'tags',
        options: 'options',
      }),
      ...someExtra(body, known),
    };
    await write(api, request, { type: 'identity.update-domain', id: domain.id, changes });
  },
  remove: async ({ api, request }, domain) =>
    write(api, request, { type: 'identity.delete-domain', id: domain.id }),
};

/** Also for projects that act as domains. Returns the id. */
export async function createDomain({ api, request }: Work, body: Body): Promise<string> {
  const id = explicitId(api, body) ?? newId(api);
  const { name, enabled, tags, options } = body;
  const domain: Domain = {
    id,
    name: name as string,
    description: textOf(body, 'description') ?? '',
    enabled: enabled !== false,
    tags: (tags as string[] | undefined) ?? [],
    options: (options as Domain['options'] | undefined) ?? {},
    extra: extraOf(body, [...known, 'is_domain', 'domain_id', 'parent_id']),
    revokedBeforeMs: 0,
  };
  await write(api, request, { type: 'identity.create-domain', domain });
  return id;
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

/** `extra` only where there is some, so that an update of options alone stays one. */
export function someExtra(
  body: Body,
  names: readonly string[],
): { readonly extra?: Record<string, unknown> } {
  const extra = extraOf(body, names);
  return Object.keys(extra).length === 0 ? {} : { extra };
}

export function domainRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, domains);
}
