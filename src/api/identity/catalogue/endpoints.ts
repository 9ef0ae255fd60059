// Endpoints over HTTP: where each service is, for whom.
import type { FastifyInstance } from 'fastify';
import type { Endpoint } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import {
  type Body,
  type Collection,
  extraOf,
  registerCollection,
  textOf,
  type Work,
} from '../collection.ts';
import { readsAll } from '../policy.ts';
import { invalid } from '../problem.ts';
import { endpointCreate, endpointUpdate } from '../schemas.ts';
import { clientBase, type IdentityApi, newId, stateOf, write } from '../service.ts';
import { newRegion } from './regions.ts';
import { endpointUrl } from './token-catalog.ts';

const attributes = {
  fields: { service_id: 'serviceId', interface: 'interface', enabled: 'enabled' },
  fixed: ['region', 'region_id', 'url'],
};

export const endpoints: Collection<Endpoint> = {
  ...attributes,
  collection: 'endpoints',
  member: 'endpoint',
  all: (state) => valuesOf(state.endpoints),
  find: (state, id) => lookUp(state.endpoints, id),
  render: (endpoint, { api, request }) => ({
    ...endpoint.extra,
    id: endpoint.id,
    interface: endpoint.interface,
    region: endpoint.regionId ?? null,
    region_id: endpoint.regionId ?? null,
    service_id: endpoint.serviceId,
    url: endpointUrl(endpoint.url, { base: clientBase(api, request) }),
    enabled: endpoint.enabled,
  }),
  filters: {
    interface: (endpoint) => endpoint.interface,
    service_id: (endpoint) => endpoint.serviceId,
    region_id: (endpoint) => endpoint.regionId,
  },
  createSchema: endpointCreate,
  updateSchema: endpointUpdate,
  may: { list: readsAll, show: readsAll },
  build: async (work, body) => ({
    id: newId(work.api),
    serviceId: body.service_id as string,
    interface: body.interface as Endpoint['interface'],
    url: checkUrl(body.url as string),
    ...(await regionOf(work, body)),
    enabled: body.enabled !== false,
    extra: extraOf(attributes, body),
  }),
  prepare: async (work, _endpoint, body) => {
    const url = textOf(body, 'url');
    return {
      ...(url === undefined ? {} : { url: checkUrl(url) }),
      ...(await regionOf(work, body)),
    };
  },
  commands: {
    create: (endpoint) => ({ type: 'identity.create-endpoint', endpoint }),
    update: ({ id }, changes) => ({ type: 'identity.update-endpoint', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-endpoint', id }),
  },
};

/** `region`, the field of older clients, makes the region if it is not there. */
async function regionOf(
  { api, request }: Work,
  body: Body,
): Promise<{ readonly regionId?: string }> {
  const named = textOf(body, 'region_id');
  const legacy = textOf(body, 'region');
  const regionId = named ?? legacy;
  if (regionId === undefined) return {};
  if (named === undefined && lookUp(stateOf(api).regions, regionId) === undefined) {
    const region = newRegion(api, {}, regionId);
    await write(api, request, { type: 'identity.create-region', region });
  }
  return { regionId };
}

/** Only fields that the catalogue fills in may stand in an address. */
function checkUrl(url: string): string {
  const fields = url.match(/[$%]\(([^)]*)\)s?/g) ?? [];
  const fillable = /^[$%]\((tenant_id|user_id|project_id)\)s$/;
  if (fields.some((field) => !fillable.test(field)))
    throw invalid(`Cannot create an endpoint with an invalid URL: ${url}.`);
  return url;
}

export function endpointRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, endpoints);
}
