// What a weigher is: one figure of a host, the more the better. Figures are brought to 0…1 over the hosts in the
// choice before they are multiplied and added, as nova.weights does, so that MiB and processors can be compared. Pure.
import type { HostView } from '../host-view.ts';

export interface Weigher {
  readonly name: string;
  /** How much this figure counts; a negative one turns it round (packing instead of spreading). */
  readonly multiplier: number;
  weigh(host: HostView): number;
}

/** One weight per host, in their order. Where all hosts have the same figure it counts for nothing. */
export function weighAll(hosts: readonly HostView[], weighers: readonly Weigher[]): number[] {
  const sums = hosts.map(() => 0);
  for (const weigher of weighers) {
    const figures = hosts.map((host) => weigher.weigh(host));
    const least = figures.reduce((a, b) => Math.min(a, b), Infinity);
    const most = figures.reduce((a, b) => Math.max(a, b), -Infinity);
    if (most === least) continue;
    figures.forEach((figure, i) => {
      sums[i] = (sums[i] ?? 0) + (weigher.multiplier * (figure - least)) / (most - least);
    });
  }
  return sums;
}
