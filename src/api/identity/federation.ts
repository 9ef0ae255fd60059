// OS-FEDERATION: which identity providers a cloud knows, and which clouds it is one for. The records alone: logging in
// through another provider is not served, so none of these lets anybody in.
import type { FastifyInstance } from 'fastify';
import type { EntryKind, EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { checkBody } from './body-check.ts';
import {
  type Collection,
  registerChanges,
  registerReads,
  shownNow,
  textOf,
  type Work,
} from './collection.ts';
import { newDomain } from './domains.ts';
import { entryCollection } from './entry-collection.ts';
import { isAdmin, readsAll } from './policy.ts';
import {
  identityProviderCreate,
  identityProviderUpdate,
  serviceProviderCreate,
  serviceProviderUpdate,
} from './schemas.ts';
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
import { notFound, Problem } from './problem.ts';
import { lookUp } from '#actors/services/identity/table.ts';

const prefix = '/OS-FEDERATION';
const defaultRelayStatePrefix = 'ss:mem:';

const identityProviders = entryCollection('identity-provider', {
  fields: {
    description: 'description',
    enabled: 'enabled',
    authorization_ttl: 'authorizationTtl',
  },
  fixed: ['domain_id', 'remote_ids'],
  prefix,
  collection: 'identity_providers',
  member: 'identity_provider',
  noun: 'Identity Provider',
  render: (provider) => ({
    id: provider.id,
    domain_id: provider.domainId,
    description: provider.description ?? null,
    enabled: provider.enabled,
    remote_ids: provider.remoteIds,
    authorization_ttl: provider.authorizationTtl ?? null,
  }),
  filters: { id: (provider) => provider.id, enabled: (provider) => provider.enabled },
  createSchema: identityProviderCreate,
  updateSchema: identityProviderUpdate,
  may: { list: readsAll, show: readsAll },
  build: async (work, body) => {
    const description = textOf(body, 'description');
    const ttl = body.authorization_ttl;
    return {
      id: param(work.request, 'id'),
      domainId: await domainFor(work, textOf(body, 'domain_id')),
      ...(description === undefined ? {} : { description }),
      enabled: body.enabled === true,
      remoteIds: (body.remote_ids as string[] | null | undefined) ?? [],
      ...(typeof ttl === 'number' ? { authorizationTtl: ttl } : {}),
    };
  },
  prepare: (_work, _provider, body) =>
    body.remote_ids === undefined ? {} : { remoteIds: body.remote_ids ?? [] },
});

/** A provider has a domain for its users; one of its own unless it names one. */
async function domainFor({ api, request }: Work, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    if (lookUp(stateOf(api).domains, named) === undefined) throw notFound('domain', named);
    return named;
  }
  const id = newId(api);
  const description = `Auto generated federated domain for Identity Provider: ${param(request, 'id')}`;
  const domain = { ...newDomain(api, { name: id, description }), id };
  await write(api, request, { type: 'identity.create-domain', domain });
  return id;
}

const serviceProviders = entryCollection('service-provider', {
  fields: {
    description: 'description',
    enabled: 'enabled',
    auth_url: 'authUrl',
    sp_url: 'spUrl',
  },
  fixed: ['relay_state_prefix'],
  prefix,
  collection: 'service_providers',
  member: 'service_provider',
  noun: 'Service Provider',
  render: (provider) => ({
    id: provider.id,
    description: provider.description ?? null,
    enabled: provider.enabled,
    auth_url: provider.authUrl,
    sp_url: provider.spUrl,
    relay_state_prefix: provider.relayStatePrefix,
  }),
  filters: { id: (provider) => provider.id, enabled: (provider) => provider.enabled },
  createSchema: serviceProviderCreate,
  updateSchema: serviceProviderUpdate,
  may: { list: readsAll, show: readsAll },
  build: ({ request }, body) => {
    const description = textOf(body, 'description');
    return {
      id: param(request, 'id'),
      ...(description === undefined ? {} : { description }),
      enabled: body.enabled === true,
      authUrl: body.auth_url as string,
      spUrl: body.sp_url as string,
      relayStatePrefix: textOf(body, 'relay_state_prefix') ?? defaultRelayStatePrefix,
    };
  },
  prepare: (_work, _provider, body) =>
    body.relay_state_prefix === undefined
      ? {}
      : { relayStatePrefix: body.relay_state_prefix ?? defaultRelayStatePrefix },
});

export function federationRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerByName(app, api, identityProviders);
  registerByName(app, api, serviceProviders);
}

/** Their makers choose the ids, so PUT makes them. */
function registerByName<R extends EntryRecord<EntryKind>>(
  app: FastifyInstance,
  api: IdentityApi,
  spec: Collection<R>,
): void {
  registerReads(app, api, spec);
  registerChanges(app, api, spec);
  app.put(`${prefix}/${spec.collection}/:id`, async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(isAdmin(work.grant), `create_${spec.member}`);
    const body = memberBody(request, spec.member);
    checkBody(spec.createSchema, body);
    const id = param(request, 'id');
    if (spec.find(stateOf(api), id) !== undefined)
      throw new Problem(
        409,
        `Conflict occurred attempting to store ${spec.member} - Duplicate entry found with ID ${id}.`,
      );
    const record = await spec.build(work, body);
    await write(api, request, spec.commands.create(record));
    return reply.code(201).send(shownNow(spec, id, work));
  });
}
