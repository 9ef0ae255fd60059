// The rules of a project's quota, pure. Used is always the sum over the servers held, never counted elsewhere.
// A reservation stays pending until someone has looked whether its server came to be (settle): so a request that
// died between reserving and creating gives its quota back, and a late repeat after a release does so too.
import { accept, type Accepted, type Effect, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { unreachable } from '../domain/unreachable.ts';
import { bucketGet, bucketHas } from '../domain/bucket-map.ts';
import { counted, nothing, ownLimits, userOf } from './evolve.ts';
import { knownLimits, quotaNames } from './limits.ts';
import type {
  ProjectCommand,
  ProjectEvent,
  ProjectState,
  QuotaLimits,
  QuotaUse,
} from './protocol.ts';

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
/** How long a reservation may wait before someone looks for its server. */
const SETTLE_AFTER_MS = 30_000;

/** `defaults` hold for what neither the project nor its quota class says. */
export function decideProject(
  state: ProjectState,
  command: ProjectCommand,
  options: { readonly facts: Facts; readonly defaults: QuotaLimits },
): Decision {
  switch (command.type) {
    case 'project.reserve':
      return decideReserve(state, command, options);
    case 'project.resize':
      return decideResize(state, command, options.defaults);
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
      return decideSetLimits(state, command, options.defaults);
    case 'project.reset-limits': {
      const { userId } = command;
      const isSet = Object.keys(ownLimits(state, userId)).length > 0;
      return accept(isSet ? [{ type: 'project.limits-reset', ...ofUser(userId) }] : [], {});
    }
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
  const { userId } = command;
  const requested: QuotaUse = {
    instances: servers.length,
    cores: servers.reduce((sum, server) => sum + server.usage.cores, 0),
    ram: servers.reduce((sum, server) => sum + server.usage.ramMiB, 0),
  };
  const limits = limitsInForce(defaults, knownLimits(command.classLimits ?? {}), state.limits);
  const user = userId === undefined ? undefined : userOf(state, userId);
  const ofProject = exceeded(requested, state.used, limits);
  const over = ofProject.length > 0 ? ofProject : exceeded(requested, user?.used, user?.limits);
  const [first] = over;
  if (first !== undefined) return refuse('quota-exceeded', { ...first, over });
  const event = {
    type: 'project.reserved',
    servers,
    ...ofUser(userId),
    atMs: facts.nowMs,
  } as const;
  return accept([event], {});
}

/** Shrinking always fits, also what is over its limits already. */
function decideResize(
  state: ProjectState,
  command: CommandNamed<'project.resize'>,
  defaults: QuotaLimits,
): Decision {
  const { serverId, usage, checkOnly, classLimits = {} } = command;
  const held = bucketGet(state.servers, serverId);
  if (held === undefined) return accept([], {});
  if (held.cores === usage.cores && held.ramMiB === usage.ramMiB) return accept([], {});
  const requested: QuotaUse = {
    instances: 0,
    cores: Math.max(0, usage.cores - held.cores),
    ram: Math.max(0, usage.ramMiB - held.ramMiB),
  };
  const limits = limitsInForce(defaults, knownLimits(classLimits), state.limits);
  const user = held.userId === undefined ? undefined : userOf(state, held.userId);
  const ofProject = exceeded(requested, state.used, limits);
  const over = ofProject.length > 0 ? ofProject : exceeded(requested, user?.used, user?.limits);
  const [first] = over;
  if (first !== undefined) return refuse('quota-exceeded', { ...first, over });
  return accept(checkOnly ? [] : [{ type: 'project.resized', serverId, usage }], {});
}

interface Over {
  readonly resource: string;
  readonly requested: number;
  readonly used: number;
  readonly limit: number;
}

function exceeded(
  requested: QuotaUse,
  used: QuotaUse = nothing,
  limits: Partial<QuotaLimits> = {},
): readonly Over[] {
  return counted.flatMap((resource) => {
    const limit = limits[resource] ?? -1;
    const over = { resource, requested: requested[resource], used: used[resource], limit };
    const fits = limit < 0 || over.requested === 0 || over.used + over.requested <= limit;
    return fits ? [] : [over];
  });
}

function ofUser(userId: string | undefined): { readonly userId?: string } {
  return userId === undefined ? {} : { userId };
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
  defaults: QuotaLimits,
): Decision {
  const limits = knownLimits(command.limits);
  const { userId, classLimits = {} } = command;
  const used = userId === undefined ? state.used : userOf(state, userId).used;
  const maxima = limitsInForce(defaults, knownLimits(classLimits), state.limits);
  for (const resource of quotaNames) {
    const limit = limits[resource];
    if (limit === undefined || command.force) continue;
    const inUse = isCounted(resource) ? used[resource] : 0;
    if (limit >= 0 && limit < inUse)
      return refuse('quota-below-usage', { resource, limit, used: inUse });
    const maximum = maxima[resource] ?? -1;
    if (userId !== undefined && maximum >= 0 && (limit < 0 || limit > maximum))
      return refuse('quota-above-project', { resource, limit, maximum });
  }
  const own = ownLimits(state, userId);
  const changes = quotaNames.some(
    (name) => limits[name] !== undefined && limits[name] !== own[name],
  );
  return accept(changes ? [{ type: 'project.limits-set', limits, ...ofUser(userId) }] : [], {});
}

function isCounted(name: keyof QuotaLimits): name is keyof QuotaUse {
  return (counted as readonly string[]).includes(name);
}

export interface ProjectEffect extends Effect {
  readonly kind: 'settle';
}

/** One look for all that wait; its report (`project.settle`) names the next one. */
export function todoProject(state: ProjectState): readonly ProjectEffect[] {
  if (state.pending.size === 0) return [];
  return [{ id: `settle/${state.settlements}`, kind: 'settle', afterMs: SETTLE_AFTER_MS }];
}
