// A cloud of hosts for tests of the host index: real entities on a pure cluster, and changes of every sort to them.
import { providerDefinition } from '#actors/provider/entity.ts';
import { providers } from '#actors/provider/protocol.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import { HostIndex } from '#actors/scheduler/host-index.ts';
import {
  type HostLoad,
  type HostView,
  viewHost,
  withoutClaim,
} from '#actors/scheduler/host-view.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import type { SchedulerSettings } from '#actors/scheduler/settings.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { aggregates, ALL_AGGREGATES } from '#actors/topology/aggregates-protocol.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { aggregatesOfHost, zoneOfHost } from '#actors/topology/aggregates-lookup.ts';
import { type HostState, hosts } from '#actors/topology/protocol.ts';
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import type { seededRandom } from '#test/support/seeded-random.ts';
import { serverRequest } from '#test/support/servers.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { hostView, image } from './host-samples.ts';

type Random = ReturnType<typeof seededRandom>;

export interface FleetOptions {
  readonly hosts: number;
  readonly settings: SchedulerSettings;
  readonly random: Random;
  readonly hasAggregates?: boolean;
}

export interface Fleet {
  readonly index: HostIndex;
  /** The hosts as a request sees them, put together anew from the states. */
  hosts(request: RequestSpec): readonly HostView[];
  readonly up: Set<string>;
  /** Any change to any host. */
  change(): Promise<void>;
  /** The claim of this very request, already made at a host. */
  claim(request: RequestSpec, host: string): Promise<void>;
  touch(host: string): Promise<void>;
  add(host: string): Promise<void>;
}

const asked = { requestId: 'req-1' };
const { hypervisor } = hostView('h');

export async function hostFleet(options: FleetOptions): Promise<Fleet> {
  const { random, settings } = options;
  const cluster = pureCluster([hostDefinition, providerDefinition, aggregatesDefinition], () => 1);
  const { router } = cluster;
  const consumers = new ConsumerIndex(cluster.view(providerDefinition));
  const up = new Set<string>();
  const servers = new Servers();
  const touch = async (host: string): Promise<void> => {
    const cpus = 4 * (1 + random.below(4));
    const sized = { ...hypervisor, hostname: `${host}.example`, cpus };
    await router.ask(
      providers.ref(`rp-${host}`),
      {
        type: 'provider.describe',
        name: host,
        inventories: defaultInventories({
          cpus,
          memoryMiB: 1024 * (1 + random.below(32)),
          diskGiB: 10 * (1 + random.below(10)),
        }),
        traits: random.chance(0.5) ? ['HW_FAST'] : [],
      },
      asked,
    );
    await router.ask(
      hosts.ref(host),
      {
        type: 'host.register',
        serviceId: `svc-${host}`,
        providerId: `rp-${host}`,
        hypervisor: { ...sized, version: 7_000_000 + random.below(3) },
        availabilityZone: 'nova',
      },
      asked,
    );
  };
  const add = async (host: string): Promise<void> => {
    up.add(host);
    await touch(host);
  };
  const anyHost = (): string => `h${random.below(options.hosts)}`;
  for (let n = 0; n < options.hosts; n += 1) await add(`h${n}`);
  if (options.hasAggregates === true) await addAggregates(router, anyHost);
  const index = new HostIndex({
    hosts: cluster.view(hostDefinition),
    providers: cluster.view(providerDefinition),
    aggregates: cluster.view(aggregatesDefinition),
    servers,
    nodes: { isUp: (host) => up.has(host) },
    holders: (serverId) => consumers.holders(serverId),
    monotonicMs: () => 0,
    settings,
  });
  const changes: readonly (() => Promise<unknown> | void)[] = [
    () => touch(anyHost()),
    () => claimAt(router, anyHost(), `other-${random.below(500)}`, `c${random.below(1e9)}`),
    () =>
      router.ask(
        hosts.ref(anyHost()),
        { type: 'host.set-enabled', enabled: random.chance(0.7) },
        asked,
      ),
    () => servers.put(random.below(200), anyHost(), random.chance(0.3)),
    () => {
      const host = anyHost();
      if (!up.delete(host)) up.add(host);
    },
  ];
  const viewOf = (host: HostState, request: RequestSpec): HostView | undefined => {
    const all = cluster.view(aggregatesDefinition).get(ALL_AGGREGATES);
    const provider = cluster.view(providerDefinition).get(host.providerId);
    return viewHost(host, withoutClaim(provider, request), {
      isUp: up.has(host.id),
      availabilityZone: zoneOfHost(all, host),
      aggregates: aggregatesOfHost(all, host.id),
      load: servers.loadOf(host.id, settings.weights.imageProperties !== 0),
    });
  };
  return {
    index,
    up,
    hosts: (request) =>
      [...cluster.view(hostDefinition).values()].flatMap((host) => viewOf(host, request) ?? []),
    touch,
    add,
    change: async () => void (await changes[random.below(changes.length)]?.()),
    claim: async ({ serverId, claimId = '' }, host) =>
      void (await claimAt(router, host, serverId, claimId)),
  };
}

function claimAt(
  router: ReturnType<typeof pureCluster>['router'],
  host: string,
  consumer: string,
  claimId: string,
): Promise<unknown> {
  return router.ask(
    providers.ref(`rp-${host}`),
    {
      type: 'provider.claim',
      consumer,
      claimId,
      resources: { VCPU: 2, MEMORY_MB: 300, DISK_GB: 1 },
      projectId: 'p',
      userId: 'u',
    },
    asked,
  );
}

async function addAggregates(
  router: ReturnType<typeof pureCluster>['router'],
  anyHost: () => string,
): Promise<void> {
  const all = aggregates.ref(ALL_AGGREGATES);
  const metadata: readonly Record<string, string>[] = [
    { availability_zone: 'east' },
    { ssd: 'true', ram_weight_multiplier: '-2', soft_affinity_weight_multiplier: '3' },
    { cpu_weight_multiplier: '0.5', max_instances_per_host: '3', os_distro: 'debian' },
  ];
  for (const [at, one] of metadata.entries()) {
    await router.ask(
      all,
      { type: 'aggregate.create', uuid: `u${at}`, name: `a${at}`, metadata: one },
      asked,
    );
    for (let n = 0; n < 40; n += 1)
      await router.ask(
        all,
        { type: 'aggregate.add-host', number: at + 1, host: anyHost() },
        { requestId: `req-${at}-${n}` },
      );
  }
}

/** Servers on hosts: only what loads are made of. */
class Servers implements StateView<InstanceState> {
  readonly #states = new Map<string, InstanceState>();
  readonly #listeners = new Set<(change: StateChange<InstanceState>) => void>();

  get size(): number {
    return this.#states.size;
  }
  get(id: string): InstanceState | undefined {
    return this.#states.get(id);
  }
  values(): IterableIterator<InstanceState> {
    return this.#states.values();
  }
  subscribe(listener: (change: StateChange<InstanceState>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  loadOf(host: string, withImages: boolean): HostLoad {
    const here = [...this.#states.values()].filter(({ grant }) => grant?.host === host);
    return {
      instances: here.length,
      ioOps: here.filter(({ vmState }) => vmState === 'building').length,
      failedBuilds: 0,
      imageProperties: new Map(
        withImages && here.length > 0 ? [['os_distro=debian', here.length]] : [],
      ),
    };
  }

  put(number: number, host: string, isBusy: boolean): void {
    const id = `vm-${number}`;
    const before = this.#states.get(id);
    const grant = {
      host,
      node: host,
      providerId: `rp-${host}`,
      availabilityZone: 'nova',
      runEpoch: 1,
      claimId: '',
      storageId: '',
      side: undefined,
    };
    const after: InstanceState = {
      ...instanceDefinition.initial(id),
      existence: 'exists',
      request: serverRequest({ image: image({ os_distro: 'debian' }) }),
      vmState: isBusy ? 'building' : 'active',
      grant,
    };
    this.#states.set(id, after);
    const change = { id, version: 1, before, after, events: [], requestId: undefined, atMs: 0 };
    for (const listener of this.#listeners) listener(change);
  }
}
