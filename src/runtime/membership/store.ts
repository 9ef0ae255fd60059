// Who is a member and who owns which shard, as the store decides it: everything here is a compare-and-set in the same
// store as the journal, so that a shard's epoch and the appends that carry it can't disagree. Suspicion comes from
// elsewhere and decides nothing (DESIGN §4). No wall clock: a member lives while its beat changes, and each observer
// times that on its own monotonic clock. Adapters: memory-store.ts (simulation), redis/.

/** The fingerprint of a member's key (libp2p's peer id); in simulations any name. */
export type MemberId = string;

export type MemberRole = 'controller' | 'compute';

/** Who may take part, and where it is reached. */
export interface MemberRecord {
  readonly id: MemberId;
  readonly role: MemberRole;
  /** For people; of a compute member: the name of its host, and it may speak for no other. */
  readonly name: string;
  /** Where its transport listens, in the transport's own notation. */
  readonly addresses: readonly string[];
  /** Where its APIs answer; controllers only. */
  readonly apiUrl: string | undefined;
  /** Wall clock, for people. */
  readonly admittedAtMs: number;
  readonly isRevoked: boolean;
}

/** The sign of life of a controller. Compute members have no access to the store and leave none. */
export interface Presence {
  readonly member: MemberId;
  /** Grows with each start of the member. */
  readonly incarnation: number;
  /** Grows while it lives. */
  readonly beat: number;
  /** It is about to stop: it is to own nothing, and is no longer waited for. */
  readonly isLeaving: boolean;
  /** The generation of the store that its journal has caught up with. */
  readonly generation: number;
  /** Members that it does not reach at the moment: gossip. */
  readonly suspects: readonly MemberId[];
}

export interface ShardRow {
  readonly shard: number;
  readonly owner: MemberId | undefined;
  /** Of the owner when it took the shard: a restarted member owns nothing. */
  readonly incarnation: number;
  /** Number taken from the counter `fenceOf(shard)` by the owner; 0 if nobody ever owned it. */
  readonly epoch: number;
}

export interface ClusterTable {
  readonly members: readonly MemberRecord[];
  readonly presences: readonly Presence[];
  /** All shards, in order. */
  readonly shards: readonly ShardRow[];
  /** Grows when the store itself may have gone back in time: epochs of an older generation are fenced. */
  readonly generation: number;
}

export interface ShardClaim {
  readonly shard: number;
  /** As the caller saw it; another one means that somebody was quicker. */
  readonly expectedEpoch: number;
  readonly owner: MemberId;
  readonly incarnation: number;
}

/** superseded: a newer start of the member is known. unknown: never admitted, or removed. */
export type BeatAnswer =
  | { readonly ok: true; readonly table: ClusterTable }
  | { readonly ok: false; readonly reason: 'superseded' | 'unknown' | 'revoked' };

export interface JoinTokenRecord {
  /** SHA-256 of the secret, hexadecimal: the store never has the secret itself. */
  readonly hash: string;
  readonly role: MemberRole;
  /** Wall clock. */
  readonly expiresAtMs: number;
}

export type TokenAnswer =
  | { readonly ok: true; readonly role: MemberRole }
  | { readonly ok: false; readonly reason: 'unknown' | 'expired' | 'used' };

/** Methods reject with a JournalFault when the store is away; what they asked may then have happened. */
export interface ClusterStore {
  /** Makes the table of a new cluster; afterwards the number of shards is what it was made with, and that is returned. */
  initialise(shards: number): Promise<number>;
  /** Adds a member, or replaces what is known of it. A revoked id stays revoked. */
  admit(record: Omit<MemberRecord, 'isRevoked'>): Promise<void>;
  /** Its key is never accepted again; its presence ends. */
  revoke(id: MemberId): Promise<void>;
  /** Forgets a member that has left; it may be admitted again. */
  remove(id: MemberId): Promise<void>;
  /** A new start of a member: a higher incarnation than any before. */
  nextIncarnation(id: MemberId): Promise<number>;
  /** Stores the sign of life and reads the table in one go. */
  beat(presence: Presence): Promise<BeatAnswer>;
  table(): Promise<ClusterTable>;
  /**
   * Gives each shard to the claim's owner under a new epoch, if its epoch is still the expected one; from then on appends
   * under the old epoch are fenced. Answers one row per claim: as it is now, taken or not.
   */
  claimShards(claims: readonly ShardClaim[]): Promise<readonly ShardRow[]>;
  saveToken(token: JoinTokenRecord): Promise<void>;
  /** At most one caller hears ok. */
  useToken(hash: string, nowMs: number): Promise<TokenAnswer>;
}

/** The journal's counter that the epochs of a shard's owners are taken from. */
export function fenceOf(shard: number): string {
  return `shard/${shard}`;
}
