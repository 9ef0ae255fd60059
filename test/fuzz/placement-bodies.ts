// Which of Placement's schemas a call's body has at a minor version. A table; the schemas are the service's.
import {
  aggregatesSchema,
  allocationSchema,
  allocationsSchema,
  customNameSchema,
  postInventorySchema,
  providerSchema,
  providerTraitsSchema,
  putInventoriesSchema,
  putInventorySchema,
  reshaperSchema,
} from '#api/placement/schemas.ts';
import type { LooseSchema } from './schema-values.ts';

const PROVIDERS = '/resource_providers';
const PROVIDER = `${PROVIDERS}/:uuid`;

const byCall: Readonly<Record<string, (minor: number) => LooseSchema>> = {
  'POST /resource_classes': () => customNameSchema,
  'PUT /resource_classes/:name': () => customNameSchema,
  [`POST ${PROVIDERS}`]: (minor) => providerSchema(minor, true),
  [`PUT ${PROVIDER}`]: (minor) => providerSchema(minor, false),
  [`POST ${PROVIDER}/inventories`]: () => postInventorySchema,
  [`PUT ${PROVIDER}/inventories`]: () => putInventoriesSchema,
  [`PUT ${PROVIDER}/inventories/:resource_class`]: () => putInventorySchema,
  [`PUT ${PROVIDER}/aggregates`]: aggregatesSchema,
  [`PUT ${PROVIDER}/traits`]: () => providerTraitsSchema,
  'POST /allocations': (minor) => allocationsSchema(minor),
  'PUT /allocations/:consumer_uuid': allocationSchema,
  'POST /reshaper': reshaperSchema,
};

export function placementBody(
  method: string,
  path: string,
  minor: number,
): LooseSchema | undefined {
  const call = `${method} ${path}`;
  return Object.hasOwn(byCall, call) ? byCall[call]?.(minor) : undefined;
}
