// A controller's place in the cluster: leaves its sign of life in the store, reads the table with it, and tells which
// others live. A member lives while its beat changes within a lease, timed on this process's own monotonic clock; what
// gossip says (nobody reaches it) only shortens the wait. Its own lease ends by the same rule, seen from the other side.
import type { Cancel, Env } from '../env/env.ts';
import type { ClusterStore, ClusterTable, MemberId, MemberRecord, Presence } from './store.ts';

export interface MembershipOptions {
  readonly env: Env;
  readonly store: ClusterStore;
  readonly self: MemberId;
  readonly incarnation: number;
  /** Of the journal: see its `generation`. */
  generation(): number;
  /** Whether the transport has a link to a member now. */
  isConnected(member: MemberId): boolean;
  /** The store says that this process is not, or no longer, a member: it must end. */
  onExpelled(reason: 'superseded' | 'unknown' | 'revoked'): void;
}

export const BEAT_MS = 500;
/** Without a new beat for this long a member is dead to others. */
export const LEASE_MS = 3_000;
/** The same for a member that no living controller reaches. */
const SUSPECT_LEASE_MS = 2_000;
/** And to itself a little earlier than to anybody: it can't know that it is suspected, and clocks don't run alike. */
const OWN_LEASE_MS = SUSPECT_LEASE_MS - BEAT_MS;

interface Seen {
  readonly presence: Presence;
  /** When its beat last changed, on our monotonic clock. */
  readonly sinceMs: number;
}

export class Membership {
  readonly self: MemberId;
  readonly incarnation: number;
  readonly #options: MembershipOptions;
  readonly #seen = new Map<MemberId, Seen>();
  readonly #listeners = new Set<(table: ClusterTable) => void>();
  #table: ClusterTable = { members: [], presences: [], shards: [], generation: 0 };
  #beat = 0;
  /** When the last beat that the store took was sent. */
  #leasedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when the store's generation is what it is, on our monotonic clock. */
  #generationSinceMs = Number.NEGATIVE_INFINITY;
  #isStoreAway = false;
  #isLeaving = false;
  #isStopped = false;
  #running: Promise<void> | undefined;
  #cancelTimer: Cancel = () => undefined;

  constructor(options: MembershipOptions) {
    this.self = options.self;
    this.incarnation = options.incarnation;
    this.#options = options;
  }

  get table(): ClusterTable {
    return this.#table;
  }

  /** Others may still count on this member; after that it must not act as owner of anything. */
  get hasLease(): boolean {
    return this.#options.env.clock.monotonic() - this.#leasedAtMs < OWN_LEASE_MS;
  }

  /** The last beat did not reach the store: nothing can be written now. */
  get isStoreAway(): boolean {
    return this.#isStoreAway;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  record(id: MemberId): MemberRecord | undefined {
    return this.#table.members.find((member) => member.id === id);
  }

  /** Controllers that live and stay, this one included unless it leaves. */
  stayingControllers(): readonly MemberId[] {
    return this.#table.members
      .filter(({ id, role, isRevoked }) => role === 'controller' && !isRevoked && this.#stays(id))
      .map(({ id }) => id);
  }

  /** Whether a start of a member that owns something still lives. */
  isAlive(id: MemberId, incarnation: number): boolean {
    if (id === this.self) return incarnation === this.incarnation;
    const seen = this.#seen.get(id);
    if (seen === undefined || seen.presence.incarnation !== incarnation) return false;
    const record = this.record(id);
    if (record === undefined || record.isRevoked) return false;
    const quietMs = this.#options.env.clock.monotonic() - seen.sinceMs;
    return quietMs < (this.#isSuspect(id) ? SUSPECT_LEASE_MS : LEASE_MS);
  }

  /**
   * Every controller has given the store back what it had lost, should it have gone back in time, or had as long as a
   * lease to do so. Before that nobody may take anything over, or what another one acknowledged could come too late.
   */
  get isStoreWhole(): boolean {
    const { generation, presences } = this.#table;
    if (this.#options.generation() < generation) return false;
    const waitedMs = this.#options.env.clock.monotonic() - this.#generationSinceMs;
    const isBack = (presence: Presence): boolean =>
      presence.generation >= generation || presence.isLeaving;
    return waitedMs >= LEASE_MS || presences.every(isBack);
  }

  /** Whether a message would go there directly now. */
  reaches(id: MemberId): boolean {
    return this.#options.isConnected(id);
  }

  incarnationOf(id: MemberId): number {
    if (id === this.self) return this.incarnation;
    return this.#seen.get(id)?.presence.incarnation ?? 0;
  }

  /** Hears every table that is read. Returns the way out. */
  onTable(listener: (table: ClusterTable) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The first sign of life; rejects if the store can't be reached. Goes on by itself afterwards. */
  async start(): Promise<void> {
    await this.#beatOnce();
    this.#beatLater();
  }

  /** A sign of life and a look at the table at once; joins one that is under way. Never rejects. */
  refresh(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    this.#running ??= this.#beatOnce()
      .catch((error: unknown) => {
        this.#options.env.log.warn({ err: error }, 'the store did not take the sign of life');
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** From now on others count on this member no more. */
  leave(): Promise<void> {
    this.#isLeaving = true;
    return (this.#running ?? Promise.resolve()).then(() => this.refresh());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  #stays(id: MemberId): boolean {
    if (id === this.self) return !this.#isLeaving;
    const presence = this.#seen.get(id)?.presence;
    return presence !== undefined && !presence.isLeaving && this.isAlive(id, presence.incarnation);
  }

  /** Nobody who could know reaches it. */
  #isSuspect(id: MemberId): boolean {
    if (this.#options.isConnected(id)) return false;
    const nowMs = this.#options.env.clock.monotonic();
    return [...this.#seen.values()]
      .filter(({ presence, sinceMs }) => presence.member !== id && nowMs - sinceMs < LEASE_MS)
      .every(({ presence }) => presence.suspects.includes(id) || presence.member === this.self);
  }

  #beatLater(): void {
    if (this.#isStopped) return;
    this.#cancelTimer = this.#options.env.timers.after(BEAT_MS, () => {
      void this.refresh().then(() => this.#beatLater());
    });
  }

  async #beatOnce(): Promise<void> {
    const { env, store } = this.#options;
    const sentAtMs = env.clock.monotonic();
    this.#beat += 1;
    try {
      const answer = await store.beat(this.#presence());
      if (this.#isStopped) return;
      this.#isStoreAway = false;
      if (!answer.ok) {
        env.log.error({ member: this.self, reason: answer.reason }, 'the cluster has expelled us');
        return this.#options.onExpelled(answer.reason);
      }
      this.#leasedAtMs = sentAtMs;
      this.#observe(answer.table);
    } catch (error) {
      this.#isStoreAway = true;
      throw error;
    }
  }

  #presence(): Presence {
    return {
      member: this.self,
      incarnation: this.incarnation,
      beat: this.#beat,
      isLeaving: this.#isLeaving,
      generation: this.#options.generation(),
      suspects: this.#table.members
        .filter(({ id, role }) => role === 'controller' && id !== this.self)
        .map(({ id }) => id)
        .filter((id) => !this.#options.isConnected(id)),
    };
  }

  #observe(table: ClusterTable): void {
    const nowMs = this.#options.env.clock.monotonic();
    for (const presence of table.presences) {
      const before = this.#seen.get(presence.member)?.presence;
      const isNew = before?.beat !== presence.beat || before.incarnation !== presence.incarnation;
      const sinceMs = isNew ? nowMs : (this.#seen.get(presence.member)?.sinceMs ?? nowMs);
      this.#seen.set(presence.member, { presence, sinceMs });
    }
    if (table.generation > this.#table.generation) this.#generationSinceMs = nowMs;
    this.#table = table;
    for (const listener of this.#listeners) listener(table);
  }
}
