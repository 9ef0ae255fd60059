// What a project's server groups become with each event, and what must always be true of them. Pure.
import { unreachable } from '../domain/unreachable.ts';
import type { GroupMember, ServerGroup, ServerGroupEvent, ServerGroupsState } from './protocol.ts';

/** Repeats follow soon: the last ones are enough. */
const MAX_RECEIPTS = 128;
const MAX_CLOSED = 16;

export function initialServerGroups(id: string): ServerGroupsState {
  return { id, groups: [], receipts: [], settlements: 0 };
}

export function findGroup(state: ServerGroupsState, groupId: string): ServerGroup | undefined {
  return state.groups.find(({ id }) => id === groupId);
}

export function findMember(
  group: ServerGroup | undefined,
  serverId: string,
): GroupMember | undefined {
  return group?.members.find((member) => member.serverId === serverId);
}

type MadeOrDeleted = Extract<
  ServerGroupEvent,
  { type: 'server-group.created' | 'server-group.deleted' }
>;

export function receiptOf(event: MadeOrDeleted): string {
  const groupId = event.type === 'server-group.created' ? event.group.groupId : event.groupId;
  return JSON.stringify([event.requestId, event.type, groupId]);
}

function withReceipt(state: ServerGroupsState, event: MadeOrDeleted): ServerGroupsState {
  return { ...state, receipts: [...state.receipts.slice(1 - MAX_RECEIPTS), receiptOf(event)] };
}

export function evolveServerGroups(
  state: ServerGroupsState,
  event: ServerGroupEvent,
): ServerGroupsState {
  switch (event.type) {
    case 'server-group.created': {
      const { groupId: id, name, policy, maxServerPerHost, userId } = event.group;
      const group = { id, name, policy, maxServerPerHost, userId };
      const made = { ...group, createdAtMs: event.atMs, members: [] };
      return withReceipt({ ...state, groups: [...state.groups, made] }, event);
    }
    case 'server-group.deleted': {
      const groups = state.groups.filter(({ id }) => id !== event.groupId);
      return withReceipt({ ...state, groups }, event);
    }
    case 'server-group.joined':
      return withMembers(state, event.groupId, (members) => [
        ...members,
        ...event.serverIds.map((serverId) => newMember(serverId, event)),
      ]);
    case 'server-group.claimed':
      return withMember(state, event, (member) => {
        const { claimId, host, ownerEpoch } = event;
        const others = member.claims.filter((claim) => claim.claimId !== claimId);
        const claims = [...others, { claimId, host }];
        return { ...member, claims, ownerEpoch, pendingMs: undefined };
      });
    case 'server-group.released':
      return withMember(state, event, (member) => ({
        ...member,
        claims: member.claims.filter(({ claimId }) => claimId !== event.claimId),
        closed: event.final
          ? [...member.closed.slice(1 - MAX_CLOSED), event.claimId]
          : member.closed,
      }));
    case 'server-group.left':
      return withMembers(state, event.groupId, (members) =>
        members.filter(({ serverId }) => serverId !== event.serverId),
      );
    case 'server-group.settled':
      return settled(state, event);
    default:
      return unreachable(event);
  }
}

function newMember(
  serverId: string,
  { userId, atMs }: { readonly userId: string; readonly atMs: number },
): GroupMember {
  return { serverId, userId, claims: [], closed: [], ownerEpoch: 0, pendingMs: atMs };
}

function settled(
  state: ServerGroupsState,
  { existing, missing }: Extract<ServerGroupEvent, { type: 'server-group.settled' }>,
): ServerGroupsState {
  const seen = new Set(existing);
  const lost = new Set(missing);
  const groups = state.groups.map((group) => ({
    ...group,
    members: group.members
      .filter(({ serverId }) => !lost.has(serverId))
      .map((member) => (seen.has(member.serverId) ? { ...member, pendingMs: undefined } : member)),
  }));
  return { ...state, groups, settlements: state.settlements + 1 };
}

function withMembers(
  state: ServerGroupsState,
  groupId: string,
  change: (members: readonly GroupMember[]) => readonly GroupMember[],
): ServerGroupsState {
  const groups = state.groups.map((group) =>
    group.id === groupId ? { ...group, members: change(group.members) } : group,
  );
  return { ...state, groups };
}

function withMember(
  state: ServerGroupsState,
  { groupId, serverId }: { readonly groupId: string; readonly serverId: string },
  change: (member: GroupMember) => GroupMember,
): ServerGroupsState {
  return withMembers(state, groupId, (members) =>
    members.map((member) => (member.serverId === serverId ? change(member) : member)),
  );
}

export function serverGroupsInvariants(state: ServerGroupsState): readonly string[] {
  const broken: string[] = [];
  const ids = new Set<string>();
  for (const { id, members, policy, maxServerPerHost = 1 } of state.groups) {
    if (ids.has(id)) broken.push(`two groups have the id ${id}`);
    ids.add(id);
    const servers = new Set(members.map(({ serverId }) => serverId));
    if (servers.size !== members.length) broken.push(`a server is twice in group ${id}`);
    if (policy !== 'anti-affinity') continue;
    for (const [host, count] of countsByHost(members))
      if (count > maxServerPerHost)
        broken.push(
          `${count} servers of group ${id} are on ${host}, where ${maxServerPerHost} may be`,
        );
  }
  return broken;
}

/** How many members hold each host. */
export function countsByHost(members: readonly GroupMember[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { claims } of members)
    for (const host of new Set(claims.map((claim) => claim.host)))
      counts.set(host, (counts.get(host) ?? 0) + 1);
  return counts;
}
