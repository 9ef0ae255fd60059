// Keys in EC2's form of one user, by their access key: made by identity, kept among the user's credentials.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Credential } from '#actors/services/identity/entries/schemas.ts';
import { entriesOwnedBy, findEntry } from '#actors/services/identity/entries/tables.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { textOf } from '../collection.ts';
import { addEntry, removeEntry } from '../entry-collection.ts';
import { listReply } from '../listing.ts';
import { hasRole, isAdmin, isUser, readsAll } from '../policy.ts';
import { notFound } from '../problem.ts';
import {
  type IdentityApi,
  jsonBody,
  link,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from '../service.ts';
import { idOfAccess, readEc2Blob, refuseDelegated } from './credentials.ts';

const path = '/users/:id/credentials/OS-EC2';

export function ec2CredentialRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get(path, (request) => {
    permitOn(api, request, 'ec2_list_credentials', mayManage);
    const keys = entriesOwnedBy(stateOf(api), `user:${param(request, 'id')}`, 'credential');
    return listReply(api, request, {
      collection: 'credentials',
      records: keys.filter(({ type }) => type === 'ec2'),
      render: (credential) => render(api, request, credential),
    });
  });

  app.post(path, async (request, reply) => {
    permitOn(api, request, 'ec2_create_credential', mayManage);
    const projectId = textOf(jsonBody(request), 'tenant_id');
    if (projectId === undefined || lookUp(stateOf(api).projects, projectId) === undefined)
      throw notFound('project', projectId ?? '');
    const access = newId(api);
    const credential: Credential = {
      id: idOfAccess(access),
      userId: param(request, 'id'),
      projectId,
      type: 'ec2',
      blob: JSON.stringify({ access, secret: newId(api), trust_id: null }),
      extra: {},
    };
    await write(api, request, addEntry('credential', credential));
    return reply.code(201).send({ credential: render(api, request, credential) });
  });

  app.get(`${path}/:access`, (request) => {
    permitOn(api, request, 'ec2_get_credential', mayRead);
    return { credential: render(api, request, keyIn(api, request)) };
  });

  app.delete(`${path}/:access`, async (request, reply) => {
    permitOn(api, request, 'ec2_delete_credential', mayRemove);
    await write(api, request, removeEntry('credential', keyIn(api, request).id));
    return reply.code(204).send();
  });
}

type Right = (grant: TokenGrant, ownerId: string) => boolean;

const mayManage: Right = (grant, ownerId) =>
  isAdmin(grant) || (hasRole(grant, 'member') && isUser(grant, ownerId));
const mayRead: Right = (grant, ownerId) => readsAll(grant) || isUser(grant, ownerId);
const mayRemove: Right = (grant, ownerId) => isAdmin(grant) || isUser(grant, ownerId);

function permitOn(api: IdentityApi, request: FastifyRequest, action: string, may: Right): void {
  const grant = requireToken(api, request);
  const id = param(request, 'id');
  permit(may(grant, id), action);
  refuseDelegated(grant);
  if (lookUp(stateOf(api).users, id) === undefined) throw notFound('user', id);
}

function keyIn(api: IdentityApi, request: FastifyRequest): Credential {
  const id = idOfAccess(param(request, 'access'));
  const credential = findEntry(stateOf(api), 'credential', id);
  if (credential?.type !== 'ec2' || credential.userId !== param(request, 'id'))
    throw notFound('credential', id);
  return credential;
}

function render(api: IdentityApi, request: FastifyRequest, credential: Credential): object {
  const { access, secret, trustId } = readEc2Blob(credential.blob);
  return {
    user_id: credential.userId,
    tenant_id: credential.projectId ?? null,
    access,
    secret: secret ?? null,
    trust_id: trustId ?? null,
    links: { self: link(api, request, `/users/${credential.userId}/credentials/OS-EC2/${access}`) },
  };
}
