// Application credentials and their access rules: a user's own, made with a token for the project they are for.
// A restricted credential can't make or delete others. The secret is shown once.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessRule, ApplicationCredential } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { checkBody } from '../body-check.ts';
import { type Body, textOf } from '../collection.ts';
import { applyFilters, listReply, selfUrl } from '../listing.ts';
import { isAdmin, isUser, readsAll } from '../policy.ts';
import { notFound, Problem } from '../problem.ts';
import { applicationCredentialCreate } from '../schemas.ts';
import {
  type IdentityApi,
  link,
  memberBody,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from '../service.ts';
import { formatNaiveTime } from '../timestamps.ts';
import { hashSecret } from '../own-password.ts';
import { readExpiry, readRoles } from './body-parts.ts';

const path = '/users/:id/application_credentials';

export function applicationCredentialRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.post(path, async (request, reply) => {
    const grant = requireToken(api, request);
    permit(isUser(grant, param(request, 'id')), 'create_application_credential');
    refuseRestricted(grant);
    const body = memberBody(request, 'application_credential');
    checkBody(applicationCredentialCreate, body);
    const { credential, secret } = await newCredential(api, grant, body);
    await write(api, request, { type: 'identity.create-application-credential', credential });
    const shown = { ...render(api, request, credential), secret };
    return reply.code(201).send({ application_credential: shown });
  });

  app.get(path, (request) => {
    const grant = requireToken(api, request);
    const userId = param(request, 'id');
    permit(isUser(grant, userId) || readsAll(grant), 'list_application_credentials');
    const state = stateOf(api);
    const mine = (lookUp(state.credentialsOf, `user:${userId}`) ?? []).flatMap(
      (id) => lookUp(state.applicationCredentials, id) ?? [],
    );
    return listReply(api, request, {
      collection: 'application_credentials',
      records: applyFilters(request, mine, { name: (credential) => credential.name }),
      render: (credential) => render(api, request, credential),
    });
  });

  app.get(`${path}/:credentialId`, (request) => {
    const grant = requireToken(api, request);
    const credential = lookUp(stateOf(api).applicationCredentials, param(request, 'credentialId'));
    const owner = credential?.userId ?? param(request, 'id');
    permit(isUser(grant, owner) || readsAll(grant), 'get_application_credential');
    if (credential === undefined) throw unknown(request);
    return { application_credential: render(api, request, credential) };
  });

  app.delete(`${path}/:credentialId`, async (request, reply) => {
    const grant = requireToken(api, request);
    const credential = lookUp(stateOf(api).applicationCredentials, param(request, 'credentialId'));
    const owner = credential?.userId ?? param(request, 'id');
    permit(isUser(grant, owner) || isAdmin(grant), 'delete_application_credential');
    refuseRestricted(grant);
    if (credential === undefined) throw unknown(request);
    const { id } = credential;
    await write(api, request, { type: 'identity.delete-application-credential', id });
    return reply.code(204).send();
  });

  registerAccessRules(app, api);
}

function registerAccessRules(app: FastifyInstance, api: IdentityApi): void {
  app.get('/users/:id/access_rules', (request) => {
    const grant = requireToken(api, request);
    const userId = param(request, 'id');
    permit(isUser(grant, userId) || readsAll(grant), 'list_access_rules');
    return listReply(api, request, {
      collection: 'access_rules',
      records: lookUp(stateOf(api).accessRules, userId) ?? [],
      render: (rule) => renderRule(api, request, rule),
    });
  });

  app.get('/users/:id/access_rules/:ruleId', (request) => {
    const { rule } = ruleIn(api, request, 'get_access_rule');
    return { access_rule: renderRule(api, request, rule) };
  });

  app.delete('/users/:id/access_rules/:ruleId', async (request, reply) => {
    const { rule, userId } = ruleIn(api, request, 'delete_access_rule');
    await write(api, request, { type: 'identity.delete-access-rule', userId, id: rule.id });
    return reply.code(204).send();
  });
}

function ruleIn(
  api: IdentityApi,
  request: FastifyRequest,
  action: string,
): { readonly rule: AccessRule; readonly userId: string } {
  const grant = requireToken(api, request);
  const userId = param(request, 'id');
  const allowed = action === 'get_access_rule' ? readsAll(grant) : isAdmin(grant);
  permit(isUser(grant, userId) || allowed, action);
  const rules = lookUp(stateOf(api).accessRules, userId) ?? [];
  const rule = rules.find(({ id }) => id === param(request, 'ruleId'));
  if (rule === undefined) throw notFound('Access Rule', param(request, 'ruleId'));
  return { rule, userId };
}

/** A credential that leaks must not be able to make itself at home. */
function refuseRestricted({ applicationCredential }: TokenGrant): void {
  if (applicationCredential !== undefined && !applicationCredential.unrestricted)
    throw new Problem(
      403,
      "You are not authorized to perform the requested action: Using method 'application_credential' is not allowed for managing additional application credentials..",
    );
}

async function newCredential(
  api: IdentityApi,
  grant: TokenGrant,
  body: Body,
): Promise<{ readonly credential: ApplicationCredential; readonly secret: string }> {
  const { project } = grant;
  if (project === undefined)
    throw new Problem(403, 'You are not authorized to perform the requested action.');
  const given = textOf(body, 'secret');
  const secret = given ?? Buffer.from(api.context.env.random.bytes(64)).toString('base64url');
  const description = textOf(body, 'description');
  const expiresAtMs = readExpiry(api, textOf(body, 'expires_at'));
  const wanted = (body.roles as readonly Body[] | undefined) ?? [];
  const accessRules = readRules(api, grant, body.access_rules as readonly Body[] | undefined);
  const credential: ApplicationCredential = {
    id: newId(api),
    name: body.name as string,
    userId: grant.user.id,
    projectId: project.id,
    ...(description === undefined ? {} : { description }),
    secretHash: await hashSecret(api, secret),
    roleIds:
      wanted.length === 0 ? grant.roles.map(({ id }) => id) : readRoles(stateOf(api), wanted),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    unrestricted: body.unrestricted === true,
    ...(accessRules === undefined ? {} : { accessRules }),
  };
  return { credential, secret };
}

function readRules(
  api: IdentityApi,
  grant: TokenGrant,
  wanted: readonly Body[] | undefined,
): AccessRule[] | undefined {
  if (wanted === undefined) return undefined;
  const known = lookUp(stateOf(api).accessRules, grant.user.id) ?? [];
  return wanted.map((body) => {
    const [id, service, rulePath, method] = ['id', 'service', 'path', 'method'].map((field) =>
      textOf(body, field),
    );
    if (id !== undefined) {
      const rule = known.find((candidate) => candidate.id === id);
      if (rule === undefined) throw notFound('Access Rule', id);
      return rule;
    }
    const same = known.find(
      (rule) => rule.service === service && rule.path === rulePath && rule.method === method,
    );
    return (
      same ?? { id: newId(api), service: service ?? '', path: rulePath ?? '', method: method ?? '' }
    );
  });
}

function render(
  api: IdentityApi,
  request: FastifyRequest,
  credential: ApplicationCredential,
): object {
  const state = stateOf(api);
  const self = `/users/${credential.userId}/application_credentials/${credential.id}`;
  return {
    id: credential.id,
    name: credential.name,
    description: credential.description ?? null,
    project_id: credential.projectId,
    roles: credential.roleIds.flatMap((id) => {
      const role = lookUp(state.roles, id);
      return role === undefined ? [] : [{ id, name: role.name, domain_id: role.domainId ?? null }];
    }),
    expires_at:
      credential.expiresAtMs === undefined ? null : formatNaiveTime(credential.expiresAtMs),
    unrestricted: credential.unrestricted,
    system: null,
    ...(credential.accessRules === undefined ? {} : { access_rules: credential.accessRules }),
    links: { self: link(api, request, self) },
  };
}

function renderRule(api: IdentityApi, request: FastifyRequest, rule: AccessRule): object {
  const list = selfUrl(api, request).replace(/[?].*$/, '');
  const self = list.endsWith(rule.id) ? list : `${list}/${rule.id}`;
  return { ...rule, links: { self } };
}

function unknown(request: FastifyRequest): Problem {
  return notFound('Application Credential', param(request, 'credentialId'));
}
