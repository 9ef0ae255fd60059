// What placement's rules ask of a caller, by Placement's names and with its defaults: administrators and services may do
// all, readers of the system may look, and a project's readers see what the project uses. A policy file may override each.
// Placement's rules are for tokens of any scope. Pure.

const adminOrService = 'rule:context_is_admin or rule:service_api';
const reader = `${adminOrService} or (role:reader and system_scope:all)`;
const projectReader = `${reader} or rule:project_reader_api`;

export const placementRules = {
  'placement:allocation_candidates:list': reader,
  'placement:allocations:delete': adminOrService,
  'placement:allocations:list': reader,
  'placement:allocations:manage': adminOrService,
  'placement:allocations:update': adminOrService,
  'placement:reshaper:reshape': adminOrService,
  'placement:resource_classes:create': adminOrService,
  'placement:resource_classes:delete': adminOrService,
  'placement:resource_classes:list': reader,
  'placement:resource_classes:show': reader,
  'placement:resource_classes:update': adminOrService,
  'placement:resource_providers:aggregates:list': reader,
  'placement:resource_providers:aggregates:update': adminOrService,
  'placement:resource_providers:allocations:list': reader,
  'placement:resource_providers:create': adminOrService,
  'placement:resource_providers:delete': adminOrService,
  'placement:resource_providers:inventories:create': adminOrService,
  'placement:resource_providers:inventories:delete': adminOrService,
  'placement:resource_providers:inventories:list': reader,
  'placement:resource_providers:inventories:show': reader,
  'placement:resource_providers:inventories:update': adminOrService,
  'placement:resource_providers:list': reader,
  'placement:resource_providers:show': reader,
  'placement:resource_providers:traits:delete': adminOrService,
  'placement:resource_providers:traits:list': reader,
  'placement:resource_providers:traits:update': adminOrService,
  'placement:resource_providers:update': adminOrService,
  'placement:resource_providers:usages': reader,
  'placement:traits:delete': adminOrService,
  'placement:traits:list': reader,
  'placement:traits:show': reader,
  'placement:traits:update': adminOrService,
  'placement:usages': projectReader,
} as const satisfies Readonly<Record<`placement:${string}`, string>>;

export type PlacementRule = keyof typeof placementRules;
