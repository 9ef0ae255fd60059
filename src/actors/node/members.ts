// Who runs which host, as the cluster's table of members has it: the name of a compute member is its host's, and of two
// that claim the same host the one that was admitted last counts (the machine was set up anew).
import type { MemberId, MemberRecord } from '#runtime/membership/store.ts';
import type { HostName } from './protocol.ts';

export interface Members {
  /** The compute member of a host; undefined if there is none. */
  ofHost(host: HostName): MemberId | undefined;
  /** The host that a compute member may speak for. */
  hostOf(member: MemberRecord): HostName | undefined;
}

/** `records` gives the table of now; a new list for each change of it. */
export function membersIn(records: () => readonly MemberRecord[]): Members {
  let seen: readonly MemberRecord[] | undefined;
  let byHost: ReadonlyMap<HostName, MemberRecord> = new Map();
  const current = (): ReadonlyMap<HostName, MemberRecord> => {
    const all = records();
    if (all !== seen) byHost = indexOf(all);
    seen = all;
    return byHost;
  };
  return {
    ofHost: (host) => current().get(host)?.id,
    hostOf: ({ id, name }) => (current().get(name)?.id === id ? name : undefined),
  };
}

function indexOf(all: readonly MemberRecord[]): ReadonlyMap<HostName, MemberRecord> {
  const byHost = new Map<HostName, MemberRecord>();
  for (const record of all) {
    if (record.role !== 'compute' || record.isRevoked) continue;
    const other = byHost.get(record.name);
    if (other === undefined || isLater(record, other)) byHost.set(record.name, record);
  }
  return byHost;
}

function isLater(one: MemberRecord, other: MemberRecord): boolean {
  if (one.admittedAtMs !== other.admittedAtMs) return one.admittedAtMs > other.admittedAtMs;
  return one.id > other.id;
}
