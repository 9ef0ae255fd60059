// Request bodies of calls about servers, by microversion, in the order in which Nova finds faults. Data only.
import {
  booleanParam,
  descriptionParam,
  flavorRef,
  fqdnParam,
  hostnameParam,
  ipAddress,
  looseNameParam,
  metadataParam,
  nameOrNone,
  nameParam,
  positiveInteger,
  tagParam,
  uuidParam,
} from '../parameter-types.ts';
import type { SchemaRange } from '../route.ts';
import type { JsonSchema } from '../validation.ts';

type Properties = Readonly<Record<string, JsonSchema>>;

export const MAX_TAGS = 50;
const MAX_USER_DATA = 65_535;

const imageRef: JsonSchema = {
  oneOf: [
    { type: 'string', format: 'uuid' },
    { type: 'string', maxLength: 0 },
  ],
};
export const userData: JsonSchema = { type: 'string', format: 'base64', maxLength: MAX_USER_DATA };
export const diskConfig: JsonSchema = { type: 'string', enum: ['AUTO', 'MANUAL'] };
export const ipv4: JsonSchema = { type: 'string', format: 'ipv4' };
export const ipv6: JsonSchema = { type: 'string', format: 'ipv6' };
const volumeSize: JsonSchema = {
  type: ['integer', 'string'],
  pattern: '^[0-9]+$',
  minimum: 1,
  maximum: 0x7fff_ffff,
};

export const personality: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: { path: { type: 'string' }, contents: { type: 'string', format: 'base64' } },
    additionalProperties: false,
  },
};

const port: JsonSchema = { oneOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] };

function networkList(properties: Properties): JsonSchema {
  return {
    type: 'array',
    items: { type: 'object', properties, additionalProperties: false },
  };
}

const looseNetworks = { fixed_ip: ipAddress, port, uuid: { type: 'string' } } as const;
const strictNetworks = { fixed_ip: ipAddress, port, uuid: uuidParam } as const;
const orWord = (list: JsonSchema): JsonSchema => ({
  oneOf: [list, { type: 'string', enum: ['none', 'auto'] }],
});

const legacyMapping: Properties = {
  virtual_name: { type: 'string', maxLength: 255 },
  volume_id: uuidParam,
  snapshot_id: uuidParam,
  volume_size: volumeSize,
  device_name: {
    type: 'string',
    minLength: 1,
    maxLength: 255,
    pattern: '^[a-zA-Z0-9._-r/]*$',
  },
  delete_on_termination: booleanParam,
  no_device: {},
  connection_info: { type: 'string', maxLength: 16_777_215 },
};

const mapping: Properties = {
  ...legacyMapping,
  source_type: { type: 'string', enum: ['volume', 'image', 'snapshot', 'blank'] },
  uuid: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' },
  image_id: uuidParam,
  destination_type: { type: 'string', enum: ['local', 'volume'] },
  guest_format: { type: 'string', maxLength: 255 },
  device_type: { type: 'string', maxLength: 255 },
  disk_bus: { type: 'string', maxLength: 255 },
  boot_index: { type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$' },
};

const mappings = (properties: Properties): JsonSchema => ({
  type: 'array',
  items: { type: 'object', properties, additionalProperties: false },
});

const hints: JsonSchema = {
  type: 'object',
  properties: {
    group: uuidParam,
    different_host: {
      oneOf: [
        { type: 'string', format: 'uuid' },
        { type: 'array', items: uuidParam },
      ],
    },
    same_host: { type: ['string', 'array'], items: uuidParam },
    query: { type: ['string', 'object'] },
    target_cell: nameParam,
    different_cell: { type: ['string', 'array'], items: { type: 'string' } },
    build_near_host_ip: ipAddress,
    cidr: { type: 'string', pattern: '^/[0-9a-f.:]+$' },
  },
  additionalProperties: true,
};

function without(properties: Properties, name: string): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => key !== name));
}

function createBody(
  server: Properties,
  required: readonly string[] = ['name', 'flavorRef'],
): JsonSchema {
  return {
    type: 'object',
    properties: {
      server: { type: 'object', properties: server, required, additionalProperties: false },
      'os:scheduler_hints': hints,
      'OS-SCH-HNT:scheduler_hints': hints,
    },
    required: ['server'],
    additionalProperties: false,
  };
}

/** What names look like: /v2 is lenient. */
function createProperties(name: JsonSchema, userDataParam: JsonSchema): Properties {
  return {
    name,
    imageRef,
    flavorRef,
    adminPass: { type: 'string' },
    metadata: metadataParam,
    networks: networkList(looseNetworks),
    'OS-DCF:diskConfig': diskConfig,
    accessIPv4: ipv4,
    accessIPv6: ipv6,
    personality,
    availability_zone: name,
    block_device_mapping: mappings(legacyMapping),
    block_device_mapping_v2: mappings(mapping),
    config_drive: booleanParam,
    key_name: name,
    min_count: positiveInteger,
    max_count: positiveInteger,
    return_reservation_id: booleanParam,
    security_groups: {
      type: 'array',
      items: { type: 'object', properties: { name }, additionalProperties: false },
    },
    user_data: userDataParam,
  };
}

const create20 = createProperties(looseNameParam, { oneOf: [userData, { type: 'null' }] });
const create21 = createProperties(nameParam, userData);
const create219 = { ...create21, description: descriptionParam };
const taggedMapping = mappings({ ...mapping, tag: tagParam });
const create233 = { ...create219, networks: networkList({ ...looseNetworks, tag: tagParam }) };
const create232 = { ...create233, block_device_mapping_v2: taggedMapping };
const create237 = { ...create233, networks: orWord(networkList(strictNetworks)) };
const create242 = {
  ...create237,
  networks: orWord(networkList({ ...strictNetworks, tag: tagParam })),
  block_device_mapping_v2: taggedMapping,
};
const create252 = {
  ...create242,
  tags: { type: 'array', items: tagParam, maxItems: MAX_TAGS },
} as const;
const create257 = without(create252, 'personality');
export const certificates: JsonSchema = {
  type: ['array', 'null'],
  minItems: 1,
  maxItems: 50,
  uniqueItems: true,
  items: { type: 'string', minLength: 1 },
};
const create263 = { ...create257, trusted_image_certificates: certificates };
const create267 = {
  ...create263,
  block_device_mapping_v2: mappings({
    ...mapping,
    tag: tagParam,
    volume_type: { type: ['string', 'null'], minLength: 0, maxLength: 255 },
  }),
};
const create274 = { ...create267, host: fqdnParam, hypervisor_hostname: fqdnParam };
const create290 = { ...create274, hostname: hostnameParam };
const create294 = { ...create274, hostname: fqdnParam };
const withNetworks = ['name', 'flavorRef', 'networks'];

export const createSchemas: readonly SchemaRange[] = [
  { until: 0, schema: createBody(create20) },
  { until: 18, schema: createBody(create21) },
  { until: 31, schema: createBody(create219) },
  { until: 32, schema: createBody(create232) },
  { until: 36, schema: createBody(create233) },
  { until: 41, schema: createBody(create237, withNetworks) },
  { until: 51, schema: createBody(create242, withNetworks) },
  { until: 56, schema: createBody(create252, withNetworks) },
  { until: 62, schema: createBody(create257, withNetworks) },
  { until: 66, schema: createBody(create263, withNetworks) },
  { until: 73, schema: createBody(create267, withNetworks) },
  { until: 89, schema: createBody(create274, withNetworks) },
  { until: 93, schema: createBody(create290, withNetworks) },
  { schema: createBody(create294, withNetworks) },
];

function updateBody(server: Properties): JsonSchema {
  return {
    type: 'object',
    properties: {
      server: { type: 'object', properties: server, additionalProperties: false },
    },
    required: ['server'],
    additionalProperties: false,
  };
}

const update21: Properties = {
  name: nameParam,
  'OS-DCF:diskConfig': diskConfig,
  accessIPv4: ipv4,
  accessIPv6: ipv6,
};
const update219: Properties = { ...update21, description: descriptionParam };

export const updateSchemas: readonly SchemaRange[] = [
  { until: 0, schema: updateBody({ ...update21, name: looseNameParam }) },
  { until: 18, schema: updateBody(update21) },
  { until: 89, schema: updateBody(update219) },
  { until: 93, schema: updateBody({ ...update219, hostname: hostnameParam }) },
  { until: 103, schema: updateBody({ ...update219, hostname: fqdnParam }) },
  {
    schema: updateBody({
      ...update219,
      hostname: fqdnParam,
      pinned_availability_zone: nameOrNone,
    }),
  },
];
