// Which shard an entity belongs to, and which member should own a shard. Pure, and the same in every member and release:
// a change here moves entities between owners while releases are mixed.
import type { EntityKey } from '../journal/port.ts';
import type { MemberId } from '../membership/store.ts';

/** Of a new cluster; each is a unit of ownership, so a multiple of the controllers that a cell has. */
export const DEFAULT_SHARDS = 64;

export function shardOf(key: EntityKey, shards: number): number {
  return hash(key) % shards;
}

/** Rendezvous hashing: when a member comes or goes, only the shards that it gets or had move. */
export function preferredOwner(shard: number, members: readonly MemberId[]): MemberId | undefined {
  let best: MemberId | undefined;
  let bestScore = -1;
  for (const member of members) {
    const score = hash(`${member}#${shard}`);
    if (score > bestScore || (score === bestScore && best !== undefined && member < best)) {
      best = member;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a over UTF-16 units with a final mix (the one of MurmurHash3), so that near names do not land side by side. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
