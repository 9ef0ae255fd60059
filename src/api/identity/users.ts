// Users over HTTP: the resource, the change of one's own password, and where a user has roles.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { projectsOf } from '#actors/services/identity/roles.ts';
import type { User } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { checkBody } from './body-check.ts';
import {
  type Body,
  changesOf,
  type Collection,
  extraOf,
  registerCollection,
  renderWithLink,
  textOf,
  type Work,
} from './collection.ts';
import { someExtra } from './domains.ts';
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

const known = ['name', 'domain_id', 'enabled', 'default_project_id', 'password', 'options'];
/** Characters. */
const longestPassword = 4096;

export const users: Collection<User> = {
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
  create: createUser,
  update: updateUser,
  remove: async ({ api, request }, user) =>
    write(api, request, { type: 'identity.delete-user', id: user.id }),
};

async function createUser({ api, request, grant }: Work, body: Body): Promise<string> {
  const password = textOf(body, 'password');
  const defaultProjectId = textOf(body, 'default_project_id');
  const user: User = {
    id: newId(api),
    name: body.name as string,
    domainId: textOf(body, 'domain_id') ?? homeDomain(grant),
    enabled: body.enabled !== false,
    ...(defaultProjectId === undefined ? {} : { defaultProjectId }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(api, password) }),
    options: (body.options as User['options'] | undefined) ?? {},
    extra: extraOf(body, known),
    revokedBeforeMs: 0,
  };
  await write(api, request, { type: 'identity.create-user', user });
  return user.id;
}

async function updateUser({ api, request }: Work, user: User, body: Body): Promise<void> {
  if (body.domain_id !== undefined && body.domain_id !== user.domainId)
    throw invalid('Cannot change Domain ID');
  const password = body.password;
  const passwordHash = typeof password === 'string' ? await hashPassword(api, password) : null;
  const changes = {
    ...changesOf(body, {
      name: 'name',
      enabled: 'enabled',
      options: 'options',
      default_project_id: 'defaultProjectId',
    }),
    ...(password === undefined ? {} : { passwordHash }),
    ...someExtra(body, known),
  };
  await write(api, request, { type: 'identity.update-user', id: user.id, changes });
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
