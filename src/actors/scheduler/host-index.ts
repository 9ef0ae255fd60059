// The scheduler's choice over all hosts without a scan: what equal requests have in common is kept (shape-index.ts), and
// what hangs on this one request (other servers' hosts, its group, hosts tried before, its own claim) touches few hosts,
// which are looked at one by one. It answers what selectHosts (select.ts) answers that looks at all; a test holds it to that.
import { filtersFor, filterHosts, firstRefusal } from './candidates.ts';
import { Figures } from './figures.ts';
import type { Filter, FilterContext } from './filters/filter.ts';
import { HostTable, type HostTableSources } from './host-table.ts';
import { type HostView, viewHost, withoutClaim } from './host-view.ts';
import type { RequestSpec, Selection } from './protocol.ts';
import { ALTERNATES, bestOf, candidateOf } from './select.ts';
import type { SchedulerSettings } from './settings.ts';
import { type Overlay, type OwnFigures, type Ranked, ShapeIndex } from './shape-index.ts';
import { shapeKey } from './shape-key.ts';
import { type TieOrder, tieOrder } from './tie-order.ts';
import { allWeighers } from './weighers/all.ts';
import { figureOf, multiplierOf, type Weigher } from './weighers/weigher.ts';

export interface HostIndexOptions extends HostTableSources {
  readonly settings: SchedulerSettings;
  /** Ids of the providers where a server holds something. */
  readonly holders: (serverId: string) => ReadonlySet<string>;
}

/** The one that was not asked for longest goes first. */
const MAX_SHAPES = 256;
/** How often a choice is made anew because a host in it turned out not to answer. */
const TRIES = 4;

interface Shape {
  readonly index: ShapeIndex;
  readonly figures: Figures;
  readonly filters: readonly Filter[];
}

export class HostIndex {
  readonly table: HostTable;
  readonly #options: HostIndexOptions;
  readonly #shapes = new Map<string, Shape>();
  #figures: Figures | undefined;
  #aggregatesVersion = -1;

  constructor(options: HostIndexOptions) {
    this.#options = options;
    const { imageProperties } = options.settings.weights;
    this.table = new HostTable(options, imageProperties !== 0);
  }

  /** The hosts as they are in the choice of this request, in the order of their slots. */
  hosts(spec: RequestSpec): readonly HostView[] {
    this.table.refresh(true);
    const own = this.#ownViews(spec);
    return this.table.views.flatMap((view, slot) => own.get(slot) ?? view ?? []);
  }

  select(spec: RequestSpec, context: FilterContext): Selection {
    this.table.refresh();
    let wasSure = false;
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const ranked = this.#choose(spec, context);
      const areUp = ranked.map(({ slot }) => this.table.askUp(slot));
      if (ranked.length > 0 && areUp.every(Boolean))
        return { candidates: this.#candidates(ranked), refusals: [] };
      if (ranked.length === 0 && wasSure) break;
      wasSure = ranked.length === 0;
      this.table.refresh(wasSure);
    }
    return { candidates: [], refusals: filterHosts(this.hosts(spec), spec, context).refusals };
  }

  #candidates(ranked: readonly Ranked[]): Selection['candidates'] {
    return ranked.flatMap(({ slot, weight }) => {
      const host = this.table.views[slot];
      return host === undefined ? [] : [candidateOf(host, weight)];
    });
  }

  #choose(spec: RequestSpec, context: FilterContext): readonly Ranked[] {
    const { settings } = this.#options;
    const order = tieOrder(spec.serverId, this.table.views.length);
    const named = this.#named(spec, context);
    if (named !== undefined || this.#weighsByItself(context))
      return this.#among(named ?? this.table.views.keys(), spec, { context, order });
    const shape = this.#shape(spec, context);
    shape.index.sync();
    const overlay = this.#overlay(shape, spec, context);
    const extra = extraOf(shape.index.hasOthers(overlay), overlay, {
      views: this.table.views,
      spec,
      context,
      settings,
    });
    return shape.index.best(1 + ALTERNATES, order, { overlay, extra });
  }

  /** Slots outside of which no host can pass; undefined where any may. */
  #named(spec: RequestSpec, context: FilterContext): Iterable<number> | undefined {
    const { group, settings } = context;
    const isOn = (name: string): boolean => settings.filters.includes(name);
    const slotsOf = (hosts: Iterable<string | undefined>): readonly number[] => {
      const slots = [...hosts].map((host) => this.table.slotOf(host ?? ''));
      return [...new Set(slots.filter((slot) => slot !== undefined))];
    };
    if (spec.requestedHost !== undefined) {
      const wanted = spec.requestedHost;
      const slot = this.table.slotOf(wanted);
      const others = this.table.views.flatMap((view, at) =>
        view?.hypervisor.hostname === wanted && at !== slot ? [at] : [],
      );
      return slot === undefined ? others : [slot, ...others];
    }
    const sameHost = spec.hints['same_host'] ?? [];
    if (sameHost.length > 0 && spec.forced !== true && isOn('SameHostFilter'))
      return slotsOf(sameHost.map((serverId) => context.hostOf(serverId)));
    if (group?.policy === 'affinity' && group.hosts.size > 0 && isOn('ServerGroupAffinityFilter'))
      return slotsOf(group.hosts.keys());
    return undefined;
  }

  /** A group's soft policy under aggregates that change how much it counts: too rare for an index. */
  #weighsByItself({ group }: FilterContext): boolean {
    if (group === undefined || !group.policy.startsWith('soft')) return false;
    const keys = allWeighers.filter(({ isPersonal }) => isPersonal).map((one) => one.aggregateKey);
    return this.table.hasAggregateKey(keys);
  }

  /** Looks at a few hosts (or at all) one by one. */
  #among(
    slots: Iterable<number>,
    spec: RequestSpec,
    { context, order }: { readonly context: FilterContext; readonly order: TieOrder },
  ): readonly Ranked[] {
    const own = this.#ownViews(spec);
    const hosts = [...slots].flatMap((slot) => own.get(slot) ?? this.table.views[slot] ?? []);
    const { hosts: passed } = filterHosts(hosts, spec, context);
    const slotOf = (host: string): number => this.table.slotOf(host) ?? 0;
    const rank = (host: HostView): number => order.rank(slotOf(host.host));
    return bestOf(passed, { spec, context, rank }).map(({ host, weight }) => ({
      slot: slotOf(host),
      weight,
    }));
  }

  #shape(spec: RequestSpec, context: FilterContext): Shape {
    const { settings } = this.#options;
    if (this.#aggregatesVersion !== this.table.aggregatesVersion) {
      this.#shapes.clear();
      this.#figures = undefined;
      this.#aggregatesVersion = this.table.aggregatesVersion;
    }
    const key = shapeKey(spec, settings);
    const known = this.#shapes.get(key);
    if (known !== undefined) {
      this.#shapes.delete(key);
      this.#shapes.set(key, known);
      return known;
    }
    const filters = filtersFor(spec, settings);
    const figures = this.#figuresFor(spec, context);
    const index = new ShapeIndex({
      table: this.table,
      figures,
      spec,
      context,
      filters: filters.filter(({ isPersonal }) => isPersonal !== true),
    });
    const shape = { index, figures, filters };
    this.#shapes.set(key, shape);
    const oldest = this.#shapes.size > MAX_SHAPES ? this.#shapes.keys().next().value : undefined;
    if (oldest !== undefined) this.#shapes.delete(oldest);
    return shape;
  }

  /** Shared by all shapes, unless images' properties count. */
  #figuresFor(spec: RequestSpec, context: FilterContext): Figures {
    const { weights } = this.#options.settings;
    const counts = (weigher: Weigher): boolean =>
      weigher.isPersonal !== true &&
      (weights[weigher.multiplier] !== 0 || this.table.hasAggregateKey([weigher.aggregateKey]));
    const weighers = allWeighers.filter(counts);
    const hangsOnRequest = weighers.some(({ multiplier }) => multiplier === 'imageProperties');
    if (hangsOnRequest) return new Figures(this.table, weighers, { spec, context });
    this.#figures ??= new Figures(this.table, weighers, { spec, context });
    return this.#figures;
  }

  /** The hosts that personal filters and weighers, or the server's own claim, make different for this request. */
  #overlay({ filters, figures }: Shape, spec: RequestSpec, context: FilterContext): Overlay {
    const own = this.#ownViews(spec);
    const slots = new Set(own.keys());
    const add = (host: string | undefined): void => {
      const slot = host === undefined ? undefined : this.table.slotOf(host);
      if (slot !== undefined) slots.add(slot);
    };
    for (const host of spec.excludedHosts) add(host);
    for (const serverId of spec.hints['different_host'] ?? []) add(context.hostOf(serverId));
    for (const host of context.group?.hosts.keys() ?? []) add(host);
    const overlay = new Map<number, OwnFigures | undefined>();
    for (const slot of slots) {
      const host = own.get(slot) ?? this.table.views[slot];
      const passes =
        host !== undefined && firstRefusal(filters, host, { spec, context }) === undefined;
      const weighed = passes
        ? figures.columns.map(({ weigher }) =>
            figureOf(weigher, weigher.weigh(host, spec, context)),
          )
        : undefined;
      overlay.set(slot, weighed === undefined ? undefined : { figures: weighed });
    }
    return overlay;
  }

  /** Hosts where the server holds something under the claim that is to be made: as they were without it. */
  #ownViews(spec: RequestSpec): ReadonlyMap<number, HostView> {
    const views = new Map<number, HostView>();
    if (spec.claimId === undefined) return views;
    for (const providerId of this.#options.holders(spec.serverId)) {
      const slot = this.table.slotOfProvider(providerId);
      const view = slot === undefined ? undefined : this.table.views[slot];
      const state = this.#options.providers.get(providerId);
      const freed = withoutClaim(state, spec);
      if (slot === undefined || view === undefined || freed === state) continue;
      const host = this.#options.hosts.get(view.host);
      const { instances, ioOps, failedBuilds, imageProperties } = view;
      const load = { instances, ioOps, failedBuilds, imageProperties };
      const renewed = host === undefined ? undefined : viewHost(host, freed, { ...view, load });
      if (renewed !== undefined) views.set(slot, renewed);
    }
    return views;
  }
}

/** What the soft policy of the request's group adds to each host's weight. */
function extraOf(
  hasOthers: boolean,
  overlay: Overlay,
  by: {
    readonly views: readonly (HostView | undefined)[];
    readonly spec: RequestSpec;
    readonly context: FilterContext;
    readonly settings: SchedulerSettings;
  },
): (slot: number) => number {
  const { views, spec, context, settings } = by;
  const nothing = (): number => 0;
  if (context.group === undefined || !context.group.policy.startsWith('soft')) return nothing;
  const weigher = allWeighers.find(
    ({ isPersonal, multiplier }) =>
      isPersonal && (multiplier === 'softAffinity') === (context.group?.policy === 'soft-affinity'),
  );
  if (weigher === undefined) return nothing;
  const figures = new Map<number, number>();
  for (const [slot, own] of overlay) {
    const host = views[slot];
    if (own !== undefined && host !== undefined)
      figures.set(slot, weigher.weigh(host, spec, context));
  }
  const all = [...figures.values(), ...(hasOthers ? [0] : [])];
  const most = Math.max(...all);
  const least = Math.min(...all);
  if (all.length === 0 || most === least) return nothing;
  return (slot) => {
    const host = views[slot] ?? views[0];
    const multiplier =
      host === undefined
        ? settings.weights[weigher.multiplier]
        : multiplierOf(weigher, host, settings);
    return multiplier * (((figures.get(slot) ?? 0) - least) / (most - least));
  };
}
