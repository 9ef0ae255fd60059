// The cluster's table in Redis, in the same store and with the same epoch counters as the journal (functions:
// ../../redis/membership.lua): a claim raises the counter of its shard, so the old owner's appends are fenced in the same
// step. A connection of its own, so that signs of life never wait behind appends. Options: ../../redis/settings.ts;
// give it the journal's `memoryPath`, and it will not give out an epoch of a generation that this process knows is over.
import type { Argument, Reply } from '../../redis/connection.ts';
import { confirm } from '../../redis/handshake.ts';
import { KnownStore } from '../../redis/known-store.ts';
import { functionName } from '../../redis/library.ts';
import { StoreLink } from '../../redis/link.ts';
import type { RedisStoreOptions } from '../../redis/settings.ts';
import { assert } from '../../assert.ts';
import { JournalFault } from '../../journal/port.ts';
import type {
  BeatAnswer,
  ClusterStore,
  ClusterTable,
  JoinTokenRecord,
  MemberId,
  MemberRecord,
  MemberRole,
  Presence,
  ShardClaim,
  ShardRow,
  TokenAnswer,
} from '../store.ts';

export interface RedisClusterStore extends ClusterStore {
  /** Ends the connection; later calls reject `closed`. */
  close(): Promise<void>;
}

/** Rejects with a JournalFault in words when the store is not reached, or must not be used. */
export async function openRedisClusterStore(
  options: RedisStoreOptions,
): Promise<RedisClusterStore> {
  const store = new StoreInRedis(options);
  await store.open();
  return store;
}

class StoreInRedis implements RedisClusterStore {
  readonly #options: RedisStoreOptions;
  readonly #link: StoreLink;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#link = new StoreLink(options, new KnownStore(options.env, options.memoryPath), {
      // The journal looks at the history; this one only sees to the generation.
      heard: () => undefined,
      prepare: async () => undefined,
      lost: () => undefined,
    });
  }

  open(): Promise<void> {
    return this.#link.open();
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  async initialise(shards: number): Promise<number> {
    assert(Number.isSafeInteger(shards) && shards > 0, `a cluster has shards, not ${shards}`);
    return Number(await this.#write('initialise', shards));
  }

  async admit(record: Omit<MemberRecord, 'isRevoked'>): Promise<void> {
    await this.#write('admit', record.id, JSON.stringify(record));
  }

  async revoke(id: MemberId): Promise<void> {
    await this.#write('revoke', id);
  }

  async remove(id: MemberId): Promise<void> {
    await this.#write('remove', id);
  }

  async nextIncarnation(id: MemberId): Promise<number> {
    return Number(await this.#write('next_incarnation', id));
  }

  async beat(presence: Presence): Promise<BeatAnswer> {
    const { member, incarnation } = presence;
    const answer = await this.#call('beat', member, incarnation, JSON.stringify(presence));
    if (Array.isArray(answer)) return { ok: true, table: tableOf(answer) };
    const reason = (['superseded', 'unknown', 'revoked'] as const).find((name) => name === answer);
    if (reason === undefined) throw strange(answer);
    return { ok: false, reason };
  }

  async table(): Promise<ClusterTable> {
    return tableOf((await this.#call('read_table')) as readonly Reply[]);
  }

  async claimShards(claims: readonly ShardClaim[]): Promise<readonly ShardRow[]> {
    if (claims.length === 0) return [];
    const args = claims.flatMap(({ shard, expectedEpoch, owner, incarnation }) => [
      shard,
      expectedEpoch,
      incarnation,
      owner,
    ]);
    const rows = (await this.#write('claim_shards', ...args)) as readonly string[];
    return claims.map(({ shard }, index) => rowOf(shard, rows[index]));
  }

  async saveToken({ hash, role, expiresAtMs }: JoinTokenRecord): Promise<void> {
    await this.#write('save_token', hash, Math.floor(expiresAtMs), role);
  }

  async useToken(hash: string, nowMs: number): Promise<TokenAnswer> {
    const answer = String(await this.#write('use_token', hash, Math.floor(nowMs)));
    if (answer.startsWith('+')) return { ok: true, role: answer.slice(1) as MemberRole };
    const reason = (['unknown', 'expired', 'used'] as const).find((name) => name === answer);
    if (reason === undefined) throw strange(answer);
    return { ok: false, reason };
  }

  /** Resolves when it will not be lost by a failover. */
  async #write(name: string, ...args: readonly Argument[]): Promise<Reply> {
    const session = this.#link.session();
    const reply = await this.#call(name, ...args);
    await confirm(session, this.#options);
    return reply;
  }

  async #call(name: string, ...args: readonly Argument[]): Promise<Reply> {
    const { connection, root } = this.#link.session();
    return connection.call('FCALL', [functionName(name), 1, root, ...args]);
  }
}

function tableOf([
  members,
  revoked,
  presences,
  shards,
  generation,
]: readonly Reply[]): ClusterTable {
  const isRevoked = new Set(revoked as readonly string[]);
  const rows = new Map(pairsOf(shards));
  const count = Number(rows.get('') ?? 0);
  return {
    members: pairsOf(members).map(([id, text]) => {
      const record = JSON.parse(text) as Omit<MemberRecord, 'isRevoked'>;
      // JSON leaves out what is undefined.
      return { ...record, apiUrl: record.apiUrl, isRevoked: isRevoked.has(id) };
    }),
    presences: pairsOf(presences).map(([, text]) => JSON.parse(text) as Presence),
    shards: Array.from({ length: count }, (_, shard) => rowOf(shard, rows.get(String(shard)))),
    generation: Number(generation),
  };
}

function rowOf(shard: number, stored = '0 0 '): ShardRow {
  const [, epoch, incarnation, owner] = /^(\d+) (\d+) ([^]*)$/.exec(stored) ?? [];
  if (owner === undefined) {
    throw new JournalFault('corrupt', `the row of shard ${shard} in the store is damaged`);
  }
  return {
    shard,
    owner: owner === '' ? undefined : owner,
    incarnation: Number(incarnation),
    epoch: Number(epoch),
  };
}

function pairsOf(flat: Reply | undefined): readonly (readonly [string, string])[] {
  const values = flat as readonly string[];
  return Array.from({ length: values.length / 2 }, (_, index) => [
    values[2 * index]!,
    values[2 * index + 1]!,
  ]);
}

function strange(answer: Reply): JournalFault {
  return new JournalFault('unavailable', `Redis gave a strange answer: ${String(answer)}`);
}
