// Regions, services and endpoints: the catalogue that tells clients where each API is.
import { type IdentityState } from '../state.ts';
import { lookUp, valuesOf } from '../table.ts';
import { type Decider, type Deciders, done, merge, notFound, same } from './outcome.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

const createRegion: Decider<'identity.create-region'> = (state, { region }) => {
  const existing = lookUp(state.regions, region.id);
  if (existing !== undefined)
    return same(existing, region) ? done() : refuse('region-exists', { id: region.id });
  const parentId = region.parentRegionId;
  if (parentId !== undefined && lookUp(state.regions, parentId) === undefined)
    return notFound('region', parentId);
  return done({ type: 'identity.region-created', region });
};

const updateRegion: Decider<'identity.update-region'> = (state, { id, changes }) => {
  const region = lookUp(state.regions, id);
  if (region === undefined) return notFound('region', id);
  const parentId = changes.parentRegionId ?? undefined;
  if (parentId !== undefined) {
    if (lookUp(state.regions, parentId) === undefined) return notFound('region', parentId);
    if (parentId === id || regionsBelow(state, id).includes(parentId))
      return refuse('region-circle', { parentId });
  }
  const updated = merge(region, changes);
  return same(region, updated)
    ? done()
    : done({ type: 'identity.region-updated', region: updated });
};

/** Child regions go with it, unless one of them still has an endpoint. */
const deleteRegion: Decider<'identity.delete-region'> = (state, { id }) => {
  if (lookUp(state.regions, id) === undefined) return done();
  const gone = [id, ...regionsBelow(state, id)];
  const used = valuesOf(state.endpoints).some(
    ({ regionId }) => regionId !== undefined && gone.includes(regionId),
  );
  if (used) return refuse('region-in-use', { id });
  return done(
    ...gone.toReversed().map((regionId) => ({
      type: 'identity.region-deleted' as const,
      id: regionId,
    })),
  );
};

function regionsBelow(state: IdentityState, id: string): readonly string[] {
  const found: string[] = [];
  let level = [id];
  while (level.length > 0) {
    level = valuesOf(state.regions)
      .filter(({ id: own, parentRegionId }) =>
        parentRegionId === undefined ? false : level.includes(parentRegionId) && own !== id,
      )
      .map((region) => region.id)
      .filter((regionId) => !found.includes(regionId));
    found.push(...level);
  }
  return found;
}

export const regionDeciders: Deciders<
  'identity.create-region' | 'identity.update-region' | 'identity.delete-region'
> = {
  'identity.create-region': createRegion,
  'identity.update-region': updateRegion,
  'identity.delete-region': deleteRegion,
};

export const serviceDeciders: Deciders<
  'identity.create-service' | 'identity.update-service' | 'identity.delete-service'
> = {
  'identity.create-service': (state, { service }) =>
    lookUp(state.services, service.id) !== undefined
      ? done()
      : done({ type: 'identity.service-created', service }),
  'identity.update-service': (state, { id, changes }) => {
    const service = lookUp(state.services, id);
    if (service === undefined) return notFound('service', id);
    const updated = merge(service, changes);
    return same(service, updated)
      ? done()
      : done({ type: 'identity.service-updated', service: updated });
  },
  'identity.delete-service': (state, { id }) => {
    if (lookUp(state.services, id) === undefined) return done();
    const endpoints = valuesOf(state.endpoints)
      .filter((endpoint) => endpoint.serviceId === id)
      .map((endpoint) => ({ type: 'identity.endpoint-deleted' as const, id: endpoint.id }));
    return done(...endpoints, { type: 'identity.service-deleted', id });
  },
};

const updateEndpoint: Decider<'identity.update-endpoint'> = (state, { id, changes }) => {
  const endpoint = lookUp(state.endpoints, id);
  if (endpoint === undefined) return notFound('endpoint', id);
  const updated = merge(endpoint, changes);
  const stop = referenceClash(state, updated);
  if (stop !== undefined) return stop;
  return same(endpoint, updated)
    ? done()
    : done({ type: 'identity.endpoint-updated', endpoint: updated });
};

export const endpointDeciders: Deciders<
  'identity.create-endpoint' | 'identity.update-endpoint' | 'identity.delete-endpoint'
> = {
  'identity.create-endpoint': (state, { endpoint }) => {
    if (lookUp(state.endpoints, endpoint.id) !== undefined) return done();
    return referenceClash(state, endpoint) ?? done({ type: 'identity.endpoint-created', endpoint });
  },
  'identity.update-endpoint': updateEndpoint,
  'identity.delete-endpoint': (state, { id }) =>
    lookUp(state.endpoints, id) === undefined
      ? done()
      : done({ type: 'identity.endpoint-deleted', id }),
};

function referenceClash(
  state: IdentityState,
  endpoint: { readonly serviceId: string; readonly regionId?: string },
): Refusal | undefined {
  const { serviceId, regionId } = endpoint;
  if (regionId !== undefined && lookUp(state.regions, regionId) === undefined)
    return refuse('endpoint-reference-missing', { field: 'region_id', table: 'region' });
  if (lookUp(state.services, serviceId) === undefined)
    return refuse('endpoint-reference-missing', { field: 'service_id', table: 'service' });
  return undefined;
}
