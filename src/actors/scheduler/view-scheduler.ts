// The scheduler over the read models of this process: joins hosts, providers and who answers, and hands them to the
// pure choice in select.ts. It remembers nothing and claims nothing: that is placement's part.
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { InstanceState } from '../instance/state.ts';
import type { NodeClient } from '../node/client.ts';
import type { ProviderState } from '../provider/protocol.ts';
import { ALL_AGGREGATES, type AggregatesState } from '../topology/aggregates-protocol.ts';
import type { HostState } from '../topology/protocol.ts';
import { type HostView, viewHost, withoutClaim } from './host-view.ts';
import type { RequestSpec, Selection } from './protocol.ts';
import { selectHosts } from './select.ts';

export interface SchedulerSources {
  readonly views: Views;
  readonly hosts: StateView<HostState>;
  readonly aggregates: StateView<AggregatesState>;
  readonly providers: StateView<ProviderState>;
  readonly servers: StateView<InstanceState>;
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
    return selectHosts(this.#hosts(spec), spec, {
      hostOf: (serverId) => {
        const server = servers.get(serverId);
        return server?.existence === 'exists' ? server.grant?.host : undefined;
      },
    });
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
