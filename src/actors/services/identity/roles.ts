// Which roles a user has where: own and group assignments, inheritance down the project tree, implied roles.
// Pure; the answer is always of the state at hand, so a role that was taken away is gone from the next request on.
import type { Actor, Assignment, Project, Role } from './records.ts';
import {
  actorKey,
  ancestorsOf,
  assignmentsOf,
  type IdentityState,
  subtreeOf,
  targetKey,
} from './state.ts';
import { entriesOf, lookUp, valuesOf } from './table.ts';

export type Scope =
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'system' }
  | { readonly kind: 'project' | 'domain'; readonly id: string };

/** Role records, implied ones included, in order of name. Roles of one domain only count through what they imply. */
export function rolesOn(state: IdentityState, userId: string, scope: Scope): readonly Role[] {
  return expandRoles(state, grantedOn(state, userId, scope));
}

export function expandRoles(state: IdentityState, roleIds: Iterable<string>): readonly Role[] {
  const reached = impliedClosure(state, roleIds);
  const roles: Role[] = [];
  for (const id of reached) {
    const role = lookUp(state.roles, id);
    if (role !== undefined && role.domainId === undefined) roles.push(role);
  }
  return roles.sort((one, other) => compare(one.name, other.name));
}

/** The given role ids and all that they imply, however far. */
export function impliedClosure(
  state: IdentityState,
  roleIds: Iterable<string>,
): ReadonlySet<string> {
  const reached = new Set(roleIds);
  for (const id of reached) for (const next of lookUp(state.implied, id) ?? []) reached.add(next);
  return reached;
}

function grantedOn(state: IdentityState, userId: string, scope: Scope): string[] {
  if (scope.kind === 'unscoped') return [];
  const target = scope.kind === 'system' ? 'system:all' : `${scope.kind}:${scope.id}`;
  const inheritedFrom = scope.kind === 'project' ? inheritanceOf(state, scope.id) : undefined;
  const granted: string[] = [];
  for (const actor of actorsFor(state, userId))
    for (const assignment of assignmentsOf(state, actor)) {
      const at = targetKey(assignment.target);
      const counts = assignment.inherited ? inheritedFrom?.has(at) : at === target;
      if (counts === true) granted.push(assignment.roleId);
    }
  return granted;
}

/** The user and the user's groups. */
export function actorsFor(state: IdentityState, userId: string): readonly Actor[] {
  const groups = lookUp(state.groupsOfUser, userId) ?? [];
  return [{ kind: 'user', id: userId }, ...groups.map((id): Actor => ({ kind: 'group', id }))];
}

/** Target keys whose inherited assignments reach this project: its ancestors and its domain. */
export function inheritanceOf(state: IdentityState, projectId: string): ReadonlySet<string> {
  const project = lookUp(state.projects, projectId);
  if (project === undefined) return new Set();
  const parents = ancestorsOf(state, project).map((parent) => `project:${parent.id}`);
  return new Set([...parents, `domain:${project.domainId}`]);
}

/** Projects that an inherited assignment reaches. */
export function projectsReachedBy(
  state: IdentityState,
  assignment: Assignment,
): readonly Project[] {
  const { kind, id } = assignment.target;
  if (kind === 'project') return subtreeOf(state, id);
  if (kind === 'domain')
    return valuesOf(state.projects).filter((project) => project.domainId === id);
  return [];
}

/** Projects on which the user has any role. */
export function projectsOf(state: IdentityState, userId: string): readonly Project[] {
  const found = new Map<string, Project>();
  for (const assignment of allAssignmentsFor(state, userId)) {
    const own =
      assignment.target.kind === 'project'
        ? lookUp(state.projects, assignment.target.id)
        : undefined;
    const reached = assignment.inherited
      ? projectsReachedBy(state, assignment)
      : own === undefined
        ? []
        : [own];
    for (const project of reached) found.set(project.id, project);
  }
  return [...found.values()];
}

/** Ids of domains on which the user has any role. */
export function domainIdsOf(state: IdentityState, userId: string): readonly string[] {
  const ids = allAssignmentsFor(state, userId)
    .filter(({ target, inherited }) => target.kind === 'domain' && !inherited)
    .map(({ target }) => target.id);
  return [...new Set(ids)];
}

function allAssignmentsFor(state: IdentityState, userId: string): readonly Assignment[] {
  return actorsFor(state, userId).flatMap((actor) => assignmentsOf(state, actor));
}

/** One line of the effective list: what a user really has, and through what. */
export interface EffectiveAssignment {
  readonly userId: string;
  readonly target: Assignment['target'];
  readonly roleId: string;
  readonly through: {
    readonly groupId?: string;
    readonly projectId?: string;
    readonly domainId?: string;
    readonly priorRoleId?: string;
  };
}

/** Groups become their members, inherited assignments become the projects below, roles become all they imply. */
export function effectiveAssignments(
  state: IdentityState,
  assignments: readonly Assignment[],
): readonly EffectiveAssignment[] {
  return assignments.flatMap((assignment) => {
    const users = membersOf(state, assignment.actor);
    const targets = targetsOf(state, assignment);
    const roles = [...impliedClosure(state, [assignment.roleId])].filter(
      (id) => lookUp(state.roles, id)?.domainId === undefined,
    );
    const group = assignment.actor.kind === 'group' ? { groupId: assignment.actor.id } : {};
    return users.flatMap((userId) =>
      targets.flatMap(({ target, source }) =>
        roles.map((roleId) => ({
          userId,
          target,
          roleId,
          through: {
            ...group,
            ...source,
            ...(roleId === assignment.roleId ? {} : { priorRoleId: assignment.roleId }),
          },
        })),
      ),
    );
  });
}

function membersOf(state: IdentityState, actor: Actor): readonly string[] {
  return actor.kind === 'user' ? [actor.id] : (lookUp(state.usersOfGroup, actor.id) ?? []);
}

function targetsOf(
  state: IdentityState,
  assignment: Assignment,
): readonly {
  target: Assignment['target'];
  source: { projectId?: string; domainId?: string };
}[] {
  const { target } = assignment;
  if (!assignment.inherited) return [{ target, source: {} }];
  const source = target.kind === 'domain' ? { domainId: target.id } : { projectId: target.id };
  return projectsReachedBy(state, assignment).map((project) => ({
    target: { kind: 'project' as const, id: project.id },
    source,
  }));
}

export interface AssignmentFilter {
  readonly actor?: Actor;
  readonly target?: Assignment['target'];
}

/** Assignments as they were made, by actor or target where given, without looking at all others. */
export function listAssignments(
  state: IdentityState,
  filter: AssignmentFilter,
): readonly Assignment[] {
  const given =
    filter.actor !== undefined
      ? assignmentsOf(state, filter.actor)
      : filter.target !== undefined
        ? (lookUp(state.actorsOn, targetKey(filter.target)) ?? []).flatMap(
            (actor) => lookUp(state.assignments, actor) ?? [],
          )
        : entriesOf(state.assignments).flatMap(([, held]) => held);
  return given.filter(
    (assignment) =>
      (filter.actor === undefined || actorKey(assignment.actor) === actorKey(filter.actor)) &&
      (filter.target === undefined || targetKey(assignment.target) === targetKey(filter.target)),
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
