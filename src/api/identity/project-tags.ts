// Tags of a project: the whole list, or one by one.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Project } from '#actors/services/identity/records.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { checkBody } from './body-check.ts';
import { selfUrl } from './listing.ts';
import { managesDomain, readsDomain } from './policy.ts';
import { notFound } from './problem.ts';
import { tagSchema, tagsSchema } from './schemas.ts';
import {
  type IdentityApi,
  jsonBody,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from './service.ts';

export function projectTagRoutes(app: FastifyInstance, api: IdentityApi): void {
  const path = '/projects/:id/tags';

  app.get(path, (request) => {
    const project = projectIn(api, request, { action: 'list_project_tags', write: false });
    return { tags: project.tags, links: { self: selfUrl(api, request) } };
  });
  app.put(path, async (request, reply) => {
    const project = projectIn(api, request, { action: 'update_project_tags', write: true });
    const { tags } = jsonBody(request);
    checkBody(tagsSchema, tags ?? {});
    await setTags(api, request, project, tags as string[]);
    return reply.send({ tags, links: { self: selfUrl(api, request) } });
  });
  app.delete(path, async (request, reply) => {
    const project = projectIn(api, request, { action: 'delete_project_tags', write: true });
    await setTags(api, request, project, []);
    return reply.code(204).send();
  });

  app.get(`${path}/:tag`, (request, reply) => {
    const project = projectIn(api, request, { action: 'get_project_tag', write: false });
    requireTag(project, param(request, 'tag'));
    return reply.code(204).send();
  });
  app.put(`${path}/:tag`, async (request, reply) => {
    const project = projectIn(api, request, { action: 'create_project_tag', write: true });
    const tag = param(request, 'tag');
    checkBody(tagSchema, tag);
    const tags = project.tags.includes(tag) ? project.tags : [...project.tags, tag];
    checkBody(tagsSchema, tags);
    await setTags(api, request, project, tags);
    return reply.code(201).header('location', selfUrl(api, request)).send();
  });
  app.delete(`${path}/:tag`, async (request, reply) => {
    const project = projectIn(api, request, { action: 'delete_project_tag', write: true });
    const tag = param(request, 'tag');
    requireTag(project, tag);
    await setTags(
      api,
      request,
      project,
      project.tags.filter((other) => other !== tag),
    );
    return reply.code(204).send();
  });
}

function projectIn(
  api: IdentityApi,
  request: FastifyRequest,
  wanted: { readonly action: string; readonly write: boolean },
): Project {
  const grant = requireToken(api, request);
  const id = param(request, 'id');
  const project = lookUp(stateOf(api).projects, id);
  const may = wanted.write
    ? managesDomain(grant, project?.domainId)
    : readsDomain(grant, project?.domainId) || grant.caller.projectId === id;
  permit(may, wanted.action);
  if (project === undefined) throw notFound('project', id);
  return project;
}

function requireTag(project: Project, tag: string): void {
  if (!project.tags.includes(tag)) throw notFound('project tag', tag);
}

function setTags(
  api: IdentityApi,
  request: FastifyRequest,
  project: Project,
  tags: string[],
): Promise<void> {
  return write(api, request, {
    type: 'identity.update-project',
    id: project.id,
    changes: { tags },
  });
}
