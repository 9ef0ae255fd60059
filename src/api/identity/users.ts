// Users over HTTP: the resource, the change of one's own password, and where a user has roles.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { projectsOf } from '#actors/services/identity/roles.ts';
import type { User } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { checkBody } from './body-check.ts';
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
import { invalid, notFound, Problem, unauthorized } from './problem.ts';
import { projects } from './projects.ts';
import { passwordChange, userCreate, userUpdate } from './schemas.ts';
import {
  type IdentityApi,
  memberBody,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from './service.ts';

const attributes = {
  fields: {
    name: 'name',
    enabled: 'enabled',
    options: 'options',
    default_project_id: 'defaultProjectId',
  },
  fixed: ['domain_id', 'password'],
};
/** Characters. */
const longestPassword = 4096;

export const users: Collection<User> = {
  ...attributes,
  collection: 'users',
  member: 'user',
  all: (state) => valuesOf(state.users),
  find: (state, id) => lookUp(state.users, id),
  render: (user) => ({
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    ...(user.defaultProjectId === undefined ? {} : { default_project_id: user.defaultProjectId }),
    password_expires_at: null,
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
  visible: (all, { grant: { caller } }) =>
    caller.domainId === undefined ? all : all.filter((user) => user.domainId === caller.domainId),
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

export async function hashPassword(api: IdentityApi, password: string): Promise<string> {
  if (password.length > longestPassword)
    throw new Problem(
      403,
      `The password length must be less than or equal to ${longestPassword}. The server could not comply with the request because the password is invalid.`,
    );
  return api.passwords.hash(password);
}

/** One's own, so it asks for the old one and no token. An unknown user is answered like a wrong password. */
async function changePassword(api: IdentityApi, request: FastifyRequest): Promise<void> {
  const body = memberBody(request, 'user');
  checkBody(passwordChange, body);
  const id = param(request, 'id');
  const user = lookUp(stateOf(api).users, id);
  const original = textOf(body, 'original_password') ?? '';
  const right = await api.passwords.verify(original, user?.passwordHash);
  if (user === undefined || !right || !user.enabled) throw unauthorized();
  if (user.options.lock_password === true)
    throw invalid(
      'Password validation error: You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.',
    );
  const passwordHash = await hashPassword(api, textOf(body, 'password') ?? '');
  await write(api, request, { type: 'identity.update-user', id, changes: { passwordHash } });
}

export function userRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, users);

  app.post('/users/:id/password', async (request, reply) => {
    await changePassword(api, request);
    return reply.code(204).send();
  });

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
