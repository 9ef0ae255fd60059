// Scheduling decisions over 10 000 hosts that are all different and in use, with the default filters and weighers: each
// decision is followed by the claim of the chosen host and the release of an older one, which the next decision has to
// take up. Exactness is the tests' matter (host-index.test.ts); here every hundredth choice is compared all the same.
import { evolveProvider, initialProvider } from '#actors/provider/evolve.ts';
import type { ProviderEvent, ProviderState } from '#actors/provider/protocol.ts';
import { flavorResources } from '#actors/domain/flavor-resources.ts';
import type { Flavor } from '#actors/domain/server.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import type { RequestSpec } from '#actors/scheduler/protocol.ts';
import { ViewScheduler } from '#actors/scheduler/view-scheduler.ts';
import { initialHost } from '#actors/topology/core.ts';
import type { HostState } from '#actors/topology/protocol.ts';
import type { StateChange, StateView } from '#runtime/events/projection.ts';
import { seededRandom } from '#test/support/seeded-random.ts';
import { testFlavor } from '#test/support/servers.ts';
import { testImage } from '#test/support/test-image.ts';
import { ms, quantile, type Row } from './table.ts';

const HOSTS = 10_000;
const WARM_UP = 5_000;
const DECISIONS = 50_000;
/** Servers that stay before the oldest one makes room. */
const STANDING = 20_000;
const CHECK_EVERY = 5_000;

class States<S extends { readonly id: string }> implements StateView<S> {
  readonly #states = new Map<string, S>();
  readonly #listeners = new Set<(change: StateChange<S>) => void>();

  get size(): number {
    return this.#states.size;
  }
  get(id: string): S | undefined {
    return this.#states.get(id);
  }
  values(): IterableIterator<S> {
    return this.#states.values();
  }
  subscribe(listener: (change: StateChange<S>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  put(after: S): void {
    const { id } = after;
    const before = this.#states.get(id);
    this.#states.set(id, after);
    const change = { id, version: 1, before, after, events: [], requestId: undefined, atMs: 0 };
    for (const listener of this.#listeners) listener(change);
  }
}

const flavors: readonly Flavor[] = [
  testFlavor,
  { ...testFlavor, id: 'small', vcpus: 1, ramMiB: 2_048, diskGiB: 20 },
  { ...testFlavor, id: 'medium', vcpus: 2, ramMiB: 4_096, diskGiB: 40 },
  { ...testFlavor, id: 'large', vcpus: 4, ramMiB: 8_192, diskGiB: 80 },
];

export async function schedulerSpeed(): Promise<readonly Row[]> {
  const random = seededRandom(7);
  const hosts = new States<HostState>();
  const providers = new States<ProviderState>();
  for (let n = 0; n < HOSTS; n += 1) addHost(n, { hosts, providers, random });
  const none = new States<never>();
  const up = new Set([...hosts.values()].map(({ id }) => id));
  const scheduler = new ViewScheduler({
    views: { isStale: false, barrier: () => Promise.resolve() },
    hosts,
    providers,
    aggregates: none,
    servers: none,
    groups: none,
    nodes: { isUp: (host) => up.has(host) },
    holders: () => new Set(),
    monotonicMs: () => performance.now(),
  });
  const standing: { readonly provider: string; readonly server: string }[] = [];
  const tookMs: number[] = [];
  let wrong = 0;
  for (let n = 0; n < WARM_UP + DECISIONS; n += 1) {
    const request = requestOf(n);
    if (n % CHECK_EVERY === 0 && !(await isExact(scheduler, request))) wrong += 1;
    const startedMs = performance.now();
    const { candidates } = await scheduler.select(request);
    const endedMs = performance.now();
    if (n >= WARM_UP) tookMs.push(endedMs - startedMs);
    const [best] = candidates;
    if (best === undefined) throw new Error('10 000 hosts have no room: the measure is wrong');
    apply(providers, best.providerId, claimed(request));
    standing.push({ provider: best.providerId, server: request.serverId });
    const oldest = standing.length > STANDING ? standing.shift() : undefined;
    if (oldest !== undefined)
      apply(providers, oldest.provider, { type: 'provider.released', consumer: oldest.server });
  }
  return rowsOf(tookMs, wrong);
}

function rowsOf(tookMs: readonly number[], wrong: number): readonly Row[] {
  const perSecond = tookMs.length / (tookMs.reduce((sum, one) => sum + one, 0) / 1000);
  const p99 = quantile(tookMs, 0.99);
  return [
    {
      what: 'scheduling decisions, 10 000 hosts, default filters and weighers, one core',
      figure: `${Math.round(perSecond)}/s`,
      bar: '≥ 20 000/s',
      isMet: perSecond >= 20_000,
    },
    { what: 'one of them, p99', figure: ms(p99), bar: '≤ 1 ms', isMet: p99 <= 1 },
    {
      what: 'of those compared with a look at all hosts, other than that',
      figure: String(wrong),
      bar: '0',
      isMet: wrong === 0,
    },
  ];
}

async function isExact(scheduler: ViewScheduler, request: RequestSpec): Promise<boolean> {
  const { candidates } = await scheduler.select(request);
  const { ranking } = await scheduler.explain(request);
  return candidates.every(
    ({ host, weight }, at) => ranking[at]?.host === host && ranking[at]?.weight === weight,
  );
}

function requestOf(n: number): RequestSpec {
  return {
    serverId: `server-${n}`,
    claimId: 'create/1',
    projectId: `project-${n % 100}`,
    flavor: { ...(flavors[n % flavors.length] ?? testFlavor) },
    image: { ...testImage },
    availabilityZone: undefined,
    requestedHost: undefined,
    hints: {},
    excludedHosts: [],
  };
}

function claimed({ serverId, flavor, projectId }: RequestSpec): ProviderEvent {
  const resources = flavorResources(flavor);
  const allocation = { resources, claimId: 'create/1', projectId, userId: 'user' };
  return { type: 'provider.claimed', consumer: serverId, allocation };
}

function apply(providers: States<ProviderState>, id: string, event: ProviderEvent): void {
  providers.put(evolveProvider(providers.get(id) ?? initialProvider(id), event));
}

function addHost(
  n: number,
  cloud: {
    readonly hosts: States<HostState>;
    readonly providers: States<ProviderState>;
    readonly random: ReturnType<typeof seededRandom>;
  },
): void {
  const { random } = cloud;
  const id = `host-${n}`;
  const providerId = `provider-${n}`;
  const cpus = 16 * (1 + random.below(8));
  const sizes = { cpus, memoryMiB: cpus * 4_096 + random.below(4_096), diskGiB: cpus * 50 };
  const name = `${id}.example`;
  apply(cloud.providers, providerId, {
    type: 'provider.described',
    name,
    inventories: defaultInventories(sizes),
    traits: [],
  });
  apply(cloud.providers, providerId, {
    type: 'provider.claimed',
    consumer: 'before',
    allocation: {
      resources: {
        VCPU: random.below(cpus * 4) + 1,
        MEMORY_MB: random.below(cpus * 2_048) + 1,
        DISK_GB: random.below(cpus * 25) + 1,
      },
      claimId: 'before/1',
      projectId: 'project',
      userId: 'user',
    },
  });
  cloud.hosts.put({
    ...initialHost(id),
    registered: true,
    serviceId: `service-${n}`,
    providerId,
    availabilityZone: 'nova',
    hypervisor: {
      ...sizes,
      hostname: name,
      type: 'QEMU',
      version: 8_000_000,
      hostIp: '192.0.2.1',
      architecture: 'x86_64',
      cpuModel: 'EPYC',
      cpuVendor: 'AMD',
      cpuTopology: { sockets: 2, cores: cpus / 2, threads: 1 },
      cpuFeatures: [],
    },
  });
}
