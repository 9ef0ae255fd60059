// Roles over HTTP, and what they imply.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Role } from '#actors/services/identity/records.ts';
import { entriesOf, lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { type Collection, extraOf, registerCollection, textOf } from './collection.ts';
import { selfUrl } from './listing.ts';
import { isAdmin, readsAll, readsRoles } from './policy.ts';
import { invalid, notFound, Problem } from './problem.ts';
import { roleCreate, roleUpdate } from './schemas.ts';
import {
  type IdentityApi,
  link,
  newId,
  param,
  permit,
  queryValue,
  requireToken,
  stateOf,
  write,
} from './service.ts';

const attributes = {
  fields: { name: 'name', description: 'description', options: 'options' },
  fixed: ['domain_id'],
};

export const roles: Collection<Role> = {
  ...attributes,
  collection: 'roles',
  member: 'role',
  all: (state) => valuesOf(state.roles),
  find: (state, id) => lookUp(state.roles, id),
  render: (role) => ({
    ...role.extra,
    id: role.id,
    name: role.name,
    domain_id: role.domainId ?? null,
    description: role.description ?? null,
    options: role.options,
  }),
  filters: { name: (role) => role.name },
  createSchema: roleCreate,
  updateSchema: roleUpdate,
  may: { list: readsRoles, show: readsRoles },
  /** Roles of all domains, or those of the one asked for; never both. */
  visible: (all, { request }) => {
    const wanted = queryValue(request, 'domain_id');
    return all.filter((role) => role.domainId === (wanted === '' ? undefined : wanted));
  },
  build: ({ api }, body) => {
    const domainId = textOf(body, 'domain_id');
    const description = textOf(body, 'description');
    return {
      id: newId(api),
      name: body.name as string,
      ...(domainId === undefined ? {} : { domainId }),
      ...(description === undefined ? {} : { description }),
      options: (body.options as Role['options'] | undefined) ?? {},
      extra: extraOf(attributes, body),
    };
  },
  prepare: (_work, role, body) => {
    if (body.domain_id !== undefined && body.domain_id !== (role.domainId ?? null))
      throw invalid('Update of `domain_id` is not allowed.');
    return {};
  },
  commands: {
    create: (role) => ({ type: 'identity.create-role', role }),
    update: ({ id }, changes) => ({ type: 'identity.update-role', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-role', id }),
  },
};

export function roleRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, roles);

  app.get('/roles/:id/implies', (request) => {
    const prior = roleIn(api, request, { name: 'id', action: 'list_implied_roles', write: false });
    const implied = impliedBy(api, prior.id);
    return {
      role_inference: {
        prior_role: brief(api, request, prior),
        implies: implied.map((role) => brief(api, request, role)),
      },
      links: { self: selfUrl(api, request) },
    };
  });

  app.get('/roles/:id/implies/:impliedId', (request, reply) => {
    const rule = ruleIn(api, request, 'get_implied_role');
    if (!impliedBy(api, rule.prior.id).some(({ id }) => id === rule.implied.id))
      throw notImplied(rule.prior, rule.implied);
    if (request.method === 'HEAD') return reply.code(204).send();
    return inference(api, request, rule);
  });

  app.put('/roles/:id/implies/:impliedId', async (request, reply) => {
    const rule = ruleIn(api, request, 'create_implied_role');
    await write(api, request, {
      type: 'identity.imply-role',
      priorRoleId: rule.prior.id,
      impliedRoleId: rule.implied.id,
    });
    return reply.code(201).send(inference(api, request, rule));
  });

  app.delete('/roles/:id/implies/:impliedId', async (request, reply) => {
    const { prior, implied } = ruleIn(api, request, 'delete_implied_role');
    if (!impliedBy(api, prior.id).some(({ id }) => id === implied.id))
      throw notImplied(prior, implied);
    await write(api, request, {
      type: 'identity.unimply-role',
      priorRoleId: prior.id,
      impliedRoleId: implied.id,
    });
    return reply.code(204).send();
  });

  app.get('/role_inferences', (request) => {
    const grant = requireToken(api, request);
    permit(readsAll(grant), 'list_role_inference_rules');
    const state = stateOf(api);
    const rules = entriesOf(state.implied).flatMap(([priorId]) => {
      const prior = lookUp(state.roles, priorId);
      if (prior === undefined) return [];
      const implies = impliedBy(api, priorId).map((role) => brief(api, request, role));
      return [{ prior_role: brief(api, request, prior), implies }];
    });
    return { role_inferences: rules, links: { self: selfUrl(api, request) } };
  });
}

function impliedBy(api: IdentityApi, priorId: string): readonly Role[] {
  const state = stateOf(api);
  return (lookUp(state.implied, priorId) ?? []).flatMap((id) => lookUp(state.roles, id) ?? []);
}

interface Rule {
  readonly prior: Role;
  readonly implied: Role;
}

function ruleIn(api: IdentityApi, request: FastifyRequest, action: string): Rule {
  const isWrite = action !== 'get_implied_role';
  return {
    prior: roleIn(api, request, { name: 'id', action, write: isWrite }),
    implied: roleIn(api, request, { name: 'impliedId', action, write: isWrite }),
  };
}

function roleIn(
  api: IdentityApi,
  request: FastifyRequest,
  wanted: { readonly name: string; readonly action: string; readonly write: boolean },
): Role {
  const grant = requireToken(api, request);
  permit(wanted.write ? isAdmin(grant) : readsAll(grant), wanted.action);
  const id = param(request, wanted.name);
  const role = lookUp(stateOf(api).roles, id);
  if (role === undefined) throw notFound('role', id);
  return role;
}

function inference(api: IdentityApi, request: FastifyRequest, { prior, implied }: Rule): object {
  return {
    role_inference: {
      prior_role: brief(api, request, prior),
      implies: brief(api, request, implied),
    },
    links: { self: selfUrl(api, request) },
  };
}

function brief(api: IdentityApi, request: FastifyRequest, role: Role): object {
  return {
    id: role.id,
    name: role.name,
    links: { self: link(api, request, `/roles/${role.id}`) },
  };
}

function notImplied(prior: Role, implied: Role): Problem {
  return new Problem(404, `${prior.id} does not imply ${implied.id}.`);
}
