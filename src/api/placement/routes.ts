// The table of routes: path, method, first version, policy rule, handler. Rows without a handler are the writes that
// Placement has and this service does not have yet; they are refused in words.
import { showAllocations, showUsages } from './allocations.ts';
import { listCandidates } from './candidate-views.ts';
import { MAX_MINOR, MIN_MINOR, versionText } from './microversion.ts';
import { listResourceClasses, listTraits, showResourceClass, showTrait } from './names.ts';
import {
  listInventories,
  listProviderAggregates,
  listProviderAllocations,
  listProviders,
  listProviderTraits,
  showInventory,
  showProvider,
  showProviderUsages,
} from './providers.ts';
import {
  answer,
  type PlacementAnswer,
  type PlacementHandler,
  type PlacementRoute,
} from './route.ts';

const PROVIDERS = '/resource_providers';
const PROVIDER = `${PROVIDERS}/:uuid`;

function read(
  path: string,
  since: number,
  [rule, handle]: readonly [rule: string, handle: PlacementHandler],
): PlacementRoute {
  return { method: 'GET', path, since, rule: `placement:${rule}`, handle };
}

type WriteMethod = 'POST' | 'PUT' | 'DELETE';

function writes(
  path: string,
  missing: string,
  rows: readonly (readonly [method: WriteMethod, since: number, rule: string])[],
): readonly PlacementRoute[] {
  return rows.map(([method, since, rule]) => ({
    method,
    path,
    since,
    rule: `placement:${rule}`,
    missing,
  }));
}

const ofHosts = 'resource providers come and go with their compute hosts';
const inventoriesOfHosts = 'inventories are what the compute hosts report';
const traitsOfHosts = 'the traits of a provider are what its compute host reports';
const claims = 'allocations are claimed and let go by the servers themselves';
const aggregates = 'providers are not in aggregates yet';
const customTraits = 'there are no custom traits yet';
const customClasses = 'there are no custom resource classes yet';

export const placementRoutes: readonly PlacementRoute[] = [
  {
    method: 'GET',
    path: '/',
    since: 0,
    rule: undefined,
    handle: showVersions,
    acceptsAnything: true,
  },
  read('/resource_classes', 2, ['resource_classes:list', listResourceClasses]),
  ...writes('/resource_classes', customClasses, [['POST', 2, 'resource_classes:create']]),
  read('/resource_classes/:name', 2, ['resource_classes:show', showResourceClass]),
  ...writes('/resource_classes/:name', customClasses, [
    ['PUT', 2, 'resource_classes:update'],
    ['DELETE', 2, 'resource_classes:delete'],
  ]),
  read(PROVIDERS, 0, ['resource_providers:list', listProviders]),
  ...writes(PROVIDERS, ofHosts, [['POST', 0, 'resource_providers:create']]),
  read(PROVIDER, 0, ['resource_providers:show', showProvider]),
  ...writes(PROVIDER, ofHosts, [
    ['PUT', 0, 'resource_providers:update'],
    ['DELETE', 0, 'resource_providers:delete'],
  ]),
  read(`${PROVIDER}/inventories`, 0, ['resource_providers:inventories:list', listInventories]),
  ...writes(`${PROVIDER}/inventories`, inventoriesOfHosts, [
    ['POST', 0, 'resource_providers:inventories:create'],
    ['PUT', 0, 'resource_providers:inventories:update'],
    ['DELETE', 5, 'resource_providers:inventories:delete'],
  ]),
  read(`${PROVIDER}/inventories/:resource_class`, 0, [
    'resource_providers:inventories:show',
    showInventory,
  ]),
  ...writes(`${PROVIDER}/inventories/:resource_class`, inventoriesOfHosts, [
    ['PUT', 0, 'resource_providers:inventories:update'],
    ['DELETE', 0, 'resource_providers:inventories:delete'],
  ]),
  read(`${PROVIDER}/usages`, 0, ['resource_providers:usages', showProviderUsages]),
  read(`${PROVIDER}/aggregates`, 1, ['resource_providers:aggregates:list', listProviderAggregates]),
  ...writes(`${PROVIDER}/aggregates`, aggregates, [
    ['PUT', 1, 'resource_providers:aggregates:update'],
  ]),
  read(`${PROVIDER}/allocations`, 0, [
    'resource_providers:allocations:list',
    listProviderAllocations,
  ]),
  read(`${PROVIDER}/traits`, 6, ['resource_providers:traits:list', listProviderTraits]),
  ...writes(`${PROVIDER}/traits`, traitsOfHosts, [
    ['PUT', 6, 'resource_providers:traits:update'],
    ['DELETE', 6, 'resource_providers:traits:delete'],
  ]),
  ...writes('/allocations', claims, [['POST', 13, 'allocations:manage']]),
  read('/allocations/:consumer_uuid', 0, ['allocations:list', showAllocations]),
  ...writes('/allocations/:consumer_uuid', claims, [
    ['PUT', 0, 'allocations:update'],
    ['DELETE', 0, 'allocations:delete'],
  ]),
  read('/allocation_candidates', 10, ['allocation_candidates:list', listCandidates]),
  read('/traits', 6, ['traits:list', listTraits]),
  { ...read('/traits/:name', 6, ['traits:show', showTrait]), acceptsAnything: true },
  ...writes('/traits/:name', customTraits, [
    ['PUT', 6, 'traits:update'],
    ['DELETE', 6, 'traits:delete'],
  ]),
  read('/usages', 9, ['usages', showUsages]),
  ...writes('/reshaper', claims, [['POST', 30, 'reshaper:reshape']]),
];

/** The link is empty: the same URL is the root of the one version. */
function showVersions(): PlacementAnswer {
  const min = versionText(MIN_MINOR);
  return answer({
    versions: [
      {
        id: `v${min}`,
        max_version: versionText(MAX_MINOR),
        min_version: min,
        status: 'CURRENT',
        links: [{ rel: 'self', href: '' }],
      },
    ],
  });
}
