// What a project's state becomes with each event, and what must always be true of it. Pure.
import { unreachable } from '../domain/unreachable.ts';
import {
  type BucketMap,
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketSet,
  emptyBuckets,
} from '../domain/bucket-map.ts';
import { knownLimits } from './limits.ts';
import type { ProjectEvent, ProjectState, QuotaLimits, QuotaUse, ServerUse } from './protocol.ts';

/** Up to this many servers, the sum over them is checked after every event. */
const FULL_CHECK_SERVERS = 128;
/** What of a project's quota servers count against. */
export const counted = ['cores', 'instances', 'ram'] as const;
export const nothing: QuotaUse = { instances: 0, cores: 0, ram: 0 };

export function initialProject(id: string): ProjectState {
  return {
    id,
    limits: {},
    servers: emptyBuckets(),
    used: nothing,
    users: {},
    pending: emptyBuckets(),
    settlements: 0,
  };
}

export function userOf(state: ProjectState, userId: string): ProjectState['users'][string] {
  const user = Object.hasOwn(state.users, userId) ? state.users[userId] : undefined;
  return user ?? { limits: {}, used: nothing };
}

export function ownLimits(state: ProjectState, userId: string | undefined): Partial<QuotaLimits> {
  return userId === undefined ? state.limits : userOf(state, userId).limits;
}

export function evolveProject(state: ProjectState, event: ProjectEvent): ProjectState {
  switch (event.type) {
    case 'project.reserved':
      return event.servers.reduce(
        (held, { serverId, usage }) => ({
          ...counting(held, { ...usage, userId: event.userId }, 1),
          servers: bucketSet(held.servers, serverId, { ...usage, userId: event.userId }),
          pending: bucketSet(held.pending, serverId, event.atMs),
        }),
        state,
      );
    case 'project.resized': {
      const held = bucketGet(state.servers, event.serverId);
      if (held === undefined) return state;
      const use = { ...event.usage, userId: held.userId };
      const without = counting(state, held, -1);
      return {
        ...counting(without, use, 1),
        servers: bucketSet(state.servers, event.serverId, use),
      };
    }
    case 'project.released':
      return withoutServer(state, event.serverId);
    case 'project.settled': {
      const kept = event.existing.reduce<BucketMap<number>>(bucketDelete, state.pending);
      const settled = { ...state, pending: kept, settlements: state.settlements + 1 };
      return event.missing.reduce(withoutServer, settled);
    }
    case 'project.limits-set': {
      const limits = { ...ownLimits(state, event.userId), ...knownLimits(event.limits) };
      return withLimits(state, event.userId, limits);
    }
    case 'project.limits-reset':
      return withLimits(state, event.userId, {});
    default:
      return unreachable(event);
  }
}

function withoutServer(state: ProjectState, serverId: string): ProjectState {
  const use = bucketGet(state.servers, serverId);
  if (use === undefined) return state;
  return {
    ...counting(state, use, -1),
    servers: bucketDelete(state.servers, serverId),
    pending: bucketDelete(state.pending, serverId),
  };
}

/** With one server's use added or taken away. */
function counting(state: ProjectState, use: ServerUse, sign: 1 | -1): ProjectState {
  const counted = { ...state, used: plus(state.used, use, sign) };
  if (use.userId === undefined) return counted;
  const user = userOf(state, use.userId);
  return withUser(counted, use.userId, { ...user, used: plus(user.used, use, sign) });
}

function withLimits(
  state: ProjectState,
  userId: string | undefined,
  limits: Partial<QuotaLimits>,
): ProjectState {
  if (userId === undefined) return { ...state, limits };
  return withUser(state, userId, { ...userOf(state, userId), limits });
}

/** Users without servers and limits are forgotten. */
function withUser(
  state: ProjectState,
  userId: string,
  user: ProjectState['users'][string],
): ProjectState {
  const { [userId]: _, ...others } = state.users;
  const isEmpty = user.used.instances === 0 && Object.keys(user.limits).length === 0;
  return { ...state, users: isEmpty ? others : { ...others, [userId]: user } };
}

function plus(used: QuotaUse, use: ServerUse, sign: 1 | -1): QuotaUse {
  return {
    instances: used.instances + sign,
    cores: used.cores + sign * use.cores,
    ram: used.ram + sign * use.ramMiB,
  };
}

export function projectInvariants(state: ProjectState): readonly string[] {
  const { used, servers, pending } = state;
  const broken: string[] = [];
  if (used.instances !== servers.size)
    broken.push(`${used.instances} instances in use but ${servers.size} servers held`);
  if (pending.size > servers.size)
    broken.push(`${pending.size} pending but ${servers.size} servers held`);
  if (used.cores < 0 || used.ram < 0) broken.push(`negative use: ${JSON.stringify(used)}`);
  if (servers.size <= FULL_CHECK_SERVERS) broken.push(...brokenSums(state));
  return broken;
}

function brokenSums(state: ProjectState): readonly string[] {
  let sum = nothing;
  const ofUsers = new Map<string, QuotaUse>();
  for (const [, use] of bucketEntries(state.servers)) {
    sum = plus(sum, use, 1);
    if (use.userId !== undefined)
      ofUsers.set(use.userId, plus(ofUsers.get(use.userId) ?? nothing, use, 1));
  }
  const broken: string[] = [];
  if (!isSameUse(sum, state.used))
    broken.push(
      `use ${JSON.stringify(state.used)} is not the sum over the servers ${JSON.stringify(sum)}`,
    );
  for (const userId of new Set([...ofUsers.keys(), ...Object.keys(state.users)]))
    if (!isSameUse(ofUsers.get(userId) ?? nothing, userOf(state, userId).used))
      broken.push(`use of user ${userId} is not the sum over the user's servers`);
  return broken;
}

function isSameUse(one: QuotaUse, other: QuotaUse): boolean {
  return counted.every((name) => one[name] === other[name]);
}
