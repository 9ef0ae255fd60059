// Which of identity's schemas a call's body has. A table; the schemas are the service's.
import * as schemas from '#api/identity/schemas.ts';
import type { LooseSchema } from './schema-values.ts';

type Pair = readonly [create: unknown, update: unknown];

/** By the collection's name in the path: the member's name, and the schemas. */
const collections: Readonly<Record<string, readonly [member: string, schemas: Pair]>> = {
  domains: ['domain', [schemas.domainCreate, schemas.domainUpdate]],
  projects: ['project', [schemas.projectCreate, schemas.projectUpdate]],
  users: ['user', [schemas.userCreate, schemas.userUpdate]],
  groups: ['group', [schemas.groupCreate, schemas.groupUpdate]],
  roles: ['role', [schemas.roleCreate, schemas.roleUpdate]],
  regions: ['region', [schemas.regionCreate, schemas.regionUpdate]],
  services: ['service', [schemas.serviceCreate, schemas.serviceUpdate]],
  endpoints: ['endpoint', [schemas.endpointCreate, schemas.endpointUpdate]],
  policies: ['policy', [schemas.policyCreate, schemas.policyUpdate]],
  credentials: ['credential', [schemas.credentialCreate, schemas.credentialUpdate]],
  endpoint_groups: ['endpoint_group', [schemas.endpointGroupCreate, schemas.endpointGroupUpdate]],
  consumers: ['consumer', [schemas.consumerCreate, schemas.consumerUpdate]],
  trusts: ['trust', [schemas.trustCreate, schemas.trustCreate]],
  application_credentials: [
    'application_credential',
    [schemas.applicationCredentialCreate, schemas.applicationCredentialCreate],
  ],
  registered_limits: [
    'registered_limits',
    [schemas.registeredLimitCreate, schemas.registeredLimitUpdate],
  ],
  limits: ['limits', [schemas.limitCreate, schemas.limitUpdate]],
  identity_providers: [
    'identity_provider',
    [schemas.identityProviderCreate, schemas.identityProviderUpdate],
  ],
  service_providers: [
    'service_provider',
    [schemas.serviceProviderCreate, schemas.serviceProviderUpdate],
  ],
  tokens: ['auth', [schemas.authSchema, schemas.authSchema]],
  tags: ['tags', [schemas.tagsSchema, schemas.tagsSchema]],
  password: ['user', [schemas.passwordChange, schemas.passwordChange]],
  authorize: ['roles', [schemas.requestTokenAuthorize, schemas.requestTokenAuthorize]],
};
const anything: LooseSchema = { type: 'object', patternProperties: { '^.*$': {} } };

export function identityBody(method: string, path: string): LooseSchema | undefined {
  if (!['POST', 'PUT', 'PATCH'].includes(method)) return undefined;
  const name = path.split('/').findLast((part) => part !== '' && !part.startsWith(':')) ?? '';
  const found = Object.hasOwn(collections, name) ? collections[name] : undefined;
  if (found === undefined) return anything;
  const [member, [create, update]] = found;
  const isChange = path.includes('/:') && path.endsWith('d') && method !== 'POST';
  const isSingle = isChange && member.endsWith('limits');
  return wrapped(isSingle ? member.slice(0, -1) : member, isChange ? update : create);
}

function wrapped(member: string, schema: unknown): LooseSchema {
  const properties = { [member]: schema as LooseSchema };
  return { type: 'object', properties, required: [member] };
}
