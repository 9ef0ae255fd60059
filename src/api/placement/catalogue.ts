// The resource providers that this API tells of, over the read models that the scheduler chooses from: those of compute
// hosts, and those that were made through the API, in their trees. A host's provider goes with its host, unless
// something is still held there or hangs below it. Also which names of traits and resource classes exist. It writes nothing.
import { bucketGet } from '#actors/domain/bucket-map.ts';
import { ALL_NAMES, type PlacementNamesState } from '#actors/placement/names-protocol.ts';
import type { Allocation, ProviderState } from '#actors/provider/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { Forest } from './forest.ts';
import { HostAggregates, type HostAggregateSources } from './host-aggregates.ts';
import { standardResourceClasses, standardTraits } from './standard-names-table.ts';

export interface PlacementSources extends HostAggregateSources {
  readonly providers: StateView<ProviderState>;
  readonly names: StateView<PlacementNamesState>;
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
  readonly #forest: Forest;
  readonly #hostAggregates: HostAggregates;
  /** Ids of the providers whose host is registered. */
  readonly #hosted = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(sources: PlacementSources) {
    this.#sources = sources;
    this.#forest = new Forest(sources.providers);
    this.#hostAggregates = new HostAggregates(sources);
    for (const host of sources.hosts.values())
      if (host.registered) this.#hosted.add(host.providerId);
    this.#unsubscribe = sources.hosts.subscribe(({ before, after }) => {
      if (before?.registered === true) this.#hosted.delete(before.providerId);
      if (after.registered) this.#hosted.add(after.providerId);
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#forest.close();
    this.#hostAggregates.close();
  }

  get(id: string): ProviderState | undefined {
    const { providers } = this.#sources;
    const provider = providers.get(id) ?? providers.get(id.toLowerCase());
    return provider !== undefined && this.#isThere(provider) ? provider : undefined;
  }

  /** Also by one that is not told of any more. */
  isTaken(id: string): boolean {
    return this.#sources.providers.get(id)?.exists === true;
  }

  named(name: string): ProviderState | undefined {
    for (const provider of this.all()) if (provider.name === name) return provider;
    return undefined;
  }

  *all(): IterableIterator<ProviderState> {
    for (const provider of this.#sources.providers.values())
      if (this.#isThere(provider)) yield provider;
  }

  /** The roots of trees that can be claimed from. */
  *offeringRoots(): IterableIterator<ProviderState> {
    for (const provider of this.#sources.providers.values())
      if (provider.parentId === undefined && this.#isOffering(provider)) yield provider;
  }

  childrenOf(id: string): readonly ProviderState[] {
    return this.#forest
      .childrenOf(id)
      .map((child) => this.#sources.providers.get(child))
      .filter((child) => child !== undefined);
  }

  /** Those that were written, and those of its host. */
  aggregatesOf({ id, aggregates }: ProviderState): readonly string[] {
    const hosted = this.#hostAggregates.of(id);
    return hosted.length === 0 ? aggregates : [...new Set([...aggregates, ...hosted])];
  }

  /** A tree of one provider. */
  isAlone({ id, parentId }: ProviderState): boolean {
    return parentId === undefined && !this.#forest.hasChildren(id);
  }

  /** The provider and all below it. */
  treeOf(root: ProviderState): readonly ProviderState[] {
    if (!this.#forest.hasChildren(root.id)) return [root];
    return [root, ...this.childrenOf(root.id).flatMap((child) => this.treeOf(child))];
  }

  /** Ids from the provider up to its root. */
  lineOf(provider: ProviderState): readonly string[] {
    const line: string[] = [];
    let at: ProviderState | undefined = provider;
    while (at !== undefined && !line.includes(at.id)) {
      line.push(at.id);
      at = at.parentId === undefined ? undefined : this.#sources.providers.get(at.parentId);
    }
    return line;
  }

  rootIdOf(provider: ProviderState): string {
    return provider.parentId === undefined
      ? provider.id
      : (this.lineOf(provider).at(-1) ?? provider.id);
  }

  /** Those that share what they have with the trees of their aggregates. */
  sharing(): readonly ProviderState[] {
    return [...this.#forest.sharing]
      .map((id) => this.#sources.providers.get(id))
      .filter((provider) => provider !== undefined)
      .filter((provider) => this.#isOffering(provider));
  }

  /** Whether any provider stands below another. */
  get hasTrees(): boolean {
    return this.#forest.hasTrees;
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
  consumerType(consumer: string, allocation: Allocation): string {
    if (allocation.consumerType !== undefined) return allocation.consumerType;
    return this.#sources.servers.get(consumer) === undefined ? 'unknown' : 'INSTANCE';
  }

  /** The standard ones in Placement's order, then those that were made, then others that a provider has. */
  resourceClasses(): readonly string[] {
    const inUse = this.#namesOf(({ inventories }) => Object.keys(inventories));
    return [...new Set([...standardResourceClasses, ...this.#made('classes'), ...inUse])];
  }

  hasResourceClass(name: string): boolean {
    return classNames.has(name) || this.#made('classes').includes(name) || this.isClassInUse(name);
  }

  isClassInUse(name: string): boolean {
    return this.#some(({ inventories }) => Object.hasOwn(inventories, name));
  }

  /** Sorted. */
  traits(): readonly string[] {
    const names = [...standardTraits, ...this.#made('traits'), ...this.traitsInUse()];
    return [...new Set(names)].sort();
  }

  /** Those that some provider has, sorted. */
  traitsInUse(): readonly string[] {
    return this.#namesOf(({ traits }) => traits);
  }

  hasTrait(name: string): boolean {
    return (
      traitNames.has(name) ||
      this.#made('traits').includes(name) ||
      this.#some(({ traits }) => traits.includes(name))
    );
  }

  #made(list: keyof PlacementNamesState): readonly string[] {
    return this.#sources.names.get(ALL_NAMES)?.[list] ?? [];
  }

  #isThere(provider: ProviderState): boolean {
    const { exists, id, allocations } = provider;
    if (!exists) return false;
    return this.#isOffering(provider) || allocations.size > 0 || this.#forest.hasChildren(id);
  }

  #isOffering({ exists, isMade, id }: ProviderState): boolean {
    return exists && (isMade || this.#hosted.has(id));
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
