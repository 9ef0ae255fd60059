// Bounds for the hosts of a block: no host in it that passes weighs more. Two of them, of which the lesser counts:
// - from each weigher's greatest (or least) figure in the block, in the same order of operations as a weight is computed,
//   so that rounding can't put it below one; it is exact where hosts are alike;
// - from the greatest weight in the block at an earlier time (the base), plus the most that the scales' change since can
//   have added; it is tight where hosts are all different, and made so again by `rebase`. Rounding is allowed for.
import { type Column, type Figures, widened } from './figures.ts';
import { BLOCK } from './tie-order.ts';

/** How a column is brought to 0…1 in a choice. */
export interface Scale {
  readonly column: number;
  readonly least: number;
  readonly range: number;
}

/** One weigher's extremes by block, over the hosts that pass. */
interface Extremes {
  most: Float64Array;
  least: Float64Array;
}

const ROUNDING = 1e-9;

export class BlockBounds {
  readonly #figures: Figures;
  readonly #extremes: readonly Extremes[];
  #slots = 0;
  #blocks = 0;
  #passing = new Int32Array(0);
  /** Weights at the base, by slot, and the greatest one by block. */
  #atBase = new Float64Array(0);
  #mostAtBase = new Float64Array(0);
  #base: readonly Scale[] = [];
  /** Of the blocks that this choice may still look into. */
  #bound = new Float64Array(0);
  /** For the second of the two bounds. */
  #atBlock = new Float64Array(0);

  constructor(figures: Figures) {
    this.#figures = figures;
    this.#extremes = figures.columns.map(() => ({
      most: new Float64Array(0),
      least: new Float64Array(0),
    }));
  }

  get blocks(): number {
    return this.#blocks;
  }

  widen(slots: number): void {
    this.#slots = slots;
    this.#blocks = Math.ceil(slots / BLOCK);
    this.#passing = widened(this.#passing, this.#blocks);
    this.#atBase = widened(this.#atBase, slots);
    this.#mostAtBase = widened(this.#mostAtBase, this.#blocks);
    this.#bound = widened(this.#bound, this.#blocks);
    this.#atBlock = widened(this.#atBlock, this.#blocks);
    for (const at of this.#extremes) {
      at.most = widened(at.most, this.#blocks);
      at.least = widened(at.least, this.#blocks);
    }
  }

  /** How many hosts pass. */
  passing(): number {
    let sum = 0;
    for (let block = 0; block < this.#blocks; block += 1) sum += this.#passing[block] as number;
    return sum;
  }

  /** A host's figures changed; its block is summarised afterwards. */
  changed(slot: number): void {
    this.#atBase[slot] = this.weight(slot, this.#base, undefined);
  }

  summarise(block: number, passes: Uint8Array): void {
    const first = block * BLOCK;
    const end = Math.min(first + BLOCK, this.#slots);
    let passing = 0;
    let mostAtBase = -Infinity;
    for (let slot = first; slot < end; slot += 1) {
      if (passes[slot] !== 1) continue;
      passing += 1;
      const weight = this.#atBase[slot] as number;
      if (weight > mostAtBase) mostAtBase = weight;
    }
    this.#passing[block] = passing;
    this.#mostAtBase[block] = mostAtBase;
    const { columns } = this.#figures;
    for (let index = 0; index < columns.length; index += 1) {
      const { figures, flat } = columns[index] as Column;
      if (flat.value !== undefined) continue;
      let high = -Infinity;
      let low = Infinity;
      for (let slot = first; slot < end; slot += 1) {
        if (passes[slot] !== 1) continue;
        const figure = figures[slot] as number;
        if (figure > high) high = figure;
        if (figure < low) low = figure;
      }
      const at = this.#extremes[index] as Extremes;
      at.most[block] = high;
      at.least[block] = low;
    }
  }

  /** Takes the weights as they are now for the base. */
  rebase(scales: readonly Scale[], passes: Uint8Array): void {
    this.#base = scales.filter(
      ({ column }) => this.#figures.columns[column]?.flat.value === undefined,
    );
    for (let slot = 0; slot < this.#slots; slot += 1)
      this.#atBase[slot] = this.weight(slot, this.#base, undefined);
    for (let block = 0; block < this.#blocks; block += 1) {
      let most = -Infinity;
      const end = Math.min((block + 1) * BLOCK, this.#slots);
      for (let slot = block * BLOCK; slot < end; slot += 1)
        if (passes[slot] === 1 && (this.#atBase[slot] as number) > most)
          most = this.#atBase[slot] as number;
      this.#mostAtBase[block] = most;
    }
  }

  weight(slot: number, scales: readonly Scale[], own: readonly number[] | undefined): number {
    const { columns } = this.#figures;
    let sum = 0;
    for (let at = 0; at < scales.length; at += 1) {
      const { column, least, range } = scales[at] as Scale;
      const { figures, multipliers } = columns[column] as Column;
      const figure = own === undefined ? (figures[slot] as number) : (own[column] as number);
      sum += (multipliers[slot] as number) * ((figure - least) / range);
    }
    return sum;
  }

  /** Only of weighers that tell the hosts in the choice apart, or count for all of them alike. */
  scales(
    passes: Uint8Array,
    overlay: ReadonlyMap<number, { readonly figures: readonly number[] } | undefined>,
    own: ReadonlyMap<number, ReadonlySet<number>>,
  ): readonly Scale[] {
    const scales: Scale[] = [];
    const { columns } = this.#figures;
    for (let column = 0; column < columns.length; column += 1) {
      const { weigher } = columns[column] as Column;
      let [low, high] = this.#range(column, passes, own);
      for (const host of overlay.values()) {
        if (host === undefined) continue;
        const figure = host.figures[column] as number;
        if (figure > high) high = figure;
        if (figure < low) low = figure;
      }
      const least = weigher.least ?? low;
      if (high !== least && high !== -Infinity) scales.push({ column, least, range: high - least });
    }
    return scales;
  }

  /** Over the hosts that pass and are not in the overlay. */
  #range(
    column: number,
    passes: Uint8Array,
    own: ReadonlyMap<number, ReadonlySet<number>>,
  ): [number, number] {
    const { figures, flat } = this.#figures.columns[column] as Column;
    const { most, least } = this.#extremes[column] as Extremes;
    let high = -Infinity;
    let low = Infinity;
    for (let block = 0; block < this.#blocks; block += 1) {
      if (this.#passing[block] === 0) continue;
      const slots = own.size === 0 ? undefined : own.get(block);
      if (slots === undefined) {
        if (flat.value !== undefined) {
          high = Math.max(high, flat.value);
          low = Math.min(low, flat.value);
          if (own.size === 0) break;
          continue;
        }
        if ((most[block] as number) > high) high = most[block] as number;
        if ((least[block] as number) < low) low = least[block] as number;
        continue;
      }
      const end = Math.min((block + 1) * BLOCK, this.#slots);
      for (let slot = block * BLOCK; slot < end; slot += 1) {
        if (passes[slot] !== 1 || slots.has(slot)) continue;
        const figure = figures[slot] as number;
        if (figure > high) high = figure;
        if (figure < low) low = figure;
      }
    }
    return [low, high];
  }

  /** Works out the bounds for a choice; `usual` is what every host weighs besides. */
  prepare(scales: readonly Scale[], usual: number): void {
    this.#fromExtremes(scales, usual);
    this.#fromBase(scales, usual);
    for (let block = 0; block < this.#blocks; block += 1)
      if (this.#passing[block] === 0) this.#bound[block] = Number.NaN;
  }

  bound(block: number): number {
    return this.#bound[block] as number;
  }

  done(block: number): void {
    this.#bound[block] = Number.NaN;
  }

  /** The block of the greatest bound, the first one from `from` on among equals; −1 when all are done. */
  nextBlock(from: number): number {
    let best = -1;
    let most = -Infinity;
    for (let n = 0; n < this.#blocks; n += 1) {
      const block = from + n < this.#blocks ? from + n : from + n - this.#blocks;
      const bound = this.#bound[block] as number;
      if (bound > most || (best < 0 && bound === most)) {
        most = bound;
        best = block;
      }
    }
    return best;
  }

  #fromExtremes(scales: readonly Scale[], usual: number): void {
    const bounds = this.#bound;
    const blocks = this.#blocks;
    bounds.fill(0);
    for (const { column, least, range } of scales) {
      const { flat, uniform, multipliers } = this.#figures.columns[column] as Column;
      const { most, least: low } = this.#extremes[column] as Extremes;
      const multiplier = uniform.value;
      if (multiplier === undefined) {
        for (let block = 0; block < blocks; block += 1) {
          const share = (figure: number): number => ((flat.value ?? figure) - least) / range;
          const within = { high: share(most[block] as number), low: share(low[block] as number) };
          const part = mostOf(multipliers, block, { slots: this.#slots, ...within });
          bounds[block] = (bounds[block] as number) + part;
        }
        continue;
      }
      const figures = multiplier >= 0 ? most : low;
      for (let block = 0; block < blocks; block += 1) {
        const figure = flat.value ?? figures[block] ?? 0;
        bounds[block] = (bounds[block] as number) + multiplier * ((figure - least) / range);
      }
    }
    for (let block = 0; block < blocks; block += 1)
      bounds[block] = (bounds[block] as number) + usual;
  }

  /** Only where each weigher counts the same for all hosts. */
  #fromBase(scales: readonly Scale[], usual: number): void {
    const { columns } = this.#figures;
    if (columns.some(({ uniform }) => uniform.value === undefined)) return;
    let constant = usual;
    let size = Math.abs(usual);
    const shifts = new Map<number, number>();
    for (const [sign, some] of [
      [1, scales],
      [-1, this.#base],
    ] as const)
      for (const { column, least, range } of some) {
        const { flat, uniform } = columns[column] as Column;
        const part = (sign * (uniform.value as number)) / range;
        size += Math.abs(uniform.value as number);
        constant -= part * least;
        if (flat.value === undefined) shifts.set(column, (shifts.get(column) ?? 0) + part);
        else constant += part * flat.value;
      }
    constant += ROUNDING * size;
    const bounds = this.#atBlock;
    for (let block = 0; block < this.#blocks; block += 1)
      bounds[block] = (this.#mostAtBase[block] as number) + constant;
    for (const [column, shift] of shifts) {
      if (shift === 0) continue;
      const { most, least } = this.#extremes[column] as Extremes;
      const figures = shift > 0 ? most : least;
      for (let block = 0; block < this.#blocks; block += 1)
        bounds[block] = (bounds[block] as number) + shift * (figures[block] as number);
    }
    for (let block = 0; block < this.#blocks; block += 1)
      if ((bounds[block] as number) < (this.#bound[block] as number))
        this.#bound[block] = bounds[block] as number;
  }
}

/** The greatest product of a multiplier in the block and a share between `low` and `high`. */
function mostOf(
  multipliers: Float64Array,
  block: number,
  within: { readonly slots: number; readonly high: number; readonly low: number },
): number {
  const { slots, high, low } = within;
  let most = -Infinity;
  const end = Math.min((block + 1) * BLOCK, slots);
  for (let slot = block * BLOCK; slot < end; slot += 1) {
    const multiplier = multipliers[slot] as number;
    most = Math.max(most, multiplier * (multiplier >= 0 ? high : low));
  }
  return most;
}
