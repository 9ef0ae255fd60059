// Regions over HTTP: places that endpoints are in, in a tree, with ids that their makers may choose.
import type { FastifyInstance } from 'fastify';
import type { Region } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { checkBody } from '../body-check.ts';
import {
  type Body,
  type Collection,
  extraOf,
  registerCollection,
  shownNow,
  textOf,
} from '../collection.ts';
import { isAdmin } from '../policy.ts';
import { invalid, Problem } from '../problem.ts';
import { regionCreate, regionUpdate } from '../schemas.ts';
import {
  type IdentityApi,
  memberBody,
  newId,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from '../service.ts';

const attributes = {
  fields: { description: 'description', parent_region_id: 'parentRegionId' },
};

const regions: Collection<Region> = {
  ...attributes,
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
  build: ({ api }, body) => newRegion(api, body, textOf(body, 'id')),
  commands: {
    create: (region) => ({ type: 'identity.create-region', region }),
    update: ({ id }, changes) => ({ type: 'identity.update-region', id, changes }),
    remove: ({ id }) => ({ type: 'identity.delete-region', id }),
  },
};

export function newRegion(api: IdentityApi, body: Body, wantedId: string | undefined): Region {
  const id = wantedId === undefined || wantedId === '' ? newId(api) : wantedId;
  if (lookUp(stateOf(api).regions, id) !== undefined)
    throw new Problem(409, `Conflict occurred attempting to store region - Duplicate ID, ${id}..`);
  const parentRegionId = textOf(body, 'parent_region_id');
  return {
    id,
    description: textOf(body, 'description') ?? '',
    ...(parentRegionId === undefined ? {} : { parentRegionId }),
    extra: extraOf(attributes, body),
  };
}

export function regionRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, regions);

  app.put('/regions/:id', async (request, reply) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(isAdmin(work.grant), 'create_region');
    const body = memberBody(request, 'region');
    checkBody(regionCreate, body);
    const id = param(request, 'id');
    if (body.id !== undefined && body.id !== id)
      throw invalid(`Conflicting region IDs specified: "${id}" != "${textOf(body, 'id')}"`);
    await write(api, request, regions.commands.create(newRegion(api, body, id)));
    return reply.code(201).send(shownNow(regions, id, work));
  });
}
