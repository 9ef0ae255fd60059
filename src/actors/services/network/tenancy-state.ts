// What a project has in the network service, as its events tell. Pure.
import { unreachable } from '#runtime/assert.ts';
import { REMEMBERED_CHANGES, type Stamps } from './state.ts';
import type { GroupRecord, RuleRecord, TenancyEvent } from './tenancy-protocol.ts';

export interface RuleState extends RuleRecord {
  readonly revision: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface GroupState extends GroupRecord, Stamps {
  readonly rules: readonly RuleState[];
}

export interface TenancyState {
  /** The project's id. */
  readonly id: string;
  readonly groups: readonly GroupState[];
  /** What differs from the defaults. */
  readonly quotas: Readonly<Record<string, number>>;
  readonly recentChanges: readonly string[];
}

export function initialTenancy(id: string): TenancyState {
  return { id, groups: [], quotas: {}, recentChanges: [] };
}

export function groupOfRule(tenancy: TenancyState, ruleId: string): GroupState | undefined {
  return tenancy.groups.find((group) => group.rules.some((rule) => rule.id === ruleId));
}

export function findGroup(tenancy: TenancyState, groupId: string): GroupState | undefined {
  return tenancy.groups.find((group) => group.id === groupId);
}

export function evolveTenancy(tenancy: TenancyState, event: TenancyEvent): TenancyState {
  const next = applyEvent(tenancy, event);
  const recentChanges = [...tenancy.recentChanges, event.changeId].slice(-REMEMBERED_CHANGES);
  return { ...next, recentChanges };
}

function applyEvent(tenancy: TenancyState, event: TenancyEvent): TenancyState {
  const { atMs } = event;
  switch (event.type) {
    case 'network-project.group-created': {
      const stamps = { tags: [], revision: 1, createdAtMs: atMs, updatedAtMs: atMs };
      const group = { ...event.group, ...stamps, rules: [] };
      return { ...tenancy, groups: [...tenancy.groups, withRules(group, event.rules, atMs)] };
    }
    case 'network-project.group-changed': {
      const { groupId, name, description, stateful } = event;
      const change = (group: GroupState): GroupState => ({ ...group, name, description, stateful });
      return changeGroup(tenancy, groupId, atMs, change);
    }
    case 'network-project.group-deleted': {
      const groups = tenancy.groups.filter((group) => group.id !== event.groupId);
      return { ...tenancy, groups };
    }
    case 'network-project.rules-added': {
      const groupId = event.rules[0]?.groupId ?? '';
      return changeGroup(tenancy, groupId, atMs, (group) => withRules(group, event.rules, atMs));
    }
    case 'network-project.rule-deleted':
      return changeGroup(tenancy, groupOfRule(tenancy, event.ruleId)?.id ?? '', atMs, (group) => {
        const rules = group.rules.filter((rule) => rule.id !== event.ruleId);
        return { ...group, rules };
      });
    case 'network-project.tags-set':
      return changeGroup(tenancy, event.groupId, atMs, (group) => ({ ...group, tags: event.tags }));
    case 'network-project.quotas-set':
      return { ...tenancy, quotas: { ...tenancy.quotas, ...event.quotas } };
    case 'network-project.quotas-reset':
      return { ...tenancy, quotas: {} };
    default:
      return unreachable(event);
  }
}

function changeGroup(
  tenancy: TenancyState,
  groupId: string,
  atMs: number,
  change: (group: GroupState) => GroupState,
): TenancyState {
  const groups = tenancy.groups.map((group) =>
    group.id === groupId
      ? { ...change(group), revision: group.revision + 1, updatedAtMs: atMs }
      : group,
  );
  return { ...tenancy, groups };
}

function withRules(group: GroupState, rules: readonly RuleRecord[], atMs: number): GroupState {
  const made = rules.map((rule) => ({
    ...rule,
    revision: 0,
    createdAtMs: atMs,
    updatedAtMs: atMs,
  }));
  return { ...group, rules: [...group.rules, ...made] };
}
