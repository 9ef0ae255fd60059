// What the identity entity remembers, and the questions that both its core and its readers ask. Pure.
// Tables are persistent maps (table.ts): whoever holds a state may read it as long as they like.
import type { PasswordRecord } from './compliance.ts';
import type { EntryTables } from './entries/tables.ts';
import type {
  AccessRule,
  Actor,
  ApplicationCredential,
  Assignment,
  Domain,
  Endpoint,
  Group,
  Project,
  Region,
  Role,
  Service,
  Target,
  User,
} from './records.ts';
import { emptyTable, lookUp, type Table, valuesOf } from './table.ts';

/** Voided tokens of one stretch of time: audit id → when the token would have expired. */
export interface RevocationGeneration {
  readonly expiresAtMsByAuditId: Table<number>;
  /** The last of them; after it the whole generation can be forgotten. */
  readonly lastExpiryMs: number;
}

export interface IdentityState {
  readonly seededSteps: readonly string[];
  readonly domains: Table<Domain>;
  readonly projects: Table<Project>;
  readonly users: Table<User>;
  /** User id → passwords and logins of the past. */
  readonly passwords: Table<PasswordRecord>;
  readonly groups: Table<Group>;
  readonly roles: Table<Role>;
  readonly regions: Table<Region>;
  readonly services: Table<Service>;
  readonly endpoints: Table<Endpoint>;
  readonly applicationCredentials: Table<ApplicationCredential>;
  /** `user:<id>` and `project:<id>` → ids of application credentials. */
  readonly credentialsOf: Table<readonly string[]>;
  /** User id → access rules; they outlive the credentials that were made with them. */
  readonly accessRules: Table<readonly AccessRule[]>;
  /** Name key (nameKey below) → id. */
  readonly names: Table<string>;
  readonly usersOfGroup: Table<readonly string[]>;
  readonly groupsOfUser: Table<readonly string[]>;
  /** Actor key → what it was given. */
  readonly assignments: Table<readonly Assignment[]>;
  /** Target key → keys of actors with an assignment there. */
  readonly actorsOn: Table<readonly string[]>;
  /** Role id → ids of roles that it implies directly. */
  readonly implied: Table<readonly string[]>;
  /** Records of the kinds of entries/schemas.ts. */
  readonly entries: EntryTables;
  /** Owner key → keys of the entries that end with it; see entries/tables.ts. */
  readonly owned: Table<readonly string[]>;
  readonly revocations: {
    readonly current: RevocationGeneration;
    readonly previous: RevocationGeneration;
  };
}

export function initialIdentity(): IdentityState {
  return {
    seededSteps: [],
    domains: emptyTable(),
    projects: emptyTable(),
    users: emptyTable(),
    passwords: emptyTable(),
    groups: emptyTable(),
    roles: emptyTable(),
    regions: emptyTable(),
    services: emptyTable(),
    endpoints: emptyTable(),
    applicationCredentials: emptyTable(),
    credentialsOf: emptyTable(),
    accessRules: emptyTable(),
    names: emptyTable(),
    usersOfGroup: emptyTable(),
    groupsOfUser: emptyTable(),
    assignments: emptyTable(),
    actorsOn: emptyTable(),
    implied: emptyTable(),
    entries: {},
    owned: emptyTable(),
    revocations: { current: noRevocations, previous: noRevocations },
  };
}

export const noRevocations: RevocationGeneration = {
  expiresAtMsByAuditId: emptyTable(),
  lastExpiryMs: 0,
};

export type NamedKind = 'domain' | 'project' | 'user' | 'group' | 'role' | 'application-credential';

/** Names are unique within a scope: a domain, a user (application credentials), or the cloud (`''`). */
export function nameKey(kind: NamedKind, scope: string, name: string): string {
  return `${kind}\n${scope}\n${name}`;
}

export function findByName(
  state: IdentityState,
  kind: NamedKind,
  scope: string,
  name: string,
): string | undefined {
  return lookUp(state.names, nameKey(kind, scope, name));
}

export function actorKey(actor: Actor): string {
  return `${actor.kind}:${actor.id}`;
}

export function targetKey(target: Target): string {
  return `${target.kind}:${target.id}`;
}

export function sameAssignment(one: Assignment, other: Assignment): boolean {
  return (
    one.roleId === other.roleId &&
    one.inherited === other.inherited &&
    actorKey(one.actor) === actorKey(other.actor) &&
    targetKey(one.target) === targetKey(other.target)
  );
}

export function assignmentsOf(state: IdentityState, actor: Actor): readonly Assignment[] {
  return lookUp(state.assignments, actorKey(actor)) ?? [];
}

/** From the project's parent up to the top; empty for a project directly in its domain. */
export function ancestorsOf(state: IdentityState, project: Project): readonly Project[] {
  const parents: Project[] = [];
  let parent = lookUp(state.projects, project.parentId);
  while (parent !== undefined && !parents.includes(parent)) {
    parents.push(parent);
    parent = lookUp(state.projects, parent.parentId);
  }
  return parents;
}

/** Direct children of a project, or the top projects of a domain. */
export function childrenOf(state: IdentityState, parentId: string): readonly Project[] {
  return valuesOf(state.projects).filter((project) => project.parentId === parentId);
}

/** All projects below, nearest first. */
export function subtreeOf(state: IdentityState, projectId: string): readonly Project[] {
  const byParent = Map.groupBy(valuesOf(state.projects), (project) => project.parentId);
  const found: Project[] = [];
  let level = byParent.get(projectId) ?? [];
  while (level.length > 0) {
    found.push(...level);
    level = level.flatMap((project) => byParent.get(project.id) ?? []);
  }
  return found;
}

export function isRevoked(state: IdentityState, auditId: string): boolean {
  const { current, previous } = state.revocations;
  return (
    lookUp(current.expiresAtMsByAuditId, auditId) !== undefined ||
    lookUp(previous.expiresAtMsByAuditId, auditId) !== undefined
  );
}
