// Policy blobs, which identity keeps for others and never reads, and which endpoint, service or region they are for.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { entriesOwnedBy, findEntry } from '#actors/services/identity/entries/tables.ts';
import type { Endpoint } from '#actors/services/identity/records.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { extraOf, registerCollection, renderWithLink } from '../collection.ts';
import { addEntry, entryCollection, removeEntry } from '../entry-collection.ts';
import { listReply } from '../listing.ts';
import { isAdmin, readsAll } from '../policy.ts';
import { notFound, Problem } from '../problem.ts';
import { policyCreate, policyUpdate } from '../schemas.ts';
import {
  type IdentityApi,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from '../service.ts';
import { endpoints } from './endpoints.ts';

type Association = EntryRecord<'policy-association'>;

const attributes = { fields: { type: 'type', blob: 'blob' } };

const policies = entryCollection('policy', {
  ...attributes,
  collection: 'policies',
  member: 'policy',
  render: ({ extra, ...policy }) => ({ ...extra, ...policy }),
  filters: { type: (policy) => policy.type },
  createSchema: policyCreate,
  updateSchema: policyUpdate,
  may: { list: readsAll, show: readsAll },
  build: ({ api }, body) => ({
    id: newId(api),
    type: body.type as string,
    blob: body.blob as string,
    extra: extraOf(attributes, body),
  }),
});

const places = [
  ['endpoint', '/endpoints/:endpointId'],
  ['service', '/services/:serviceId'],
  ['region_and_service', '/services/:serviceId/regions/:regionId'],
] as const;

export function policyRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, policies);
  for (const [place, path] of places)
    registerAssociation(app, api, { place, path: `/policies/:id/OS-ENDPOINT-POLICY${path}` });
  registerLookups(app, api);
}

function registerAssociation(
  app: FastifyInstance,
  api: IdentityApi,
  { place, path }: { readonly place: string; readonly path: string },
): void {
  const action = (verb: string) => `${verb}_policy_association_for_${place}`;
  app.get(path, (request, reply) => {
    permit(readsAll(requireToken(api, request)), action('check'));
    const wanted = associationIn(api, request);
    const given = findEntry(stateOf(api), 'policy-association', wanted.id);
    if (given?.policyId !== wanted.policyId)
      throw new Problem(404, 'Could not find policy association.');
    return reply.code(204).send();
  });
  app.put(path, async (request, reply) => {
    permit(isAdmin(requireToken(api, request)), action('create'));
    const wanted = associationIn(api, request);
    const given = findEntry(stateOf(api), 'policy-association', wanted.id);
    if (given !== undefined && given.policyId !== wanted.policyId)
      await write(api, request, removeEntry('policy-association', wanted.id));
    await write(api, request, addEntry('policy-association', wanted));
    return reply.code(204).send();
  });
  app.delete(path, async (request, reply) => {
    permit(isAdmin(requireToken(api, request)), action('delete'));
    const wanted = associationIn(api, request);
    await write(api, request, removeEntry('policy-association', wanted.id));
    return reply.code(204).send();
  });
}

/** The id says what the policy is for, since that has one policy at most. */
function associationIn(api: IdentityApi, request: FastifyRequest): Association {
  const state = stateOf(api);
  const given = (name: string) => param(request, name) || undefined;
  const [endpointId, serviceId, regionId] = ['endpointId', 'serviceId', 'regionId'].map(given);
  const policyId = param(request, 'id');
  if (findEntry(state, 'policy', policyId) === undefined) throw notFound('policy', policyId);
  for (const [kind, table, id] of [
    ['endpoint', state.endpoints, endpointId],
    ['service', state.services, serviceId],
    ['region', state.regions, regionId],
  ] as const)
    if (id !== undefined && lookUp<unknown>(table, id) === undefined) throw notFound(kind, id);
  return {
    id: associationId(endpointId, serviceId, regionId),
    policyId,
    ...(endpointId === undefined ? {} : { endpointId }),
    ...(serviceId === undefined ? {} : { serviceId }),
    ...(regionId === undefined ? {} : { regionId }),
  };
}

function associationId(...ids: readonly (string | undefined)[]): string {
  return ids.map((id) => encodeURIComponent(id ?? '')).join('/');
}

function registerLookups(app: FastifyInstance, api: IdentityApi): void {
  app.get('/policies/:id/OS-ENDPOINT-POLICY/endpoints', (request) => {
    const grant = requireToken(api, request);
    permit(readsAll(grant), 'list_endpoints_for_policy');
    const state = stateOf(api);
    const id = param(request, 'id');
    if (findEntry(state, 'policy', id) === undefined) throw notFound('policy', id);
    const associations = entriesOwnedBy(state, `policy:${id}`, 'policy-association');
    return listReply(api, request, {
      collection: 'endpoints',
      records: valuesOf(state.endpoints).filter((endpoint) =>
        associations.some((association) => matches(association, endpoint)),
      ),
      render: (endpoint) => renderWithLink(endpoints, endpoint, { api, request, grant }),
    });
  });

  app.get('/endpoints/:id/OS-ENDPOINT-POLICY/policy', (request) => {
    const grant = requireToken(api, request);
    permit(readsAll(grant), 'get_policy_for_endpoint');
    const state = stateOf(api);
    const endpoint = lookUp(state.endpoints, param(request, 'id'));
    if (endpoint === undefined) throw notFound('endpoint', param(request, 'id'));
    const policy = policyFor(state, endpoint);
    if (policy === undefined) throw notFound('policy', endpoint.id);
    return { policy: renderWithLink(policies, policy, { api, request, grant }) };
  });
}

function matches(association: Association, endpoint: Endpoint): boolean {
  const { endpointId, serviceId, regionId } = association;
  return (
    endpoint.id === endpointId ||
    (endpoint.serviceId === serviceId && (regionId === undefined || endpoint.regionId === regionId))
  );
}

/** The nearest one: the endpoint's own, that of its region or one above for the service, that of the service. */
function policyFor(
  state: IdentityState,
  { id, serviceId, regionId }: Endpoint,
): EntryRecord<'policy'> | undefined {
  const regions: string[] = [];
  let region = regionId;
  while (region !== undefined && !regions.includes(region)) {
    regions.push(region);
    region = lookUp(state.regions, region)?.parentRegionId;
  }
  const places = [
    associationId(id, undefined, undefined),
    ...regions.map((inRegion) => associationId(undefined, serviceId, inRegion)),
    associationId(undefined, serviceId, undefined),
  ];
  for (const place of places) {
    const association = findEntry(state, 'policy-association', place);
    if (association !== undefined) return findEntry(state, 'policy', association.policyId);
  }
  return undefined;
}
