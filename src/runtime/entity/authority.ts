// Under which number a process may write to an entity. One process alone owns everything; in a cluster the shard's
// owner does (directory/shard-owner.ts). It is asked at every append: without an answer nothing is decided any more.
import type { EntityKey } from '../journal/port.ts';

export interface Stamp {
  readonly epoch: number;
  /** The journal's counter that the epoch was taken from; see AppendRequest. */
  readonly fence?: string;
}

export interface Authority {
  /** Undefined when another member owns the entity, or may own it by now. */
  stampOf(key: EntityKey): Stamp | undefined;
  /** The journal has answered `fenced`: another one has taken over. */
  lost(key: EntityKey): void;
}

/** Of a process that shares its journal with nobody: an append that is fenced means that it has a successor. */
export function soleAuthority(stamp: Stamp, onFenced: () => void): Authority {
  return { stampOf: () => stamp, lost: onFenced };
}
