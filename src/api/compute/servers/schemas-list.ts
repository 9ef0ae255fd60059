// What `GET /servers` and `/servers/detail` take in their query, by microversion. Data only.
import { multiParam, paginationQuery, regexQuery, textQuery } from '../parameter-types.ts';
import type { SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';

/** Names of tables that a server is made of in Nova: filters that are refused, not ignored. */
export const joinedFields = [
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
] as const;

/** Sort keys that once worked and are ignored until 2.74. */
export const ignoredSortKeys = [
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'launched_on',
  'locked',
  'memory_mb',
  'os_type',
  'reservation_id',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
] as const;

export const sortKeyNames = [
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'availability_zone',
  'config_drive',
  'created_at',
  'display_description',
  'display_name',
  'host',
  'hostname',
  'image_ref',
  'instance_type_id',
  'kernel_id',
  'key_name',
  'launch_index',
  'launched_at',
  'locked_by',
  'node',
  'power_state',
  'progress',
  'project_id',
  'ramdisk_id',
  'root_device_name',
  'task_state',
  'terminated_at',
  'updated_at',
  'user_id',
  'uuid',
  'vm_state',
] as const;

const texts = [
  'user_id',
  'project_id',
  'tenant_id',
  'launch_index',
  'image_ref',
  'image',
  'vm_state',
  'task_state',
  'host',
  'uuid',
  'sort_dir',
  'all_tenants',
  'soft_deleted',
  'deleted',
  'status',
  ...joinedFields,
];

const expressions = [
  'kernel_id',
  'ramdisk_id',
  'hostname',
  'key_name',
  'power_state',
  'node',
  'flavor',
  'reservation_id',
  'launched_at',
  'terminated_at',
  'availability_zone',
  'name',
  'display_name',
  'description',
  'display_description',
  'locked_by',
  'root_device_name',
  'config_drive',
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'progress',
  'ip',
  'ip6',
  'created_at',
];

export const tagFilters = ['tags', 'tags-any', 'not-tags', 'not-tags-any'] as const;

const moment: JsonSchema = multiParam({ type: 'string', format: 'date-time' });
const sortKeys = (names: readonly string[]): JsonSchema =>
  multiParam({ type: 'string', enum: names });
const each = (names: readonly string[], schema: JsonSchema): Record<string, JsonSchema> =>
  Object.fromEntries(names.map((name) => [name, schema]));

const since21 = {
  ...each(texts, textQuery),
  ...each(expressions, regexQuery),
  sort_key: sortKeys([...sortKeyNames, ...ignoredSortKeys]),
  'changes-since': moment,
  ...paginationQuery,
};
const since226 = { ...since21, ...each(tagFilters, regexQuery) };
const since266 = { ...since226, 'changes-before': moment };
const since273 = { ...since266, locked: textQuery };
const since275 = { ...since273, sort_key: sortKeys([...sortKeyNames, 'locked']) };

const query = (properties: Readonly<Record<string, JsonSchema>>, open: boolean): JsonSchema => ({
  type: 'object',
  properties,
  additionalProperties: open,
  patternProperties: { '^_': textQuery },
});

export const listQuery: readonly SchemaRange[] = [
  { until: 25, schema: query(since21, true) },
  { since: 26, until: 65, schema: query(since226, true) },
  { since: 66, until: 72, schema: query(since266, true) },
  { since: 73, until: 74, schema: query(since273, true) },
  { since: 75, schema: query(since275, false) },
];

/** What a version takes; others are ignored (until 2.74). */
export function knownParameters(microversion: number): Readonly<Record<string, JsonSchema>> {
  if (microversion < 26) return since21;
  if (microversion < 66) return since226;
  return microversion < 73 ? since266 : since273;
}
