// The rules of a project's quota, pure. Used is always the sum over the servers held, never counted elsewhere.
// A reservation stays pending until someone has looked whether its server came to be (settle): so a request that
// died between reserving and creating gives its quota back, and a late repeat after a release does so too.
import { accept, type Accepted, type Effect, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import {
  type BucketMap,
  bucketDelete,
  bucketEntries,
  bucketGet,
  bucketHas,
  bucketSet,
  emptyBuckets,
} from '../domain/bucket-map.ts';
import type { ProjectCommand, ProjectEvent, ProjectState, QuotaLimits } from './protocol.ts';

/** Of one server. */
interface Usage {
  readonly cores: number;
  readonly ramMiB: number;
}
interface Used {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}
type Decision = Accepted<ProjectEvent, Record<string, never>> | Refusal;
type CommandNamed<T extends ProjectCommand['type']> = Extract<ProjectCommand, { type: T }>;

/** Nova's defaults for all but instances, cores and ram, which are Nova's times a thousand. */
export const defaultQuotaLimits: QuotaLimits = {
  instances: 10_000,
  cores: 20_000,
  ram: 51_200_000,
  metadata_items: 128,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
};
export const quotaNames = Object.keys(defaultQuotaLimits) as readonly (keyof QuotaLimits)[];

/** How long a reservation may wait before someone looks for its server. */
const SETTLE_AFTER_MS = 30_000;
/** Up to this many servers, the sum over them is checked after every event. */
const FULL_CHECK_SERVERS = 128;

export function initialProject(id: string): ProjectState {
  return {
    id,
    limits: {},
    servers: emptyBuckets(),
    used: { instances: 0, cores: 0, ram: 0 },
    pending: emptyBuckets(),
    settlements: 0,
  };
}

/** `defaults` hold for what neither the project nor its quota class says. */
export function decideProject(
  state: ProjectState,
  command: ProjectCommand,
  options: { readonly facts: Facts; readonly defaults: QuotaLimits },
): Decision {
  switch (command.type) {
    case 'project.reserve':
      return decideReserve(state, command, options);
    case 'project.release':
      return accept(
        bucketHas(state.servers, command.serverId)
          ? [{ type: 'project.released', serverId: command.serverId }]
          : [],
        {},
      );
    case 'project.settle':
      return decideSettle(state, command);
    case 'project.set-limits':
      return decideSetLimits(state, command);
    case 'project.reset-limits':
      return accept(
        Object.keys(state.limits).length > 0 ? [{ type: 'project.limits-reset' }] : [],
        {},
      );
    default:
      return unreachable(command);
  }
}

/** The limits in force: the project's own, else its class's, else the configured ones. */
export function limitsInForce(
  defaults: QuotaLimits,
  ...overrides: readonly Partial<QuotaLimits>[]
): QuotaLimits {
  return Object.assign({}, defaults, ...overrides) as QuotaLimits;
}

function decideReserve(
  state: ProjectState,
  command: CommandNamed<'project.reserve'>,
  { facts, defaults }: { readonly facts: Facts; readonly defaults: QuotaLimits },
): Decision {
  const fresh = new Map(
    command.servers
      .filter((server) => !bucketHas(state.servers, server.serverId))
      .map((server) => [server.serverId, server]),
  );
  if (fresh.size === 0) return accept([], {});
  const servers = [...fresh.values()];
  const limits = limitsInForce(defaults, knownLimits(command.classLimits ?? {}), state.limits);
  const requested: Used = {
    instances: servers.length,
    cores: servers.reduce((sum, server) => sum + server.usage.cores, 0),
    ram: servers.reduce((sum, server) => sum + server.usage.ramMiB, 0),
  };
  const over = (['cores', 'instances', 'ram'] as const)
    .filter(
      (resource) =>
        limits[resource] >= 0 &&
        requested[resource] > 0 &&
        state.used[resource] + requested[resource] > limits[resource],
    )
    .map((resource) => ({
      resource,
      requested: requested[resource],
      used: state.used[resource],
      limit: limits[resource],
    }));
  const [first] = over;
  if (first !== undefined) return refuse('quota-exceeded', { ...first, over });
  return accept([{ type: 'project.reserved', servers, atMs: facts.nowMs }], {});
}

/** Counts as a settlement whenever something waits, also when nothing was learnt: the next look needs a new name. */
function decideSettle(state: ProjectState, command: CommandNamed<'project.settle'>): Decision {
  if (state.pending.size === 0) return accept([], {});
  const waits = (serverId: string): boolean => bucketHas(state.pending, serverId);
  const existing = new Set(command.existing.filter(waits));
  const missing = command.missing.filter((id) => waits(id) && !existing.has(id));
  return accept([{ type: 'project.settled', existing: [...existing], missing }], {});
}

function decideSetLimits(
  state: ProjectState,
  command: CommandNamed<'project.set-limits'>,
): Decision {
  const limits = knownLimits(command.limits);
  for (const resource of ['instances', 'cores', 'ram'] as const) {
    const limit = limits[resource];
    const used = state.used[resource];
    if (limit !== undefined && limit >= 0 && limit < used && !command.force)
      return refuse('quota-below-usage', { resource, limit, used });
  }
  const changes = quotaNames.some(
    (name) => limits[name] !== undefined && limits[name] !== state.limits[name],
  );
  return accept(changes ? [{ type: 'project.limits-set', limits }] : [], {});
}

function knownLimits(limits: Readonly<Record<string, number>>): Partial<QuotaLimits> {
  return Object.fromEntries(
    quotaNames.flatMap((name) => (limits[name] === undefined ? [] : [[name, limits[name]]])),
  );
}

export function evolveProject(state: ProjectState, event: ProjectEvent): ProjectState {
  switch (event.type) {
    case 'project.reserved':
      return event.servers.reduce((held, { serverId, usage }) => {
        const one: Usage = { cores: usage.cores, ramMiB: usage.ramMiB };
        return {
          ...held,
          servers: bucketSet(held.servers, serverId, one),
          pending: bucketSet(held.pending, serverId, event.atMs),
          used: plus(held.used, one, 1),
        };
      }, state);
    case 'project.released':
      return withoutServer(state, event.serverId);
    case 'project.settled': {
      const kept = event.existing.reduce<BucketMap<number>>(bucketDelete, state.pending);
      const settled = { ...state, pending: kept, settlements: state.settlements + 1 };
      return event.missing.reduce(withoutServer, settled);
    }
    case 'project.limits-set':
      return { ...state, limits: { ...state.limits, ...knownLimits(event.limits) } };
    case 'project.limits-reset':
      return { ...state, limits: {} };
    default:
      return unreachable(event);
  }
}

function withoutServer(state: ProjectState, serverId: string): ProjectState {
  const usage = bucketGet(state.servers, serverId);
  if (usage === undefined) return state;
  return {
    ...state,
    servers: bucketDelete(state.servers, serverId),
    pending: bucketDelete(state.pending, serverId),
    used: plus(state.used, usage, -1),
  };
}

function plus(used: Used, usage: Usage, sign: 1 | -1): Used {
  return {
    instances: used.instances + sign,
    cores: used.cores + sign * usage.cores,
    ram: used.ram + sign * usage.ramMiB,
  };
}

export interface ProjectEffect extends Effect {
  readonly kind: 'settle';
}

/** One look for all that wait; its report (`project.settle`) names the next one. */
export function todoProject(state: ProjectState): readonly ProjectEffect[] {
  if (state.pending.size === 0) return [];
  return [{ id: `settle/${state.settlements}`, kind: 'settle', afterMs: SETTLE_AFTER_MS }];
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
  let sum: Used = { instances: 0, cores: 0, ram: 0 };
  for (const [, usage] of bucketEntries(state.servers)) sum = plus(sum, usage, 1);
  const { used } = state;
  return sum.cores === used.cores && sum.ram === used.ram
    ? []
    : [`use ${JSON.stringify(used)} is not the sum over the servers ${JSON.stringify(sum)}`];
}
