// Bodies of `rebuild`, by microversion. Data only.
import {
  booleanParam,
  descriptionParam,
  fqdnParam,
  hostnameParam,
  looseNameParam,
  metadataParam,
  nameOrNone,
  nameParam,
  uuidParam,
} from '../parameter-types.ts';
import type { SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';
import { certificates, diskConfig, ipv4, ipv6, personality, userData } from './schemas.ts';

type Properties = Readonly<Record<string, JsonSchema>>;

function rebuildBody(properties: Properties): JsonSchema {
  return {
    type: 'object',
    properties: {
      rebuild: {
        type: 'object',
        properties,
        required: ['imageRef'],
        additionalProperties: false,
      },
    },
    required: ['rebuild'],
    additionalProperties: false,
  };
}

const rebuild21: Properties = {
  name: nameParam,
  imageRef: uuidParam,
  adminPass: { type: 'string' },
  metadata: metadataParam,
  preserve_ephemeral: booleanParam,
  'OS-DCF:diskConfig': diskConfig,
  accessIPv4: ipv4,
  accessIPv6: ipv6,
  personality,
};
const rebuild219: Properties = { ...rebuild21, description: descriptionParam };
const rebuild254: Properties = { ...rebuild219, key_name: nameOrNone };
const { personality: _, ...withoutFiles } = rebuild254;
const rebuild257: Properties = {
  ...withoutFiles,
  user_data: { oneOf: [userData, { type: 'null' }] },
};
const rebuild263: Properties = { ...rebuild257, trusted_image_certificates: certificates };

export const rebuildSchemas: readonly SchemaRange[] = [
  { until: 0, schema: rebuildBody({ ...rebuild21, name: looseNameParam }) },
  { until: 18, schema: rebuildBody(rebuild21) },
  { until: 53, schema: rebuildBody(rebuild219) },
  { until: 56, schema: rebuildBody(rebuild254) },
  { until: 62, schema: rebuildBody(rebuild257) },
  { until: 89, schema: rebuildBody(rebuild263) },
  { until: 93, schema: rebuildBody({ ...rebuild263, hostname: hostnameParam }) },
  { schema: rebuildBody({ ...rebuild263, hostname: fqdnParam }) },
];
