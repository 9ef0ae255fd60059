// The rules of a project's server groups, pure. A policy is kept at the claim: the hosts that other members hold, also
// those still being built, decide whether one more may come. What the scheduler saw before is only a good guess.
import { accept, type Accepted, type Effect, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import { findGroup, findMember, receiptOf } from './evolve.ts';
import type {
  GroupMember,
  ServerGroup,
  ServerGroupCommand,
  ServerGroupEvent,
  ServerGroupsState,
} from './protocol.ts';

type Decision = Accepted<ServerGroupEvent, object> | Refusal;
type CommandNamed<T extends ServerGroupCommand['type']> = Extract<ServerGroupCommand, { type: T }>;

/** How long a member may be without a server before someone looks for it. */
const SETTLE_AFTER_MS = 30_000;

export function decideServerGroups(
  state: ServerGroupsState,
  command: ServerGroupCommand,
  facts: Facts,
): Decision {
  switch (command.type) {
    case 'server-group.create':
      return decideCreate(state, command, facts);
    case 'server-group.delete':
      return decideDelete(state, command, facts);
    case 'server-group.join':
      return decideJoin(state, command, facts);
    case 'server-group.claim':
      return decideClaim(state, command);
    case 'server-group.release':
      return decideRelease(state, command);
    case 'server-group.leave':
      return decideLeave(state, command);
    case 'server-group.settle':
      return decideSettle(state, command);
    default:
      return unreachable(command);
  }
}

function decideCreate(
  state: ServerGroupsState,
  { group, limit, userLimit = -1 }: CommandNamed<'server-group.create'>,
  { requestId, nowMs: atMs }: Facts,
): Decision {
  const event = { type: 'server-group.created', group, requestId, atMs } as const;
  if (state.receipts.includes(receiptOf(event))) return accept([], {});
  const ofUser = state.groups.filter(({ userId }) => userId === group.userId).length;
  if (isOver(state.groups.length + 1, limit) || isOver(ofUser + 1, userLimit))
    return refuse('group-quota', { limit, used: state.groups.length });
  return accept([event], {});
}

function decideDelete(
  state: ServerGroupsState,
  { groupId }: CommandNamed<'server-group.delete'>,
  { requestId, nowMs: atMs }: Facts,
): Decision {
  const event = { type: 'server-group.deleted', groupId, requestId, atMs } as const;
  if (state.receipts.includes(receiptOf(event))) return accept([], {});
  if (findGroup(state, groupId) === undefined) return refuse('server-group-not-found', { groupId });
  return accept([event], {});
}

function decideJoin(
  state: ServerGroupsState,
  { groupId, serverIds, userId, limit }: CommandNamed<'server-group.join'>,
  { nowMs: atMs }: Facts,
): Decision {
  const group = findGroup(state, groupId);
  if (group === undefined) return refuse('server-group-not-found', { groupId });
  const fresh = [...new Set(serverIds)].filter((id) => findMember(group, id) === undefined);
  if (fresh.length === 0) return accept([], {});
  const used = group.members.filter((member) => member.userId === userId).length;
  if (isOver(used + fresh.length, limit))
    return refuse('group-member-quota', { groupId, limit, used });
  return accept([{ type: 'server-group.joined', groupId, serverIds: fresh, userId, atMs }], {});
}

function decideClaim(
  state: ServerGroupsState,
  command: CommandNamed<'server-group.claim'>,
): Decision {
  const { groupId, serverId, claimId, host, ownerEpoch } = command;
  const group = findGroup(state, groupId);
  if (group === undefined) return accept([], { holds: false });
  const member = findMember(group, serverId);
  if (member === undefined) return refuse('group-member-gone', { groupId, serverId });
  if (ownerEpoch < member.ownerEpoch) return refuse('stale-owner', { consumer: serverId, claimId });
  if (member.closed.includes(claimId))
    return refuse('claim-closed', { consumer: serverId, claimId });
  const held = member.claims.find((claim) => claim.claimId === claimId);
  if (held?.host === host && member.ownerEpoch === ownerEpoch) return accept([], { holds: true });
  const violation = violationOf(group, serverId, host);
  if (violation !== undefined)
    return refuse('group-policy', { groupId, policy: group.policy, host, reason: violation });
  const event = {
    type: 'server-group.claimed',
    groupId,
    serverId,
    claimId,
    host,
    ownerEpoch,
  } as const;
  return accept([event], { holds: true });
}

/** Why the policy keeps a member off a host: `it holds 2 of the group's servers, and may hold 2`. */
export function violationOf(
  group: Pick<ServerGroup, 'policy' | 'maxServerPerHost' | 'members'>,
  serverId: string,
  host: string,
): string | undefined {
  const others = group.members.filter((member) => member.serverId !== serverId);
  if (group.policy === 'anti-affinity') {
    const there = others.filter((member) => holds(member, host)).length;
    const most = group.maxServerPerHost ?? 1;
    return there < most
      ? undefined
      : `it holds ${there} of the group’s servers, and may hold ${most}`;
  }
  if (group.policy === 'affinity') {
    const hosts = new Set(others.flatMap(({ claims }) => claims.map((claim) => claim.host)));
    // A member that moves holds both of its ends, and nobody knows yet at which of them it will stay.
    return hosts.size === 0 || (hosts.size === 1 && hosts.has(host))
      ? undefined
      : `the group’s servers are on ${[...hosts].slice(0, 3).join(', ')}`;
  }
  return undefined;
}

const holds = ({ claims }: GroupMember, host: string): boolean =>
  claims.some((claim) => claim.host === host);

function decideRelease(
  state: ServerGroupsState,
  { groupId, serverId, claimId, final, ownerEpoch }: CommandNamed<'server-group.release'>,
): Decision {
  const member = findMember(findGroup(state, groupId), serverId);
  if (member === undefined) return accept([], {});
  if (ownerEpoch < member.ownerEpoch) return refuse('stale-owner', { consumer: serverId });
  const isHeld = member.claims.some((claim) => claim.claimId === claimId);
  if (!isHeld && (!final || member.closed.includes(claimId))) return accept([], {});
  return accept([{ type: 'server-group.released', groupId, serverId, claimId, final }], {});
}

function decideLeave(
  state: ServerGroupsState,
  { groupId, serverId, ownerEpoch }: CommandNamed<'server-group.leave'>,
): Decision {
  const member = findMember(findGroup(state, groupId), serverId);
  if (member === undefined) return accept([], {});
  if (ownerEpoch < member.ownerEpoch) return refuse('stale-owner', { consumer: serverId });
  return accept([{ type: 'server-group.left', groupId, serverId }], {});
}

/** Counts as a settlement whenever something waits, also when nothing was learnt: the next look needs a new name. */
function decideSettle(
  state: ServerGroupsState,
  command: CommandNamed<'server-group.settle'>,
): Decision {
  const waiting = new Set(pendingServers(state).map(({ serverId }) => serverId));
  if (waiting.size === 0) return accept([], {});
  const existing = command.existing.filter((id) => waiting.has(id));
  const missing = command.missing.filter((id) => waiting.has(id) && !existing.includes(id));
  return accept([{ type: 'server-group.settled', existing, missing }], {});
}

function isOver(count: number, limit: number): boolean {
  return limit >= 0 && count > limit;
}

/** Members that nobody has seen a server of yet, with the moment at which they joined. */
export function pendingServers(
  state: ServerGroupsState,
): readonly { readonly serverId: string; readonly sinceMs: number }[] {
  return state.groups.flatMap(({ members }) =>
    members.flatMap(({ serverId, pendingMs }) =>
      pendingMs === undefined ? [] : [{ serverId, sinceMs: pendingMs }],
    ),
  );
}

export interface ServerGroupEffect extends Effect {
  readonly kind: 'settle';
}

/** One look for all that wait; its report (`server-group.settle`) names the next one. */
export function todoServerGroups(state: ServerGroupsState): readonly ServerGroupEffect[] {
  if (pendingServers(state).length === 0) return [];
  return [{ id: `settle/${state.settlements}`, kind: 'settle', afterMs: SETTLE_AFTER_MS }];
}
