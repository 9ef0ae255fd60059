// Regions, services and endpoints over HTTP: what administrators keep the catalogue with.
import type { FastifyInstance } from 'fastify';
import type { Endpoint, Region, Service } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { endpointUrl } from './catalog.ts';
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
import { isAdmin, readsAll } from './policy.ts';
import { invalid, Problem } from './problem.ts';
import {
  endpointCreate,
  endpointUpdate,
  regionCreate,
  regionUpdate,
  serviceCreate,
  serviceUpdate,
} from './schemas.ts';
import {
  clientBase,
  type IdentityApi,
  memberBody,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from './service.ts';

const regionFields = ['description', 'parent_region_id'];

const regions: Collection<Region> = {
  collection: 'regions',
  member: 'region',
  all: (state) => valuesOf(state.regions),
  find: (state, id) => lookUp(state.regions, id),
  render: (region) => ({
    ...region.extra,
    id: region.id,
    description: region.description ?? '',
    parent_region_id: region.parentRegionId ?? null,
  }),
  filters: { parent_region_id: (region) => region.parentRegionId },
  createSchema: regionCreate,
  updateSchema: regionUpdate,
  may: { list: () => true, show: () => true },
  create: (work, body) => createRegion(work, body, textOf(body, 'id')),
  update: async ({ api, request }, region, body) => {
    const changes = {
      ...changesOf(body, { description: 'description', parent_region_id: 'parentRegionId' }),
      ...someExtra(body, regionFields),
    };
    await write(api, request, { type: 'identity.update-region', id: region.id, changes });
  },
  remove: async ({ api, request }, region) =>
    write(api, request, { type: 'identity.delete-region', id: region.id }),
};

async function createRegion(
  { api, request }: Work,
  body: Body,
  wantedId: string | undefined,
): Promise<string> {
  const id = wantedId === undefined || wantedId === '' ? newId(api) : wantedId;
  if (lookUp(stateOf(api).regions, id) !== undefined)
    throw new Problem(409, `Conflict occurred attempting to store region - Duplicate ID, ${id}..`);
  const parentRegionId = textOf(body, 'parent_region_id');
  const region: Region = {
    id,
    description: textOf(body, 'description') ?? '',
    ...(parentRegionId === undefined ? {} : { parentRegionId }),
    extra: extraOf(body, regionFields),
  };
  await write(api, request, { type: 'identity.create-region', region });
  return id;
}

const serviceFields = ['type', 'enabled'];

const services: Collection<Service> = {
  collection: 'services',
  member: 'service',
  all: (state) => valuesOf(state.services),
  find: (state, id) => lookUp(state.services, id),
  render: (service) => ({
    ...service.extra,
    id: service.id,
    type: service.type,
    enabled: service.enabled,
  }),
  filters: { type: (service) => service.type, name: (service) => service.extra.name },
  createSchema: serviceCreate,
  updateSchema: serviceUpdate,
  may: { list: readsAll, show: readsAll },
  create: async ({ api, request }, body) => {
    const service: Service = {
      id: newId(api),
      type: body.type as string,
      enabled: body.enabled !== false,
      extra: extraOf(body, serviceFields),
    };
    await write(api, request, { type: 'identity.create-service', service });
    return service.id;
  },
  update: async ({ api, request }, service, body) => {
    const changes = {
      ...changesOf(body, { type: 'type', enabled: 'enabled' }),
      ...someExtra(body, serviceFields),
    };
    await write(api, request, { type: 'identity.update-service', id: service.id, changes });
  },
  remove: async ({ api, request }, service) =>
    write(api, request, { type: 'identity.delete-service', id: service.id }),
};

const endpointFields = ['interface', 'region', 'region_id', 'service_id', 'url', 'enabled'];

const endpoints: Collection<Endpoint> = {
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
  create: async (work, body) => {
    const { api, request } = work;
    const regionId = await regionOf(work, body);
    const endpoint: Endpoint = {
      id: newId(api),
      serviceId: body.service_id as string,
      interface: body.interface as Endpoint['interface'],
      url: checkUrl(body.url as string),
      ...(regionId === undefined ? {} : { regionId }),
      enabled: body.enabled !== false,
      extra: extraOf(body, endpointFields),
    };
    await write(api, request, { type: 'identity.create-endpoint', endpoint });
    return endpoint.id;
  },
  update: async (work, endpoint, body) => {
    const { api, request } = work;
    const url = textOf(body, 'url');
    const regionId = await regionOf(work, body);
    const changes = {
      ...changesOf(body, { service_id: 'serviceId', interface: 'interface', enabled: 'enabled' }),
      ...(url === undefined ? {} : { url: checkUrl(url) }),
      ...(regionId === undefined ? {} : { regionId }),
      ...someExtra(body, endpointFields),
    };
    await write(api, request, { type: 'identity.update-endpoint', id: endpoint.id, changes });
  },
  remove: async ({ api, request }, endpoint) =>
    write(api, request, { type: 'identity.delete-endpoint', id: endpoint.id }),
};

/** `region`, the field of older clients, makes the region if it is not there. */
async function regionOf(work: Work, body: Body): Promise<string | undefined> {
  const id = textOf(body, 'region_id');
  const legacy = textOf(body, 'region');
  if (id !== undefined || legacy === undefined) return id;
  if (lookUp(stateOf(work.api).regions, legacy) === undefined) await createRegion(work, {}, legacy);
  return legacy;
}

/** Only fields that the catalogue fills in may stand in an address. */
function checkUrl(url: string): string {
  const fields = url.match(/[$%]\(([^)]*)\)s?/g) ?? [];
  const fillable = /^[$%]\((tenant_id|user_id|project_id)\)s$/;
  if (fields.some((field) => !fillable.test(field)))
    throw invalid(`Cannot create an endpoint with an invalid URL: ${url}.`);
  return url;
}

export function catalogEntryRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, regions);
  registerCollection(app, api, services);
  registerCollection(app, api, endpoints);

  app.put('/regions/:id', async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(isAdmin(work.grant), 'create_region');
    const body = memberBody(request, 'region');
    checkBody(regionCreate, body);
    const id = param(request, 'id');
    if (body.id !== undefined && body.id !== id)
      throw invalid(`Conflicting region IDs specified: "${id}" != "${textOf(body, 'id')}"`);
    await createRegion(work, body, id);
    const region = lookUp(stateOf(api).regions, id);
    if (region === undefined) throw new Problem(409, `Region ${id} is gone again.`);
    return reply.code(201).send({ region: renderWithLink(regions, region, work) });
  });
}
