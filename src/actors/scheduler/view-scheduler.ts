// The scheduler over the read models of this process: joins hosts, providers and who answers, and hands them to the
// pure choice in select.ts. It remembers nothing and claims nothing: that is placement's part.
import type { StateView, Views } from '#runtime/events/projection.ts';
import { countsByHost, findGroup } from '../group/evolve.ts';
import type { ServerGroupsState } from '../group/protocol.ts';
import type { InstanceState } from '../instance/state.ts';
import type { NodeClient } from '../node/client.ts';
import type { ProviderState } from '../provider/protocol.ts';
import { ALL_AGGREGATES, type AggregatesState } from '../topology/aggregates-protocol.ts';
import type { HostState } from '../topology/protocol.ts';
import type { PlacedGroup } from './filters/filter.ts';
import { type HostView, viewHost, withoutClaim } from './host-view.ts';
import type { RequestSpec, Selection } from './protocol.ts';
import { selectHosts } from './select.ts';

export interface SchedulerSources {
  readonly views: Views;
  readonly hosts: StateView<HostState>;
  readonly aggregates: StateView<AggregatesState>;
  readonly providers: StateView<ProviderState>;
  readonly servers: StateView<InstanceState>;
  /** By project. */
  readonly groups: StateView<ServerGroupsState>;
  readonly nodes: Pick<NodeClient, 'isUp'>;
}

export class ViewScheduler {
  readonly #sources: SchedulerSources;

  constructor(sources: SchedulerSources) {
    this.#sources = sources;
  }

  /** Sees every claim acknowledged before the call. An empty choice says why; it never rejects for lack of hosts. */
  async select(spec: RequestSpec): Promise<Selection> {
    const { views, servers } = this.#sources;
    await views.barrier();
    const group = this.#groupOf(spec);
    return selectHosts(this.#hosts(spec), spec, {
      ...(group === undefined ? {} : { group }),
      hostOf: (serverId) => {
        const server = servers.get(serverId);
        return server?.existence === 'exists' ? server.grant?.host : undefined;
      },
    });
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

  *#hosts(spec: RequestSpec): Iterable<HostView> {
    const { hosts, providers, nodes } = this.#sources;
    const aggregates = this.#sources.aggregates.get(ALL_AGGREGATES);
    for (const host of hosts.values()) {
      const provider = withoutClaim(providers.get(host.providerId), spec);
      const view = viewHost(host, provider, { isUp: nodes.isUp(host.id), aggregates });
      if (view !== undefined) yield view;
    }
  }
}
