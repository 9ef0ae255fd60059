// Records that identity keeps beside accounts, roles and the catalogue: each kind is a table of its own, without names
// that must be unique in a scope. What belongs to a user, a project or the like goes with it (owners.ts). A field that
// is absent is null on the wire.
import { type Static, type TObject, Type } from 'typebox';

const text = Type.String();
const timeMs = Type.Number();
const extra = Type.Record(Type.String(), Type.Unknown());
const optional = Type.Optional(text);
const description = optional;

/** Keys of other services, `ec2` and `totp` among them. `blob` is JSON, as its maker wrote it. */
const credential = Type.Object({
  id: text,
  userId: text,
  projectId: optional,
  type: text,
  blob: text,
  extra,
});

const policy = Type.Object({ id: text, type: text, blob: text, extra });

/** Which policy is for an endpoint, a service, or a service in a region. */
const policyAssociation = Type.Object({
  id: text,
  policyId: text,
  endpointId: optional,
  serviceId: optional,
  regionId: optional,
});

const endpointGroup = Type.Object({
  id: text,
  name: text,
  description,
  /** Of `service_id`, `region_id` and `interface`: what an endpoint must have to be in the group. */
  filters: Type.Record(Type.String(), Type.Unknown()),
});
const projectEndpoint = Type.Object({ id: text, projectId: text, endpointId: text });
const projectEndpointGroup = Type.Object({ id: text, projectId: text, endpointGroupId: text });

/** The trustor lets the trustee act, with some roles on one project. */
const trust = Type.Object({
  id: text,
  trustorUserId: text,
  trusteeUserId: text,
  projectId: optional,
  /** Does the trustee act as the trustor, or under the own name? */
  impersonation: Type.Boolean(),
  roleIds: Type.Array(text),
  expiresAtMs: Type.Optional(timeMs),
  /** How many tokens it is still good for; absent: any number. */
  remainingUses: Type.Optional(Type.Integer()),
  redelegatedTrustId: optional,
  /** How often the trustee may pass it on. */
  redelegationCount: Type.Integer(),
});

const registeredLimit = Type.Object({
  id: text,
  serviceId: text,
  regionId: optional,
  resourceName: text,
  defaultLimit: Type.Integer(),
  description,
});
const limit = Type.Object({
  id: text,
  /** Of a project or of a domain. */
  projectId: optional,
  domainId: optional,
  serviceId: text,
  regionId: optional,
  resourceName: text,
  resourceLimit: Type.Integer(),
  description,
});

const consumer = Type.Object({ id: text, description, secret: text, extra });
const requestToken = Type.Object({
  id: text,
  secret: text,
  consumerId: text,
  projectId: text,
  expiresAtMs: timeMs,
  /** All three once a user has agreed. */
  authorizingUserId: optional,
  roleIds: Type.Optional(Type.Array(text)),
  verifier: optional,
});
const accessToken = Type.Object({
  id: text,
  secret: text,
  consumerId: text,
  projectId: text,
  authorizingUserId: text,
  roleIds: Type.Array(text),
  expiresAtMs: Type.Optional(timeMs),
});

/** Settings of one domain, by group and option; the id is the domain's. */
const domainConfig = Type.Object({
  id: text,
  config: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
});

const identityProvider = Type.Object({
  id: text,
  domainId: text,
  description,
  enabled: Type.Boolean(),
  remoteIds: Type.Array(text),
  authorizationTtl: Type.Optional(Type.Integer()),
});
const serviceProvider = Type.Object({
  id: text,
  description,
  enabled: Type.Boolean(),
  authUrl: text,
  spUrl: text,
  relayStatePrefix: text,
});

export const entrySchemas = {
  credential,
  policy,
  'policy-association': policyAssociation,
  'endpoint-group': endpointGroup,
  'project-endpoint': projectEndpoint,
  'project-endpoint-group': projectEndpointGroup,
  trust,
  'registered-limit': registeredLimit,
  limit,
  consumer,
  'request-token': requestToken,
  'access-token': accessToken,
  'domain-config': domainConfig,
  'identity-provider': identityProvider,
  'service-provider': serviceProvider,
} as const;

export type EntryKind = keyof typeof entrySchemas;
export type EntryRecord<K extends EntryKind> = Static<(typeof entrySchemas)[K]>;
export type Entry = { readonly [K in EntryKind]: EntryOf<K> }[EntryKind];
export interface EntryOf<K extends EntryKind> {
  readonly kind: K;
  readonly record: EntryRecord<K>;
}

export const entryKinds = Object.keys(entrySchemas) as readonly EntryKind[];

function entryOf<K extends EntryKind>(kind: K) {
  const record: TObject = entrySchemas[kind];
  return Type.Object({ kind: Type.Literal(kind), record });
}

export const entryKindSchema = Type.Unsafe<EntryKind>(
  Type.Union(entryKinds.map((kind) => Type.Literal(kind))),
);
export const entrySchema = Type.Unsafe<Entry>(Type.Union(entryKinds.map(entryOf)));

export type Trust = EntryRecord<'trust'>;
export type Limit = EntryRecord<'limit'>;
export type RegisteredLimit = EntryRecord<'registered-limit'>;
export type Credential = EntryRecord<'credential'>;
export type AccessToken = EntryRecord<'access-token'>;
