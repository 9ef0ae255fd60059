// GET /allocation_candidates: the reply in the forms of the versions. Pure.
import { capacityOf } from '#actors/provider/arithmetic.ts';
import type { ProviderState } from '#actors/provider/protocol.ts';
import { parseCandidateRequest } from './candidate-query.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import { badRequest } from './envelope.ts';
import { requireClasses, unknownTraits } from './names.ts';
import { answer, type PlacementAnswer, type PlacementCall } from './route.ts';

/** Minor versions from which a form or a field is there. */
const ALLOCATIONS_BY_PROVIDER_SINCE = 12;
const TRAITS_SINCE = 17;
const ALL_RESOURCES_SINCE = 27;
const TREES_SINCE = 29;
const MAPPINGS_SINCE = 34;

export function listCandidates(call: PlacementCall): PlacementAnswer {
  const { catalogue, query, minor } = call;
  const request = parseCandidateRequest(query, minor);
  for (const { resources } of request.groups) requireClasses(catalogue, resources);
  const wishes = [...request.groups.map(({ traits }) => traits), request.rootTraits];
  const unknown = unknownTraits(catalogue, wishes);
  if (unknown !== undefined) throw badRequest(`No such trait(s): ${unknown}.`);
  const { candidates, providers } = findCandidates(catalogue, request, minor >= TREES_SINCE);
  const asked = new Set(request.groups.flatMap(({ resources }) => Object.keys(resources)));
  return answer({
    allocation_requests: candidates.map((candidate) => viewRequest(candidate, minor)),
    provider_summaries: Object.fromEntries(
      providers.map((provider) => [provider.id, viewSummary(provider, asked, call)]),
    ),
  });
}

function viewRequest({ takes, mappings }: Candidate, minor: number): unknown {
  const allocations: Record<string, { resources: Record<string, number> }> = {};
  for (const { provider, resource, amount } of takes) {
    const allocation = (allocations[provider.id] ??= { resources: {} });
    allocation.resources[resource] = amount;
  }
  if (minor < ALLOCATIONS_BY_PROVIDER_SINCE)
    return {
      allocations: Object.entries(allocations).map(([uuid, { resources }]) => ({
        resource_provider: { uuid },
        resources,
      })),
    };
  if (minor < MAPPINGS_SINCE) return { allocations };
  return {
    allocations,
    mappings: Object.fromEntries(
      [...mappings].map(([suffix, providers]) => [suffix, providers.map(({ id }) => id)]),
    ),
  };
}

function viewSummary(
  provider: ProviderState,
  asked: ReadonlySet<string>,
  { minor, catalogue }: PlacementCall,
): unknown {
  const { inventories, used, traits, parentId } = provider;
  const resources: Record<string, { capacity: number; used: number }> = {};
  for (const [resource, inventory] of Object.entries(inventories))
    if (minor >= ALL_RESOURCES_SINCE || asked.has(resource))
      resources[resource] = { capacity: capacityOf(inventory), used: used[resource] ?? 0 };
  return {
    resources,
    ...(minor >= TRAITS_SINCE ? { traits } : {}),
    ...(minor >= TREES_SINCE
      ? { parent_provider_uuid: parentId ?? null, root_provider_uuid: catalogue.rootIdOf(provider) }
      : {}),
  };
}
