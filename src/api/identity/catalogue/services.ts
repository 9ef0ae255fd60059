// Services over HTTP: what the catalogue lists, by type.
import type { FastifyInstance } from 'fastify';
import type { Service } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { type Collection, extraOf, registerCollection } from '../collection.ts';
import { readsAll } from '../policy.ts';
import { serviceCreate, serviceUpdate } from '../schemas.ts';
import { type IdentityApi, newId } from '../service.ts';

const attributes = { fields: { type: 'type', enabled: 'enabled' } };

const services: Collection<Service> = {
  ...attributes,
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
  build: ({ api }, body) => ({
    id: newId(api),
    type: body.type as string,
    enabled: body.enabled !== false,
    extra: extraOf(attributes, body),
  }),
  commands: {
    create: (service) => ({ type: 'identity.create-service', service }),
    update: ({ id }, changes) => ({ type: 'identity.update-service', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-service', id }),
  },
};

export function serviceRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, services);
}
