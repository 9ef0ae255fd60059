// Which shards this controller owns: takes those that nobody living owns and that are best placed here, hands over those
// that are better placed elsewhere, lets go of those that others have taken. The store decides (compare-and-set of the
// shard's epoch); a claim fences every append of the owner before it, at once (DESIGN §4, ownership).
import type { Env } from '../env/env.ts';
import type { Authority, Stamp } from '../entity/authority.ts';
import { type EntityKey, GENERATION_SIZE, type Journal } from '../journal/port.ts';
import type { Membership } from '../membership/membership.ts';
import {
  type ClusterStore,
  type ClusterTable,
  fenceOf,
  type MemberId,
  type ShardRow,
} from '../membership/store.ts';
import { preferredOwner, shardOf } from './shards.ts';

/** What is done with the entities of shards that come and go: the EntityHost. */
export interface ShardTenants {
  /** Whether the states here have come to a position of the journal. */
  reached(position: number, withinMs: number): Promise<boolean>;
  takeUp(isChosen: (key: EntityKey) => boolean): void;
  /** Resolves when nothing of theirs is being written any more. */
  giveUp(isChosen: (key: EntityKey) => boolean): Promise<void>;
}

export interface ShardOwnerOptions {
  readonly env: Env;
  readonly store: ClusterStore;
  readonly journal: Journal;
  readonly membership: Membership;
  readonly shards: number;
  /** Tells other controllers at once of rows that have changed; those that miss it read them with their next beat. */
  announce(rows: readonly ShardRow[]): void;
}

interface Held {
  readonly epoch: number;
  /** up to date and open for commands; taking: states are catching up; giving: on its way to another owner. */
  phase: 'taking' | 'serving' | 'giving';
}

const CATCH_UP_MS = 2_000;
/** So many at a time, so that each is away for milliseconds only. */
const HANDOVER_BATCH = 8;

export class ShardOwner implements Authority {
  readonly #options: ShardOwnerOptions;
  readonly #held = new Map<number, Held>();
  /** Epochs under which an append was fenced: worth nothing, whatever the table says. */
  readonly #fenced = new Map<number, number>();
  /** The newest that is known of each shard. */
  readonly #rows: ShardRow[];
  #generation = 0;
  readonly #changes = new Set<() => void>();
  readonly #listeners = new Set<() => void>();
  #tenants: ShardTenants | undefined;
  #round: Promise<void> | undefined;
  #isAgain = false;
  #isStopped = false;

  constructor(options: ShardOwnerOptions) {
    this.#options = options;
    this.#rows = Array.from({ length: options.shards }, (_, shard) => ({
      shard,
      owner: undefined,
      incarnation: 0,
      epoch: 0,
    }));
    options.membership.onTable((table) => {
      if (table.generation > this.#generation) this.#startGeneration(table);
      this.learn(table.shards);
      void this.#work();
    });
  }

  /** Before the membership starts. */
  serve(tenants: ShardTenants): void {
    this.#tenants = tenants;
  }

  shardOf(key: EntityKey): number {
    return shardOf(key, this.#options.shards);
  }

  stampOf(key: EntityKey): Stamp | undefined {
    const shard = this.shardOf(key);
    const held = this.#held.get(shard);
    if (held?.phase !== 'serving' || !this.#options.membership.hasLease) return undefined;
    return { epoch: held.epoch, fence: fenceOf(shard) };
  }

  lost(key: EntityKey): void {
    const shard = this.shardOf(key);
    const held = this.#held.get(shard);
    if (held === undefined) return;
    this.#options.env.log.warn({ shard, entity: key }, 'an append was fenced: the shard is lost');
    this.#fenced.set(shard, held.epoch);
    this.#drop([shard]);
    void this.#options.membership.refresh();
  }

  rowOf(shard: number): ShardRow {
    const row = this.#rows[shard];
    if (row === undefined) throw new Error(`the cluster has no shard ${shard}`);
    return row;
  }

  /** Shards that are served here now. */
  serving(): readonly number[] {
    return [...this.#held].filter(([, { phase }]) => phase === 'serving').map(([shard]) => shard);
  }

  isServing(shard: number): boolean {
    return this.#held.get(shard)?.phase === 'serving' && this.#options.membership.hasLease;
  }

  /** The living owner of a shard, as far as is known; undefined while it has none. */
  ownerOf(shard: number): MemberId | undefined {
    const { owner, incarnation } = this.rowOf(shard);
    if (owner === undefined || !this.#options.membership.isAlive(owner, incarnation))
      return undefined;
    return owner;
  }

  /** Resolves at the next change of any owner, or after the time. */
  changed(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#changes.delete(end);
        resolve();
      };
      const cancel = this.#options.env.timers.after(withinMs, end);
      this.#changes.add(end);
    });
  }

  /** Hears that owners, or what is served here, have changed. Returns the way out. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Rows that somebody told or the store has. Older ones than the known are ignored, and so are those of an older
   * generation: the store may have lost them.
   */
  learn(rows: readonly ShardRow[]): void {
    const oldest = this.#generation * GENERATION_SIZE;
    const news = rows.filter(
      ({ shard, epoch }) => epoch >= oldest && epoch > (this.#rows[shard]?.epoch ?? Infinity),
    );
    for (const row of news) this.#rows[row.shard] = row;
    const isLost = ({ shard, epoch }: ShardRow): boolean => {
      const held = this.#held.get(shard);
      return held !== undefined && held.epoch < epoch;
    };
    this.#drop(news.filter(isLost).map(({ shard }) => shard));
    if (news.length === 0) return;
    this.#tellChange();
    if (news.some((row) => this.#isMine(row))) void this.#work();
  }

  /** Resolves when every shard that should be here is served, or after the time. */
  async settled(withinMs: number): Promise<boolean> {
    const { env } = this.#options;
    const untilMs = env.clock.monotonic() + withinMs;
    while (env.clock.monotonic() < untilMs) {
      if (this.#rows.every((row) => !this.#shouldBeHere(row) || this.isServing(row.shard)))
        return true;
      await this.changed(Math.max(1, untilMs - env.clock.monotonic()));
    }
    return false;
  }

  /** Hands everything to those who stay, and what comes later as well; what nobody takes is let go. */
  async leave(): Promise<void> {
    await this.#round;
    await this.#work();
    const { membership } = this.#options;
    // Who has not seen yet that this one leaves may still hand something over; it goes on to the next.
    if (this.#held.size === 0 && membership.stayingControllers().length > 0) return;
    this.#isStopped = true;
    const rest = [...this.#held.keys()];
    const isRest = (key: EntityKey): boolean => rest.includes(this.shardOf(key));
    this.#held.clear();
    await this.#tenants?.giveUp(isRest);
    this.#tellChange();
  }

  stop(): void {
    this.#isStopped = true;
    this.#held.clear();
  }

  /** The store may have gone back in time: what it says of shards counts, and every epoch before is fenced. */
  #startGeneration(table: ClusterTable): void {
    this.#generation = table.generation;
    this.#rows.splice(0, this.#rows.length, ...table.shards);
    this.#drop([...this.#held.keys()]);
  }

  /** One round at a time; a wish in the meantime makes another. */
  #work(): Promise<void> {
    this.#isAgain = true;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #rounds(): Promise<void> {
    while (this.#isAgain && !this.#isStopped && this.#tenants !== undefined) {
      this.#isAgain = false;
      try {
        await this.#claim();
        await this.#catchUp();
        await this.#handOver();
      } catch (error) {
        this.#options.env.log.warn(
          { err: error },
          'shards could not be put in order; the next beat tries again',
        );
      }
    }
  }

  #isMine({ owner, incarnation }: ShardRow): boolean {
    const { membership } = this.#options;
    return owner === membership.self && incarnation === membership.incarnation;
  }

  #shouldBeHere({ shard }: ShardRow): boolean {
    const { membership } = this.#options;
    return preferredOwner(shard, membership.stayingControllers()) === membership.self;
  }

  /** Ours, but with an epoch that is fenced; after the store may have gone back in time all of them are. */
  #isOutdated(row: ShardRow): boolean {
    const oldest = this.#generation * GENERATION_SIZE - 1;
    const fenced = Math.max(oldest, this.#fenced.get(row.shard) ?? 0);
    return this.#isMine(row) && row.epoch <= fenced;
  }

  async #claim(): Promise<void> {
    const { store, membership } = this.#options;
    if (!membership.hasLease || membership.isLeaving || !membership.isStoreWhole) return;
    const wanted = this.#rows.filter(
      (row) =>
        this.#isOutdated(row) ||
        (!this.#isMine(row) && this.ownerOf(row.shard) === undefined && this.#shouldBeHere(row)),
    );
    if (wanted.length === 0) return;
    const rows = await store.claimShards(
      wanted.map(({ shard, epoch }) => ({
        shard,
        expectedEpoch: epoch,
        owner: membership.self,
        incarnation: membership.incarnation,
      })),
    );
    this.learn(rows);
    this.#options.announce(rows.filter((row) => this.#isMine(row)));
  }

  /** Shards that are ours by the table, but not served yet: everything that the last owner wrote must be here first. */
  async #catchUp(): Promise<void> {
    for (const row of this.#rows)
      if (this.#isMine(row) && !this.#isOutdated(row) && this.#held.get(row.shard) === undefined)
        this.#held.set(row.shard, { epoch: row.epoch, phase: 'taking' });
    const taking = [...this.#held].filter(([, { phase }]) => phase === 'taking');
    if (taking.length === 0) return;
    const { membership } = this.#options;
    const position = await this.#options.journal.latest();
    const isThere = (await this.#tenants?.reached(position, CATCH_UP_MS)) ?? false;
    if (!isThere) throw new Error(`the states here have not come to position ${position} in time`);
    // A beat that was long on its way gives no lease, and without one nothing can be taken up; the next table brings us back.
    if (!membership.hasLease) return;
    const taken = new Set<number>();
    for (const [shard, held] of taking) {
      if (this.#held.get(shard) !== held) continue;
      held.phase = 'serving';
      taken.add(shard);
    }
    this.#options.env.log.info({ shards: [...taken] }, 'shards are served here now');
    this.#tenants?.takeUp((key) => taken.has(this.shardOf(key)));
    this.#tellChange();
  }

  async #handOver(): Promise<void> {
    if (this.#moves().size === 0) return;
    // The target may be leaving by now, and would have to give them back: look again, and not by a look that is under way.
    await this.#options.membership.refresh();
    await this.#options.membership.refresh();
    for (const [target, shards] of this.#moves())
      for (let from = 0; from < shards.length; from += HANDOVER_BATCH)
        await this.#give(shards.slice(from, from + HANDOVER_BATCH), target);
  }

  /** Shards that others should have, and can take. */
  #moves(): ReadonlyMap<MemberId, readonly number[]> {
    const { membership } = this.#options;
    const others = membership.stayingControllers();
    const moves = new Map<MemberId, number[]>();
    for (const shard of this.serving()) {
      const target = preferredOwner(shard, others);
      if (target === undefined || target === membership.self) continue;
      if (!membership.isLeaving && !membership.reaches(target)) continue;
      moves.set(target, [...(moves.get(target) ?? []), shard]);
    }
    return moves;
  }

  async #give(shards: readonly number[], target: MemberId): Promise<void> {
    const { store, membership, env } = this.#options;
    const startMs = env.clock.monotonic();
    const claims = shards.flatMap((shard) => {
      const held = this.#held.get(shard);
      if (held?.phase !== 'serving') return [];
      held.phase = 'giving';
      const incarnation = membership.incarnationOf(target);
      return [{ shard, expectedEpoch: held.epoch, owner: target, incarnation }];
    });
    const given = new Set(claims.map(({ shard }) => shard));
    await this.#tenants?.giveUp((key) => given.has(this.shardOf(key)));
    try {
      const rows = await store.claimShards(claims);
      this.learn(rows);
      this.#options.announce(rows);
      const tookMs = env.clock.monotonic() - startMs;
      env.log.info({ shards: [...given], target, tookMs }, 'shards were handed over');
    } finally {
      // Unknown whether the store has done it: the next table tells; until then they are ours as before.
      this.#resumeGiving(given);
    }
  }

  #resumeGiving(given: ReadonlySet<number>): void {
    const kept = new Set<number>();
    for (const shard of given) {
      const held = this.#held.get(shard);
      if (held?.phase !== 'giving') continue;
      held.phase = 'serving';
      kept.add(shard);
    }
    if (kept.size > 0) this.#tenants?.takeUp((key) => kept.has(this.shardOf(key)));
  }

  #drop(shards: readonly number[]): void {
    const dropped = new Set(shards.filter((shard) => this.#held.delete(shard)));
    if (dropped.size === 0) return;
    this.#tellChange();
    void this.#tenants?.giveUp((key) => dropped.has(this.shardOf(key)));
  }

  #tellChange(): void {
    for (const tell of [...this.#changes, ...this.#listeners]) tell();
  }
}
