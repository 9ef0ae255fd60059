// What the compute service's refusals mean in HTTP, in Nova's words.
import type { ErrorTable } from './entry.ts';

interface Over {
  readonly resource: string;
  readonly requested: number | string;
  readonly used: number;
  readonly limit: number;
}

export const computeErrors = {
  'instance-not-found': {
    status: 404,
    message: ({ id }) => `Instance ${String(id)} could not be found.`,
  },
  'instance-wrong-state': {
    status: 409,
    message: ({ id, action, attribute, state }) =>
      `Cannot '${String(action)}' instance ${String(id)} while it is in ${String(attribute)} ${String(state)}`,
  },
  'migration-not-found': {
    status: 404,
    message: ({ id, migration }) =>
      `Migration ${String(migration)} not found for instance ${String(id)}`,
  },
  'migration-wrong-state': {
    status: 400,
    message: ({ id, migration, state, action }) =>
      `Migration ${String(migration)} state of instance ${String(id)} is ${String(state)}. ` +
      `Cannot ${String(action)} while the migration is in this state.`,
  },
  'instance-not-ready': {
    status: 409,
    message: ({ id }) => `Instance ${String(id)} is not ready`,
  },
  'instance-locked': {
    status: 409,
    message: ({ id }) => `Instance ${String(id)} is locked`,
  },
  'instance-exists': {
    status: 409,
    message: ({ id }) => `Instance ${String(id)} already exists.`,
  },
  'instance-late-report': {
    status: 409,
    message: () => 'The report came too late: the server has moved on.',
  },
  'server-without-ports': {
    status: 404,
    message: ({ serverId }) =>
      `instance_id ${String(serverId)} could not be found as device id on any ports`,
  },
  'group-not-on-server': {
    status: 400,
    message: ({ serverId, groupId }) =>
      `Security group ${String(groupId)} is not associated with the instance ${String(serverId)}`,
  },
  'group-not-applicable': {
    status: 400,
    message: () =>
      'Network requires port_security_enabled and subnet associated in order to apply security groups.',
  },
  'quota-exceeded': {
    status: 403,
    message: (detail) => {
      const over = (detail['over'] ?? [detail]) as readonly Over[];
      const all = (pick: (one: Over) => number | string): string => over.map(pick).join(', ');
      const names = all((one) => one.resource);
      return `Quota exceeded for ${names}: Requested ${all((one) => one.requested)}, but already used ${all((one) => one.used)} of ${all((one) => one.limit)} ${names}`;
    },
  },
} as const satisfies ErrorTable;
