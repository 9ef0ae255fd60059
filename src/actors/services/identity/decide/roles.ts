// Roles, what they imply, and who has them where. A role that only one domain knows stays inside that domain.
import type { Assignment } from '../records.ts';
import { impliedClosure } from '../roles.ts';
import { assignmentsOf, type IdentityState, sameAssignment } from '../state.ts';
import { lookUp } from '../table.ts';
import {
  clash,
  type Decider,
  type Deciders,
  done,
  immutableClash,
  immutableDelete,
  merge,
  notFound,
  renameClash,
  same,
} from './outcome.ts';
import { missingDomain } from './projects.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

/** No role may bring this one along. */
const neverImplied = 'admin';

export const roleDeciders: Deciders<
  'identity.create-role' | 'identity.update-role' | 'identity.delete-role'
> = {
  'identity.create-role': (state, { role }) => {
    const existing = lookUp(state.roles, role.id);
    const stop = clash(state, 'role', { record: role, existing, scope: role.domainId ?? '' });
    if (stop === 'repeat') return done();
    const homeless = role.domainId === undefined ? undefined : missingDomain(state, role.domainId);
    return stop ?? homeless ?? done({ type: 'identity.role-created', role });
  },
  'identity.update-role': (state, { id, changes }) => {
    const role = lookUp(state.roles, id);
    if (role === undefined) return notFound('role', id);
    const stop =
      immutableClash('role', role, changes) ??
      renameClash(state, 'role', { id, name: changes.name, scope: role.domainId ?? '' });
    if (stop !== undefined) return stop;
    const updated = merge(role, changes);
    return same(role, updated) ? done() : done({ type: 'identity.role-updated', role: updated });
  },
  'identity.delete-role': (state, { id }) => {
    const role = lookUp(state.roles, id);
    if (role === undefined) return done();
    return immutableDelete('role', role) ?? done({ type: 'identity.role-deleted', id });
  },
};

const implyRole: Decider<'identity.imply-role'> = (state, { priorRoleId, impliedRoleId }) => {
  const prior = lookUp(state.roles, priorRoleId);
  if (prior === undefined) return notFound('role', priorRoleId);
  const implied = lookUp(state.roles, impliedRoleId);
  if (implied === undefined) return notFound('role', impliedRoleId);
  const leavesDomain = prior.domainId === undefined && implied.domainId !== undefined;
  if (implied.name === neverImplied || leavesDomain)
    return refuse('role-cannot-be-implied', { id: impliedRoleId });
  if (lookUp(state.implied, priorRoleId)?.includes(impliedRoleId) === true) return done();
  if (impliedClosure(state, [impliedRoleId]).has(priorRoleId))
    return refuse('role-implies-itself', { priorRoleId, impliedRoleId });
  return done({ type: 'identity.role-implied', priorRoleId, impliedRoleId });
};

export const grantDeciders: Deciders<
  | 'identity.imply-role'
  | 'identity.unimply-role'
  | 'identity.assign-role'
  | 'identity.unassign-role'
> = {
  'identity.imply-role': implyRole,
  'identity.unimply-role': (state, { priorRoleId, impliedRoleId }) =>
    lookUp(state.implied, priorRoleId)?.includes(impliedRoleId) === true
      ? done({ type: 'identity.role-unimplied', priorRoleId, impliedRoleId })
      : done(),
  'identity.assign-role': (state, { assignment }) => {
    if (isGiven(state, assignment)) return done();
    return (
      assignmentClash(state, assignment) ?? done({ type: 'identity.role-assigned', assignment })
    );
  },
  'identity.unassign-role': (state, { assignment }) =>
    isGiven(state, assignment) ? done({ type: 'identity.role-unassigned', assignment }) : done(),
};

function isGiven(state: IdentityState, assignment: Assignment): boolean {
  return assignmentsOf(state, assignment.actor).some((given) => sameAssignment(given, assignment));
}

function assignmentClash(state: IdentityState, assignment: Assignment): Refusal | undefined {
  const { actor, target, roleId } = assignment;
  const role = lookUp(state.roles, roleId);
  if (role === undefined) return notFound('role', roleId);
  const actors = actor.kind === 'user' ? state.users : state.groups;
  if (lookUp<unknown>(actors, actor.id) === undefined) return notFound(actor.kind, actor.id);
  const project = target.kind === 'project' ? lookUp(state.projects, target.id) : undefined;
  if (target.kind === 'project' && project === undefined) return notFound('project', target.id);
  if (target.kind === 'domain' && lookUp(state.domains, target.id) === undefined)
    return notFound('domain', target.id);
  if (role.domainId === undefined) return undefined;
  if (target.kind === 'system') return refuse('role-of-domain-on-system', { roleId });
  const domainId = project?.domainId ?? target.id;
  return role.domainId === domainId
    ? undefined
    : refuse('role-of-other-domain', { projectId: target.id, roleId });
}
