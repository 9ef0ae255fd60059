// The cluster store for simulation and unit tests, on the disk that the members' journals share: epochs of shards are
// that disk's counters, so a claim fences appends at once. Each member opens its own; latency and absence are per member.
import type { Env } from '../env/env.ts';
import type { MemoryDisk } from '../journal/memory-disk.ts';
import { JournalFault } from '../journal/port.ts';
import {
  type BeatAnswer,
  type ClusterStore,
  type ClusterTable,
  fenceOf,
  type JoinTokenRecord,
  type MemberId,
  type MemberRecord,
  type Presence,
  type ShardClaim,
  type ShardRow,
  type TokenAnswer,
} from './store.ts';

export interface MemoryClusterFaults {
  /** How long a call takes; drawn evenly. Default 0 to 0: one turn of the task list. */
  readonly minLatencyMs?: number;
  readonly maxLatencyMs?: number;
  /** Nothing is read or changed: every call rejects `unavailable`. */
  readonly isUnavailable?: boolean;
  /** Chance that a call takes effect but its caller hears `unavailable`. */
  readonly lostReplyChance?: number;
}

export interface MemoryClusterStore extends ClusterStore {
  /** From now on; replaces the earlier ones. */
  setFaults(faults: MemoryClusterFaults): void;
}

/** What all members see. Lives with the disk, and outlives every process. */
interface Tables {
  readonly members: Map<MemberId, MemberRecord>;
  readonly presences: Map<MemberId, Presence>;
  readonly tokens: Map<string, JoinTokenRecord & { isUsed: boolean }>;
  shards: ShardRow[];
  /** Rows that were replaced, with the journal's head at that time: what a rollback brings back. */
  readonly replaced: { readonly row: ShardRow; readonly head: number }[];
}

const tablesOf = new WeakMap<MemoryDisk, Tables>();

export function openMemoryClusterStore(disk: MemoryDisk, env: Env): MemoryClusterStore {
  return new StoreInMemory(disk, env, tablesOf.get(disk) ?? newTables(disk));
}

function newTables(disk: MemoryDisk): Tables {
  const tables: Tables = {
    members: new Map(),
    presences: new Map(),
    tokens: new Map(),
    shards: [],
    replaced: [],
  };
  disk.onRollBack((position) => {
    while ((tables.replaced.at(-1)?.head ?? -1) > position) {
      const { row } = tables.replaced.pop()!;
      tables.shards[row.shard] = row;
    }
  });
  tablesOf.set(disk, tables);
  return tables;
}

class StoreInMemory implements MemoryClusterStore {
  readonly #disk: MemoryDisk;
  readonly #env: Env;
  readonly #tables: Tables;
  #faults: MemoryClusterFaults = {};

  constructor(disk: MemoryDisk, env: Env, tables: Tables) {
    this.#disk = disk;
    this.#env = env;
    this.#tables = tables;
  }

  setFaults(faults: MemoryClusterFaults): void {
    this.#faults = faults;
  }

  initialise(shards: number): Promise<number> {
    return this.#call(() => {
      const tables = this.#tables;
      if (tables.shards.length === 0)
        tables.shards = Array.from({ length: shards }, (_, shard) => ({
          shard,
          owner: undefined,
          incarnation: 0,
          epoch: 0,
        }));
      return tables.shards.length;
    });
  }

  admit(record: Omit<MemberRecord, 'isRevoked'>): Promise<void> {
    return this.#call(() => {
      const isRevoked = this.#tables.members.get(record.id)?.isRevoked ?? false;
      this.#tables.members.set(record.id, { ...record, isRevoked });
    });
  }

  revoke(id: MemberId): Promise<void> {
    return this.#call(() => {
      const { members, presences } = this.#tables;
      const member = members.get(id);
      if (member !== undefined) members.set(id, { ...member, isRevoked: true });
      presences.delete(id);
    });
  }

  remove(id: MemberId): Promise<void> {
    return this.#call(() => {
      const { members, presences } = this.#tables;
      if (members.get(id)?.isRevoked === false) members.delete(id);
      presences.delete(id);
    });
  }

  nextIncarnation(id: MemberId): Promise<number> {
    return this.#call(() => this.#disk.nextEpoch(`incarnation/${id}`));
  }

  beat(presence: Presence): Promise<BeatAnswer> {
    return this.#call(() => {
      const { members, presences } = this.#tables;
      const member = members.get(presence.member);
      if (member === undefined) return { ok: false, reason: 'unknown' };
      if (member.isRevoked) return { ok: false, reason: 'revoked' };
      const newest = this.#disk.epochOf(`incarnation/${presence.member}`);
      if (presence.incarnation < newest) return { ok: false, reason: 'superseded' };
      presences.set(presence.member, presence);
      return { ok: true, table: this.#read() };
    });
  }

  table(): Promise<ClusterTable> {
    return this.#call(() => this.#read());
  }

  claimShards(claims: readonly ShardClaim[]): Promise<readonly ShardRow[]> {
    return this.#call(() => claims.map((claim) => this.#claim(claim)));
  }

  saveToken(token: JoinTokenRecord): Promise<void> {
    return this.#call(() => void this.#tables.tokens.set(token.hash, { ...token, isUsed: false }));
  }

  useToken(hash: string, nowMs: number): Promise<TokenAnswer> {
    return this.#call(() => {
      const token = this.#tables.tokens.get(hash);
      if (token === undefined) return { ok: false, reason: 'unknown' };
      if (token.isUsed) return { ok: false, reason: 'used' };
      if (token.expiresAtMs <= nowMs) return { ok: false, reason: 'expired' };
      token.isUsed = true;
      return { ok: true, role: token.role };
    });
  }

  #claim({ shard, expectedEpoch, owner, incarnation }: ShardClaim): ShardRow {
    const row = this.#tables.shards[shard];
    if (row === undefined) throw new Error(`the cluster has no shard ${shard}`);
    if (row.epoch !== expectedEpoch) return row;
    const taken = { shard, owner, incarnation, epoch: this.#disk.nextEpoch(fenceOf(shard)) };
    this.#tables.replaced.push({ row, head: this.#disk.head() });
    this.#tables.shards[shard] = taken;
    return taken;
  }

  #read(): ClusterTable {
    const { members, presences, shards } = this.#tables;
    return {
      members: [...members.values()],
      presences: [...presences.values()],
      shards: [...shards],
      generation: this.#disk.generation,
    };
  }

  #call<T>(apply: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#later(() => {
        const { isUnavailable, lostReplyChance = 0 } = this.#faults;
        if (isUnavailable === true) return reject(awayFault());
        const isReplyLost = lostReplyChance > 0 && this.#env.random.float() < lostReplyChance;
        try {
          const outcome = apply();
          if (isReplyLost) reject(awayFault());
          else resolve(outcome);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #later(fn: () => void): void {
    const { minLatencyMs = 0, maxLatencyMs = minLatencyMs } = this.#faults;
    if (maxLatencyMs === 0) return void this.#env.timers.soon(fn);
    const latencyMs = minLatencyMs + this.#env.random.float() * (maxLatencyMs - minLatencyMs);
    this.#env.timers.after(latencyMs, fn);
  }
}

function awayFault(): JournalFault {
  return new JournalFault('unavailable', 'the store is away');
}
