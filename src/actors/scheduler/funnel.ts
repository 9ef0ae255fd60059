// How a choice comes about, for people: filter after filter, how many hosts stayed and why each other one left, then the
// weights of the rest. What `kilonova explain` shows. Pure.
import { filtersFor } from './candidates.ts';
import type { FilterContext } from './filters/filter.ts';
import type { HostView } from './host-view.ts';
import type { RequestSpec } from './protocol.ts';
import { tieOrder } from './tie-order.ts';
import { allWeighers } from './weighers/all.ts';
import { type Weighed, weighEach, weightOf } from './weighers/weigher.ts';

export interface FunnelStage {
  readonly filter: string;
  readonly before: number;
  readonly after: number;
  readonly refused: readonly { readonly host: string; readonly reason: string }[];
}

export interface WeighedHost {
  readonly host: string;
  readonly weight: number;
  /** Only of weighers that tell the hosts apart. */
  readonly parts: readonly Weighed[];
}

export interface Funnel {
  readonly hosts: number;
  readonly stages: readonly FunnelStage[];
  /** Best first. */
  readonly ranking: readonly WeighedHost[];
}

export function funnelOf(
  hosts: readonly HostView[],
  spec: RequestSpec,
  context: FilterContext,
): Funnel {
  let left = hosts;
  const stages: FunnelStage[] = [];
  for (const filter of filtersFor(spec, context.settings)) {
    const refused: { host: string; reason: string }[] = [];
    const stayed = left.filter((host) => {
      const reason = filter.refuse(host, spec, context);
      if (reason !== undefined) refused.push({ host: host.host, reason });
      return reason === undefined;
    });
    stages.push({ filter: filter.name, before: left.length, after: stayed.length, refused });
    left = stayed;
  }
  const order = tieOrder(spec.serverId, hosts.length);
  const slots = new Map(hosts.map(({ host }, slot) => [host, slot]));
  const rank = (host: string): number => order.rank(slots.get(host) ?? 0);
  const rows = weighEach(left, allWeighers, { spec, context });
  const telling = tellingOf(rows);
  const ranking = left.map(({ host }, at) => {
    const row = rows[at] ?? [];
    return { host, weight: weightOf(row), parts: row.filter((_, i) => telling[i]) };
  });
  ranking.sort((a, b) => b.weight - a.weight || rank(a.host) - rank(b.host));
  return { hosts: hosts.length, stages, ranking };
}

/** For each weigher, whether it tells the hosts apart. */
function tellingOf(rows: readonly (readonly Weighed[])[]): readonly boolean[] {
  const [first = []] = rows;
  return first.map(({ share }, i) => rows.some((row) => row[i]?.share !== share));
}
