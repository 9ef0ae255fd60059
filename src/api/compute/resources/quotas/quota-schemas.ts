// Which quotas exist in which microversion, and the request schemas that follow from it. Data only.
import { networkQuotas } from '#actors/project/limits.ts';
import type { QuotaLimits } from '#actors/project/protocol.ts';
import { booleanParam, multiParam } from '../../parameter-types.ts';
import type { SchemaRange } from '../../route.ts';
import type { JsonSchema } from '../../validation.ts';
import { queryRanges } from '../query-schemas.ts';

export type QuotaName = keyof QuotaLimits;

const always: readonly QuotaName[] = ['cores', 'instances', 'key_pairs', 'metadata_items', 'ram'];
const groups: readonly QuotaName[] = ['server_group_members', 'server_groups'];
const injected: readonly QuotaName[] = [
  'injected_file_content_bytes',
  'injected_file_path_bytes',
  'injected_files',
];

export function quotaSetNames(minor: number): readonly QuotaName[] {
  return [
    ...always,
    ...groups,
    ...(minor < 36 ? networkQuotas : []),
    ...(minor < 57 ? injected : []),
  ];
}

export function quotaClassNames(minor: number): readonly QuotaName[] {
  return [...always, ...(minor < 50 ? networkQuotas : groups), ...(minor < 57 ? injected : [])];
}

const limit: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^-?[0-9]+$',
  minimum: -1,
  maximum: 0x7fffffff,
};

function body(
  name: string,
  names: readonly QuotaName[],
  more: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  const properties = { ...Object.fromEntries(names.map((quota) => [quota, limit])), ...more };
  return {
    type: 'object',
    properties: { [name]: { type: 'object', properties, additionalProperties: false } },
    required: [name],
    additionalProperties: false,
  };
}

const force = { force: booleanParam };
export const updateQuotaSet: readonly SchemaRange[] = [
  { until: 35, schema: body('quota_set', quotaSetNames(1), force) },
  { since: 36, until: 56, schema: body('quota_set', quotaSetNames(36), force) },
  { since: 57, schema: body('quota_set', quotaSetNames(57), force) },
];
export const updateQuotaClass: readonly SchemaRange[] = [
  { until: 49, schema: body('quota_class_set', [...quotaClassNames(1), ...groups]) },
  { since: 50, until: 56, schema: body('quota_class_set', quotaClassNames(50)) },
  { since: 57, schema: body('quota_class_set', quotaClassNames(57)) },
];

export const userQuery: readonly SchemaRange[] = queryRanges({
  user_id: multiParam({ type: 'string' }),
});
