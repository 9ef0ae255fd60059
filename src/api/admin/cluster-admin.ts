// What the owner of a member's machine may ask of the running process: who is here, who owns what, join tokens, leaving.
// Asked over a socket that only the owner can open (control-server.ts); never over the network.
import type { Observable } from 'rxjs';
import type { FeedLine } from '#runtime/events/feed.ts';
import type { MemberId, MemberRole } from '#runtime/membership/store.ts';

/** up: it is seen now. away: it is not. leaving: it hands over what it has. */
export type MemberState = 'up' | 'away' | 'leaving' | 'revoked';

export interface MemberRow {
  readonly id: MemberId;
  readonly name: string;
  readonly role: MemberRole;
  readonly state: MemberState;
  /** The one that answers. */
  readonly isSelf: boolean;
  /** Controllers: how many shards it owns, and of which start. */
  readonly shards: number;
  readonly incarnation: number;
  readonly apiUrl: string | undefined;
  readonly addresses: readonly string[];
  readonly admittedAtMs: number;
}

/** served: a living member owns it. orphan: its owner is gone, or it never had one. */
export interface ShardState {
  readonly shard: number;
  readonly state: 'served' | 'orphan';
  readonly owner: MemberId | undefined;
  readonly ownerName: string | undefined;
  readonly epoch: number;
}

export interface NewToken {
  readonly token: string;
  readonly role: MemberRole;
  readonly expiresAtMs: number;
}

/** Every method may reject in words for the asker: an AdminRefusal, or trouble with the store. */
export interface ClusterAdmin {
  members(): Promise<readonly MemberRow[]>;
  shards(): Promise<readonly ShardState[]>;
  createToken(role: MemberRole): Promise<NewToken>;
  /** Hands everything over and gives up the membership. The process ends itself afterwards. */
  leave(options: { readonly force: boolean }): Promise<void>;
  /** Every commit from now on, of one kind of entities or of all; undefined where no journal is. */
  watch?(kind: string | undefined): Observable<FeedLine>;
  /** By id, or by a name or beginning of an id that only one member has. */
  revoke(member: string): Promise<MemberRow>;
}

/** The question can't be granted as things are; the message says why and what to do. */
export class AdminRefusal extends Error {
  override readonly name = 'AdminRefusal';
}
