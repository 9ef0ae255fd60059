// The scheduler over the read models of this process: joins what is known of hosts, providers, servers and groups, and
// hands it to the index that chooses (host-index.ts). It remembers nothing of its own and claims nothing: that is
// placement's part.
import type { Views, StateView } from '#runtime/events/projection.ts';
import { countsByHost, findGroup } from '../group/evolve.ts';
import type { ServerGroupsState } from '../group/protocol.ts';
import type { FilterContext, PlacedGroup } from './filters/filter.ts';
import { type Funnel, funnelOf } from './funnel.ts';
import { HostIndex, type HostIndexOptions } from './host-index.ts';
import type { RequestSpec, Selection } from './protocol.ts';
import { defaultSchedulerSettings, type SchedulerSettings } from './settings.ts';

export interface SchedulerSources extends Omit<HostIndexOptions, 'settings'> {
  readonly views: Views;
  /** By project. */
  readonly groups: StateView<ServerGroupsState>;
  readonly settings?: SchedulerSettings;
}

export class ViewScheduler {
  readonly #sources: SchedulerSources;
  readonly #settings: SchedulerSettings;
  readonly #index: HostIndex;

  constructor(sources: SchedulerSources) {
    this.#sources = sources;
    this.#settings = sources.settings ?? defaultSchedulerSettings;
    this.#index = new HostIndex({ ...sources, settings: this.#settings });
  }

  /**
   * Sees every claim acknowledged before the call. An empty choice says why, host by host; it never rejects for lack of
   * hosts.
   */
  async select(spec: RequestSpec): Promise<Selection> {
    await this.#sources.views.barrier();
    return this.#index.select(spec, this.#context(spec));
  }

  /** How the choice would come about now: each filter, why hosts left, the weights of the rest. Looks at all hosts. */
  async explain(spec: RequestSpec): Promise<Funnel> {
    await this.#sources.views.barrier();
    return funnelOf(this.#index.hosts(spec), spec, this.#context(spec));
  }

  #context(spec: RequestSpec): FilterContext {
    const { servers } = this.#sources;
    const group = this.#groupOf(spec);
    return {
      settings: this.#settings,
      ...(group === undefined ? {} : { group }),
      hostOf: (serverId) => {
        const server = servers.get(serverId);
        return server?.existence === 'exists' ? server.grant?.host : undefined;
      },
    };
  }

  #groupOf({ projectId, serverId, hints }: RequestSpec): PlacedGroup | undefined {
    const groupId = hints['group']?.[0];
    const ofProject = groupId === undefined ? undefined : this.#sources.groups.get(projectId);
    if (groupId === undefined || ofProject === undefined) return undefined;
    const group = findGroup(ofProject, groupId);
    if (group === undefined) return undefined;
    const others = group.members.filter((member) => member.serverId !== serverId);
    const { policy, maxServerPerHost = 1 } = group;
    return { policy, maxServerPerHost, hosts: countsByHost(others) };
  }
}
