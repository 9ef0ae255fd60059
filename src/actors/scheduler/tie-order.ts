// The order among hosts of equal weight: round a circle of the hosts, from a place that hangs on the server, so that
// servers asked for at the same moment spread, and one server always sees the same order. Pure.
// The circle goes block by block, BLOCK hosts in each, and ends the first block before it leaves it: so the host index,
// which is made of such blocks, sees the hosts in this order.

/** Hosts in a block. */
export const BLOCK = 64;

export interface TieOrder {
  /** The smaller one comes first. */
  rank(slot: number): number;
  /** No slot of the block comes before it. */
  rankOfBlock(block: number): number;
  readonly firstBlock: number;
}

/** `slots`: how many hosts there are, chosen or not. */
export function tieOrder(serverId: string, slots: number): TieOrder {
  const blocks = Math.max(1, Math.ceil(slots / BLOCK));
  const firstSlot = hashOf(serverId) % Math.max(1, slots);
  const firstBlock = Math.floor(firstSlot / BLOCK);
  const rankOfBlock = (block: number): number =>
    ((block - firstBlock + blocks) % blocks) * BLOCK * 2;
  return {
    firstBlock,
    rankOfBlock,
    rank: (slot) => {
      const block = Math.floor(slot / BLOCK);
      const isLast = block === firstBlock && slot < firstSlot;
      return rankOfBlock(block) + (slot % BLOCK) + (isLast ? BLOCK : 0);
    },
  };
}

/** FNV-1a, mixed: only its order matters. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
