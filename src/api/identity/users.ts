// Users over HTTP: the resource, and where a user has roles. A user's own password: own-password.ts.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { passwordExpiryMs } from '#actors/services/identity/compliance.ts';
import { projectsOf } from '#actors/services/identity/roles.ts';
import type { User } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { ownEntry } from '../own-entry.ts';
import {
  type Body,
  type Changes,
  type Collection,
  extraOf,
  registerCollection,
  renderWithLink,
  textOf,
  type Work,
} from './collection.ts';
import { applyFilters, listReply } from './listing.ts';
import { homeDomain, isUser, managesDomain, readsDomain, readsSomeDomain } from './policy.ts';
import { invalid, notFound } from './problem.ts';
import { hashPassword } from './own-password.ts';
import { projects } from './projects.ts';
import { userCreate, userUpdate } from './schemas.ts';
import {
  type IdentityApi,
  newId,
  param,
  permit,
  queryValue,
  requireToken,
  stateOf,
} from './service.ts';
import { formatNaiveTime, parseTime } from './timestamps.ts';

const attributes = {
  fields: {
    name: 'name',
    enabled: 'enabled',
    options: 'options',
    default_project_id: 'defaultProjectId',
  },
  fixed: ['domain_id', 'password'],
};

export const users: Collection<User> = {
  ...attributes,
  collection: 'users',
  member: 'user',
  all: (state) => valuesOf(state.users),
  find: (state, id) => lookUp(state.users, id),
  render: (user, { api }) => ({
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    ...(user.defaultProjectId === undefined ? {} : { default_project_id: user.defaultProjectId }),
    password_expires_at: passwordExpiry(api, user),
    options: user.options,
  }),
  filters: {
    name: (user) => user.name,
    domain_id: (user) => user.domainId,
    enabled: (user) => user.enabled,
  },
  createSchema: userCreate,
  updateSchema: userUpdate,
  may: {
    list: readsSomeDomain,
    show: (grant, user, id) => isUser(grant, id) || readsDomain(grant, user?.domainId),
    write: managesDomain,
  },
  visible: (all, work) => {
    const { domainId } = work.grant.caller;
    const mine = domainId === undefined ? all : all.filter((user) => user.domainId === domainId);
    return expiringUsers(mine, work);
  },
  domainOf: (user) => user.domainId,
  domainOfBody: (body, grant) => textOf(body, 'domain_id') ?? homeDomain(grant),
  build: newUser,
  prepare: passwordChanges,
  commands: {
    create: (user) => ({ type: 'identity.create-user', user }),
    update: ({ id }, changes) => ({ type: 'identity.update-user', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-user', id }),
  },
};

/** As the wire has it; null for a password that does not end. */
export function passwordExpiry(api: IdentityApi, user: User): string | null {
  const ms = passwordExpiryMs(user, { state: stateOf(api), rules: api.compliance });
  return ms === undefined ? null : formatNaiveTime(ms);
}

const comparisons: Readonly<Record<string, (ms: number, wanted: number) => boolean>> = {
  lt: (ms, wanted) => ms < wanted,
  lte: (ms, wanted) => ms <= wanted,
  gt: (ms, wanted) => ms > wanted,
  gte: (ms, wanted) => ms >= wanted,
  eq: (ms, wanted) => ms === wanted,
  neq: (ms, wanted) => ms !== wanted,
};

/** `?password_expires_at=lt:2026-12-01T00:00:00Z`; the comparison is `eq` where there is none. */
function expiringUsers(users: readonly User[], { api, request }: Work): readonly User[] {
  const query = queryValue(request, 'password_expires_at');
  if (query === undefined) return users;
  const [, operator = 'eq', time = query] = /^(\w+):(.*)$/.exec(query) ?? [];
  const compare = ownEntry(comparisons, operator);
  const wanted = parseTime(time);
  if (compare === undefined)
    throw invalid(
      `The given operator ${operator} is not valid. It must be one of the following: ${Object.keys(comparisons).join(', ')}.`,
    );
  if (wanted === undefined) throw invalid('Timestamp not in expected format.');
  return users.filter((user) => {
    const ms = passwordExpiryMs(user, { state: stateOf(api), rules: api.compliance });
    return ms !== undefined && compare(ms, wanted);
  });
}

async function newUser({ api, grant }: Work, body: Body): Promise<User> {
  const password = textOf(body, 'password');
  const defaultProjectId = textOf(body, 'default_project_id');
  return {
    id: newId(api),
    name: body.name as string,
    domainId: textOf(body, 'domain_id') ?? homeDomain(grant),
    enabled: body.enabled !== false,
    ...(defaultProjectId === undefined ? {} : { defaultProjectId }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(api, password) }),
    options: (body.options as User['options'] | undefined) ?? {},
    extra: extraOf(attributes, body),
    revokedBeforeMs: 0,
  };
}

async function passwordChanges({ api }: Work, user: User, body: Body): Promise<Changes> {
  if (body.domain_id !== undefined && body.domain_id !== user.domainId)
    throw invalid('Cannot change Domain ID');
  const { password } = body;
  if (password === undefined) return {};
  return {
    passwordHash: typeof password === 'string' ? await hashPassword(api, password) : null,
  };
}

export function userRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, users);

  app.get('/users/:id/projects', (request) => {
    const work = subjectOf(api, request, 'list_user_projects');
    const records = applyFilters(request, projectsOf(stateOf(api), work.user.id), {
      name: (project) => project.name,
      domain_id: (project) => project.domainId,
      enabled: (project) => project.enabled,
    });
    return listReply(api, request, {
      collection: 'projects',
      records,
      render: (project) => renderWithLink(projects, project, work),
    });
  });
}

/** The user in the path, for the user itself and for those who may read it. */
export function subjectOf(
  api: IdentityApi,
  request: FastifyRequest,
  action: string,
): Work & { readonly user: User } {
  const grant = requireToken(api, request);
  const id = param(request, 'id');
  const user = lookUp(stateOf(api).users, id);
  permit(isUser(grant, id) || readsDomain(grant, user?.domainId), action);
  if (user === undefined) throw notFound('user', id);
  return { api, request, grant, user };
}
