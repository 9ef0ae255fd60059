// Defaults of limits, one for each resource of a service (in a region): what a project has unless it has its own.
import type { FastifyInstance } from 'fastify';
import type { RegisteredLimit } from '#actors/services/identity/entries/schemas.ts';
import { type Body, registerChanges, registerReads, textOf } from '../collection.ts';
import { entryCollection } from '../entry-collection.ts';
import { registeredLimitCreate, registeredLimitUpdate } from '../schemas.ts';
import { type IdentityApi, newId } from '../service.ts';
import { registerBatch } from './batch.ts';

const registeredLimits = entryCollection('registered-limit', {
  fields: {
    service_id: 'serviceId',
    region_id: 'regionId',
    resource_name: 'resourceName',
    default_limit: 'defaultLimit',
    description: 'description',
  },
  collection: 'registered_limits',
  member: 'registered_limit',
  noun: 'registered limit for',
  render: (limit) => ({
    id: limit.id,
    service_id: limit.serviceId,
    region_id: limit.regionId ?? null,
    resource_name: limit.resourceName,
    default_limit: limit.defaultLimit,
    description: limit.description ?? null,
  }),
  filters: {
    service_id: (limit) => limit.serviceId,
    region_id: (limit) => limit.regionId,
    resource_name: (limit) => limit.resourceName,
  },
  createSchema: registeredLimitCreate,
  updateSchema: registeredLimitUpdate,
  may: { list: () => true, show: () => true },
  build: ({ api }, body) => newLimit(api, body),
});

function newLimit(api: IdentityApi, body: Body): RegisteredLimit {
  const regionId = textOf(body, 'region_id');
  const description = textOf(body, 'description');
  return {
    id: newId(api),
    serviceId: body.service_id as string,
    ...(regionId === undefined ? {} : { regionId }),
    resourceName: body.resource_name as string,
    defaultLimit: body.default_limit as number,
    ...(description === undefined ? {} : { description }),
  };
}

export function registeredLimitRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerReads(app, api, registeredLimits);
  registerChanges(app, api, registeredLimits);
  registerBatch(app, api, 'registered-limit', registeredLimits);
}
