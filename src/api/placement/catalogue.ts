// The resource providers that this API tells of, over the read models that the scheduler chooses from: one per
// compute host, each a tree of its own. A provider goes with its host, unless something is still held there.
// Also which names of traits and resource classes exist. It writes nothing.
import { bucketGet } from '#actors/domain/bucket-map.ts';
import type { Allocation, ProviderState } from '#actors/provider/protocol.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { standardResourceClasses, standardTraits } from './standard-names-table.ts';

export interface PlacementSources {
  readonly providers: StateView<ProviderState>;
  readonly hosts: StateView<HostState>;
  /** Which providers hold something for a consumer. */
  readonly consumers: { holders(consumer: string): ReadonlySet<string> };
  /** Whether a consumer is a server: its consumer type. */
  readonly servers: { get(id: string): unknown };
}

export interface Holding {
  readonly provider: ProviderState;
  readonly allocation: Allocation;
}

const classNames: ReadonlySet<string> = new Set(standardResourceClasses);
const traitNames: ReadonlySet<string> = new Set(standardTraits);

export class ProviderCatalogue {
  readonly #sources: PlacementSources;
  /** Ids of the providers whose host is registered. */
  readonly #hosted = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(sources: PlacementSources) {
    this.#sources = sources;
    for (const host of sources.hosts.values())
      if (host.registered) this.#hosted.add(host.providerId);
    this.#unsubscribe = sources.hosts.subscribe(({ before, after }) => {
      if (before?.registered === true) this.#hosted.delete(before.providerId);
      if (after.registered) this.#hosted.add(after.providerId);
    });
  }

  close(): void {
    this.#unsubscribe();
  }

  get(id: string): ProviderState | undefined {
    const provider = this.#sources.providers.get(id);
    return provider !== undefined && this.#isThere(provider) ? provider : undefined;
  }

  *all(): IterableIterator<ProviderState> {
    for (const provider of this.#sources.providers.values())
      if (this.#isThere(provider)) yield provider;
  }

  /** Those that can be claimed from: the ones that the scheduler sees. */
  *hosted(): IterableIterator<ProviderState> {
    for (const provider of this.#sources.providers.values())
      if (provider.exists && this.#hosted.has(provider.id)) yield provider;
  }

  holdings(consumer: string): readonly Holding[] {
    const holdings: Holding[] = [];
    for (const id of this.#sources.consumers.holders(consumer)) {
      const provider = this.#sources.providers.get(id);
      if (provider === undefined) continue;
      const allocation = bucketGet(provider.allocations, consumer);
      if (allocation !== undefined) holdings.push({ provider, allocation });
    }
    return holdings;
  }

  /** `unknown` is Placement's word for a consumer without a type. */
  consumerType(consumer: string): string {
    return this.#sources.servers.get(consumer) === undefined ? 'unknown' : 'INSTANCE';
  }

  /** The standard ones in Placement's order, then the others that a provider has, sorted. */
  resourceClasses(): readonly string[] {
    const custom = this.#namesOf(({ inventories }) => Object.keys(inventories));
    return [...standardResourceClasses, ...custom.filter((name) => !classNames.has(name))];
  }

  hasResourceClass(name: string): boolean {
    return (
      classNames.has(name) || this.#some(({ inventories }) => Object.hasOwn(inventories, name))
    );
  }

  /** Sorted. */
  traits(): readonly string[] {
    return [...new Set([...standardTraits, ...this.traitsInUse()])].sort();
  }

  /** Those that some provider has, sorted. */
  traitsInUse(): readonly string[] {
    return this.#namesOf(({ traits }) => traits);
  }

  hasTrait(name: string): boolean {
    return traitNames.has(name) || this.#some(({ traits }) => traits.includes(name));
  }

  #isThere({ exists, id, allocations }: ProviderState): boolean {
    return exists && (this.#hosted.has(id) || allocations.size > 0);
  }

  #namesOf(namesOf: (provider: ProviderState) => readonly string[]): readonly string[] {
    const names = new Set<string>();
    for (const provider of this.all()) for (const name of namesOf(provider)) names.add(name);
    return [...names].sort();
  }

  #some(has: (provider: ProviderState) => boolean): boolean {
    for (const provider of this.all()) if (has(provider)) return true;
    return false;
  }
}
