// All compute hosts as filters and weighers see them, each in a slot of its own for good, kept up to date by the read
// models' changes: a choice pays for what has changed since the last one, not for all that there is.
// Who answers is no event: it is asked for. Of few hosts before each choice; of many, all of them every UP_SWEEP_MS, and
// those that a choice comes to at once (host-index.ts).
import type { StateView } from '#runtime/events/projection.ts';
import type { InstanceState } from '../instance/state.ts';
import type { NodeClient } from '../node/client.ts';
import type { ProviderState } from '../provider/protocol.ts';
import {
  type Aggregate,
  type AggregatesState,
  ALL_AGGREGATES,
  ZONE_KEY,
} from '../topology/aggregates-protocol.ts';
import type { HostState } from '../topology/protocol.ts';
import { HostLoads } from './host-loads.ts';
import { type HostView, viewHost } from './host-view.ts';

export interface HostTableSources {
  readonly hosts: StateView<HostState>;
  readonly aggregates: StateView<AggregatesState>;
  readonly providers: StateView<ProviderState>;
  readonly servers: StateView<InstanceState>;
  readonly nodes: Pick<NodeClient, 'isUp'>;
  /** In milliseconds; never goes back. */
  readonly monotonicMs: () => number;
}

/** So many are asked before each choice. */
const FEW_HOSTS = 256;
const UP_SWEEP_MS = 100;
/** Changes that are kept for those who follow; who is farther behind begins anew. */
const MAX_CHANGES = 8_192;

export class HostTable {
  readonly views: (HostView | undefined)[] = [];
  readonly #names: string[] = [];
  readonly #slots = new Map<string, number>();
  readonly #slotOfProvider = new Map<string, number>();
  readonly #dirty = new Set<number>();
  readonly #sources: HostTableSources;
  readonly #loads: HostLoads;
  /** Slots in the order in which their views changed, from the change of number `#firstChange` on. */
  #changes: number[] = [];
  #firstChange = 0;
  #aggregates = new Map<string, Aggregate[]>();
  #aggregatesVersion = 0;
  #sweptMs = -Infinity;

  constructor(sources: HostTableSources, withImages: boolean) {
    this.#sources = sources;
    const { hosts, aggregates, providers, servers } = sources;
    this.#joinAggregates();
    this.#loads = new HostLoads({
      servers,
      withImages,
      onChange: (host) => this.#touch(this.#slots.get(host)),
    });
    for (const host of hosts.values()) this.#take(host);
    hosts.subscribe((change) => this.#take(change.after));
    providers.subscribe((change) => this.#touch(this.#slotOfProvider.get(change.id)));
    aggregates.subscribe(() => {
      this.#joinAggregates();
      this.#names.forEach((_, slot) => this.#touch(slot));
    });
  }

  /** Grows whenever the metadata of aggregates, or who is in them, may have changed. */
  get aggregatesVersion(): number {
    return this.#aggregatesVersion;
  }

  /** Number of the next change. */
  get version(): number {
    return this.#firstChange + this.#changes.length;
  }

  /** Whether any aggregate's metadata has one of the keys. */
  hasAggregateKey(keys: readonly string[]): boolean {
    const all = this.#sources.aggregates.get(ALL_AGGREGATES)?.aggregates ?? [];
    return all.some(({ metadata }) => keys.some((key) => metadata[key] !== undefined));
  }

  slotOf(host: string): number | undefined {
    return this.#slots.get(host);
  }

  slotOfProvider(providerId: string): number | undefined {
    return this.#slotOfProvider.get(providerId);
  }

  /** Calls for each slot that changed since; false when that is not known any more. */
  changesSince(version: number, each: (slot: number) => void): boolean {
    if (version < this.#firstChange) return false;
    for (let at = version - this.#firstChange; at < this.#changes.length; at += 1)
      each(this.#changes[at] ?? 0);
    return true;
  }

  /** Brings the views up to date; `isSure` asks all hosts whether they answer. */
  refresh(isSure = false): void {
    const nowMs = this.#sources.monotonicMs();
    const isDue = this.#names.length <= FEW_HOSTS || nowMs - this.#sweptMs >= UP_SWEEP_MS;
    if (isDue || isSure) {
      this.#sweptMs = nowMs;
      for (let slot = 0; slot < this.#names.length; slot += 1) this.askUp(slot);
    }
    for (const slot of this.#dirty) this.#renew(slot);
    this.#dirty.clear();
    if (this.#changes.length <= MAX_CHANGES) return;
    const surplus = this.#changes.length - MAX_CHANGES / 2;
    this.#changes = this.#changes.slice(surplus);
    this.#firstChange += surplus;
  }

  /** Whether it answers now; a change shows after the next refresh. */
  askUp(slot: number): boolean {
    const isUp = this.#sources.nodes.isUp(this.#names[slot] ?? '');
    const view = this.views[slot];
    if (view !== undefined && view.isUp !== isUp) this.#dirty.add(slot);
    return isUp;
  }

  #take(host: HostState): void {
    let slot = this.#slots.get(host.id);
    if (slot === undefined) {
      slot = this.#names.length;
      this.#slots.set(host.id, slot);
      this.#names.push(host.id);
      this.views.push(undefined);
    }
    if (host.providerId !== '') this.#slotOfProvider.set(host.providerId, slot);
    this.#dirty.add(slot);
  }

  #touch(slot: number | undefined): void {
    if (slot !== undefined) this.#dirty.add(slot);
  }

  #renew(slot: number): void {
    const { hosts, providers, nodes } = this.#sources;
    const name = this.#names[slot] ?? '';
    const host = hosts.get(name);
    const aggregates = this.#aggregates.get(name) ?? [];
    const zone = aggregates.find(({ metadata }) => metadata[ZONE_KEY] !== undefined);
    this.views[slot] =
      host === undefined
        ? undefined
        : viewHost(host, providers.get(host.providerId), {
            isUp: nodes.isUp(name),
            availabilityZone: zone?.metadata[ZONE_KEY] ?? host.availabilityZone,
            aggregates,
            load: this.#loads.of(name),
          });
    this.#changes.push(slot);
  }

  #joinAggregates(): void {
    this.#aggregatesVersion += 1;
    this.#aggregates = new Map();
    for (const aggregate of this.#sources.aggregates.get(ALL_AGGREGATES)?.aggregates ?? [])
      for (const host of aggregate.hosts) {
        const ofHost = this.#aggregates.get(host);
        if (ofHost === undefined) this.#aggregates.set(host, [aggregate]);
        else ofHost.push(aggregate);
      }
  }
}
