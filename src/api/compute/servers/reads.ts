// The compute API's own order on the servers' read model: per project and over all, by age, and the deleted ones that
// `changes-since` still tells of. Kept up to date by the view's changes, so that no list scans every server.
import type { InstanceState } from '#actors/instance/state.ts';
import type { Caller } from '#actors/ports/identity.ts';
import type { AggregatesState } from '#actors/topology/aggregates-protocol.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { createServerJsonCache, type ServerJsonCache } from './json-cache.ts';

/** Deleted servers kept for `changes-since`, `deleted` and the actions of deleted servers; the oldest are forgotten. */
export const MAX_DELETED = 10_000;

export interface ServerReads {
  /** Undefined for one that does not exist, is deleted, or is none of the caller's business. */
  find(id: string, caller: Caller): InstanceState | undefined;
  /** The same among deleted ones. */
  findDeleted(id: string, caller: Caller): InstanceState | undefined;
  /** Oldest first (created_at, then id); of one project, or of all when undefined. Do not keep or change it. */
  living(projectId: string | undefined): readonly InstanceState[];
  /** In the order of their deletion. */
  deleted(): Iterable<InstanceState>;
  /** Another number when hosts may be in other zones than before: texts of views are made anew then. */
  readonly zonesVersion: number;
  /** Texts of views, for lists. */
  readonly json: ServerJsonCache;
  close(): void;
}

class OrderedServers {
  readonly servers: InstanceState[] = [];

  put(state: InstanceState): void {
    const at = positionOf(this.servers, state);
    const known = this.servers[at];
    if (known?.id === state.id) this.servers[at] = state;
    else if (at === this.servers.length) this.servers.push(state);
    else this.servers.splice(at, 0, state);
  }

  remove(state: InstanceState): void {
    const at = positionOf(this.servers, state);
    if (this.servers[at]?.id === state.id) this.servers.splice(at, 1);
  }
}

/** Where a server is, or belongs, among others oldest first: `created_at` and `id` never change. */
export function positionOf(servers: readonly InstanceState[], state: InstanceState): number {
  let [low, high] = [0, servers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = servers[middle];
    if (other !== undefined && isBefore(other, state)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(left: InstanceState, right: InstanceState): boolean {
  if (left.createdAtMs !== right.createdAtMs) return left.createdAtMs < right.createdAtMs;
  return left.id < right.id;
}

export function createServerReads(context: {
  readonly servers: StateView<InstanceState>;
  readonly aggregates: Pick<StateView<AggregatesState>, 'subscribe'>;
  readonly hosts: Pick<StateView<HostState>, 'subscribe'>;
}): ServerReads {
  const all = new OrderedServers();
  const byProject = new Map<string, OrderedServers>();
  const gone = new Map<string, InstanceState>();
  const json = createServerJsonCache(context.servers);

  const ofProject = (projectId: string): OrderedServers => {
    const known = byProject.get(projectId);
    if (known !== undefined) return known;
    const created = new OrderedServers();
    byProject.set(projectId, created);
    return created;
  };

  const take = (state: InstanceState): void => {
    const { request } = state;
    if (request === undefined || state.existence === 'none') return;
    const orders = [all, ofProject(request.projectId)];
    if (state.existence === 'exists') return orders.forEach((order) => order.put(state));
    for (const order of orders) order.remove(state);
    gone.delete(state.id);
    gone.set(state.id, state);
    for (const id of gone.keys()) {
      if (gone.size <= MAX_DELETED) break;
      gone.delete(id);
    }
  };

  const deletedFirst = [...context.servers.values()].sort(
    (left, right) => (left.terminatedAtMs ?? 0) - (right.terminatedAtMs ?? 0),
  );
  for (const state of deletedFirst) take(state);
  const unsubscribe = context.servers.subscribe((change) => take(change.after));
  let zonesVersion = 0;
  const forgetZones = [
    context.aggregates.subscribe(() => {
      zonesVersion += 1;
    }),
    context.hosts.subscribe(({ before, after }) => {
      if (before?.availabilityZone !== after.availabilityZone) zonesVersion += 1;
    }),
  ];

  return {
    find: (id, caller) => {
      const state = context.servers.get(id.toLowerCase());
      return state?.existence === 'exists' && isVisible(state, caller) ? state : undefined;
    },
    findDeleted: (id, caller) => {
      const state = gone.get(id.toLowerCase());
      return state !== undefined && isVisible(state, caller) ? state : undefined;
    },
    living: (projectId) =>
      projectId === undefined ? all.servers : (byProject.get(projectId)?.servers ?? []),
    deleted: () => gone.values(),
    get zonesVersion() {
      return zonesVersion;
    },
    json,
    close: () => {
      unsubscribe();
      for (const forget of forgetZones) forget();
      json.close();
    },
  };
}

/** Others' servers do not exist, except for administrators. */
function isVisible(state: InstanceState, caller: Caller): boolean {
  return caller.isAdmin || state.request?.projectId === caller.projectId;
}
