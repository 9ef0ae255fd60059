// GET /resource_providers and what stands below a provider: inventories, usages, traits, aggregates, allocations. Pure.
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import type { Inventory, ProviderState } from '#actors/provider/protocol.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { consumerGeneration } from './allocations.ts';
import { meets, type ProviderWishes } from './matching.ts';
import { badRequest, faultOf } from './envelope.ts';
import {
  checkKeys,
  invalidQuery,
  isUuidLike,
  parseMemberOf,
  parseResources,
  parseTraits,
  type Query,
} from './query.ts';
import { notFound, providerMissing } from './refusals.ts';
import { answer, type PlacementAnswer, type PlacementCall } from './route.ts';
import { requireClasses, unknownTraits } from './names.ts';

/** Minor versions from which a filter of the list, a link or a field is there. */
const filtersSince: Readonly<Record<string, number>> = {
  name: 0,
  uuid: 0,
  member_of: 3,
  resources: 4,
  in_tree: 14,
  required: 18,
};
const linksSince: Readonly<Record<string, number>> = {
  inventories: 0,
  usages: 0,
  aggregates: 1,
  traits: 6,
  allocations: 11,
};
const TREES_SINCE = 14;
const AGGREGATE_GENERATION_SINCE = 19;
const CONSUMER_GENERATION_SINCE = 28;

export function listProviders(call: PlacementCall): PlacementAnswer {
  const { query, minor, catalogue } = call;
  checkKeys(query, (key) => minor >= (filtersSince[key] ?? Number.POSITIVE_INFINITY));
  const wishes = parseFilters(call);
  const [name, uuid, inTree] = [query.get('name'), query.get('uuid'), query.get('in_tree')];
  const member = inTree === undefined ? undefined : catalogue.get(inTree);
  if (inTree !== undefined && member === undefined) return answer({ resource_providers: [] });
  const rootId = member === undefined ? undefined : catalogue.rootIdOf(member);
  const found: unknown[] = [];
  for (const provider of catalogue.all()) {
    if (name !== undefined && provider.name !== name) continue;
    if (uuid !== undefined && provider.id !== uuid) continue;
    if (rootId !== undefined && catalogue.rootIdOf(provider) !== rootId) continue;
    if (meets(provider, wishes, catalogue.aggregatesOf(provider)))
      found.push(viewProvider(provider, call));
  }
  return answer({ resource_providers: found });
}

function parseFilters({ query, minor, catalogue }: PlacementCall): ProviderWishes {
  for (const key of ['uuid', 'in_tree'] as const) requireUuid(query, key);
  const aggregates = parseMemberOf(query.all('member_of'), minor);
  const traits = parseTraits(query.all('required'), minor);
  const asked = query.get('resources');
  const resources = asked === undefined ? {} : parseResources(asked);
  requireClasses(catalogue, resources);
  const unknown = unknownTraits(catalogue, [traits]);
  if (unknown !== undefined)
    throw badRequest(`Invalid trait(s) in "required" parameter: No such trait(s): ${unknown}.`);
  return { amounts: Object.entries(resources), traits, aggregates };
}

function requireUuid(query: Query, key: string): void {
  const value = query.get(key);
  if (value !== undefined && !isUuidLike(value))
    throw invalidQuery(`'${value}' is not a 'uuid'`, 'format');
}

export function showProvider(call: PlacementCall): PlacementAnswer {
  return answer(viewProvider(providerOf(call), call));
}

/** `between`: of words that Placement says twice, what stands between them. */
function providerOf({ catalogue, params }: PlacementCall, between?: string): ProviderState {
  const id = params['uuid'] ?? '';
  const provider = catalogue.get(id);
  if (provider !== undefined) return provider;
  const words = providerMissing(id);
  throw notFound(between === undefined ? words : `${words}${between}${words}`);
}

/** Where a provider is found. */
export function linkOf(id: string, { prefix }: Pick<PlacementCall, 'prefix'>): string {
  return `${prefix}/resource_providers/${id}`;
}

export function viewProvider(provider: ProviderState, call: PlacementCall): unknown {
  const { id, name, generation, parentId } = provider;
  const { minor, catalogue } = call;
  const href = linkOf(id, call);
  const below = Object.entries(linksSince).filter(([, since]) => minor >= since);
  return {
    uuid: id,
    name,
    generation,
    links: [{ rel: 'self', href }, ...below.map(([rel]) => ({ rel, href: `${href}/${rel}` }))],
    ...(minor >= TREES_SINCE
      ? { parent_provider_uuid: parentId ?? null, root_provider_uuid: catalogue.rootIdOf(provider) }
      : {}),
  };
}

export function listInventories(call: PlacementCall): PlacementAnswer {
  const { inventories, generation } = providerOf(call, ' : ');
  return answer(viewInventories(inventories, generation));
}

export function viewInventories(
  inventories: Readonly<Record<string, Inventory>>,
  generation: number,
): unknown {
  return {
    resource_provider_generation: generation,
    inventories: Object.fromEntries(
      Object.entries(inventories).map(([resource, inventory]) => [
        resource,
        viewInventory(inventory),
      ]),
    ),
  };
}

export function showInventory(call: PlacementCall): PlacementAnswer {
  const { id, inventories, generation } = providerOf(call, ' : ');
  const resource = call.params['resource_class'] ?? '';
  const inventory = Object.hasOwn(inventories, resource) ? inventories[resource] : undefined;
  if (inventory === undefined)
    throw faultOf(refuse('inventory-not-found', { provider: id, resource }));
  return answer(viewInventory(inventory, generation));
}

/** A generation of nothing is not told, as in Placement. */
export function viewInventory(
  inventory: Inventory,
  generation = 0,
): Readonly<Record<string, number>> {
  return {
    total: inventory.total,
    reserved: inventory.reserved,
    min_unit: inventory.minUnit,
    max_unit: inventory.maxUnit,
    step_size: inventory.stepSize,
    allocation_ratio: inventory.allocationRatio,
    ...(generation === 0 ? {} : { resource_provider_generation: generation }),
  };
}

/** Every class of which there is an inventory, used or not. */
export function showProviderUsages(call: PlacementCall): PlacementAnswer {
  const { inventories, used, generation } = providerOf(call);
  return answer({
    resource_provider_generation: generation,
    usages: Object.fromEntries(
      Object.keys(inventories).map((resource) => [resource, used[resource] ?? 0]),
    ),
  });
}

export function listProviderTraits(call: PlacementCall): PlacementAnswer {
  const { traits, generation } = providerOf(call, ': ');
  return answer({ traits, resource_provider_generation: generation });
}

export function listProviderAggregates(call: PlacementCall): PlacementAnswer {
  const provider = providerOf(call);
  const { generation } = provider;
  const hasGeneration = call.minor >= AGGREGATE_GENERATION_SINCE;
  return answer({
    aggregates: call.catalogue.aggregatesOf(provider),
    ...(hasGeneration ? { resource_provider_generation: generation } : {}),
  });
}

export function listProviderAllocations(call: PlacementCall): PlacementAnswer {
  const { allocations, generation } = providerOf(call);
  const { catalogue, minor } = call;
  const held = [...bucketEntries(allocations)].map(([consumer, { resources }]) => [
    consumer,
    {
      resources,
      ...(minor >= CONSUMER_GENERATION_SINCE
        ? { consumer_generation: consumerGeneration(catalogue.holdings(consumer)) }
        : {}),
    },
  ]);
  return answer({
    allocations: Object.fromEntries(held) as unknown,
    resource_provider_generation: generation,
  });
}
