// The server groups of one project: which servers belong together, and which hosts they hold. One entity per project, so
// that its quota of groups is counted where groups are made, and a group's policy is kept where its hosts are taken:
// whoever claims a host for a member asks here, one after the other, and no race can break an anti-affinity.
// Refusals: server-group-not-found, group-quota, group-member-quota, group-member-gone, group-policy (detail: group, policy, host,
// and what stands against it), claim-closed, stale-owner.
import { Type } from 'typebox';
import {
  command,
  type CommandOf,
  entityKind,
  event,
  type EventOf,
} from '#runtime/message/protocol.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const done = Type.Object({});
/** −1 is unlimited. */
const limit = Type.Integer({ minimum: -1 });

export const groupPolicies = [
  'anti-affinity',
  'affinity',
  'soft-anti-affinity',
  'soft-affinity',
] as const;
export type GroupPolicy = (typeof groupPolicies)[number];

export const serverGroupSchema = Type.Object({
  groupId: text,
  name: text,
  policy: Type.Unsafe<GroupPolicy>(Type.String({ enum: [...groupPolicies] })),
  /** Of anti-affinity: how many members may share a host; 1 unless it is said. */
  maxServerPerHost: Type.Optional(Type.Integer({ minimum: 1 })),
  userId: text,
});

export const serverGroupCommands = {
  /** `limit` is the project's quota `server_groups`, `userLimit` the user's own, if there is one. */
  'server-group.create': command(
    1,
    Type.Object({ group: serverGroupSchema, limit, userLimit: Type.Optional(limit) }),
    done,
  ),
  /** Its members go on where they are, and belong to no group any more. */
  'server-group.delete': command(1, Type.Object({ groupId: text }), done),
  /** New servers become members, all or none, before they are created. `limit`: members of one user in a group. */
  'server-group.join': command(
    1,
    Type.Object({ groupId: text, serverIds: Type.Array(text), userId: text, limit }),
    done,
  ),
  /**
   * A member takes a host, if the policy lets it; a claim that holds one already moves. `holds` is false when the group is
   * gone: then there is no policy to keep.
   */
  'server-group.claim': command(
    1,
    Type.Object({ groupId: text, serverId: text, claimId: text, host: text, ownerEpoch: count }),
    Type.Object({ holds: Type.Boolean() }),
  ),
  /** Gives a claim's host back. A `final` release closes the claim: what of it is still on its way is refused. */
  'server-group.release': command(
    1,
    Type.Object({
      groupId: text,
      serverId: text,
      claimId: text,
      final: Type.Boolean(),
      ownerEpoch: count,
    }),
    done,
  ),
  /** The server is gone, or going: it holds nothing here any more. */
  'server-group.leave': command(
    1,
    Type.Object({ groupId: text, serverId: text, ownerEpoch: count }),
    done,
  ),
  /** After looking at the servers: these exist, those never came to be. */
  'server-group.settle': command(
    1,
    Type.Object({ existing: Type.Array(text), missing: Type.Array(text) }),
    done,
  ),
} as const;

export const serverGroupEvents = {
  'server-group.created': event(
    1,
    Type.Object({ group: serverGroupSchema, requestId: text, atMs: Type.Number() }),
  ),
  'server-group.deleted': event(
    1,
    Type.Object({ groupId: text, requestId: text, atMs: Type.Number() }),
  ),
  'server-group.joined': event(
    1,
    Type.Object({
      groupId: text,
      serverIds: Type.Array(text),
      userId: text,
      atMs: Type.Number(),
    }),
  ),
  'server-group.claimed': event(
    1,
    Type.Object({ groupId: text, serverId: text, claimId: text, host: text, ownerEpoch: count }),
  ),
  'server-group.released': event(
    1,
    Type.Object({ groupId: text, serverId: text, claimId: text, final: Type.Boolean() }),
  ),
  'server-group.left': event(1, Type.Object({ groupId: text, serverId: text })),
  'server-group.settled': event(
    1,
    Type.Object({ existing: Type.Array(text), missing: Type.Array(text) }),
  ),
} as const;

export type ServerGroupCommand = CommandOf<typeof serverGroupCommands>;
export type ServerGroupEvent = EventOf<typeof serverGroupEvents>;
/** Named by the project. */
export const serverGroups = entityKind('server-groups', serverGroupCommands);

export interface GroupClaim {
  readonly claimId: string;
  readonly host: string;
}

export interface GroupMember {
  readonly serverId: string;
  readonly userId: string;
  /** The host that it has; two while it moves. */
  readonly claims: readonly GroupClaim[];
  /** Claims that may not come back; the last few. */
  readonly closed: readonly string[];
  /** Of the server's owner when it last claimed. */
  readonly ownerEpoch: number;
  /** Joined at this moment, in milliseconds, and nobody has seen the server since. */
  readonly pendingMs: number | undefined;
}

export interface ServerGroup {
  readonly id: string;
  readonly name: string;
  readonly policy: GroupPolicy;
  readonly maxServerPerHost: number | undefined;
  readonly userId: string;
  readonly createdAtMs: number;
  /** In the order in which they joined. */
  readonly members: readonly GroupMember[];
}

export interface ServerGroupsState {
  /** The project's id. */
  readonly id: string;
  /** In the order in which they were made. */
  readonly groups: readonly ServerGroup[];
  /** Requests that made or deleted a group, the last ones: a repeat is known by it. */
  readonly receipts: readonly string[];
  /** Counts settlements, to name the next one. */
  readonly settlements: number;
}
