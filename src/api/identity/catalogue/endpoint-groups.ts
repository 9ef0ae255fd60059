// OS-EP-FILTER: groups of endpoints by their attributes, and which endpoints and groups a project has. A project with
// none of them sees the whole catalogue (token-catalog.ts).
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { entriesOwnedBy, findEntry } from '#actors/services/identity/entries/tables.ts';
import type { Endpoint, Project } from '#actors/services/identity/records.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { type Body, registerCollection, renderWithLink, type Work } from '../collection.ts';
import { addEntry, entryCollection, removeEntry } from '../entry-collection.ts';
import { listReply } from '../listing.ts';
import { isAdmin, readsAll } from '../policy.ts';
import { invalid, missing, notFound, Problem } from '../problem.ts';
import { projects } from '../projects.ts';
import { endpointGroupCreate, endpointGroupUpdate } from '../schemas.ts';
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
import { endpointsOfProject, isInGroup } from './token-catalog.ts';

type Group = EntryRecord<'endpoint-group'>;

const filterNames = ['service_id', 'region_id', 'interface'];

export const endpointGroups = entryCollection('endpoint-group', {
  fields: { name: 'name', description: 'description', filters: 'filters' },
  prefix: '/OS-EP-FILTER',
  collection: 'endpoint_groups',
  member: 'endpoint_group',
  noun: 'Endpoint Group',
  render: (group) => ({ ...group, description: group.description ?? null }),
  filters: { name: (group) => group.name },
  createSchema: endpointGroupCreate,
  updateSchema: endpointGroupUpdate,
  may: { list: readsAll, show: readsAll },
  build: ({ api }, body) => {
    const filters = body.filters as Body;
    if (Object.keys(filters).length === 0)
      throw invalid('filters field is required and cannot be empty');
    checkFilters(filters);
    return {
      id: newId(api),
      name: body.name as string,
      ...(typeof body.description === 'string' ? { description: body.description } : {}),
      filters,
    };
  },
  prepare: (_work, _group, body) => {
    if (body.filters !== undefined) checkFilters(body.filters as Body);
    return {};
  },
});

function checkFilters(filters: Body): void {
  if (!Object.keys(filters).every((name) => filterNames.includes(name)))
    throw missing(filterNames.join(' or '), 'endpoint_group');
}

export function endpointGroupRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, endpointGroups);
  registerLists(app, api);
  registerPair(app, api, {
    path: '/OS-EP-FILTER/projects/:projectId/endpoints/:id',
    actions: [
      'check_endpoint_in_project',
      'add_endpoint_to_project',
      'remove_endpoint_from_project',
    ],
    entryIn: (request) => {
      const { id } = endpointIn(api, request);
      const projectId = projectIn(api, request).id;
      const record = { id: `${projectId}/${id}`, projectId, endpointId: id };
      return { kind: 'project-endpoint', record };
    },
  });
  registerPair(app, api, {
    path: '/OS-EP-FILTER/endpoint_groups/:id/projects/:projectId',
    actions: [
      'get_endpoint_group_in_project',
      'add_endpoint_group_to_project',
      'remove_endpoint_group_from_project',
    ],
    entryIn: (request) => {
      const projectId = projectIn(api, request).id;
      const { id } = groupIn(api, request);
      const record = { id: `${projectId}/${id}`, projectId, endpointGroupId: id };
      return { kind: 'project-endpoint-group', record };
    },
  });
}

type PairEntry =
  | { readonly kind: 'project-endpoint'; readonly record: EntryRecord<'project-endpoint'> }
  | {
      readonly kind: 'project-endpoint-group';
      readonly record: EntryRecord<'project-endpoint-group'>;
    };

interface Pair {
  readonly path: string;
  /** To ask, to give, to take. */
  readonly actions: readonly [string, string, string];
  readonly entryIn: (request: FastifyRequest) => PairEntry;
}

function registerPair(
  app: FastifyInstance,
  api: IdentityApi,
  { path, actions: [asking, giving, taking], entryIn }: Pair,
): void {
  const requireGiven = ({ kind, record }: PairEntry) => {
    if (findEntry(stateOf(api), kind, record.id) !== undefined) return;
    const [projectId, id] = record.id.split('/');
    throw new Problem(
      404,
      `Could not find ${kind === 'project-endpoint' ? `endpoint ${id}` : `endpoint group ${id}`} in project ${projectId}.`,
    );
  };
  app.get(path, (request, reply) => {
    permit(readsAll(requireToken(api, request)), asking);
    const entry = entryIn(request);
    requireGiven(entry);
    if (entry.kind === 'project-endpoint') return reply.code(204).send();
    const { projectId, endpointGroupId } = entry.record;
    const links = {
      self: `/OS-EP-FILTER/endpoint_groups/${endpointGroupId}/projects/${projectId}`,
    };
    return reply.send({
      project_endpoint_group: { endpoint_group_id: endpointGroupId, project_id: projectId, links },
    });
  });
  app.put(path, async (request, reply) => {
    permit(isAdmin(requireToken(api, request)), giving);
    const { kind, record } = entryIn(request);
    await write(api, request, addEntry<typeof kind>(kind, record));
    return reply.code(204).send();
  });
  app.delete(path, async (request, reply) => {
    permit(isAdmin(requireToken(api, request)), taking);
    const entry = entryIn(request);
    requireGiven(entry);
    await write(api, request, removeEntry(entry.kind, entry.record.id));
    return reply.code(204).send();
  });
}

interface Answer<R> {
  readonly path: string;
  readonly action: string;
  readonly collection: string;
  readonly records: (request: FastifyRequest) => readonly R[];
  readonly render: (record: R, work: Work) => object;
}

function registerList<R extends { readonly id: string }>(
  app: FastifyInstance,
  api: IdentityApi,
  { path, action, collection, records, render }: Answer<R>,
): void {
  app.get(`/OS-EP-FILTER${path}`, (request) => {
    const work = { api, request, grant: requireToken(api, request) };
    permit(readsAll(work.grant), action);
    return listReply(api, request, {
      collection,
      records: records(request),
      render: (record) => render(record, work),
    });
  });
}

const asProjects = {
  collection: 'projects',
  render: (project: Project, work: Work) => renderWithLink(projects, project, work),
};
const asEndpoints = {
  collection: 'endpoints',
  render: (endpoint: Endpoint, work: Work) => renderWithLink(endpoints, endpoint, work),
};
const asGroups = {
  collection: 'endpoint_groups',
  render: (group: Group, work: Work) => renderWithLink(endpointGroups, group, work),
};

function registerLists(app: FastifyInstance, api: IdentityApi): void {
  const projectsOf = (given: readonly { readonly projectId: string }[]) =>
    given.flatMap(({ projectId }) => lookUp(stateOf(api).projects, projectId) ?? []);
  registerList(app, api, {
    path: '/endpoints/:id/projects',
    action: 'list_projects_for_endpoint',
    ...asProjects,
    records: (request) => {
      const owner = `endpoint:${endpointIn(api, request).id}` as const;
      return projectsOf(entriesOwnedBy(stateOf(api), owner, 'project-endpoint'));
    },
  });
  registerList(app, api, {
    path: '/endpoint_groups/:id/projects',
    action: 'list_projects_associated_with_endpoint_group',
    ...asProjects,
    records: (request) => {
      const owner = `endpoint-group:${groupIn(api, request).id}` as const;
      return projectsOf(entriesOwnedBy(stateOf(api), owner, 'project-endpoint-group'));
    },
  });
  registerList(app, api, {
    path: '/endpoint_groups/:id/endpoints',
    action: 'list_endpoints_associated_with_endpoint_group',
    ...asEndpoints,
    records: (request) => {
      const group = groupIn(api, request);
      return valuesOf(stateOf(api).endpoints).filter((endpoint) => isInGroup(endpoint, group));
    },
  });
  registerList(app, api, {
    path: '/projects/:projectId/endpoints',
    action: 'list_endpoints_for_project',
    ...asEndpoints,
    records: (request) => endpointsOfProject(stateOf(api), projectIn(api, request).id),
  });
  registerList(app, api, {
    path: '/projects/:projectId/endpoint_groups',
    action: 'list_endpoint_groups_for_project',
    ...asGroups,
    records: (request) => {
      const state = stateOf(api);
      const owner = `project:${projectIn(api, request).id}` as const;
      return entriesOwnedBy(state, owner, 'project-endpoint-group').flatMap(
        ({ endpointGroupId }) => findEntry(state, 'endpoint-group', endpointGroupId) ?? [],
      );
    },
  });
}

function endpointIn(api: IdentityApi, request: FastifyRequest): Endpoint {
  const endpoint = lookUp(stateOf(api).endpoints, param(request, 'id'));
  if (endpoint === undefined) throw notFound('endpoint', param(request, 'id'));
  return endpoint;
}

function groupIn(api: IdentityApi, request: FastifyRequest): Group {
  const group = findEntry(stateOf(api), 'endpoint-group', param(request, 'id'));
  if (group === undefined) throw notFound('Endpoint Group', param(request, 'id'));
  return group;
}

function projectIn(api: IdentityApi, request: FastifyRequest): Project {
  const project = lookUp(stateOf(api).projects, param(request, 'projectId'));
  if (project === undefined) throw notFound('project', param(request, 'projectId'));
  return project;
}
