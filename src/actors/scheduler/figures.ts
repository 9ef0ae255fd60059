// What each weigher makes of each host, in flat arrays that all shapes of requests share: these figures hang on the host
// alone. (What hangs on the request's group is added at the choice; ImagePropertiesWeigher has columns of its own.)
import type { FilterContext } from './filters/filter.ts';
import type { HostTable } from './host-table.ts';
import type { RequestSpec } from './protocol.ts';
import { figureOf, multiplierOf, type Weigher } from './weighers/weigher.ts';

/** One weigher's column, by slot. */
export interface Column {
  readonly weigher: Weigher;
  figures: Float64Array;
  multipliers: Float64Array;
  /** The figure that all hosts have, as long as they all have the same. */
  readonly flat: Same;
  /** The same of the multipliers. */
  readonly uniform: Same;
}

/** What all hosts have in common; `NaN` before the first one. */
class Same {
  value: number | undefined = Number.NaN;

  /** Whether that ended something that all had in common. */
  see(value: number): boolean {
    if (this.value === undefined || this.value === value) return false;
    const isFirst = Number.isNaN(this.value);
    this.value = isFirst ? value : undefined;
    return !isFirst;
  }
}

export class Figures {
  readonly columns: readonly Column[];
  readonly #table: HostTable;
  readonly #by: { readonly spec: RequestSpec; readonly context: FilterContext };
  #version = -1;
  /** Grows when a column is not flat any more. */
  epoch = 0;

  /** `spec` matters only to weighers that look at it. */
  constructor(
    table: HostTable,
    weighers: readonly Weigher[],
    by: { readonly spec: RequestSpec; readonly context: FilterContext },
  ) {
    this.#table = table;
    this.#by = by;
    this.columns = weighers.map((weigher) => ({
      weigher,
      figures: new Float64Array(0),
      multipliers: new Float64Array(0),
      flat: new Same(),
      uniform: new Same(),
    }));
  }

  /** Takes up what has changed in the table since the last call. */
  sync(): void {
    const { version, views } = this.#table;
    if (version === this.#version) return;
    for (const column of this.columns) {
      column.figures = widened(column.figures, views.length);
      column.multipliers = widened(column.multipliers, views.length);
    }
    const isFollowing =
      this.#version >= 0 && this.#table.changesSince(this.#version, (slot) => this.#renew(slot));
    if (!isFollowing) for (let slot = 0; slot < views.length; slot += 1) this.#renew(slot);
    this.#version = version;
  }

  #renew(slot: number): void {
    const host = this.#table.views[slot];
    if (host === undefined) return;
    const { spec, context } = this.#by;
    for (const { weigher, figures, multipliers, flat, uniform } of this.columns) {
      const figure = figureOf(weigher, weigher.weigh(host, spec, context));
      const multiplier = multiplierOf(weigher, host, context.settings);
      figures[slot] = figure;
      multipliers[slot] = multiplier;
      if (flat.see(figure)) this.epoch += 1;
      if (uniform.see(multiplier)) this.epoch += 1;
    }
  }
}

export function widened<T extends Float64Array | Uint8Array | Int32Array>(old: T, size: number): T {
  if (old.length >= size) return old;
  const Kind = old.constructor as new (length: number) => T;
  // Doubled, so that hosts which come one by one don't copy it each time.
  const wider = new Kind(Math.max(size, old.length * 2));
  wider.set(old);
  return wider;
}
