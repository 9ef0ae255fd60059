// A project's security groups and network quotas as an entity: what it answers to commands. Pure.
// Whether ports use a group is asked by whoever sends the command: ports live in networks.
import { unreachable } from '#runtime/assert.ts';
import {
  accept,
  type Accepted,
  type EntityDefinition,
  type Facts,
} from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { type Refusal, refuse } from '#runtime/message/refusal.ts';
import { ruleKey } from './security-rules.ts';
import { changedTags } from './tags.ts';
import {
  type RuleRecord,
  type TenancyCommand,
  tenancyCommands,
  type TenancyEvent,
  tenancyEvents,
} from './tenancy-protocol.ts';
import {
  evolveTenancy,
  findGroup,
  groupOfRule,
  type GroupState,
  initialTenancy,
  type TenancyState,
} from './tenancy-state.ts';

type Answer = Accepted<TenancyEvent, object> | Refusal;
type Ask<T extends keyof typeof tenancyCommands> = CommandNamed<typeof tenancyCommands, T>;

export const tenancyDefinition: EntityDefinition<
  TenancyState,
  typeof tenancyCommands,
  typeof tenancyEvents
> = {
  kind: 'network-project',
  commands: tenancyCommands,
  events: tenancyEvents,
  schema: 1,
  initial: initialTenancy,
  decide,
  evolve: evolveTenancy,
  todo: () => [],
  invariants: (tenancy) => {
    const defaults = tenancy.groups.filter((group) => group.isDefault);
    return defaults.length > 1 ? [`${defaults.length} default security groups`] : [];
  },
};

function decide(tenancy: TenancyState, command: TenancyCommand, facts: Facts): Answer {
  if (tenancy.recentChanges.includes(command.changeId)) return accept([], {});
  const stamp = { changeId: command.changeId, atMs: facts.nowMs };
  switch (command.type) {
    case 'network-project.create-group':
      return createGroup(tenancy, command, facts);
    case 'network-project.change-group':
      return changeGroup(tenancy, command, facts);
    case 'network-project.delete-group':
      return deleteGroup(tenancy, command, facts);
    case 'network-project.add-rules':
      return addRules(tenancy, command, facts);
    case 'network-project.delete-rule': {
      const { ruleId } = command;
      if (groupOfRule(tenancy, ruleId) === undefined) return refuse('rule-not-found', { ruleId });
      return accept([{ type: 'network-project.rule-deleted', ruleId, ...stamp }], {});
    }
    case 'network-project.set-tags': {
      const { groupId } = command;
      const group = findGroup(tenancy, groupId);
      if (group === undefined) return refuse('group-not-found', { groupId });
      const tags = changedTags(group.tags, command);
      return accept([{ type: 'network-project.tags-set', groupId, tags, ...stamp }], {});
    }
    case 'network-project.set-quotas': {
      const { quotas } = command;
      return accept([{ type: 'network-project.quotas-set', quotas, ...stamp }], {});
    }
    case 'network-project.reset-quotas':
      return accept([{ type: 'network-project.quotas-reset', ...stamp }], {});
    default:
      return unreachable(command);
  }
}

function createGroup(
  tenancy: TenancyState,
  command: Ask<'network-project.create-group'>,
  facts: Facts,
): Answer {
  const { group, rules, changeId } = command;
  const { groups } = tenancy;
  if (group.isDefault && groups.some((other) => other.isDefault)) return accept([], {});
  // The default group is not the project's wish, so it is made whatever the quota.
  if (!group.isDefault) {
    const refused =
      overQuota('security_group', groups.length + 1, command.groupQuota) ??
      overQuota('security_group_rule', ruleCount(tenancy) + rules.length, command.ruleQuota);
    if (refused !== undefined) return refused;
  }
  const atMs = facts.nowMs;
  return accept([{ type: 'network-project.group-created', group, rules, changeId, atMs }], {});
}

function overQuota(resource: string, wanted: number, quota: number): Refusal | undefined {
  return quota >= 0 && wanted > quota ? refuse('network-quota', { resource, quota }) : undefined;
}

function ruleCount(tenancy: TenancyState): number {
  let sum = 0;
  for (const group of tenancy.groups) sum += group.rules.length;
  return sum;
}

function changeGroup(
  tenancy: TenancyState,
  command: Ask<'network-project.change-group'>,
  facts: Facts,
): Answer {
  const { groupId, changeId } = command;
  const group = findGroup(tenancy, groupId);
  if (group === undefined) return refuse('group-not-found', { groupId });
  const { name = group.name, description = group.description } = command;
  const { stateful = group.stateful } = command;
  if (group.isDefault && name !== group.name) return refuse('group-default', { groupId });
  const change = { groupId, name, description, stateful, changeId, atMs: facts.nowMs };
  return accept([{ type: 'network-project.group-changed', ...change }], {});
}

function deleteGroup(
  tenancy: TenancyState,
  command: Ask<'network-project.delete-group'>,
  facts: Facts,
): Answer {
  const { groupId, changeId } = command;
  const group = findGroup(tenancy, groupId);
  if (group === undefined) return refuse('group-not-found', { groupId });
  if (group.isDefault && !command.mayBeDefault) return refuse('group-default-delete', { groupId });
  const atMs = facts.nowMs;
  return accept([{ type: 'network-project.group-deleted', groupId, changeId, atMs }], {});
}

function addRules(
  tenancy: TenancyState,
  command: Ask<'network-project.add-rules'>,
  facts: Facts,
): Answer {
  const { rules, changeId } = command;
  const groupId = rules[0]?.groupId ?? '';
  const group = findGroup(tenancy, groupId);
  if (group === undefined) return refuse('group-not-found', { groupId });
  const refused =
    duplicate(group, rules) ??
    overQuota('security_group_rule', ruleCount(tenancy) + rules.length, command.ruleQuota);
  if (refused !== undefined) return refused;
  const atMs = facts.nowMs;
  return accept([{ type: 'network-project.rules-added', rules, changeId, atMs }], {});
}

function duplicate(group: GroupState, rules: readonly RuleRecord[]): Refusal | undefined {
  const keys = rules.map(ruleKey);
  if (new Set(keys).size < keys.length) return refuse('rule-twice');
  const wanted = new Set(keys);
  for (const rule of group.rules)
    if (wanted.has(ruleKey(rule))) return refuse('rule-exists', { ruleId: rule.id });
  return undefined;
}
