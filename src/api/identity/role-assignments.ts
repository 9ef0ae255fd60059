// GET /role_assignments: all that was given to whom and where, filtered; `effective` shows what users really have.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor, Assignment, Target } from '#actors/services/identity/records.ts';
import {
  actorsFor,
  type EffectiveAssignment,
  effectiveAssignments,
  inheritanceOf,
  listAssignments,
} from '#actors/services/identity/roles.ts';
import { type IdentityState, subtreeOf } from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { selfUrl } from './listing.ts';
import { readsSomeDomain } from './policy.ts';
import { invalid } from './problem.ts';
import {
  type IdentityApi,
  link,
  permit,
  queryFlag,
  queryValue,
  requireToken,
  stateOf,
} from './service.ts';

interface Query {
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly role: string | undefined;
  readonly project: string | undefined;
  readonly domain: string | undefined;
  readonly system: boolean;
  readonly inherited: boolean | undefined;
  readonly effective: boolean;
  readonly names: boolean;
  readonly subtree: boolean;
}

/** One line before it is rendered: as given, or as it works out for a user. */
type Line = Pick<Assignment, 'actor' | 'target' | 'roleId' | 'inherited'> & {
  readonly through: EffectiveAssignment['through'];
};

export function roleAssignmentRoutes(app: FastifyInstance, api: IdentityApi): void {
  app.get('/role_assignments', (request) => {
    const grant = requireToken(api, request);
    const query = readQuery(request);
    const projectAdmin =
      query.subtree && grant.caller.isAdmin && grant.caller.projectId === query.project;
    permit(
      readsSomeDomain(grant) || projectAdmin,
      query.subtree ? 'list_role_assignments_for_tree' : 'list_role_assignments',
    );
    checkQuery(query);
    const state = stateOf(api);
    const { domainId } = grant.caller;
    const lines = linesOf(state, query).filter((line) => isInDomain(state, line, domainId));
    return {
      links: { next: null, previous: null, self: selfUrl(api, request) },
      role_assignments: lines.map((line) => render(line, { api, request, state, query })),
    };
  });
}

function readQuery(request: FastifyRequest): Query {
  const filled = (name: string) => queryValue(request, name) || undefined;
  const inherited = queryValue(request, 'scope.OS-INHERIT:inherited_to');
  return {
    user: filled('user.id'),
    group: filled('group.id'),
    role: filled('role.id'),
    project: filled('scope.project.id'),
    domain: filled('scope.domain.id'),
    system: filled('scope.system') !== undefined,
    inherited: inherited === undefined ? undefined : inherited === 'projects',
    effective: queryFlag(request, 'effective'),
    names: queryFlag(request, 'include_names'),
    subtree: queryFlag(request, 'include_subtree'),
  };
}

function checkQuery(query: Query): void {
  if (query.domain !== undefined && query.project !== undefined)
    throw invalid('Specify a domain or project, not both');
  if (query.domain !== undefined && query.system)
    throw invalid('Specify system or domain, not both');
  if (query.project !== undefined && query.system)
    throw invalid('Specify system or project, not both');
  if (query.user !== undefined && query.group !== undefined)
    throw invalid('Specify a user or group, not both');
  if (query.effective && query.group !== undefined)
    throw invalid('Combining effective and group filter will always result in an empty list.');
  if (query.effective && query.inherited === true && query.domain !== undefined)
    throw invalid(
      'Combining effective, domain and inherited filters will always result in an empty list.',
    );
  if (query.subtree && query.project === undefined)
    throw invalid('scope.project.id must be specified if include_subtree is also specified');
}

function linesOf(state: IdentityState, query: Query): readonly Line[] {
  const given = query.effective ? effectiveLines(state, query) : directLines(state, query);
  const targets = targetsOf(state, query);
  return given.filter(
    (line) =>
      (query.role === undefined || line.roleId === query.role) &&
      (query.user === undefined || (line.actor.kind === 'user' && line.actor.id === query.user)) &&
      (targets === undefined || targets.has(`${line.target.kind}:${line.target.id}`)) &&
      (query.inherited === undefined || isInherited(line) === query.inherited),
  );
}

function directLines(state: IdentityState, query: Query): readonly Line[] {
  const actor: Actor | undefined =
    query.user !== undefined
      ? { kind: 'user', id: query.user }
      : query.group !== undefined
        ? { kind: 'group', id: query.group }
        : undefined;
  const target = query.subtree ? undefined : targetOf(query);
  return listAssignments(state, {
    ...(actor === undefined ? {} : { actor }),
    ...(target === undefined ? {} : { target }),
  }).map((assignment) => ({ ...assignment, through: {} }));
}

/** Looks only at assignments that can matter: of the user and the user's groups, or at and above the project. */
function effectiveLines(state: IdentityState, query: Query): readonly Line[] {
  const target = query.subtree ? undefined : targetOf(query);
  let sources: readonly Assignment[];
  if (query.user !== undefined)
    sources = actorsFor(state, query.user).flatMap((actor) => listAssignments(state, { actor }));
  else if (target !== undefined)
    sources = [target, ...above(state, target)].flatMap((at) =>
      listAssignments(state, { target: at }),
    );
  else sources = listAssignments(state, {});
  return effectiveAssignments(state, sources).map(({ userId, target: at, roleId, through }) => ({
    actor: { kind: 'user' as const, id: userId },
    target: at,
    roleId,
    inherited: false,
    through,
  }));
}

function above(state: IdentityState, target: Target): readonly Target[] {
  if (target.kind !== 'project') return [];
  return [...inheritanceOf(state, target.id)].map((key) => {
    const [kind, id] = key.split(':');
    return { kind: kind === 'domain' ? 'domain' : 'project', id: id ?? '' };
  });
}

function targetOf(query: Query): Target | undefined {
  if (query.project !== undefined) return { kind: 'project', id: query.project };
  if (query.domain !== undefined) return { kind: 'domain', id: query.domain };
  return query.system ? { kind: 'system', id: 'all' } : undefined;
}

function targetsOf(state: IdentityState, query: Query): ReadonlySet<string> | undefined {
  const target = targetOf(query);
  if (target === undefined) return undefined;
  const below = query.subtree ? subtreeOf(state, target.id) : [];
  return new Set([`${target.kind}:${target.id}`, ...below.map(({ id }) => `project:${id}`)]);
}

function isInherited({ inherited, through }: Line): boolean {
  return inherited || through.projectId !== undefined || through.domainId !== undefined;
}

function isInDomain(state: IdentityState, { target }: Line, domainId: string | undefined): boolean {
  if (domainId === undefined) return true;
  if (target.kind === 'domain') return target.id === domainId;
  return target.kind === 'project' && lookUp(state.projects, target.id)?.domainId === domainId;
}

interface Rendering {
  readonly api: IdentityApi;
  readonly request: FastifyRequest;
  readonly state: IdentityState;
  readonly query: Query;
}

function render(line: Line, rendering: Rendering): object {
  const { api, request, state, query } = rendering;
  const { actor, through } = line;
  const record =
    actor.kind === 'user' ? lookUp(state.users, actor.id) : lookUp(state.groups, actor.id);
  const role = lookUp(state.roles, line.roleId);
  return {
    scope: {
      ...renderTarget(state, line.target, query.names),
      ...(isInherited(line) ? { 'OS-INHERIT:inherited_to': 'projects' } : {}),
    },
    [actor.kind]: query.names
      ? { id: actor.id, name: record?.name ?? '', ...domainOf(state, record?.domainId) }
      : { id: actor.id },
    role: query.names
      ? {
          id: line.roleId,
          name: role?.name ?? '',
          ...(role?.domainId === undefined ? {} : domainOf(state, role.domainId)),
        }
      : { id: line.roleId },
    links: {
      assignment: link(api, request, assignmentPath(line)),
      ...(through.groupId === undefined
        ? {}
        : { membership: link(api, request, `/groups/${through.groupId}/users/${actor.id}`) }),
      ...(through.priorRoleId === undefined
        ? {}
        : {
            prior_role: link(
              api,
              request,
              `/prior_roles/${through.priorRoleId}/implies/${line.roleId}`,
            ),
          }),
    },
  };
}

function renderTarget(state: IdentityState, target: Target, names: boolean): object {
  if (target.kind === 'system') return { system: { all: true } };
  if (!names) return { [target.kind]: { id: target.id } };
  if (target.kind === 'domain') return domainOf(state, target.id);
  const project = lookUp(state.projects, target.id);
  return {
    project: { id: target.id, name: project?.name ?? '', ...domainOf(state, project?.domainId) },
  };
}

function domainOf(state: IdentityState, id: string | undefined): { readonly domain?: object } {
  if (id === undefined) return {};
  return { domain: { id, name: lookUp(state.domains, id)?.name ?? '' } };
}

/** Where the assignment behind the line can be taken away. */
function assignmentPath(line: Line): string {
  const { actor, target, through } = line;
  const roleId = through.priorRoleId ?? line.roleId;
  const place =
    through.domainId !== undefined
      ? `/domains/${through.domainId}`
      : through.projectId !== undefined
        ? `/projects/${through.projectId}`
        : target.kind === 'system'
          ? '/system'
          : `/${target.kind}s/${target.id}`;
  const who =
    through.groupId === undefined ? `/${actor.kind}s/${actor.id}` : `/groups/${through.groupId}`;
  return isInherited(line)
    ? `/OS-INHERIT${place}${who}/roles/${roleId}/inherited_to_projects`
    : `${place}${who}/roles/${roleId}`;
}
