// What the refusals of flavors, key pairs, quota and hosts mean in HTTP.
import type { ErrorTable } from './entry.ts';

const aggregateActions: Readonly<Record<string, string>> = {
  add: 'add host to',
  update: 'update',
  'update-metadata': 'update metadata of',
  delete: 'remove host from',
};

export const computeResourceErrors = {
  'flavor-not-found': {
    status: 404,
    message: ({ flavorId }) => `Flavor ${String(flavorId)} could not be found.`,
  },
  'flavor-exists': {
    status: 409,
    message: ({ field, value }) =>
      `Flavor with ${field === 'id' ? 'ID' : 'name'} ${String(value)} already exists.`,
  },
  'flavor-access-exists': {
    status: 409,
    message: ({ flavorId, projectId }) =>
      `Flavor access already exists for flavor ${String(flavorId)} and project ${String(projectId)} combination.`,
  },
  'flavor-access-not-found': {
    status: 404,
    message: ({ flavorId, projectId }) =>
      `Flavor access not found for ${String(flavorId)} / ${String(projectId)} combination.`,
  },
  'extra-spec-not-found': {
    status: 404,
    message: ({ flavorId, key }) =>
      `Flavor ${String(flavorId)} has no extra specs with key ${String(key)}.`,
  },
  'keypair-not-found': {
    status: 404,
    message: ({ name, userId }) => `Keypair ${String(name)} not found for user ${String(userId)}`,
  },
  'keypair-exists': {
    status: 409,
    message: ({ name }) => `Key pair '${String(name)}' already exists.`,
  },
  'keypair-quota': {
    status: 403,
    message: () => 'Quota exceeded, too many key pairs.',
  },
  'quota-below-usage': {
    status: 400,
    message: ({ resource, limit, used }) =>
      `Quota limit ${String(limit)} for ${String(resource)} must be greater than or equal to already used and reserved ${String(used)}.`,
  },
  'quota-above-project': {
    status: 400,
    message: ({ resource, limit, maximum }) =>
      `Quota limit ${String(limit)} for ${String(resource)} must be less than or equal to ${String(maximum)}.`,
  },
  'aggregate-not-found': {
    status: 404,
    message: ({ aggregateId }) => `Aggregate ${String(aggregateId)} could not be found.`,
  },
  'aggregate-exists': {
    status: 409,
    message: ({ name }) => `Aggregate ${String(name)} already exists.`,
  },
  'aggregate-host-exists': {
    status: 409,
    message: ({ aggregateId, host }) =>
      `Aggregate ${String(aggregateId)} already has host ${String(host)}.`,
  },
  'aggregate-host-not-found': {
    status: 404,
    message: ({ aggregateId, host }) =>
      `Aggregate ${String(aggregateId)} has no host ${String(host)}.`,
  },
  'aggregate-refused': {
    status: ({ action }) => (action === 'add' ? 409 : 400),
    message: ({ action, aggregateId, reason }) =>
      `Cannot ${aggregateActions[String(action)]} aggregate ${String(aggregateId)}. Reason: ${String(reason)}.`,
  },
  'server-group-not-found': {
    status: 404,
    message: ({ groupId }) => `Instance group ${String(groupId)} could not be found.`,
  },
  'group-quota': {
    status: 403,
    message: () => 'Quota exceeded, too many server groups.',
  },
  'group-member-quota': {
    status: 403,
    message: () => 'Quota exceeded, too many servers in group',
  },
  'host-not-found': {
    status: 404,
    message: ({ host }) => `Compute host ${String(host)} could not be found.`,
  },
} as const satisfies ErrorTable;
