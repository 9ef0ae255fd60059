// Limits of single projects and domains, in place of the registered defaults. The model is flat: the place of a project
// in the tree says nothing about its limits.
import type { FastifyInstance } from 'fastify';
import type { Limit } from '#actors/services/identity/entries/schemas.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { type Body, registerChanges, registerReads, textOf } from '../collection.ts';
import { entryCollection } from '../entry-collection.ts';
import { readsAll } from '../policy.ts';
import { limitCreate, limitUpdate } from '../schemas.ts';
import { type IdentityApi, newId, permit, requireToken, stateOf } from '../service.ts';
import { registerBatch } from './batch.ts';

const limits = entryCollection('limit', {
  fields: { resource_limit: 'resourceLimit', description: 'description' },
  collection: 'limits',
  member: 'limit',
  noun: 'limit for',
  render: (limit) => ({
    id: limit.id,
    project_id: limit.projectId ?? null,
    domain_id: limit.domainId ?? null,
    service_id: limit.serviceId,
    region_id: limit.regionId ?? null,
    resource_name: limit.resourceName,
    resource_limit: limit.resourceLimit,
    description: limit.description ?? null,
  }),
  filters: {
    service_id: (limit) => limit.serviceId,
    region_id: (limit) => limit.regionId,
    resource_name: (limit) => limit.resourceName,
    project_id: (limit) => limit.projectId,
    domain_id: (limit) => limit.domainId,
  },
  createSchema: limitCreate,
  updateSchema: limitUpdate,
  may: { list: () => true, show: () => true },
  visible: (all, { api, grant }) => all.filter((limit) => isListed(stateOf(api), grant, limit)),
  expand: (shown, limit, { api, grant }) => {
    permit(readsAll(grant) || isOwn(stateOf(api), grant, limit), 'get_limit');
    return shown;
  },
  build: ({ api }, body) => newLimit(api, body),
});

/** A token of the system sees all, others what their scope has. */
function isListed(state: IdentityState, grant: TokenGrant, limit: Limit): boolean {
  return grant.caller.system || isOwn(state, grant, limit);
}

function isOwn(state: IdentityState, { caller }: TokenGrant, limit: Limit): boolean {
  const { projectId, domainId } = limit;
  if (caller.projectId !== undefined) return projectId === caller.projectId;
  if (caller.domainId === undefined) return false;
  const project = projectId === undefined ? undefined : lookUp(state.projects, projectId);
  return (project?.domainId ?? domainId) === caller.domainId;
}

function newLimit(api: IdentityApi, body: Body): Limit {
  const [projectId, domainId, regionId, description] = [
    'project_id',
    'domain_id',
    'region_id',
    'description',
  ].map((name) => textOf(body, name));
  return {
    id: newId(api),
    ...(projectId === undefined ? {} : { projectId }),
    ...(domainId === undefined ? {} : { domainId }),
    serviceId: body.service_id as string,
    ...(regionId === undefined ? {} : { regionId }),
    resourceName: body.resource_name as string,
    resourceLimit: body.resource_limit as number,
    ...(description === undefined ? {} : { description }),
  };
}

export function limitRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get('/limits/model', (request) => {
    requireToken(api, request);
    return {
      model: {
        name: 'flat',
        description:
          'Limit enforcement and validation does not take project hierarchy into consideration.',
      },
    };
  });
  registerReads(app, api, limits);
  registerChanges(app, api, limits);
  registerBatch(app, api, 'limit', limits);
}
