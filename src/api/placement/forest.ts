// Which providers stand directly below which, and which share what they have with others of their aggregates: an index over
// the providers' states, kept by their changes.
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';

const none: readonly string[] = [];

/** Of a provider that shares its inventories with all trees that have a member in one of its aggregates. */
const SHARES = 'MISC_SHARES_VIA_AGGREGATE';

export class Forest {
  readonly #sharing = new Set<string>();
  readonly #children = new Map<string, string[]>();
  readonly #parents = new Map<string, string>();
  readonly #unsubscribe: () => void;

  constructor(providers: StateView<ProviderState>) {
    for (const provider of providers.values()) this.#follow(provider);
    this.#unsubscribe = providers.subscribe(({ after }) => this.#follow(after));
  }

  close(): void {
    this.#unsubscribe();
  }

  get hasTrees(): boolean {
    return this.#parents.size > 0;
  }

  /** Ids. */
  get sharing(): ReadonlySet<string> {
    return this.#sharing;
  }

  hasChildren(id: string): boolean {
    return this.#children.has(id);
  }

  /** In the order in which they came. */
  childrenOf(id: string): readonly string[] {
    return this.#children.get(id) ?? none;
  }

  #follow({ id, exists, parentId, traits }: ProviderState): void {
    if (exists && traits.includes(SHARES)) this.#sharing.add(id);
    else this.#sharing.delete(id);
    const parent = exists ? parentId : undefined;
    const known = this.#parents.get(id);
    if (known === parent) return;
    if (known !== undefined) {
      const left = this.childrenOf(known).filter((child) => child !== id);
      if (left.length === 0) this.#children.delete(known);
      else this.#children.set(known, left);
      this.#parents.delete(id);
    }
    if (parent === undefined) return;
    this.#parents.set(id, parent);
    this.#children.set(parent, [...this.childrenOf(parent), id]);
  }
}
