// Users, groups and who is in which; application credentials, which are a user's own.
import { passwordsOf } from '../compliance.ts';
import type { IdentityEvent } from '../protocol.ts';
import type { User } from '../records.ts';
import { rolesOn } from '../roles.ts';
import type { IdentityState } from '../state.ts';
import { lookUp } from '../table.ts';
import {
  clash,
  type Decider,
  type Deciders,
  done,
  merge,
  notFound,
  type Outcome,
  renameClash,
  same,
} from './outcome.ts';
import { missingDomain } from './projects.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';

const createUser: Decider<'identity.create-user'> = (state, { user }, { nowMs }) => {
  const existing = lookUp(state.users, user.id);
  const stop = clash(state, 'user', { record: user, existing, scope: user.domainId });
  if (stop === 'repeat') return done();
  const wrong =
    missingDomain(state, user.domainId) ??
    stop ??
    defaultProjectClash(state, user.defaultProjectId);
  return wrong ?? done({ type: 'identity.user-created', user }, ...passwordSet(user, nowMs, false));
};

/** What the history of a user's passwords takes down. */
function passwordSet(
  { id, passwordHash }: User,
  nowMs: number,
  byUser: boolean,
): readonly IdentityEvent[] {
  return passwordHash === undefined
    ? []
    : [{ type: 'identity.password-set', userId: id, hash: passwordHash, atMs: nowMs, byUser }];
}

const updateUser: Decider<'identity.update-user'> = (state, { id, changes }, facts) => {
  const user = lookUp(state.users, id);
  if (user === undefined) return notFound('user', id);
  const stop =
    renameClash(state, 'user', { id, name: changes.name, scope: user.domainId }) ??
    defaultProjectClash(state, changes.defaultProjectId);
  if (stop !== undefined) return stop;
  const updated = withRevocation(user, merge(user, changes), facts.nowMs);
  if (same(user, updated)) return done();
  const isNew = user.passwordHash !== updated.passwordHash;
  return done(
    { type: 'identity.user-updated', user: updated },
    ...(isNew ? passwordSet(updated, facts.nowMs, false) : []),
  );
};

const changeOwnPassword: Decider<'identity.change-own-password'> = (
  state,
  { id, passwordHash },
  { nowMs },
) => {
  const user = lookUp(state.users, id);
  if (user === undefined) return notFound('user', id);
  if (user.passwordHash === passwordHash) return done();
  const updated = { ...user, passwordHash, revokedBeforeMs: nowMs };
  return done(
    { type: 'identity.user-updated', user: updated },
    ...passwordSet(updated, nowMs, true),
  );
};

const noteLogin: Decider<'identity.note-login'> = (
  state,
  { userId, isRight, restarts },
  { nowMs },
) => {
  if (lookUp(state.users, userId) === undefined) return notFound('user', userId);
  const before = passwordsOf(state, userId).failures;
  const failures = isRight ? 0 : (restarts ? 0 : before) + 1;
  return isRight && before === 0
    ? done()
    : done({ type: 'identity.login-noted', userId, failures, atMs: nowMs });
};

/** Another password, or being switched off, voids the tokens of that moment. */
function withRevocation(before: User, after: User, nowMs: number): User {
  const off = before.enabled && !after.enabled;
  return off || before.passwordHash !== after.passwordHash
    ? { ...after, revokedBeforeMs: nowMs }
    : after;
}

/** A domain is no default project; a project that is not there (yet) may be one. */
function defaultProjectClash(
  state: IdentityState,
  projectId: string | null | undefined,
): Refusal | undefined {
  if (projectId === undefined || projectId === null) return undefined;
  return lookUp(state.domains, projectId) === undefined
    ? undefined
    : refuse('default-project-is-domain', { id: projectId });
}

export const userDeciders: Deciders<
  | 'identity.create-user'
  | 'identity.update-user'
  | 'identity.delete-user'
  | 'identity.change-own-password'
  | 'identity.note-login'
> = {
  'identity.create-user': createUser,
  'identity.update-user': updateUser,
  'identity.change-own-password': changeOwnPassword,
  'identity.note-login': noteLogin,
  'identity.delete-user': (state, { id }) =>
    lookUp(state.users, id) === undefined ? done() : done({ type: 'identity.user-deleted', id }),
};

export const groupDeciders: Deciders<
  | 'identity.create-group'
  | 'identity.update-group'
  | 'identity.delete-group'
  | 'identity.add-member'
  | 'identity.remove-member'
> = {
  'identity.create-group': (state, { group }) => {
    const existing = lookUp(state.groups, group.id);
    const stop = clash(state, 'group', { record: group, existing, scope: group.domainId });
    if (stop === 'repeat') return done();
    const wrong = missingDomain(state, group.domainId) ?? stop;
    return wrong ?? done({ type: 'identity.group-created', group });
  },
  'identity.update-group': (state, { id, changes }) => {
    const group = lookUp(state.groups, id);
    if (group === undefined) return notFound('group', id);
    const stop = renameClash(state, 'group', { id, name: changes.name, scope: group.domainId });
    if (stop !== undefined) return stop;
    const updated = merge(group, changes);
    return same(group, updated) ? done() : done({ type: 'identity.group-updated', group: updated });
  },
  'identity.delete-group': (state, { id }) =>
    lookUp(state.groups, id) === undefined ? done() : done({ type: 'identity.group-deleted', id }),
  'identity.add-member': (state, { groupId, userId }) => {
    if (lookUp(state.users, userId) === undefined) return notFound('user', userId);
    if (lookUp(state.groups, groupId) === undefined) return notFound('group', groupId);
    return isMember(state, groupId, userId)
      ? done()
      : done({ type: 'identity.member-added', groupId, userId });
  },
  'identity.remove-member': (state, { groupId, userId }) =>
    isMember(state, groupId, userId)
      ? done({ type: 'identity.member-removed', groupId, userId })
      : done(),
};

function isMember(state: IdentityState, groupId: string, userId: string): boolean {
  return lookUp(state.usersOfGroup, groupId)?.includes(userId) ?? false;
}

const createCredential: Decider<'identity.create-application-credential'> = (
  state,
  { credential },
): Outcome => {
  const { id, userId, projectId } = credential;
  const existing = lookUp(state.applicationCredentials, id);
  const stop = clash(state, 'application-credential', {
    record: credential,
    existing,
    scope: userId,
  });
  if (stop === 'repeat') return done();
  if (stop !== undefined) return stop;
  if (lookUp(state.users, userId) === undefined) return notFound('user', userId);
  if (lookUp(state.projects, projectId) === undefined) return notFound('project', projectId);
  const held = new Set(rolesOn(state, userId, { kind: 'project', id: projectId }).map((r) => r.id));
  const missing = credential.roleIds.find((roleId) => !held.has(roleId));
  if (missing !== undefined) return refuse('role-not-held', { roleId: missing, userId, projectId });
  return done({ type: 'identity.application-credential-created', credential });
};

export const credentialDeciders: Deciders<
  | 'identity.create-application-credential'
  | 'identity.delete-application-credential'
  | 'identity.delete-access-rule'
> = {
  'identity.create-application-credential': createCredential,
  'identity.delete-application-credential': (state, { id }) =>
    lookUp(state.applicationCredentials, id) === undefined
      ? done()
      : done({ type: 'identity.application-credential-deleted', id }),
  'identity.delete-access-rule': (state, { userId, id }) => {
    const rules = lookUp(state.accessRules, userId) ?? [];
    if (!rules.some((rule) => rule.id === id)) return done();
    const used = (lookUp(state.credentialsOf, `user:${userId}`) ?? []).some((credentialId) =>
      lookUp(state.applicationCredentials, credentialId)?.accessRules?.some(
        (rule) => rule.id === id,
      ),
    );
    return used
      ? refuse('access-rule-in-use', { id })
      : done({ type: 'identity.access-rule-deleted', userId, id });
  },
};
