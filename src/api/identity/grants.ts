// Role assignments one by one: users and groups × projects, domains and the system, inherited ones included.
// PUT gives, HEAD and GET ask, DELETE takes; the list of an actor's roles on a target.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor, Assignment, Role, Target } from '#actors/services/identity/records.ts';
import {
  assignmentsOf,
  type IdentityState,
  sameAssignment,
} from '#actors/services/identity/state.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import type { TokenGrant } from '#actors/services/identity/token-check.ts';
import { renderWithLink } from './collection.ts';
import { listReply } from './listing.ts';
import { managesDomain, readsAll, readsDomain } from './policy.ts';
import { notFound, Problem } from './problem.ts';
import { roles } from './roles.ts';
import { type IdentityApi, param, permit, requireToken, stateOf, write } from './service.ts';

interface Place {
  readonly target: Target['kind'];
  readonly actor: Actor['kind'];
  readonly inherited: boolean;
}

const targetPaths: Readonly<Record<Target['kind'], string>> = {
  project: '/projects/:targetId',
  domain: '/domains/:targetId',
  system: '/system',
};

export function grantRoutes(app: FastifyInstance, api: IdentityApi): void {
  for (const actor of ['user', 'group'] as const) {
    for (const target of ['project', 'domain', 'system'] as const) {
      const list = `${targetPaths[target]}/${actor}s/:actorId/roles`;
      const place = { target, actor, inherited: false };
      registerList(app, api, { path: list, place });
      registerGrant(app, api, { path: `${list}/:roleId`, place });
      if (target === 'system') continue;
      const inherited = { target, actor, inherited: true };
      const end = 'inherited_to_projects';
      registerList(app, api, { path: `/OS-INHERIT${list}/${end}`, place: inherited });
      registerGrant(app, api, { path: `/OS-INHERIT${list}/:roleId/${end}`, place: inherited });
    }
  }
}

interface Route {
  readonly path: string;
  readonly place: Place;
}

function registerGrant(app: FastifyInstance, api: IdentityApi, { path, place }: Route): void {
  app.get(path, (request, reply) => {
    const assignment = assignmentIn(api, request, { place, verb: 'check', actorMayBeGone: false });
    requireGiven(stateOf(api), assignment);
    return reply.code(204).send();
  });
  app.put(path, async (request, reply) => {
    const assignment = assignmentIn(api, request, { place, verb: 'create', actorMayBeGone: false });
    await write(api, request, { type: 'identity.assign-role', assignment });
    return reply.code(204).send();
  });
  app.delete(path, async (request, reply) => {
    const assignment = assignmentIn(api, request, { place, verb: 'revoke', actorMayBeGone: true });
    requireGiven(stateOf(api), assignment);
    await write(api, request, { type: 'identity.unassign-role', assignment });
    return reply.code(204).send();
  });
}

function registerList(app: FastifyInstance, api: IdentityApi, { path, place }: Route): void {
  app.get(path, (request) => {
    const grant = requireToken(api, request);
    const state = stateOf(api);
    const { actor, target } = endsOf(request, place);
    const action =
      place.target === 'system' ? `list_system_grants_for_${place.actor}` : 'list_grants';
    permitPlace(grant, state, { action, actor, target, reads: true });
    requireEnds(state, actor, target);
    const given = assignmentsOf(state, actor).filter(
      (assignment) =>
        assignment.target.kind === target.kind &&
        assignment.target.id === target.id &&
        assignment.inherited === place.inherited,
    );
    return listReply(api, request, {
      collection: 'roles',
      records: given.flatMap(({ roleId }) => lookUp(state.roles, roleId) ?? []),
      render: (role) => renderWithLink(roles, role, { api, request, grant }),
    });
  });
}

function endsOf(request: FastifyRequest, place: Place): { actor: Actor; target: Target } {
  return {
    actor: { kind: place.actor, id: param(request, 'actorId') },
    target: {
      kind: place.target,
      id: place.target === 'system' ? 'all' : param(request, 'targetId'),
    },
  };
}

interface Wanted {
  readonly place: Place;
  readonly verb: 'check' | 'create' | 'revoke';
  /** What a deleted user left behind may still be taken away. */
  readonly actorMayBeGone: boolean;
}

function assignmentIn(api: IdentityApi, request: FastifyRequest, wanted: Wanted): Assignment {
  const { place, verb } = wanted;
  const grant = requireToken(api, request);
  const state = stateOf(api);
  const { actor, target } = endsOf(request, place);
  const action =
    place.target === 'system' ? `${verb}_system_grant_for_${place.actor}` : `${verb}_grant`;
  const role = lookUp(state.roles, param(request, 'roleId'));
  permitPlace(grant, state, { action, actor, target, reads: verb === 'check', role });
  if (role === undefined) throw notFound('role', param(request, 'roleId'));
  requireEnds(state, wanted.actorMayBeGone ? undefined : actor, target);
  return { actor, target, roleId: role.id, inherited: place.inherited };
}

/** What the manager of a domain may give to those in it. */
const delegableRoles: readonly (string | undefined)[] = ['manager', 'member', 'reader'];

/** Admins anywhere; within a domain its reader may read, and its manager give and take the common roles. */
function permitPlace(
  grant: TokenGrant,
  state: IdentityState,
  wanted: {
    readonly action: string;
    readonly actor: Actor;
    readonly target: Target;
    readonly reads: boolean;
    readonly role?: Role | undefined;
  },
): void {
  const { actor, target, reads, role, action } = wanted;
  const actorDomain = lookUp<{ readonly domainId: string }>(
    actor.kind === 'user' ? state.users : state.groups,
    actor.id,
  )?.domainId;
  const targetDomain =
    target.kind === 'project' ? lookUp(state.projects, target.id)?.domainId : target.id;
  if (reads && readsAll(grant)) return;
  const may = reads ? readsDomain : managesDomain;
  const inside = may(grant, actorDomain) && may(grant, targetDomain);
  const delegable = reads || delegableRoles.includes(role?.name);
  permit(grant.caller.isAdmin || (inside && delegable && target.kind !== 'system'), action);
}

function requireEnds(state: IdentityState, actor: Actor | undefined, target: Target): void {
  if (actor?.kind === 'user' && lookUp(state.users, actor.id) === undefined)
    throw notFound('user', actor.id);
  if (actor?.kind === 'group' && lookUp(state.groups, actor.id) === undefined)
    throw notFound('group', actor.id);
  if (target.kind === 'project' && lookUp(state.projects, target.id) === undefined)
    throw notFound('project', target.id);
  if (target.kind === 'domain' && lookUp(state.domains, target.id) === undefined)
    throw notFound('domain', target.id);
}

function requireGiven(state: IdentityState, assignment: Assignment): void {
  const given = assignmentsOf(state, assignment.actor);
  if (given.some((other) => sameAssignment(other, assignment))) return;
  const { roleId, actor, target } = assignment;
  throw new Problem(
    404,
    `Could not find role assignment with role: ${roleId}, user or group: ${actor.id}, project, domain, or system: ${target.id}.`,
  );
}
