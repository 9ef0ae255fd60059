// Credentials of users for other services: keys in EC2's form, secrets for one-time passwords, anything else. A user
// has them; a token that was given on someone's behalf never sees them.
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { type Body, extraOf, registerCollection, textOf } from '../collection.ts';
import { entryCollection } from '../entry-collection.ts';
import { isAdmin, isDelegated, isUser, readsAll } from '../policy.ts';
import { invalid, missing, Problem } from '../problem.ts';
import { credentialCreate, credentialUpdate } from '../schemas.ts';
import { type IdentityApi, newId, permit } from '../service.ts';

const attributes = {
  fields: { project_id: 'projectId', type: 'type', user_id: 'userId', blob: 'blob' },
};

export const credentials = entryCollection('credential', {
  ...attributes,
  collection: 'credentials',
  member: 'credential',
  render: ({ extra, userId, projectId, ...credential }) => ({
    ...extra,
    ...credential,
    user_id: userId,
    project_id: projectId ?? null,
  }),
  filters: { user_id: (credential) => credential.userId, type: (credential) => credential.type },
  createSchema: credentialCreate,
  updateSchema: credentialUpdate,
  may: {
    list: () => true,
    show: (grant, credential) => mayRead(grant, credential?.userId),
    /** Of a new one the body tells the owner: see build. */
    write: (grant, _domainId, target) =>
      target === undefined || (mayWrite(grant, target.record?.userId) && !isDelegated(grant)),
  },
  visible: (all, { grant }) =>
    isDelegated(grant) ? [] : all.filter(({ userId }) => mayRead(grant, userId)),
  expand: (shown, _credential, { grant }) => {
    refuseDelegated(grant);
    return shown;
  },
  build: ({ api, grant }, body) => {
    permit(mayWrite(grant, textOf(body, 'user_id')), 'create_credential');
    refuseDelegated(grant);
    const type = body.type as string;
    const blob = body.blob as string;
    const projectId = textOf(body, 'project_id');
    if (type === 'ec2' && projectId === undefined) throw missing('project_id', 'credential');
    return {
      id: type.toLowerCase() === 'ec2' ? idOfAccess(readEc2Blob(blob).access) : newId(api),
      userId: body.user_id as string,
      ...(projectId === undefined ? {} : { projectId }),
      type,
      blob,
      extra: extraOf(attributes, body),
    };
  },
  prepare: ({ grant }, credential, body) => {
    permit(mayWrite(grant, textOf(body, 'user_id') ?? credential.userId), 'update_credential');
    if (credential.type.toLowerCase() === 'ec2' && body.blob !== undefined)
      refuseScopeChange(credential.blob, body.blob as string);
    return {};
  },
});

function mayRead(grant: TokenGrant, ownerId: string | undefined): boolean {
  return readsAll(grant) || (ownerId !== undefined && isUser(grant, ownerId));
}

function mayWrite(grant: TokenGrant, ownerId: string | undefined): boolean {
  return isAdmin(grant) || (ownerId !== undefined && isUser(grant, ownerId));
}

/** A key that leaks must not lead to the others. */
export function refuseDelegated(grant: TokenGrant): void {
  if (isDelegated(grant))
    throw new Problem(
      403,
      'You are not authorized to perform the requested action: Delegated tokens cannot access credentials directly.',
    );
}

/** Credentials in EC2's form are found by their access key. */
export function idOfAccess(access: string): string {
  return createHash('sha256').update(access).digest('hex');
}

export interface Ec2Blob {
  readonly access: string;
  readonly secret: string | undefined;
  readonly trustId: string | undefined;
  readonly applicationCredentialId: string | undefined;
  readonly accessTokenId: string | undefined;
}

export function readEc2Blob(text: string): Ec2Blob {
  const blob = parseObject(text);
  if (blob === undefined) throw invalid('Invalid blob in credential');
  if (Object.keys(blob).length === 0) throw missing('blob', 'credential');
  const access = textOf(blob, 'access');
  if (access === undefined) throw missing('access', 'credential');
  return {
    access,
    secret: textOf(blob, 'secret'),
    trustId: textOf(blob, 'trust_id'),
    applicationCredentialId: textOf(blob, 'app_cred_id'),
    accessTokenId: textOf(blob, 'access_token_id'),
  };
}

function parseObject(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Body)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** On whose behalf a key acts was settled when it was made. */
function refuseScopeChange(before: string, after: string): void {
  readEc2Blob(after);
  const [old, changed] = [before, after].map((text) => parseObject(text) ?? {});
  for (const name of ['trust_id', 'app_cred_id', 'access_token_id', 'access_id'])
    if ((old?.[name] ?? null) !== (changed?.[name] ?? null))
      throw invalid(`${name} can not be updated for credential`);
}

export function credentialRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, credentials);
}
