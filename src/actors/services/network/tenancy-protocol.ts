// What a project has in the network service beside networks: security groups with their rules, and quotas.
// One entity per project, so that there is one default group, and group quotas are exact.
// Refusals: group-not-found, group-in-use, group-default, rule-not-found, rule-exists, rule-twice, network-quota.
import { type Static, Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';
import { tagChange } from './protocol.ts';

const text = Type.String();
const done = Type.Object({});
const count = Type.Integer({ minimum: 0 });
const changeId = text;

export const ruleRecord = Type.Object({
  id: text,
  groupId: text,
  direction: Type.Unsafe<'ingress' | 'egress'>(Type.String({ enum: ['ingress', 'egress'] })),
  ethertype: Type.Unsafe<'IPv4' | 'IPv6'>(Type.String({ enum: ['IPv4', 'IPv6'] })),
  /** A name or a number as text. */
  protocol: Type.Optional(text),
  portMin: Type.Optional(count),
  portMax: Type.Optional(count),
  remoteGroupId: Type.Optional(text),
  remotePrefix: Type.Optional(text),
  description: text,
});
export type RuleRecord = Static<typeof ruleRecord>;

const groupRecord = Type.Object({
  id: text,
  name: text,
  description: text,
  stateful: Type.Boolean(),
  isDefault: Type.Boolean(),
});
export type GroupRecord = Static<typeof groupRecord>;

/** By resource; −1 is unlimited. */
const quotas = Type.Record(Type.String(), Type.Integer({ minimum: -1 }));
const quota = Type.Integer({ minimum: -1 });

export const tenancyCommands = {
  /** A group with its first rules. The default group is made once; a second one changes nothing. */
  'network-project.create-group': command(
    1,
    Type.Object({
      group: groupRecord,
      rules: Type.Array(ruleRecord),
      groupQuota: quota,
      ruleQuota: quota,
      changeId,
    }),
    done,
  ),
  'network-project.change-group': command(
    1,
    Type.Object({
      groupId: text,
      name: Type.Optional(text),
      description: Type.Optional(text),
      stateful: Type.Optional(Type.Boolean()),
      changeId,
    }),
    done,
  ),
  'network-project.delete-group': command(
    1,
    Type.Object({ groupId: text, mayBeDefault: Type.Boolean(), changeId }),
    done,
  ),
  /** All or none. */
  'network-project.add-rules': command(
    1,
    Type.Object({ rules: Type.Array(ruleRecord), ruleQuota: quota, changeId }),
    done,
  ),
  'network-project.delete-rule': command(1, Type.Object({ ruleId: text, changeId }), done),
  'network-project.set-tags': command(
    1,
    Type.Object({ groupId: text, how: tagChange, tags: Type.Array(text), changeId }),
    done,
  ),
  'network-project.set-quotas': command(1, Type.Object({ quotas, changeId }), done),
  /** Back to the defaults. */
  'network-project.reset-quotas': command(1, Type.Object({ changeId }), done),
} as const;

const change = { changeId, atMs: Type.Number() };

export const tenancyEvents = {
  'network-project.group-created': event(
    1,
    Type.Object({ group: groupRecord, rules: Type.Array(ruleRecord), ...change }),
  ),
  'network-project.group-changed': event(
    1,
    Type.Object({
      groupId: text,
      name: text,
      description: text,
      stateful: Type.Boolean(),
      ...change,
    }),
  ),
  'network-project.group-deleted': event(1, Type.Object({ groupId: text, ...change })),
  'network-project.rules-added': event(
    1,
    Type.Object({ rules: Type.Array(ruleRecord), ...change }),
  ),
  'network-project.rule-deleted': event(1, Type.Object({ ruleId: text, ...change })),
  'network-project.tags-set': event(
    1,
    Type.Object({ groupId: text, tags: Type.Array(text), ...change }),
  ),
  'network-project.quotas-set': event(1, Type.Object({ quotas, ...change })),
  'network-project.quotas-reset': event(1, Type.Object({ ...change })),
} as const;

export type TenancyCommand = CommandOf<typeof tenancyCommands>;
export type TenancyEvent = EventOf<typeof tenancyEvents>;
export const networkProjects = entityKind('network-project', tenancyCommands);
