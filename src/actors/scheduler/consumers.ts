// Which providers hold something for a consumer: an index over the providers' states, kept by their events.
import { bucketGet, bucketHas, bucketKeys } from '../domain/bucket-map.ts';
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import type { ProviderEvent, ProviderState } from '../provider/protocol.ts';

const none: ReadonlySet<string> = new Set();

export class ConsumerIndex {
  readonly #holders = new Map<string, Set<string>>();
  readonly #providers: StateView<ProviderState>;

  /** Must be made before the view is filled. */
  constructor(providers: StateView<ProviderState>) {
    this.#providers = providers;
    providers.subscribe((change) => this.#follow(change));
  }

  /** Ids of the providers where this consumer has an allocation. */
  holders(consumer: string): ReadonlySet<string> {
    return this.#holders.get(consumer) ?? none;
  }

  consumers(): IterableIterator<string> {
    return this.#holders.keys();
  }

  /** Whether this was written through the placement API and never claimed by a server: it is not ours to give back. */
  isForeign(consumer: string, providerId: string): boolean {
    const provider = this.#providers.get(providerId);
    const held = provider === undefined ? undefined : bucketGet(provider.allocations, consumer);
    return held?.generation !== undefined && held.ownerEpoch === undefined;
  }

  #follow(change: StateChange<ProviderState>): void {
    if (change.events.length === 0) {
      for (const consumer of bucketKeys(change.after.allocations)) this.#add(consumer, change.id);
      return;
    }
    for (const event of change.events as readonly ProviderEvent[]) {
      if (event.type === 'provider.claimed') this.#add(event.consumer, change.id);
      if (event.type === 'provider.write-committed')
        for (const { consumer } of event.holders)
          if (bucketHas(change.after.allocations, consumer)) this.#add(consumer, change.id);
          else this.#remove(consumer, change.id);
      if (
        event.type === 'provider.released' &&
        !bucketHas(change.after.allocations, event.consumer)
      )
        this.#remove(event.consumer, change.id);
    }
  }

  #add(consumer: string, providerId: string): void {
    const holders = this.#holders.get(consumer);
    if (holders === undefined) this.#holders.set(consumer, new Set([providerId]));
    else holders.add(providerId);
  }

  #remove(consumer: string, providerId: string): void {
    const holders = this.#holders.get(consumer);
    holders?.delete(providerId);
    if (holders?.size === 0) this.#holders.delete(consumer);
  }
}
