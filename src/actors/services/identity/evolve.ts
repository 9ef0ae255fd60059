// What each identity event does to the state, indexes included. Total, and never looks at a clock.
import { longestHistory, passwordsOf } from './compliance.ts';
import { endEntry, withEntry, withoutOwnedBy } from './entries/tables.ts';
import type { ApplicationCredential, Assignment } from './records.ts';
import type { IdentityEvent } from './protocol.ts';
import {
  actorKey,
  type IdentityState,
  type NamedKind,
  nameKey,
  noRevocations,
  sameAssignment,
  targetKey,
} from './state.ts';
import { entriesOf, lookUp, put, remove, type Table, valuesOf } from './table.ts';
import { unreachable } from '#runtime/assert.ts';

type EventNamed<T extends IdentityEvent['type']> = Extract<IdentityEvent, { type: T }>;

export function evolveIdentity(state: IdentityState, event: IdentityEvent): IdentityState {
  switch (event.type) {
    case 'identity.seeded':
      return { ...state, seededSteps: [...state.seededSteps, event.step] };
    case 'identity.domain-created':
    case 'identity.domain-updated':
      return storeNamed(state, 'domain', 'domains', { record: event.domain, scope: '' });
    case 'identity.project-created':
    case 'identity.project-updated':
      return storeNamed(state, 'project', 'projects', {
        record: event.project,
        scope: event.project.domainId,
      });
    case 'identity.user-created':
    case 'identity.user-updated':
      return storeNamed(state, 'user', 'users', { record: event.user, scope: event.user.domainId });
    case 'identity.password-set':
    case 'identity.login-noted':
      return withPasswordEvent(state, event);
    case 'identity.group-created':
    case 'identity.group-updated':
      return storeNamed(state, 'group', 'groups', {
        record: event.group,
        scope: event.group.domainId,
      });
    case 'identity.role-created':
    case 'identity.role-updated':
      return storeNamed(state, 'role', 'roles', {
        record: event.role,
        scope: event.role.domainId ?? '',
      });
    case 'identity.domain-deleted':
      return withoutOwnedBy(afterDomain(state, event.id), `domain:${event.id}`);
    case 'identity.project-deleted':
      return withoutOwnedBy(afterProject(state, event.id), `project:${event.id}`);
    case 'identity.user-deleted':
      return withoutOwnedBy(afterUser(state, event.id), `user:${event.id}`);
    case 'identity.group-deleted':
      return afterGroup(state, event.id);
    case 'identity.role-deleted':
      return afterRole(state, event.id);
    case 'identity.member-added':
    case 'identity.member-removed':
      return withMembership(state, event);
    case 'identity.role-implied':
    case 'identity.role-unimplied':
      return { ...state, implied: withImplication(state.implied, event) };
    case 'identity.role-assigned':
      return withAssignment(state, event.assignment);
    case 'identity.role-unassigned':
      return withoutAssignments(state, [event.assignment]);
    case 'identity.application-credential-created':
    case 'identity.application-credential-deleted':
    case 'identity.access-rule-deleted':
      return evolveCredentials(state, event);
    case 'identity.entry-stored':
      return withEntry(state, event.entry);
    case 'identity.entry-removed':
      return endEntry(state, event.kind, event.id);
    case 'identity.token-revoked':
      return withRevocation(state, event);
    default:
      return evolveCatalog(state, event);
  }
}

type CatalogEvent = Extract<
  IdentityEvent,
  { type: `identity.${'region' | 'service' | 'endpoint'}-${string}` }
>;

function evolveCatalog(state: IdentityState, event: CatalogEvent): IdentityState {
  switch (event.type) {
    case 'identity.region-created':
    case 'identity.region-updated':
      return { ...state, regions: put(state.regions, event.region.id, event.region) };
    case 'identity.region-deleted':
      return withoutOwnedBy(
        { ...state, regions: remove(state.regions, event.id) },
        `region:${event.id}`,
      );
    case 'identity.service-created':
    case 'identity.service-updated':
      return { ...state, services: put(state.services, event.service.id, event.service) };
    case 'identity.service-deleted':
      return withoutOwnedBy(
        { ...state, services: remove(state.services, event.id) },
        `service:${event.id}`,
      );
    case 'identity.endpoint-created':
    case 'identity.endpoint-updated':
      return { ...state, endpoints: put(state.endpoints, event.endpoint.id, event.endpoint) };
    case 'identity.endpoint-deleted':
      return withoutOwnedBy(
        { ...state, endpoints: remove(state.endpoints, event.id) },
        `endpoint:${event.id}`,
      );
    default:
      return unreachable(event);
  }
}

type CredentialEvent = Extract<
  IdentityEvent,
  { type: `identity.${'application-credential' | 'access-rule'}-${string}` }
>;

function evolveCredentials(state: IdentityState, event: CredentialEvent): IdentityState {
  switch (event.type) {
    case 'identity.application-credential-created':
      return withCredential(state, event.credential);
    case 'identity.application-credential-deleted':
      return withoutCredential(state, event.id);
    case 'identity.access-rule-deleted': {
      const rest = (lookUp(state.accessRules, event.userId) ?? []).filter(
        (rule) => rule.id !== event.id,
      );
      return { ...state, accessRules: putOrRemove(state.accessRules, event.userId, rest) };
    }
    default:
      return unreachable(event);
  }
}

interface NamedRecord {
  readonly id: string;
  readonly name: string;
}

/** Stores a record under its id, and moves its name if it changed. */
function storeNamed(
  state: IdentityState,
  kind: NamedKind,
  table: 'domains' | 'projects' | 'users' | 'groups' | 'roles' | 'applicationCredentials',
  stored: { readonly record: NamedRecord; readonly scope: string },
): IdentityState {
  const { record, scope } = stored;
  const records = state[table] as Table<NamedRecord>;
  const before = lookUp(records, record.id);
  let names = state.names;
  if (before?.name !== record.name) {
    if (before !== undefined) names = remove(names, nameKey(kind, scope, before.name));
    names = put(names, nameKey(kind, scope, record.name), record.id);
  }
  return { ...state, [table]: put(records, record.id, record), names };
}

function withoutName(
  state: IdentityState,
  kind: NamedKind,
  scope: string,
  name: string,
): Table<string> {
  return remove(state.names, nameKey(kind, scope, name));
}

function afterDomain(state: IdentityState, id: string): IdentityState {
  const domain = lookUp(state.domains, id);
  if (domain === undefined) return state;
  const rest = withoutTarget(state, `domain:${id}`);
  return {
    ...rest,
    domains: remove(state.domains, id),
    names: withoutName(state, 'domain', '', domain.name),
  };
}

function afterProject(state: IdentityState, id: string): IdentityState {
  const project = lookUp(state.projects, id);
  if (project === undefined) return state;
  const rest = withoutTarget(state, `project:${id}`);
  return withoutCredentials(
    {
      ...rest,
      projects: remove(state.projects, id),
      names: withoutName(state, 'project', project.domainId, project.name),
    },
    lookUp(state.credentialsOf, `project:${id}`),
  );
}

function afterUser(state: IdentityState, id: string): IdentityState {
  const user = lookUp(state.users, id);
  if (user === undefined) return state;
  const groups = lookUp(state.groupsOfUser, id) ?? [];
  const rest = withoutAssignments(state, lookUp(state.assignments, `user:${id}`) ?? []);
  return withoutCredentials(
    {
      ...rest,
      users: remove(state.users, id),
      passwords: remove(state.passwords, id),
      names: withoutName(state, 'user', user.domainId, user.name),
      groupsOfUser: remove(state.groupsOfUser, id),
      usersOfGroup: groups.reduce(
        (table, groupId) => withoutItem(table, groupId, id),
        state.usersOfGroup,
      ),
      accessRules: remove(state.accessRules, id),
    },
    lookUp(state.credentialsOf, `user:${id}`),
  );
}

function withPasswordEvent(
  state: IdentityState,
  event: EventNamed<'identity.password-set' | 'identity.login-noted'>,
): IdentityState {
  const before = passwordsOf(state, event.userId);
  if (event.type === 'identity.login-noted') {
    const { failures, atMs } = event;
    const noted = { ...before, failures, ...(failures === 0 ? {} : { lastFailureMs: atMs }) };
    return { ...state, passwords: put(state.passwords, event.userId, noted) };
  }
  const { hash, atMs, byUser } = event;
  const history = [...before.history, { hash, setAtMs: atMs, byUser }].slice(-longestHistory);
  return { ...state, passwords: put(state.passwords, event.userId, { ...before, history }) };
}

function afterGroup(state: IdentityState, id: string): IdentityState {
  const group = lookUp(state.groups, id);
  if (group === undefined) return state;
  const users = lookUp(state.usersOfGroup, id) ?? [];
  const rest = withoutAssignments(state, lookUp(state.assignments, `group:${id}`) ?? []);
  return {
    ...rest,
    groups: remove(state.groups, id),
    names: withoutName(state, 'group', group.domainId, group.name),
    usersOfGroup: remove(state.usersOfGroup, id),
    groupsOfUser: users.reduce(
      (table, userId) => withoutItem(table, userId, id),
      state.groupsOfUser,
    ),
  };
}

/** Rare, so it may look at every assignment. */
function afterRole(state: IdentityState, id: string): IdentityState {
  const role = lookUp(state.roles, id);
  if (role === undefined) return state;
  const held = entriesOf(state.assignments).flatMap(([, given]) =>
    given.filter((assignment) => assignment.roleId === id),
  );
  const rest = withoutAssignments(state, held);
  const implied = entriesOf(state.implied).reduce(
    (table, [prior]) => withoutItem(table, prior, id),
    remove(state.implied, id),
  );
  return withoutCredentials(
    {
      ...rest,
      roles: remove(state.roles, id),
      names: withoutName(state, 'role', role.domainId ?? '', role.name),
      implied,
    },
    valuesOf(state.applicationCredentials)
      .filter((credential) => credential.roleIds.includes(id))
      .map((credential) => credential.id),
  );
}

function withMembership(
  state: IdentityState,
  event: EventNamed<'identity.member-added' | 'identity.member-removed'>,
): IdentityState {
  const change = event.type === 'identity.member-added' ? withItem : withoutItem;
  return {
    ...state,
    usersOfGroup: change(state.usersOfGroup, event.groupId, event.userId),
    groupsOfUser: change(state.groupsOfUser, event.userId, event.groupId),
  };
}

function withImplication(
  implied: IdentityState['implied'],
  event: EventNamed<'identity.role-implied' | 'identity.role-unimplied'>,
): IdentityState['implied'] {
  const change = event.type === 'identity.role-implied' ? withItem : withoutItem;
  return change(implied, event.priorRoleId, event.impliedRoleId);
}

function withAssignment(state: IdentityState, assignment: Assignment): IdentityState {
  const actor = actorKey(assignment.actor);
  const given = lookUp(state.assignments, actor) ?? [];
  return {
    ...state,
    assignments: put(state.assignments, actor, [...given, assignment]),
    actorsOn: withItem(state.actorsOn, targetKey(assignment.target), actor),
  };
}

function withoutAssignments(state: IdentityState, gone: readonly Assignment[]): IdentityState {
  let { assignments, actorsOn } = state;
  for (const assignment of gone) {
    const actor = actorKey(assignment.actor);
    const target = targetKey(assignment.target);
    const rest = (lookUp(assignments, actor) ?? []).filter(
      (other) => !sameAssignment(other, assignment),
    );
    assignments = putOrRemove(assignments, actor, rest);
    if (!rest.some((other) => targetKey(other.target) === target))
      actorsOn = withoutItem(actorsOn, target, actor);
  }
  return { ...state, assignments, actorsOn };
}

function withoutTarget(state: IdentityState, target: string): IdentityState {
  const actors = lookUp(state.actorsOn, target) ?? [];
  const held = actors.flatMap((actor) =>
    (lookUp(state.assignments, actor) ?? []).filter((given) => targetKey(given.target) === target),
  );
  return withoutAssignments(state, held);
}

function withCredential(state: IdentityState, credential: ApplicationCredential): IdentityState {
  const { id, userId, projectId } = credential;
  const stored = storeNamed(state, 'application-credential', 'applicationCredentials', {
    record: credential,
    scope: userId,
  });
  const known = lookUp(state.accessRules, userId) ?? [];
  const fresh = (credential.accessRules ?? []).filter(
    (rule) => !known.some((other) => other.id === rule.id),
  );
  const byUser = withItem(state.credentialsOf, `user:${userId}`, id);
  return {
    ...stored,
    credentialsOf: withItem(byUser, `project:${projectId}`, id),
    accessRules: putOrRemove(state.accessRules, userId, [...known, ...fresh]),
  };
}

function withoutCredentials(
  state: IdentityState,
  gone: readonly string[] | undefined,
): IdentityState {
  return (gone ?? []).reduce(withoutCredential, state);
}

function withoutCredential(state: IdentityState, id: string): IdentityState {
  const credential = lookUp(state.applicationCredentials, id);
  if (credential === undefined) return state;
  const byUser = withoutItem(state.credentialsOf, `user:${credential.userId}`, id);
  return {
    ...state,
    applicationCredentials: remove(state.applicationCredentials, id),
    credentialsOf: withoutItem(byUser, `project:${credential.projectId}`, id),
    names: withoutName(state, 'application-credential', credential.userId, credential.name),
  };
}

/** Two generations: when all tokens of the older one are past their time anyway, it makes room for the newer. */
function withRevocation(
  state: IdentityState,
  event: EventNamed<'identity.token-revoked'>,
): IdentityState {
  const { current, previous } = state.revocations;
  const turn = previous.lastExpiryMs <= event.atMs;
  const into = turn ? noRevocations : current;
  return {
    ...state,
    revocations: {
      current: {
        expiresAtMsByAuditId: put(into.expiresAtMsByAuditId, event.auditId, event.expiresAtMs),
        lastExpiryMs: Math.max(into.lastExpiryMs, event.expiresAtMs),
      },
      previous: turn ? current : previous,
    },
  };
}

function withItem(table: Table<readonly string[]>, key: string, item: string) {
  const items = lookUp(table, key) ?? [];
  return items.includes(item) ? table : put(table, key, [...items, item]);
}

function withoutItem(table: Table<readonly string[]>, key: string, item: string) {
  const items = lookUp(table, key);
  if (items === undefined || !items.includes(item)) return table;
  return putOrRemove(
    table,
    key,
    items.filter((other) => other !== item),
  );
}

function putOrRemove<T>(table: Table<readonly T[]>, key: string, items: readonly T[]) {
  return items.length === 0 ? remove(table, key) : put(table, key, items);
}
