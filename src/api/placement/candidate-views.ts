// GET /allocation_candidates: the reply in the forms of the versions. Pure.
import { capacityOf } from '#actors/provider/arithmetic.ts';
import { type CandidateRequest, parseCandidateRequest } from './candidate-query.ts';
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

export function listCandidates({ catalogue, query, minor }: PlacementCall): PlacementAnswer {
  const request = parseCandidateRequest(query, minor);
  for (const { resources } of request.groups) requireClasses(catalogue, resources);
  const wishes = [...request.groups.map(({ traits }) => traits), request.rootTraits];
  const unknown = unknownTraits(catalogue, wishes);
  if (unknown !== undefined) throw badRequest(`No such trait(s): ${unknown}.`);
  const candidates = findCandidates(catalogue.hosted(), request);
  return answer({
    allocation_requests: candidates.map((candidate) => viewRequest(candidate, request, minor)),
    provider_summaries: Object.fromEntries(
      candidates.map((candidate) => [candidate.provider.id, viewSummary(candidate, minor)]),
    ),
  });
}

function viewRequest(
  { provider, resources }: Candidate,
  { groups }: CandidateRequest,
  minor: number,
): unknown {
  if (minor < ALLOCATIONS_BY_PROVIDER_SINCE)
    return { allocations: [{ resource_provider: { uuid: provider.id }, resources }] };
  const mappings = Object.fromEntries(groups.map(({ suffix }) => [suffix, [provider.id]]));
  return {
    allocations: { [provider.id]: { resources } },
    ...(minor >= MAPPINGS_SINCE ? { mappings } : {}),
  };
}

function viewSummary({ provider, resources: asked }: Candidate, minor: number): unknown {
  const { id, inventories, used, traits } = provider;
  const shown = Object.entries(inventories).filter(
    ([resource]) => minor >= ALL_RESOURCES_SINCE || Object.hasOwn(asked, resource),
  );
  return {
    resources: Object.fromEntries(
      shown.map(([resource, inventory]) => [
        resource,
        { capacity: capacityOf(inventory), used: used[resource] ?? 0 },
      ]),
    ),
    ...(minor >= TRAITS_SINCE ? { traits } : {}),
    ...(minor >= TREES_SINCE ? { parent_provider_uuid: null, root_provider_uuid: id } : {}),
  };
}
