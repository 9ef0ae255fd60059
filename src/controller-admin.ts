// What the owner of a controller's machine may ask of it (control-server.ts): the table of members and shards as this
// controller sees it, tokens, revoking, leaving.
import type { InstanceState } from '#actors/instance/state.ts';
import {
  AdminRefusal,
  type ClusterAdmin,
  type MemberRow,
  type MemberState,
  type ShardState,
} from '#api/admin/cluster-admin.ts';
import type { Cluster } from '#runtime/directory/cluster.ts';
import { feedOf } from '#runtime/events/feed.ts';
import type { StateView } from '#runtime/events/projection.ts';
import type { Journal } from '#runtime/journal/port.ts';
import type { ClusterStore, MemberRecord } from '#runtime/membership/store.ts';
import type { Transport } from '#runtime/transport/port.ts';
import type { JoinDesk } from './join-desk.ts';
import type { LocalHost } from './local-members.ts';

export interface ControllerAdminOptions {
  readonly cluster: Cluster;
  readonly store: ClusterStore;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly desk: JoinDesk;
  readonly servers: StateView<InstanceState>;
  readonly hosts: readonly LocalHost[];
  readonly isHostUp: (host: string) => boolean;
  /** Hands over, finishes requests, gives up the membership, forgets the keys. */
  readonly leave: () => Promise<void>;
}

/** Servers whose guests may be on a host now. */
export function guestsOn(servers: StateView<InstanceState>, host: string): number {
  let count = 0;
  for (const { grant } of servers.values()) if (grant?.host === host) count += 1;
  return count;
}

export function controllerAdmin(options: ControllerAdminOptions): ClusterAdmin {
  const { cluster, store, desk, journal } = options;
  return {
    members: async () => {
      await cluster.membership.refresh();
      return rowsOf(options);
    },
    shards: async () => {
      await cluster.membership.refresh();
      return shardsOf(options);
    },
    createToken: (role) => desk.createToken(role),
    watch: (kind) => feedOf(journal, kind),
    leave: async ({ force }) => {
      if (!force) refuseLeave(options);
      await options.leave();
    },
    revoke: async (member) => {
      const record = oneOf(cluster.membership.table.members, member);
      if (record.id === cluster.membership.self)
        throw new AdminRefusal('this is the member that you ask: let it leave (./kilonova leave)');
      await store.revoke(record.id);
      await cluster.membership.refresh();
      const row = rowsOf(options).find(({ id }) => id === record.id);
      if (row === undefined) throw new AdminRefusal(`member ${record.name} has just gone`);
      return row;
    },
  };
}

function refuseLeave({ cluster, servers, hosts }: ControllerAdminOptions): void {
  const { self } = cluster.membership;
  if (!cluster.membership.stayingControllers().some((id) => id !== self))
    throw new AdminRefusal(
      'this is the only controller that lives: nobody would serve the cloud. ./kilonova down stops it and keeps it a member; --force leaves all the same',
    );
  for (const { name } of hosts) {
    const guests = guestsOn(servers, name);
    if (guests > 0) throw new AdminRefusal(guestWords(name, guests));
  }
}

export function guestWords(host: string, guests: number): string {
  return `host ${host} has ${guests} ${guests === 1 ? 'server' : 'servers'}, which would be out of reach: delete them first, or leave all the same with --force`;
}

function rowsOf(options: ControllerAdminOptions): readonly MemberRow[] {
  const { cluster } = options;
  const { table, self } = cluster.membership;
  return table.members
    .map((record): MemberRow => {
      const { id, name, role, apiUrl, addresses, admittedAtMs } = record;
      return {
        id,
        name,
        role,
        state: stateOf(options, record),
        isSelf: id === self,
        shards: table.shards.filter(
          ({ owner, incarnation }) => owner === id && cluster.membership.isAlive(id, incarnation),
        ).length,
        incarnation: cluster.membership.incarnationOf(id),
        apiUrl,
        addresses,
        admittedAtMs,
      };
    })
    .sort(byRoleAndName);
}

function byRoleAndName(one: MemberRow, other: MemberRow): number {
  if (one.role !== other.role) return one.role === 'controller' ? -1 : 1;
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}

/** Controllers live by the store, compute members by a link to this controller or to one that tells of it. */
function stateOf(
  { cluster, transport, isHostUp }: ControllerAdminOptions,
  { id, role, name, isRevoked }: MemberRecord,
): MemberState {
  if (isRevoked) return 'revoked';
  if (role === 'compute') return transport.isConnected(id) || isHostUp(name) ? 'up' : 'away';
  const { membership } = cluster;
  if (!membership.isAlive(id, membership.incarnationOf(id))) return 'away';
  return membership.stayingControllers().includes(id) ? 'up' : 'leaving';
}

function shardsOf({ cluster }: ControllerAdminOptions): readonly ShardState[] {
  const { table } = cluster.membership;
  return table.shards.map(({ shard }) => {
    const { epoch } = cluster.shards.rowOf(shard);
    const owner = cluster.shards.ownerOf(shard);
    const ownerName = table.members.find(({ id }) => id === owner)?.name;
    return { shard, state: owner === undefined ? 'orphan' : 'served', owner, ownerName, epoch };
  });
}

const SHORTEST_ID = 6;

function oneOf(members: readonly MemberRecord[], wanted: string): MemberRecord {
  const exact = members.filter(({ id, name }) => id === wanted || name === wanted);
  const open = exact.filter(({ isRevoked }) => !isRevoked);
  const near = members.filter(
    ({ id }) => wanted.length >= SHORTEST_ID && (id.startsWith(wanted) || id.endsWith(wanted)),
  );
  const found = open.length > 0 ? open : exact.length > 0 ? exact : near;
  const [record] = found;
  if (record === undefined)
    throw new AdminRefusal(`no member is called ${wanted}; ./kilonova members lists them`);
  if (found.length > 1)
    throw new AdminRefusal(`${found.length} members fit ${wanted}: give the whole id`);
  return record;
}
