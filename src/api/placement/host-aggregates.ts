// Which aggregates a provider is in because its host is: Nova tells placement of its host aggregates, by their UUIDs, so
// that clients can ask for members of them. An index over the read models, made anew after a change.
import { ALL_AGGREGATES, type AggregatesState } from '#actors/topology/aggregates-protocol.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';

const none: readonly string[] = [];

export interface HostAggregateSources {
  readonly aggregates: StateView<AggregatesState>;
  readonly hosts: StateView<HostState>;
}

export class HostAggregates {
  readonly #sources: HostAggregateSources;
  readonly #unsubscribe: readonly (() => void)[];
  /** Provider → UUIDs; undefined after a change. */
  #known: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(sources: HostAggregateSources) {
    this.#sources = sources;
    const forget = (): void => {
      this.#known = undefined;
    };
    this.#unsubscribe = [sources.aggregates.subscribe(forget), sources.hosts.subscribe(forget)];
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  /** In the order in which the aggregates were made. */
  of(providerId: string): readonly string[] {
    this.#known ??= this.#read();
    return this.#known.get(providerId) ?? none;
  }

  #read(): ReadonlyMap<string, readonly string[]> {
    const { aggregates, hosts } = this.#sources;
    const known = new Map<string, string[]>();
    for (const { uuid, hosts: members } of aggregates.get(ALL_AGGREGATES)?.aggregates ?? [])
      for (const name of members) {
        const host = hosts.get(name);
        if (host?.registered !== true) continue;
        const uuids = known.get(host.providerId);
        if (uuids === undefined) known.set(host.providerId, [uuid]);
        else uuids.push(uuid);
      }
    return known;
  }
}
