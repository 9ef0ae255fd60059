// For all requests of one shape (flavor, image, zone and the like): which hosts pass the filters, and over blocks of them
// what is needed to choose without looking into most blocks. Exact: a block is left out only when no host in it can be
// better than what has been found, by the least of two bounds (block-bounds.ts).
import { BlockBounds, type Scale } from './block-bounds.ts';
import { firstRefusal } from './candidates.ts';
import { type Figures, widened } from './figures.ts';
import type { Filter, FilterContext } from './filters/filter.ts';
import type { HostTable } from './host-table.ts';
import type { RequestSpec } from './protocol.ts';
import { BLOCK, type TieOrder } from './tie-order.ts';

/** Hosts that are to be taken otherwise in this one request: undefined for one that is refused. */
export type Overlay = ReadonlyMap<number, OwnFigures | undefined>;
export interface OwnFigures {
  /** In the order of the columns. */
  readonly figures: readonly number[];
}

export interface Ranked {
  readonly slot: number;
  readonly weight: number;
}

export interface ShapeOptions {
  readonly table: HostTable;
  readonly figures: Figures;
  /** Any request of the shape. */
  readonly spec: RequestSpec;
  readonly context: FilterContext;
  /** None of them personal. */
  readonly filters: readonly Filter[];
}

interface Found extends Ranked {
  readonly rank: number;
}

/** Blocks that a choice may look into before the bounds are made tight again, and choices between two such times. */
const MANY_BLOCKS = 6;
const REBASE_AFTER = 16;

export class ShapeIndex {
  readonly #options: ShapeOptions;
  readonly #bounds: BlockBounds;
  readonly #stale = new Set<number>();
  #passes = new Uint8Array(0);
  #slots = 0;
  #version = -1;
  #epoch = -1;
  #choices = 0;

  constructor(options: ShapeOptions) {
    this.#options = options;
    this.#bounds = new BlockBounds(options.figures);
  }

  /** Takes up what has changed in the table since the last call. */
  sync(): void {
    const { table, figures } = this.#options;
    figures.sync();
    if (table.version === this.#version) return;
    this.#slots = table.views.length;
    this.#passes = widened(this.#passes, this.#slots);
    this.#bounds.widen(this.#slots);
    const isFollowing =
      this.#version >= 0 && table.changesSince(this.#version, (slot) => this.#evaluate(slot));
    if (!isFollowing) for (let slot = 0; slot < this.#slots; slot += 1) this.#evaluate(slot);
    this.#version = table.version;
    if (figures.epoch !== this.#epoch) {
      this.#epoch = figures.epoch;
      for (let block = 0; block < this.#bounds.blocks; block += 1) this.#stale.add(block);
    }
    for (const block of this.#stale) this.#bounds.summarise(block, this.#passes);
    this.#stale.clear();
  }

  /** Whether any host outside the overlay passes. */
  hasOthers(overlay: Overlay): boolean {
    let passing = this.#bounds.passing();
    for (const slot of overlay.keys()) passing -= this.#passes[slot] ?? 0;
    return passing > 0;
  }

  /** The best `count` hosts. `extra` is what a host of the overlay weighs besides, and (for −1) any other. */
  best(
    count: number,
    order: TieOrder,
    by: { readonly overlay: Overlay; readonly extra: (slot: number) => number },
  ): readonly Ranked[] {
    const { overlay, extra } = by;
    const bounds = this.#bounds;
    const own = blocksOf(overlay);
    const scales = bounds.scales(this.#passes, overlay, own);
    const usual = extra(-1);
    const found: Found[] = [];
    for (const [slot, host] of overlay)
      if (host !== undefined) {
        const weight = bounds.weight(slot, scales, host.figures) + extra(slot);
        insert(found, { slot, weight, rank: order.rank(slot) }, count);
      }
    bounds.prepare(scales, usual);
    let looked = 0;
    for (;;) {
      const block = bounds.nextBlock(order.firstBlock);
      if (block < 0) break;
      const worst = found[count - 1];
      if (worst !== undefined) {
        const bound = bounds.bound(block);
        const earliest = order.rankOfBlock(block);
        if (bound < worst.weight || (bound === worst.weight && earliest > worst.rank)) break;
      }
      looked += 1;
      this.#look(block, { found, count, order, scales, usual, own: own.get(block) });
      bounds.done(block);
    }
    this.#choices += 1;
    if (looked > MANY_BLOCKS && this.#choices >= REBASE_AFTER) {
      this.#choices = 0;
      bounds.rebase(scales, this.#passes);
    }
    return found;
  }

  #look(
    block: number,
    by: {
      readonly found: Found[];
      readonly count: number;
      readonly order: TieOrder;
      readonly scales: readonly Scale[];
      readonly usual: number;
      readonly own: ReadonlySet<number> | undefined;
    },
  ): void {
    const { found, count, order, scales, usual, own } = by;
    const end = Math.min((block + 1) * BLOCK, this.#slots);
    for (let slot = block * BLOCK; slot < end; slot += 1) {
      if (this.#passes[slot] !== 1 || own?.has(slot) === true) continue;
      const weight = this.#bounds.weight(slot, scales, undefined) + usual;
      const worst = found[count - 1];
      if (worst !== undefined && weight < worst.weight) continue;
      insert(found, { slot, weight, rank: order.rank(slot) }, count);
    }
  }

  #evaluate(slot: number): void {
    const { table, spec, context, filters } = this.#options;
    const host = table.views[slot];
    const passes =
      host !== undefined && firstRefusal(filters, host, { spec, context }) === undefined;
    this.#passes[slot] = passes ? 1 : 0;
    this.#bounds.changed(slot);
    this.#stale.add(Math.floor(slot / BLOCK));
  }
}

function blocksOf(overlay: Overlay): ReadonlyMap<number, ReadonlySet<number>> {
  const blocks = new Map<number, Set<number>>();
  for (const slot of overlay.keys()) {
    const block = Math.floor(slot / BLOCK);
    const slots = blocks.get(block);
    if (slots === undefined) blocks.set(block, new Set([slot]));
    else slots.add(slot);
  }
  return blocks;
}

/** Best first; equal ones by their rank. */
function insert(found: Found[], one: Found, count: number): void {
  let at = found.length;
  while (at > 0 && isBefore(one, found[at - 1] as Found)) at -= 1;
  if (at >= count) return;
  found.splice(at, 0, one);
  if (found.length > count) found.pop();
}

function isBefore(one: Found, other: Found): boolean {
  return one.weight > other.weight || (one.weight === other.weight && one.rank < other.rank);
}
