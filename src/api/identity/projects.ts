// Projects over HTTP, with their tags and their place in the tree. A domain can be seen, and made, as a project that
// "acts as a domain", as identity v3 has it.
import type { FastifyInstance } from 'fastify';
import { projectsOf } from '#actors/services/identity/roles.ts';
import type { Domain, Project } from '#actors/services/identity/records.ts';
import { ancestorsOf, type IdentityState, subtreeOf } from '#actors/services/identity/state.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import {
  type Body,
  type Changes,
  type Collection,
  extraOf,
  registerCollection,
  renderWithLink,
  textOf,
  type Work,
} from './collection.ts';
import { newDomain, placeFields } from './domains.ts';
import { readBoolean } from './listing.ts';
import { homeDomain, managesDomain, readsDomain, readsSomeDomain } from './policy.ts';
import { invalid } from './problem.ts';
import { projectCreate, projectUpdate } from './schemas.ts';
import { type IdentityApi, newId, queryFlag, queryValue, stateOf } from './service.ts';

const attributes = { fields: placeFields, fixed: ['domain_id', 'parent_id', 'is_domain'] };

/** A domain in a project's clothes: it has itself for no domain and no parent. */
export type ProjectLike = Project | (Domain & { readonly domainId: null; readonly parentId: null });

export const projects: Collection<ProjectLike> = {
  ...attributes,
  collection: 'projects',
  member: 'project',
  all: (state) => valuesOf(state.projects),
  find: findProject,
  render: renderProject,
  filters: {
    name: (project) => project.name,
    domain_id: (project) => project.domainId ?? undefined,
    parent_id: (project) => project.parentId ?? undefined,
    enabled: (project) => project.enabled,
    is_domain: (project) => project.domainId === null,
  },
  createSchema: projectCreate,
  updateSchema: projectUpdate,
  may: {
    list: readsSomeDomain,
    show: (grant, project, id) =>
      readsDomain(grant, project?.domainId ?? undefined) || grant.caller.projectId === id,
    write: managesDomain,
  },
  visible: visibleProjects,
  domainOf: (project) => project.domainId ?? undefined,
  domainOfBody: (body, grant) =>
    body.is_domain === true ? undefined : (textOf(body, 'domain_id') ?? homeDomain(grant)),
  build: newProject,
  prepare: refuseMoves,
  commands: {
    create: (project) =>
      project.domainId === null
        ? { type: 'identity.create-domain', domain: asDomain(project) }
        : { type: 'identity.create-project', project },
    update: ({ id, domainId }, changes) => ({
      type: domainId === null ? 'identity.update-domain' : 'identity.update-project',
      id,
      changes,
    }),
    remove: ({ id, domainId }) => ({
      type: domainId === null ? 'identity.delete-domain' : 'identity.delete-project',
      id,
    }),
  },
  expand: withRelatives,
};

function renderProject(project: ProjectLike): object {
  return {
    ...project.extra,
    id: project.id,
    name: project.name,
    domain_id: project.domainId,
    parent_id: project.parentId,
    is_domain: project.domainId === null,
    description: project.description ?? null,
    enabled: project.enabled,
    tags: project.tags,
    options: project.options,
  };
}

function findProject(state: IdentityState, id: string): ProjectLike | undefined {
  const domain = lookUp(state.domains, id);
  return lookUp(state.projects, id) ?? (domain === undefined ? undefined : asProject(domain));
}

function asProject(domain: Domain): ProjectLike {
  return { ...domain, domainId: null, parentId: null };
}

function asDomain({ domainId: _none, parentId: _neither, ...domain }: ProjectLike): Domain {
  return domain;
}

/** Domains only when the query asks for them; tags as the API working group defines their filters. */
function visibleProjects(records: readonly ProjectLike[], work: Work): readonly ProjectLike[] {
  const { api, request, grant } = work;
  const wantsDomains = readBoolean(queryValue(request, 'is_domain') ?? '0');
  const all = wantsDomains ? valuesOf(stateOf(api).domains).map(asProject) : records;
  const { domainId } = grant.caller;
  const mine =
    domainId === undefined
      ? all
      : all.filter((project) => project.domainId === domainId || project.id === domainId);
  return mine.filter((project) => hasTags(project, request.query as Body));
}

function hasTags(project: ProjectLike, query: Body): boolean {
  const wanted = (name: string) => textOf(query, name)?.split(',');
  const has = (tag: string) => project.tags.includes(tag);
  return (
    (wanted('tags')?.every(has) ?? true) &&
    (wanted('tags-any')?.some(has) ?? true) &&
    !(wanted('not-tags')?.every(has) ?? false) &&
    !(wanted('not-tags-any')?.some(has) ?? false)
  );
}

function newProject({ api, grant }: Work, body: Body): ProjectLike {
  const parentId = textOf(body, 'parent_id');
  if (body.is_domain === true) {
    if (parentId !== undefined) throw invalid('only root projects are allowed to act as domains.');
    return asProject(newDomain(api, body));
  }
  const parent = parentId === undefined ? undefined : lookUp(stateOf(api).projects, parentId);
  const domainId = textOf(body, 'domain_id') ?? parent?.domainId ?? homeDomain(grant);
  return {
    id: newId(api),
    name: body.name as string,
    domainId,
    parentId: parentId ?? domainId,
    description: textOf(body, 'description') ?? '',
    enabled: body.enabled !== false,
    tags: (body.tags as string[] | undefined) ?? [],
    options: (body.options as Project['options'] | undefined) ?? {},
    extra: extraOf(attributes, body),
    revokedBeforeMs: 0,
  };
}

function refuseMoves(_work: Work, project: ProjectLike, body: Body): Changes {
  if (body.parent_id !== undefined && body.parent_id !== project.parentId)
    throw invalid('Update of `parent_id` is not allowed.');
  if (body.is_domain !== undefined && body.is_domain !== (project.domainId === null))
    throw invalid('Update of `is_domain` is not allowed.');
  if (body.domain_id !== undefined && body.domain_id !== project.domainId)
    throw invalid('Update of domain_id of projects is not allowed.');
  return {};
}

/** `?parents_as_list`, `?parents_as_ids`, `?subtree_as_list`, `?subtree_as_ids`. */
function withRelatives(shown: object, project: ProjectLike, work: Work): object {
  const { api, request, grant } = work;
  const asks = (name: string) => queryFlag(request, name);
  for (const way of ['parents', 'subtree'])
    if (asks(`${way}_as_list`) && asks(`${way}_as_ids`))
      throw invalid(`Cannot use ${way}_as_list and ${way}_as_ids query params at the same time.`);
  const state = stateOf(api);
  const mine = new Set(projectsOf(state, grant.user.id).map(({ id }) => id));
  const render = (relatives: readonly Project[]) =>
    relatives
      .filter(({ id }) => mine.has(id))
      .map((relative) => ({ project: renderWithLink(projects, relative, work) }));
  const parents = project.domainId === null ? [] : ancestorsOf(state, project);
  return {
    ...shown,
    ...(asks('parents_as_list') ? { parents: render(parents) } : {}),
    ...(asks('parents_as_ids') ? { parents: parentIds(parents, project) } : {}),
    ...(asks('subtree_as_list') ? { subtree: render(subtreeOf(state, project.id)) } : {}),
    ...(asks('subtree_as_ids') ? { subtree: childIds(state, project.id) } : {}),
  };
}

type IdTree = { readonly [id: string]: IdTree } | null;

function parentIds(parents: readonly Project[], project: ProjectLike): IdTree {
  if (project.domainId === null) return null;
  const ids = [...parents.map(({ id }) => id), project.domainId];
  return ids.reduceRight<IdTree>((below, id) => ({ [id]: below }), null);
}

function childIds(state: IdentityState, projectId: string): IdTree {
  const children = subtreeOf(state, projectId).filter(({ parentId }) => parentId === projectId);
  if (children.length === 0) return null;
  return Object.fromEntries(children.map(({ id }) => [id, childIds(state, id)]));
}

export function projectRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerCollection(app, api, projects);
}
