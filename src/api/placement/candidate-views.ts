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
  return answer(
    written(
      candidates.map((candidate) => JSON.stringify(viewRequest(candidate, minor))),
      providers.map((provider) => summaryText(provider, asked, call)),
    ),
  );
}

/**
 * The reply as bytes. A thousand candidates are a megabyte: as one text it would live among the old objects, and each
 * collection of those takes longer than the search.
 */
function written(requests: readonly string[], summaries: readonly string[]): Buffer {
  const texts = [
    '{"allocation_requests":[',
    ...separated(requests),
    '],"provider_summaries":{',
    ...separated(summaries),
    '}}',
  ];
  const bytes = Buffer.allocUnsafeSlow(
    texts.reduce((length, text) => length + Buffer.byteLength(text), 0),
  );
  let at = 0;
  for (const text of texts) at += bytes.write(text, at);
  return bytes;
}

function separated(texts: readonly string[]): readonly string[] {
  return texts.map((text, at) => (at === 0 ? text : `,${text}`));
}

/** Of roots in the form of the latest versions: a state never changes, and neither does what is told of it. */
const latestTexts = new WeakMap<ProviderState, string>();

function summaryText(
  provider: ProviderState,
  asked: ReadonlySet<string>,
  call: PlacementCall,
): string {
  const isKept = call.minor >= TREES_SINCE && provider.parentId === undefined;
  const kept = isKept ? latestTexts.get(provider) : undefined;
  if (kept !== undefined) return kept;
  const text = `"${provider.id}":${JSON.stringify(viewSummary(provider, asked, call))}`;
  if (isKept) latestTexts.set(provider, text);
  return text;
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
