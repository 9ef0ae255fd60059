// GET /allocations/{consumer} and GET /usages: what a server, a project or a user holds, over all providers. Pure.
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import { heldKey } from '#actors/provider/protocol.ts';
import type { Holding } from './catalogue.ts';
import { checkKeys, invalidQuery, type Query } from './query.ts';
import { answer, type PlacementAnswer, type PlacementCall } from './route.ts';

/** Minor versions from which a field, or a way to ask, is there. */
const OWNERS_SINCE = 12;
const CONSUMER_GENERATION_SINCE = 28;
const CONSUMER_TYPE_SINCE = 38;

/** A consumer that holds nothing, or that no one knows, has no allocations: never 404. */
export function showAllocations({ catalogue, minor, params }: PlacementCall): PlacementAnswer {
  const consumer = params['consumer_uuid'] ?? '';
  const holdings = catalogue.holdings(consumer);
  const allocations = Object.fromEntries(
    holdings.map(({ provider, allocation }) => [
      provider.id,
      { generation: provider.generation, resources: allocation.resources },
    ]),
  );
  const first = holdings[0]?.allocation;
  if (first === undefined || minor < OWNERS_SINCE) return answer({ allocations });
  return answer({
    allocations,
    project_id: first.projectId,
    user_id: first.userId,
    ...(minor >= CONSUMER_GENERATION_SINCE
      ? { consumer_generation: consumerGeneration(holdings) }
      : {}),
    ...(minor >= CONSUMER_TYPE_SINCE
      ? { consumer_type: catalogue.consumerType(consumer, first) }
      : {}),
  });
}

/**
 * What clients compare to know that nobody has changed the allocations: counted where the API wrote them last. Where a server
 * claimed something since, it is a number that changes whenever what the consumer holds does: a hash of the claims' ids
 * (FNV-1a, 31 bits), the same in every process.
 */
export function consumerGeneration(holdings: readonly Holding[]): number {
  const [first] = holdings;
  const written = first?.allocation.generation;
  if (
    written !== undefined &&
    holdings.every(({ allocation }) => allocation.generation === written)
  )
    return written;
  const text = holdings
    .map(({ provider, allocation }) => `${provider.id} ${heldKey(allocation)}`)
    .sort()
    .join('\n');
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 1) & 0x7fffffff;
}

interface Usage {
  readonly resources: Record<string, number>;
  readonly consumers: Set<string>;
}

export function showUsages(call: PlacementCall): PlacementAnswer {
  const { query, minor } = call;
  const isByType = minor >= CONSUMER_TYPE_SINCE;
  checkKeys(
    query,
    (key) => key === 'project_id' || key === 'user_id' || (isByType && key === 'consumer_type'),
  );
  const projectId = requireText(query, 'project_id');
  if (projectId === undefined)
    throw invalidQuery("'project_id' is a required property", 'required');
  const userId = requireText(query, 'user_id');
  const type = requireType(query);
  const usages = usagesOf(call, { projectId, userId, type: isByType ? type : 'all' });
  if (!isByType) return answer({ usages: usages.get('all')?.resources ?? {} });
  return answer({
    usages: Object.fromEntries(
      [...usages].map(([name, { resources, consumers }]) => [
        name,
        { ...resources, consumer_count: consumers.size },
      ]),
    ),
  });
}

/** By consumer type; `all` puts every type into one. */
function usagesOf(
  { catalogue }: PlacementCall,
  asked: {
    readonly projectId: string;
    readonly userId: string | undefined;
    readonly type: string | undefined;
  },
): ReadonlyMap<string, Usage> {
  const usages = new Map<string, Usage>();
  for (const provider of catalogue.all())
    for (const [consumer, allocation] of bucketEntries(provider.allocations)) {
      const { projectId, userId, resources } = allocation;
      if (projectId !== asked.projectId) continue;
      if (asked.userId !== undefined && userId !== asked.userId) continue;
      const type = asked.type === 'all' ? 'all' : catalogue.consumerType(consumer, allocation);
      if (asked.type !== undefined && type !== asked.type) continue;
      const usage = usages.get(type) ?? { resources: {}, consumers: new Set() };
      usages.set(type, usage);
      usage.consumers.add(consumer);
      for (const [resource, amount] of Object.entries(resources))
        usage.resources[resource] = (usage.resources[resource] ?? 0) + amount;
    }
  return usages;
}

const LONGEST = 255;

function requireText(query: Query, key: string): string | undefined {
  const value = query.get(key);
  if (value === '') throw invalidQuery("'' is too short", 'minLength');
  if (value !== undefined && value.length > LONGEST)
    throw invalidQuery(`'${value}' is too long`, 'maxLength');
  return value;
}

function requireType(query: Query): string | undefined {
  const value = query.get('consumer_type');
  const pattern = '^[A-Z0-9_]+$|^all|^unknown$';
  if (value !== undefined && !new RegExp(pattern).test(value))
    throw invalidQuery(`'${value}' does not match '${pattern}'`, 'pattern');
  return requireText(query, 'consumer_type');
}
