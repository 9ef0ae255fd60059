// What bodies must look like: identity v3's own rules. Unknown fields are kept as extra attributes, so most are open.
import type { JsonSchema } from './body-check.ts';

const boolean = { type: 'boolean' };
const text = { type: 'string' };
const nullableText = { type: ['string', 'null'] };
const name255 = { type: 'string', minLength: 1, maxLength: 255, pattern: '\\S+' };
const name64 = { ...name255, maxLength: 64 };
const idText = { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' };
const nullableId = { ...idText, type: ['string', 'null'] };
const nullableBoolean = { type: ['boolean', 'null'] };
const url = { type: 'string', maxLength: 225, pattern: '^[a-zA-Z0-9+.-]+:.+' };
const roleNames = {
  type: 'array',
  items: {
    type: 'object',
    properties: { id: idText, name: name255 },
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
  },
};

const immutable = {
  type: 'object',
  properties: { immutable: nullableBoolean },
  additionalProperties: false,
};

export const tagSchema: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  pattern: '^[^,/]*$',
};
export const tagsSchema: JsonSchema = {
  type: 'array',
  items: tagSchema,
  maxItems: 80,
  uniqueItems: true,
};

function creating(properties: object, required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: true };
}
function updating(properties: object): JsonSchema {
  return { type: 'object', properties, minProperties: 1, additionalProperties: true };
}

const domain = {
  description: nullableText,
  enabled: boolean,
  name: name64,
  tags: tagsSchema,
  options: immutable,
  explicit_domain_id: text,
};
export const domainCreate = creating(domain, ['name']);
export const domainUpdate = updating(domain);

const project = {
  description: nullableText,
  domain_id: nullableId,
  enabled: boolean,
  is_domain: boolean,
  parent_id: nullableId,
  name: name64,
  tags: tagsSchema,
  options: immutable,
};
export const projectCreate = creating(project, ['name']);
export const projectUpdate = updating(project);

const userOptions = {
  type: 'object',
  properties: {
    ignore_change_password_upon_first_use: nullableBoolean,
    ignore_password_expiry: nullableBoolean,
    ignore_lockout_failure_attempts: nullableBoolean,
    ignore_user_inactivity: nullableBoolean,
    lock_password: nullableBoolean,
    multi_factor_auth_enabled: nullableBoolean,
    multi_factor_auth_rules: {
      type: ['array', 'null'],
      items: { type: 'array', items: text },
    },
  },
  additionalProperties: false,
};
const user = {
  default_project_id: nullableId,
  description: nullableText,
  domain_id: idText,
  enabled: boolean,
  name: name255,
  password: nullableText,
  options: userOptions,
};
export const userCreate = creating(user, ['name']);
export const userUpdate = updating(user);
export const passwordChange: JsonSchema = {
  type: 'object',
  properties: { original_password: text, password: text },
  required: ['original_password', 'password'],
  additionalProperties: false,
};

const group = { description: nullableText, domain_id: idText, name: name255 };
export const groupCreate = creating(group, ['name']);
export const groupUpdate = updating(group);

const role = {
  name: name255,
  description: nullableText,
  domain_id: nullableId,
  options: immutable,
};
export const roleCreate = creating(role, ['name']);
export const roleUpdate = updating(role);

const region = {
  description: nullableText,
  id: { type: 'string', maxLength: 255 },
  parent_region_id: nullableText,
};
export const regionCreate = creating(region, []);
export const regionUpdate = updating(region);

const service = {
  enabled: boolean,
  name: name255,
  type: { type: 'string', minLength: 1, maxLength: 255 },
};
export const serviceCreate = creating(service, ['type']);
export const serviceUpdate = updating(service);

const endpoint = {
  enabled: boolean,
  interface: { type: 'string', enum: ['admin', 'internal', 'public'] },
  region_id: text,
  region: text,
  service_id: text,
  url,
};
export const endpointCreate = creating(endpoint, ['interface', 'service_id', 'url']);
export const endpointUpdate = updating(endpoint);

export const applicationCredentialCreate = creating(
  {
    name: name255,
    description: nullableText,
    secret: nullableText,
    expires_at: nullableText,
    roles: roleNames,
    unrestricted: boolean,
    access_rules: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string', maxLength: 225, pattern: '^/.*' },
          method: { type: 'string', pattern: '^(POST|GET|HEAD|PATCH|PUT|DELETE)$' },
          service: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' },
          id: idText,
        },
        additionalProperties: false,
      },
    },
  },
  ['name'],
);

const policy = { blob: text, type: { type: 'string', maxLength: 255 } };
export const policyCreate = creating(policy, ['blob', 'type']);
export const policyUpdate = updating(policy);

const credential = { blob: text, project_id: text, type: text, user_id: text };
export const credentialCreate = creating(credential, ['blob', 'type', 'user_id']);
export const credentialUpdate = updating(credential);

const endpointGroup = { description: nullableText, filters: { type: 'object' }, name: name255 };
export const endpointGroupCreate = creating(endpointGroup, ['name', 'filters']);
export const endpointGroupUpdate = updating(endpointGroup);

const consumer = { description: nullableText };
export const consumerCreate = creating(consumer, []);
export const consumerUpdate: JsonSchema = {
  ...updating(consumer),
  not: { required: ['secret'] },
};
export const requestTokenAuthorize: JsonSchema = roleNames;

export const trustCreate = creating(
  {
    trustor_user_id: idText,
    trustee_user_id: idText,
    impersonation: boolean,
    project_id: nullableId,
    remaining_uses: { type: ['integer', 'null'], minimum: 1 },
    expires_at: nullableText,
    allow_redelegation: nullableBoolean,
    redelegation_count: { type: ['integer', 'null'], minimum: 0 },
    roles: roleNames,
  },
  ['trustor_user_id', 'trustee_user_id', 'impersonation'],
);

const limitFigure = { type: 'integer', minimum: -1, maximum: 0x7f_ff_ff_ff };
const resourceName = { type: 'string', minLength: 1, maxLength: 255 };
const registeredLimit = {
  service_id: idText,
  region_id: nullableText,
  resource_name: resourceName,
  default_limit: limitFigure,
  description: nullableText,
};
const closed = { additionalProperties: false };
export const registeredLimitCreate: JsonSchema = {
  type: 'array',
  minItems: 1,
  items: {
    ...creating(registeredLimit, ['service_id', 'resource_name', 'default_limit']),
    ...closed,
  },
};
export const registeredLimitUpdate: JsonSchema = {
  type: 'object',
  properties: registeredLimit,
  ...closed,
};

const limitOf = (owner: 'project_id' | 'domain_id') => ({
  ...creating(
    {
      [owner]: idText,
      service_id: idText,
      region_id: text,
      resource_name: resourceName,
      resource_limit: limitFigure,
      description: nullableText,
    },
    [owner, 'service_id', 'resource_name', 'resource_limit'],
  ),
  ...closed,
});
export const limitCreate: JsonSchema = {
  type: 'array',
  minItems: 1,
  items: { type: 'object', oneOf: [limitOf('project_id'), limitOf('domain_id')] },
};
export const limitUpdate: JsonSchema = {
  type: 'object',
  properties: { resource_limit: limitFigure, description: nullableText },
  ...closed,
};

const identityProvider = {
  enabled: boolean,
  description: nullableText,
  authorization_ttl: { type: ['integer', 'null'], minimum: 0 },
  remote_ids: { type: ['array', 'null'], items: text, uniqueItems: true },
};
export const identityProviderCreate: JsonSchema = {
  ...creating({ ...identityProvider, domain_id: nullableId }, []),
  ...closed,
};
export const identityProviderUpdate: JsonSchema = { ...updating(identityProvider), ...closed };

const serviceProvider = {
  auth_url: url,
  sp_url: url,
  description: nullableText,
  enabled: boolean,
  relay_state_prefix: nullableText,
};
export const serviceProviderCreate: JsonSchema = {
  ...creating(serviceProvider, ['auth_url', 'sp_url']),
  ...closed,
};
export const serviceProviderUpdate: JsonSchema = { ...updating(serviceProvider), ...closed };

const named = { type: 'object', properties: { id: text, name: text } };
const inDomain = { type: 'object', properties: { id: text, name: text, domain: named } };
export const authSchema: JsonSchema = {
  type: 'object',
  properties: {
    identity: {
      type: 'object',
      properties: {
        methods: { type: 'array', items: text },
        password: {
          type: 'object',
          properties: {
            user: {
              type: 'object',
              properties: { id: text, name: text, password: text, domain: named },
            },
          },
        },
        token: { type: 'object', properties: { id: text }, required: ['id'] },
        totp: {
          type: 'object',
          properties: {
            user: {
              type: 'object',
              properties: { id: text, name: text, passcode: text, domain: named },
            },
          },
        },
        oauth1: { type: 'object' },
        application_credential: {
          type: 'object',
          properties: { id: text, name: text, secret: text, user: inDomain },
        },
      },
      required: ['methods'],
    },
    scope: {
      type: ['object', 'string'],
      properties: {
        project: inDomain,
        domain: named,
        system: { type: 'object', properties: { all: boolean } },
        'OS-TRUST:trust': named,
      },
    },
  },
  required: ['identity'],
};
