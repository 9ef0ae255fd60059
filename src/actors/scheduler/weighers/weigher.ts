// What a weigher is: one figure of a host, the more the better. Figures are brought to 0…1 over the hosts in the choice
// before they are multiplied and added, as nova.weights does, so that MiB and processors can be compared. A multiplier
// comes from the metadata of the host's aggregates (`ram_weight_multiplier`), else from the settings. Pure.
import { aggregateNumber } from '../aggregate-values.ts';
import type { FilterContext } from '../filters/filter.ts';
import type { HostView } from '../host-view.ts';
import type { RequestSpec } from '../protocol.ts';
import type { SchedulerSettings, WeightMultipliers } from '../settings.ts';

export interface Weigher {
  readonly name: string;
  /** How much the figure counts; a negative one turns it round (packing instead of spreading). */
  readonly multiplier: keyof WeightMultipliers;
  /** The key in an aggregate's metadata that says otherwise. */
  readonly aggregateKey: string;
  /** 0…1 begins here, and figures below count as this one; without it, at the least figure among the hosts. */
  readonly least?: number;
  /** Hangs on the request's server group: of any host that holds none of its servers it is 0. */
  readonly isPersonal?: true;
  weigh(host: HostView, spec: RequestSpec, context: FilterContext): number;
}

export function multiplierOf(
  weigher: Weigher,
  host: HostView,
  { weights }: Pick<SchedulerSettings, 'weights'>,
): number {
  return aggregateNumber(host, weigher.aggregateKey, weights[weigher.multiplier]);
}

/** The figure as it counts: not below the weigher's least one. */
export function figureOf(weigher: Weigher, figure: number): number {
  return weigher.least === undefined ? figure : Math.max(figure, weigher.least);
}

export interface Weighed {
  readonly weigher: string;
  readonly figure: number;
  /** 0…1. */
  readonly share: number;
  readonly multiplier: number;
}

/** How each weigher counts for each host, in the hosts' order. Where all have the same figure it counts for nothing. */
export function weighEach(
  hosts: readonly HostView[],
  weighers: readonly Weigher[],
  { spec, context }: { readonly spec: RequestSpec; readonly context: FilterContext },
): readonly (readonly Weighed[])[] {
  const rows: Weighed[][] = hosts.map(() => []);
  for (const weigher of weighers) {
    const figures = hosts.map((host) => figureOf(weigher, weigher.weigh(host, spec, context)));
    const most = figures.reduce((a, b) => Math.max(a, b), -Infinity);
    const least = weigher.least ?? figures.reduce((a, b) => Math.min(a, b), Infinity);
    hosts.forEach((host, i) => {
      const figure = figures[i] ?? 0;
      const share = most === least ? 0 : (figure - least) / (most - least);
      const multiplier = multiplierOf(weigher, host, context.settings);
      rows[i]?.push({ weigher: weigher.name, figure, share, multiplier });
    });
  }
  return rows;
}

export function weightOf(row: readonly Weighed[]): number {
  let sum = 0;
  for (const { share, multiplier } of row) sum += multiplier * share;
  return sum;
}
