// For all requests of one shape (flavor, image, zone and the like): which hosts pass the filters, and over blocks of them
// the greatest and least figure of each weigher, so that a choice looks into few blocks. Exact: a block is left out only
// when its bound, computed in the same order of operations as a host's weight and so never below it, is not above what
// has been found.
import { firstRefusal } from './candidates.ts';
import { type Column, type Figures, widened } from './figures.ts';
import type { Filter, FilterContext } from './filters/filter.ts';
import type { HostTable } from './host-table.ts';
import type { RequestSpec } from './protocol.ts';
import { BLOCK, type TieOrder } from './tie-order.ts';

/** One weigher's extremes by block, over the hosts that pass. */
interface Extremes {
  most: Float64Array;
  least: Float64Array;
  mostMultiplier: Float64Array;
  leastMultiplier: Float64Array;
}

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

/** How a column is brought to 0…1 in this choice. */
interface Scale {
  readonly column: number;
  readonly least: number;
  readonly range: number;
}

export class ShapeIndex {
  readonly #options: ShapeOptions;
  readonly #columns: readonly Column[];
  readonly #extremes: readonly Extremes[];
  #passes = new Uint8Array(0);
  /** How many hosts of a block pass. */
  #passing = new Int32Array(0);
  #slots = 0;
  #blocks = 0;
  readonly #stale = new Set<number>();
  #version = -1;

  constructor(options: ShapeOptions) {
    this.#options = options;
    this.#columns = options.figures.columns;
    this.#extremes = this.#columns.map(() => ({
      most: new Float64Array(0),
      least: new Float64Array(0),
      mostMultiplier: new Float64Array(0),
      leastMultiplier: new Float64Array(0),
    }));
  }

  /** Takes up what has changed in the table since the last call. */
  sync(): void {
    const { table, figures } = this.#options;
    figures.sync();
    if (table.version === this.#version) return;
    this.#widen(table.views.length);
    const isFollowing =
      this.#version >= 0 && table.changesSince(this.#version, (slot) => this.#evaluate(slot));
    if (!isFollowing) for (let slot = 0; slot < this.#slots; slot += 1) this.#evaluate(slot);
    this.#version = table.version;
    for (const block of this.#stale) this.#summarise(block);
    this.#stale.clear();
  }

  /** Whether any host outside the overlay passes. */
  hasOthers(overlay: Overlay): boolean {
    let passing = 0;
    for (let block = 0; block < this.#blocks; block += 1) passing += this.#passing[block] ?? 0;
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
    const own = blocksOf(overlay);
    const scales = this.#scales(overlay, own);
    const usual = extra(-1);
    const found: Ranked[] = [];
    for (let n = 0; n < this.#blocks; n += 1) {
      const block = (order.firstBlock + n) % this.#blocks;
      const hasOwn = own.size > 0 && own.has(block);
      if (!hasOwn && !this.#isWorthwhile(block, scales, { found, count, usual })) continue;
      const first = block * BLOCK;
      const end = Math.min(first + BLOCK, this.#slots);
      const start = block === order.firstBlock ? order.firstSlot : first;
      for (let at = 0; at < end - first; at += 1) {
        const slot = start + at < end ? start + at : start + at - (end - first);
        const isOwn = hasOwn && overlay.has(slot);
        const figures = isOwn ? overlay.get(slot)?.figures : undefined;
        if (isOwn ? figures === undefined : this.#passes[slot] !== 1) continue;
        const weight = this.#weight(slot, scales, figures) + (isOwn ? extra(slot) : usual);
        insert(found, { slot, weight }, count);
      }
    }
    return found;
  }

  #isWorthwhile(
    block: number,
    scales: readonly Scale[],
    so: { readonly found: readonly Ranked[]; readonly count: number; readonly usual: number },
  ): boolean {
    if (this.#passing[block] === 0) return false;
    const worst = so.found[so.count - 1];
    return worst === undefined || this.#bound(block, scales) + so.usual > worst.weight;
  }

  #weight(slot: number, scales: readonly Scale[], own: readonly number[] | undefined): number {
    let sum = 0;
    for (const { column, least, range } of scales) {
      const { figures, multipliers } = this.#columns[column] as Column;
      const figure = own === undefined ? (figures[slot] as number) : (own[column] as number);
      sum += (multipliers[slot] as number) * ((figure - least) / range);
    }
    return sum;
  }

  /** No host of the block weighs more. */
  #bound(block: number, scales: readonly Scale[]): number {
    let sum = 0;
    for (const { column, least, range } of scales) {
      const at = this.#extremes[column] as Extremes;
      const high = ((at.most[block] as number) - least) / range;
      const low = ((at.least[block] as number) - least) / range;
      const more = at.mostMultiplier[block] as number;
      const less = at.leastMultiplier[block] as number;
      if (more === less) sum += more * (more >= 0 ? high : low);
      else sum += Math.max(more * high, more * low, less * high, less * low);
    }
    return sum;
  }

  /** Only of weighers that tell hosts apart. */
  #scales(overlay: Overlay, own: ReadonlyMap<number, ReadonlySet<number>>): readonly Scale[] {
    const scales: Scale[] = [];
    for (const [column, { weigher }] of this.#columns.entries()) {
      const [low, high] = this.#range(column, overlay, own);
      const least = weigher.least ?? low;
      if (high !== least && high !== -Infinity) scales.push({ column, least, range: high - least });
    }
    return scales;
  }

  /** The least and the greatest figure among the hosts in the choice. */
  #range(
    column: number,
    overlay: Overlay,
    own: ReadonlyMap<number, ReadonlySet<number>>,
  ): readonly [number, number] {
    const { most, least } = this.#extremes[column] as Extremes;
    const { figures } = this.#columns[column] as Column;
    let high = -Infinity;
    let low = Infinity;
    const see = (figure: number): void => {
      if (figure > high) high = figure;
      if (figure < low) low = figure;
    };
    for (let block = 0; block < this.#blocks; block += 1) {
      if (this.#passing[block] === 0) continue;
      const slots = own.size === 0 ? undefined : own.get(block);
      if (slots === undefined) {
        if ((most[block] as number) > high) high = most[block] as number;
        if ((least[block] as number) < low) low = least[block] as number;
        continue;
      }
      const end = Math.min((block + 1) * BLOCK, this.#slots);
      for (let slot = block * BLOCK; slot < end; slot += 1)
        if (this.#passes[slot] === 1 && !slots.has(slot)) see(figures[slot] as number);
    }
    for (const host of overlay.values())
      if (host !== undefined) see(host.figures[column] as number);
    return [low, high];
  }

  #evaluate(slot: number): void {
    const { table, spec, context, filters } = this.#options;
    const host = table.views[slot];
    const passes =
      host !== undefined && firstRefusal(filters, host, { spec, context }) === undefined;
    this.#passes[slot] = passes ? 1 : 0;
    this.#stale.add(Math.floor(slot / BLOCK));
  }

  #summarise(block: number): void {
    const first = block * BLOCK;
    const end = Math.min(first + BLOCK, this.#slots);
    let passing = 0;
    for (let slot = first; slot < end; slot += 1) passing += this.#passes[slot] as number;
    this.#passing[block] = passing;
    for (const [index, { figures, multipliers }] of this.#columns.entries()) {
      let [high, low, more, less] = [-Infinity, Infinity, -Infinity, Infinity];
      for (let slot = first; slot < end; slot += 1) {
        if (this.#passes[slot] !== 1) continue;
        const figure = figures[slot] as number;
        const multiplier = multipliers[slot] as number;
        if (figure > high) high = figure;
        if (figure < low) low = figure;
        if (multiplier > more) more = multiplier;
        if (multiplier < less) less = multiplier;
      }
      const at = this.#extremes[index] as Extremes;
      at.most[block] = high;
      at.least[block] = low;
      at.mostMultiplier[block] = more;
      at.leastMultiplier[block] = less;
    }
  }

  #widen(slots: number): void {
    this.#slots = slots;
    this.#blocks = Math.ceil(slots / BLOCK);
    this.#passes = widened(this.#passes, slots);
    this.#passing = widened(this.#passing, this.#blocks);
    for (const at of this.#extremes) {
      at.most = widened(at.most, this.#blocks);
      at.least = widened(at.least, this.#blocks);
      at.mostMultiplier = widened(at.mostMultiplier, this.#blocks);
      at.leastMultiplier = widened(at.leastMultiplier, this.#blocks);
    }
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

/** Best first; among equals those that came first stay before. */
function insert(found: Ranked[], one: Ranked, count: number): void {
  let at = found.length;
  while (at > 0 && (found[at - 1] as Ranked).weight < one.weight) at -= 1;
  if (at >= count) return;
  found.splice(at, 0, one);
  if (found.length > count) found.pop();
}
