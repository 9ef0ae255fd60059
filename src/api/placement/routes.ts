// The table of routes: path, method, first version, policy rule, handler.
import {
  deleteAllocations,
  postAllocations,
  putAllocations,
  reshape,
} from './allocation-writes.ts';
import { showAllocations, showUsages } from './allocations.ts';
import { listCandidates } from './candidate-views.ts';
import {
  createInventory,
  deleteInventories,
  deleteInventory,
  putInventories,
  putInventory,
} from './inventory-writes.ts';
import { MAX_MINOR, MIN_MINOR, versionText } from './microversion.ts';
import { listResourceClasses, listTraits, showResourceClass, showTrait } from './names.ts';
import { createProvider, deleteProvider, updateProvider } from './provider-writes.ts';
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
import type { PlacementRule } from '../policy/placement-rules-table.ts';
import { answer, type PlacementAnswer, type PlacementRoute } from './route.ts';
import {
  createResourceClass,
  deleteProviderTraits,
  deleteResourceClass,
  deleteTrait,
  putProviderAggregates,
  putProviderTraits,
  putResourceClass,
  putTrait,
} from './trait-writes.ts';

const PROVIDERS = '/resource_providers';
const PROVIDER = `${PROVIDERS}/:uuid`;
const INVENTORIES = `${PROVIDER}/inventories`;
const TRAITS = `${PROVIDER}/traits`;
const always = { upTo: MAX_MINOR };
/** Replies to writes with a body say that they may not be kept, from this minor version on. */
const FRESHNESS_SINCE = 15;

type Named<R> = R extends `placement:${infer Name}` ? Name : never;
type Row = readonly [rule: Named<PlacementRule>, handle: PlacementRoute['handle']];
type Method = PlacementRoute['method'];

function read(path: string, since: number, [rule, handle]: Row): PlacementRoute {
  return { method: 'GET', path, since, rule: `placement:${rule}`, handle, givesBody: true };
}

function write(
  [method, path, since]: readonly [Method, string, number],
  [rule, handle]: Row,
  more: Partial<PlacementRoute> = {},
): PlacementRoute {
  return { method, path, since, rule: `placement:${rule}`, handle, ...more };
}

const withBody = { takesBody: always } as const;
const answered = { takesBody: always, isFreshSince: FRESHNESS_SINCE } as const;

export const placementRoutes: readonly PlacementRoute[] = [
  { method: 'GET', path: '/', since: 0, rule: undefined, handle: showVersions },
  read('/resource_classes', 2, ['resource_classes:list', listResourceClasses]),
  write(
    ['POST', '/resource_classes', 2],
    ['resource_classes:create', createResourceClass],
    withBody,
  ),
  read('/resource_classes/:name', 2, ['resource_classes:show', showResourceClass]),
  write(['PUT', '/resource_classes/:name', 2], ['resource_classes:update', putResourceClass], {
    takesBody: { upTo: 6 },
  }),
  write(['DELETE', '/resource_classes/:name', 2], ['resource_classes:delete', deleteResourceClass]),
  read(PROVIDERS, 0, ['resource_providers:list', listProviders]),
  write(['POST', PROVIDERS, 0], ['resource_providers:create', createProvider], {
    takesBody: always,
    isFreshSince: 20,
  }),
  read(PROVIDER, 0, ['resource_providers:show', showProvider]),
  write(['DELETE', PROVIDER, 0], ['resource_providers:delete', deleteProvider]),
  write(['PUT', PROVIDER, 0], ['resource_providers:update', updateProvider], answered),
  read(INVENTORIES, 0, ['resource_providers:inventories:list', listInventories]),
  write(
    ['POST', INVENTORIES, 0],
    ['resource_providers:inventories:create', createInventory],
    answered,
  ),
  write(
    ['PUT', INVENTORIES, 0],
    ['resource_providers:inventories:update', putInventories],
    answered,
  ),
  write(['DELETE', INVENTORIES, 5], ['resource_providers:inventories:delete', deleteInventories], {
    statusBefore: 405,
  }),
  read(`${INVENTORIES}/:resource_class`, 0, ['resource_providers:inventories:show', showInventory]),
  write(
    ['PUT', `${INVENTORIES}/:resource_class`, 0],
    ['resource_providers:inventories:update', putInventory],
    answered,
  ),
  write(
    ['DELETE', `${INVENTORIES}/:resource_class`, 0],
    ['resource_providers:inventories:delete', deleteInventory],
  ),
  read(`${PROVIDER}/usages`, 0, ['resource_providers:usages', showProviderUsages]),
  read(`${PROVIDER}/aggregates`, 1, ['resource_providers:aggregates:list', listProviderAggregates]),
  write(
    ['PUT', `${PROVIDER}/aggregates`, 1],
    ['resource_providers:aggregates:update', putProviderAggregates],
    answered,
  ),
  read(`${PROVIDER}/allocations`, 0, [
    'resource_providers:allocations:list',
    listProviderAllocations,
  ]),
  write(['POST', '/allocations', 13], ['allocations:manage', postAllocations], withBody),
  read('/allocations/:consumer_uuid', 0, ['allocations:list', showAllocations]),
  write(
    ['PUT', '/allocations/:consumer_uuid', 0],
    ['allocations:update', putAllocations],
    withBody,
  ),
  write(['DELETE', '/allocations/:consumer_uuid', 0], ['allocations:delete', deleteAllocations]),
  read('/allocation_candidates', 10, ['allocation_candidates:list', listCandidates]),
  read('/traits', 6, ['traits:list', listTraits]),
  { ...read('/traits/:name', 6, ['traits:show', showTrait]), givesBody: false },
  write(['PUT', '/traits/:name', 6], ['traits:update', putTrait], {
    isFreshSince: FRESHNESS_SINCE,
  }),
  write(['DELETE', '/traits/:name', 6], ['traits:delete', deleteTrait]),
  read(TRAITS, 6, ['resource_providers:traits:list', listProviderTraits]),
  write(['PUT', TRAITS, 6], ['resource_providers:traits:update', putProviderTraits], answered),
  write(['DELETE', TRAITS, 6], ['resource_providers:traits:delete', deleteProviderTraits]),
  read('/usages', 9, ['usages', showUsages]),
  write(['POST', '/reshaper', 30], ['reshaper:reshape', reshape], withBody),
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
