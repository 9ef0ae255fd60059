// Domains and projects: who may be whose parent, what must be off before what may go.
// Limits: a project tree is at most maxDepth levels deep below its domain.
import type { IdentityEvent } from '../protocol.ts';
import type { Domain, Project } from '../records.ts';
import { ancestorsOf, childrenOf, type IdentityState, subtreeOf } from '../state.ts';
import { lookUp, valuesOf } from '../table.ts';
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
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

const maxDepth = 5;

export const domainDeciders: Deciders<
  'identity.create-domain' | 'identity.update-domain' | 'identity.delete-domain'
> = {
  'identity.create-domain': (state, { domain }) => {
    const existing = lookUp(state.domains, domain.id);
    const stop = clash(state, 'domain', { record: domain, existing, scope: '' });
    if (stop === 'repeat') return done();
    return stop ?? done({ type: 'identity.domain-created', domain });
  },
  'identity.update-domain': (state, { id, changes }, facts) => {
    const domain = lookUp(state.domains, id);
    if (domain === undefined) return notFound('domain', id);
    const stop =
      immutableClash('domain', domain, changes) ??
      renameClash(state, 'domain', { id, name: changes.name, scope: '' });
    if (stop !== undefined) return stop;
    const updated = withSwitch(domain, merge(domain, changes), facts.nowMs);
    return same(domain, updated)
      ? done()
      : done({ type: 'identity.domain-updated', domain: updated });
  },
  'identity.delete-domain': (state, { id }) => {
    const domain = lookUp(state.domains, id);
    if (domain === undefined) return done();
    if (domain.enabled) return refuse('domain-enabled', { id });
    const stop = immutableDelete('domain', domain);
    return stop ?? done(...contentsGone(state, id), { type: 'identity.domain-deleted', id });
  },
};

/** All that is in a domain, users before groups and projects from the leaves up. */
function contentsGone(state: IdentityState, domainId: string): readonly IdentityEvent[] {
  const here = (record: { readonly domainId?: string }) => record.domainId === domainId;
  return [
    ...valuesOf(state.users)
      .filter(here)
      .map(({ id }) => ({ type: 'identity.user-deleted' as const, id })),
    ...valuesOf(state.groups)
      .filter(here)
      .map(({ id }) => ({ type: 'identity.group-deleted' as const, id })),
    ...subtreeOf(state, domainId)
      .toReversed()
      .map(({ id }) => ({ type: 'identity.project-deleted' as const, id })),
    ...valuesOf(state.roles)
      .filter(here)
      .map(({ id }) => ({ type: 'identity.role-deleted' as const, id })),
  ];
}

const updateProject: Decider<'identity.update-project'> = (state, { id, changes }, facts) => {
  const project = lookUp(state.projects, id);
  if (project === undefined) return notFound('project', id);
  const stop =
    immutableClash('project', project, changes) ??
    renameClash(state, 'project', { id, name: changes.name, scope: project.domainId }) ??
    switchClash(state, project, changes.enabled);
  if (stop !== undefined) return stop;
  const updated = withSwitch(project, merge(project, changes), facts.nowMs);
  return same(project, updated)
    ? done()
    : done({ type: 'identity.project-updated', project: updated });
};

const deleteProject: Decider<'identity.delete-project'> = (state, { id }) => {
  const project = lookUp(state.projects, id);
  if (project === undefined) return done();
  const stop = immutableDelete('project', project);
  if (stop !== undefined) return stop;
  if (childrenOf(state, id).length > 0) return refuse('project-not-leaf', { id });
  const homeless = valuesOf(state.users)
    .filter((user) => user.defaultProjectId === id)
    .map((user) => ({
      type: 'identity.user-updated' as const,
      user: merge(user, { defaultProjectId: null }),
    }));
  return done(...homeless, { type: 'identity.project-deleted', id });
};

export const projectDeciders: Deciders<
  'identity.create-project' | 'identity.update-project' | 'identity.delete-project'
> = {
  'identity.create-project': (state, { project }) => {
    const existing = lookUp(state.projects, project.id);
    const stop = clash(state, 'project', { record: project, existing, scope: project.domainId });
    if (stop === 'repeat') return done();
    const misplaced = stop ?? placeClash(state, project);
    return misplaced ?? done({ type: 'identity.project-created', project });
  },
  'identity.update-project': updateProject,
  'identity.delete-project': deleteProject,
};

/** Why a project may not stand where it wants to: domain and parent exist, agree, are on, and not too deep. */
function placeClash(state: IdentityState, project: Project): Refusal | undefined {
  const { domainId, parentId } = project;
  const domain = lookUp(state.domains, domainId);
  if (domain === undefined)
    return refuse('identity-reference-not-found', { kind: 'domain', id: domainId });
  if (parentId === domainId) return disabledBranch([domain]);
  if (lookUp(state.domains, parentId) !== undefined)
    return refuse('project-parent-is-other-domain', { parentId, domainId });
  const parent = lookUp(state.projects, parentId);
  if (parent === undefined)
    return refuse('identity-reference-not-found', { kind: 'project', id: parentId });
  if (parent.domainId !== domainId)
    return refuse('project-parent-in-other-domain', { domainId, parentDomainId: parent.domainId });
  const branch = [parent, ...ancestorsOf(state, parent)];
  if (branch.length >= maxDepth) return refuse('project-too-deep', { id: parentId });
  return disabledBranch([...branch, domain]);
}

function disabledBranch(branch: readonly (Project | Domain)[]): Refusal | undefined {
  const off = branch.find((member) => !member.enabled);
  return off === undefined ? undefined : refuse('project-branch-disabled', { id: off.id });
}

function switchClash(
  state: IdentityState,
  project: Project,
  enabled: boolean | undefined,
): Refusal | undefined {
  if (enabled === undefined || enabled === project.enabled) return undefined;
  if (enabled) {
    const off = ancestorsOf(state, project).some((parent) => !parent.enabled);
    return off ? refuse('project-parents-disabled', { id: project.id }) : undefined;
  }
  const on = subtreeOf(state, project.id).some((below) => below.enabled);
  return on ? refuse('project-subtree-enabled', { id: project.id }) : undefined;
}

/** Switching off voids the tokens of that moment, so that they stay void when it is on again. */
function withSwitch<R extends { readonly enabled: boolean; readonly revokedBeforeMs: number }>(
  before: R,
  after: R,
  nowMs: number,
): R {
  return before.enabled && !after.enabled ? { ...after, revokedBeforeMs: nowMs } : after;
}

/** For user and group deciders: the domain that they name must exist. */
export function missingDomain(state: IdentityState, domainId: string): Refusal | undefined {
  return lookUp(state.domains, domainId) === undefined ? notFound('domain', domainId) : undefined;
}
