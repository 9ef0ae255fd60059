// Which allocations could be made to serve a request, tree by tree: every group is met in one tree, or by providers that
// share with it. The group without a suffix may be spread over the tree, each of the others is met by one provider.
// Pure; it reserves nothing.
import { capacityOf } from '#actors/provider/arithmetic.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import type { CandidateRequest, RequestGroup as AskedGroup } from './candidate-query.ts';
import type { ProviderCatalogue } from './catalogue.ts';
import { hasRoomFor, hasTraits, isInAggregates, meets } from './matching.ts';

/** So much of a class from one provider. */
interface Take {
  readonly provider: ProviderState;
  readonly resource: string;
  readonly amount: number;
}

type RequestGroup = AskedGroup & { readonly amounts: readonly (readonly [string, number])[] };
type Request = Omit<CandidateRequest, 'groups'> & { readonly groups: readonly RequestGroup[] };

/** One way to meet one group. */
interface Option {
  readonly takes: readonly Take[];
  readonly providers: readonly ProviderState[];
}

export interface Candidate {
  /** One for each provider and class. */
  readonly takes: readonly Take[];
  /** Suffix → who meets the group. */
  readonly mappings: ReadonlyMap<string, readonly ProviderState[]>;
}

export interface Found {
  readonly candidates: readonly Candidate[];
  /** Who is told of beside them. */
  readonly providers: readonly ProviderState[];
}

/** Combinations of providers that are looked at for one request; wide trees have more than anyone could read. */
const MAX_COMBINATIONS = 200_000;

export function findCandidates(
  catalogue: ProviderCatalogue,
  request: CandidateRequest,
  isNestedAware: boolean,
): Found {
  const groups = request.groups.map((group) => ({
    ...group,
    amounts: Object.entries(group.resources),
  }));
  const search = new Search(catalogue, { ...request, groups }, isNestedAware);
  const candidates = search.run();
  const used = candidates.flatMap(({ takes }) => takes.map(({ provider }) => provider));
  if (!isNestedAware && catalogue.hasTrees) return { candidates, providers: [...new Set(used)] };
  const roots = new Set(used.map((provider) => catalogue.rootIdOf(provider)));
  const providers = [...roots].flatMap((id) => {
    const root = catalogue.get(id);
    return root === undefined ? [] : catalogue.treeOf(root);
  });
  return { candidates, providers };
}

class Search {
  readonly #catalogue: ProviderCatalogue;
  readonly #request: Request;
  readonly #isNestedAware: boolean;
  /** Root → those of other trees that share with it. */
  readonly #shared: ReadonlyMap<string, readonly ProviderState[]>;
  /** Suffix → id of the root that the group asks for; undefined for a provider that does not exist. */
  readonly #wantedRoots: ReadonlyMap<string, string | undefined>;
  /** Whether two groups ask for the same class. */
  readonly #hasRepeats: boolean;
  readonly #seen = new Set<string>();
  readonly #found: Candidate[] = [];
  #combinations = 0;

  constructor(catalogue: ProviderCatalogue, request: Request, isNestedAware: boolean) {
    this.#catalogue = catalogue;
    this.#request = request;
    this.#isNestedAware = isNestedAware;
    this.#shared = sharedByRoot(catalogue);
    const classes = request.groups.flatMap(({ resources }) => Object.keys(resources));
    this.#hasRepeats = new Set(classes).size < classes.length;
    this.#wantedRoots = new Map(
      request.groups
        .filter(({ inTree }) => inTree !== undefined)
        .map(({ suffix, inTree = '' }) => {
          const provider = catalogue.get(inTree);
          return [suffix, provider === undefined ? undefined : catalogue.rootIdOf(provider)];
        }),
    );
  }

  run(): readonly Candidate[] {
    if ([...this.#wantedRoots.values()].includes(undefined)) return [];
    for (const root of this.#catalogue.offeringRoots()) {
      if (this.#isDone()) break;
      this.#lookAt(root);
    }
    return this.#found;
  }

  #isDone(): boolean {
    const { limit = Number.POSITIVE_INFINITY } = this.#request;
    return this.#found.length >= limit || this.#combinations >= MAX_COMBINATIONS;
  }

  #lookAt(root: ProviderState): void {
    const { rootTraits } = this.#request;
    const sharing = this.#shared.get(root.id) ?? [];
    if (sharing.length === 0 && this.#wantedRoots.size === 0 && this.#catalogue.isAlone(root))
      return this.#lookAtOne(root);
    if (!hasTraits(root.traits, rootTraits)) return;
    const tree = this.#catalogue.treeOf(root);
    const options: (readonly Option[])[] = [];
    for (const group of this.#request.groups) {
      const found =
        group.suffix === ''
          ? this.#spreadOptions(group, root, { tree, sharing })
          : this.#singleOptions(group, [...tree, ...sharing]);
      if (found.length === 0) return;
      options.push(found);
    }
    for (const choice of combinations(options)) {
      if (this.#isDone()) return;
      this.#combinations += 1;
      this.#consider(choice);
    }
  }

  #meets(provider: ProviderState, group: RequestGroup): boolean {
    return meets(provider, group, this.#catalogue.aggregatesOf(provider));
  }

  /** In a tree of one provider all groups are met by that, or none is. */
  #lookAtOne(provider: ProviderState): void {
    const { groups, rootTraits } = this.#request;
    if (!groups.every((group) => saysWho(group) && this.#meets(provider, group))) return;
    if (!hasTraits(provider.traits, rootTraits)) return;
    const providers = [provider];
    this.#combinations += 1;
    this.#consider(
      groups.map(({ amounts }) => ({
        providers,
        takes: amounts.map(([resource, amount]) => ({ provider, resource, amount })),
      })),
    );
  }

  #singleOptions(group: RequestGroup, providers: readonly ProviderState[]): readonly Option[] {
    const { amounts, suffix } = group;
    if (!saysWho(group)) return [];
    const wantedRoot = amounts.length === 0 ? undefined : this.#wantedRoots.get(suffix);
    return providers
      .filter(
        (provider) =>
          (wantedRoot === undefined || this.#catalogue.rootIdOf(provider) === wantedRoot) &&
          this.#meets(provider, group),
      )
      .map((provider) => ({
        providers: [provider],
        takes: amounts.map(([resource, amount]) => ({ provider, resource, amount })),
      }));
  }

  #spreadOptions(
    group: RequestGroup,
    root: ProviderState,
    { tree, sharing }: Readonly<Record<'tree' | 'sharing', readonly ProviderState[]>>,
  ): readonly Option[] {
    const { aggregates, traits, suffix } = group;
    const wantedRoot = this.#wantedRoots.get(suffix);
    if (wantedRoot !== undefined && wantedRoot !== root.id) return [];
    const required = { required: aggregates.required, forbidden: [] };
    const forbidden = { required: [], forbidden: aggregates.forbidden };
    const isIn = (provider: ProviderState, wishes: AskedGroup['aggregates']): boolean =>
      isInAggregates(this.#catalogue.aggregatesOf(provider), wishes);
    if (!isIn(root, forbidden)) return [];
    const isRootIn = isIn(root, required);
    const near = tree.filter((provider) => isRootIn || isIn(provider, required));
    const far =
      wantedRoot === undefined ? sharing.filter((provider) => isIn(provider, required)) : [];
    const allowed = [...near, ...far].filter((provider) => isIn(provider, forbidden));
    const takes: (readonly Take[])[] = [];
    for (const wanted of group.amounts) {
      const [resource, amount] = wanted;
      const from = allowed.filter((provider) => hasRoomFor(provider, wanted));
      if (from.length === 0) return [];
      takes.push(from.map((provider) => ({ provider, resource, amount })));
    }
    const options: Option[] = [];
    for (const choice of combinations(takes)) {
      if (this.#combinations >= MAX_COMBINATIONS) break;
      this.#combinations += 1;
      const providers = [...new Set(choice.map(({ provider }) => provider))];
      const all = providers.flatMap((provider) => provider.traits);
      if (hasTraits(all, traits)) options.push({ takes: choice, providers });
    }
    return options;
  }

  #consider(choice: readonly Option[]): void {
    const { groups, isolate } = this.#request;
    if (isolate && !areApart(choice, groups)) return;
    const mappings = new Map(groups.map(({ suffix }, at) => [suffix, choice[at]?.providers ?? []]));
    if (!this.#areSubtrees(mappings)) return;
    const takes = this.#hasRepeats
      ? consolidated(choice)
      : choice.flatMap((option) => option.takes);
    if (!this.#isForClient(takes) || !takes.every(isWithinBounds)) return;
    const candidate = { takes, mappings };
    if (this.#isNew(candidate)) this.#found.push(candidate);
  }

  /** In each list of groups, one of the providers must be at or above all others. */
  #areSubtrees(mappings: Candidate['mappings']): boolean {
    return this.#request.subtrees.every((suffixes) => {
      const providers = suffixes.flatMap((suffix) => mappings.get(suffix) ?? []);
      const lines = providers.map((provider) => this.#catalogue.lineOf(provider));
      return providers.some(({ id }) => lines.every((line) => line.includes(id)));
    });
  }

  /** A client of before trees knows at most one provider of a tree. */
  #isForClient(takes: readonly Take[]): boolean {
    if (this.#isNestedAware || !this.#catalogue.hasTrees) return true;
    const providers = new Set(takes.map(({ provider }) => provider));
    const roots = new Set([...providers].map((provider) => this.#catalogue.rootIdOf(provider)));
    return roots.size === providers.size;
  }

  /** Only what is shared can be found in more than one tree. */
  #isNew({ takes, mappings }: Candidate): boolean {
    if (this.#shared.size === 0) return true;
    const taken = takes.map(
      ({ provider, resource, amount }) => `${provider.id} ${resource} ${amount}`,
    );
    const met = [...mappings].map(
      ([suffix, providers]) =>
        `${suffix} ${providers
          .map(({ id }) => id)
          .sort()
          .join(' ')}`,
    );
    const key = [...taken.sort(), ...met].join('\n');
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

/** Every group with a suffix is met by another provider. */
function areApart(choice: readonly Option[], groups: readonly RequestGroup[]): boolean {
  const singles = choice.filter((_option, at) => groups[at]?.suffix !== '');
  return new Set(singles.map(({ providers: [one] }) => one)).size === singles.length;
}

/** Without resources something else must say who is meant. */
function saysWho({ suffix, amounts, traits, aggregates }: RequestGroup): boolean {
  if (amounts.length > 0) return true;
  return suffix !== '' && traits.required.length + aggregates.required.length > 0;
}

function sharedByRoot(catalogue: ProviderCatalogue): ReadonlyMap<string, readonly ProviderState[]> {
  const shared = new Map<string, ProviderState[]>();
  const sharing = catalogue
    .sharing()
    .map((provider) => ({ provider, aggregates: catalogue.aggregatesOf(provider) }));
  if (sharing.length === 0) return shared;
  for (const member of catalogue.all()) {
    const aggregates = catalogue.aggregatesOf(member);
    if (aggregates.length === 0) continue;
    const rootId = catalogue.rootIdOf(member);
    const known = shared.get(rootId) ?? [];
    const more = sharing
      .filter(({ aggregates: theirs }) => theirs.some((uuid) => aggregates.includes(uuid)))
      .map(({ provider }) => provider)
      .filter((provider) => catalogue.rootIdOf(provider) !== rootId && !known.includes(provider));
    if (more.length > 0) shared.set(rootId, [...known, ...more]);
  }
  return shared;
}

/** One of each list, in the order of the lists; the last list turns fastest. */
function* combinations<T>(lists: readonly (readonly T[])[]): Generator<readonly T[]> {
  if (lists.length === 0) return;
  if (lists.every((list) => list.length === 1)) {
    yield lists.flat();
    return;
  }
  const [first = [], ...rest] = lists;
  for (const one of first)
    if (rest.length === 0) yield [one];
    else for (const more of combinations(rest)) yield [one, ...more];
}

function consolidated(choice: readonly Option[]): readonly Take[] {
  const sums = new Map<string, Take>();
  for (const { takes } of choice)
    for (const take of takes) {
      const key = `${take.provider.id} ${take.resource}`;
      const known = sums.get(key);
      sums.set(key, known === undefined ? take : { ...take, amount: known.amount + take.amount });
    }
  return [...sums.values()];
}

/** Groups that fit alone may be too much together. Unit and step are asked of each group, not of the sum. */
function isWithinBounds({ provider, resource, amount }: Take): boolean {
  const inventory = provider.inventories[resource];
  if (inventory === undefined) return false;
  const used = provider.used[resource] ?? 0;
  return amount <= inventory.maxUnit && used + amount <= capacityOf(inventory);
}
