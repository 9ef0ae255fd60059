// The placement API on a cluster without a runtime: two hosts, two servers on them, and people with tokens.
import type { FastifyInstance, InjectOptions } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import { placementEffects } from '#actors/placement/effects.ts';
import {
  placementDefinition,
  placementNamesDefinition,
  type WriteEffect,
} from '#actors/placement/entity.ts';
import { placementWrites } from '#actors/placement/protocol.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { type Inventory, providers } from '#actors/provider/protocol.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { hosts } from '#actors/topology/protocol.ts';
import type { ApiContext } from '#api/context.ts';
import { placementPlugin } from '#api/placement/plugin.ts';
import { buildServer } from '#api/server.ts';
import type { EffectContext } from '#runtime/entity/effects.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { pureCluster, type PureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

export const projects = {
  red: '4ed00000000000000000000000000000',
  blue: 'b1000000000000000000000000000000',
} as const;
export const users = { red: 'user-of-red', blue: 'user-of-blue' } as const;

export interface SeededProvider {
  readonly id: string;
  readonly name: string;
  readonly inventories: Readonly<Record<string, Inventory>>;
  readonly traits: readonly string[];
}

export interface SeededAllocation {
  readonly provider: string;
  readonly consumer: string;
  readonly resources: Readonly<Record<string, number>>;
  readonly project: string;
  readonly user: string;
}

function inventory(total: number, changes: Partial<Inventory> = {}): Inventory {
  return {
    total,
    reserved: 0,
    minUnit: 1,
    maxUnit: total,
    stepSize: 1,
    allocationRatio: 1,
    ...changes,
  };
}

/** Ids in the order of the list, so that any order of reading gives the same. */
export const alpha: SeededProvider = {
  id: 'aaaaaaaa-0000-4000-8000-000000000001',
  name: 'alpha',
  inventories: {
    VCPU: inventory(4, { allocationRatio: 16 }),
    MEMORY_MB: inventory(8192, { reserved: 512 }),
    DISK_GB: inventory(100),
  },
  traits: ['COMPUTE_NODE', 'HW_CPU_X86_AVX2'],
};
export const beta: SeededProvider = {
  id: 'bbbbbbbb-0000-4000-8000-000000000002',
  name: 'beta',
  inventories: {
    VCPU: inventory(8),
    MEMORY_MB: inventory(4096, { minUnit: 64, maxUnit: 2048, stepSize: 64 }),
    DISK_GB: inventory(20),
    VGPU: inventory(2),
  },
  traits: ['COMPUTE_NODE', 'STORAGE_DISK_SSD'],
};
export const seededAllocations: readonly SeededAllocation[] = [
  {
    provider: alpha.id,
    consumer: 'c0000000-0000-4000-8000-000000000001',
    resources: { VCPU: 2, MEMORY_MB: 1024, DISK_GB: 10 },
    project: projects.red,
    user: users.red,
  },
  {
    provider: beta.id,
    consumer: 'c0000000-0000-4000-8000-000000000002',
    resources: { VCPU: 1, MEMORY_MB: 512 },
    project: projects.blue,
    user: users.blue,
  },
];
export const [redServer, blueServer] = [
  'c0000000-0000-4000-8000-000000000001',
  'c0000000-0000-4000-8000-000000000002',
];

function callerOf(project: keyof typeof projects, changes: Partial<Caller>): Caller {
  return {
    userId: users[project],
    userName: 'someone',
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId: projects[project],
    projectName: project,
    projectDomainId: 'default',
    domainId: undefined,
    system: false,
    roles: ['reader'],
    isAdmin: false,
    ...changes,
  };
}

/** Tokens are names. */
const people: Readonly<Record<string, Caller>> = {
  admin: callerOf('red', { roles: ['admin', 'member', 'reader'], isAdmin: true }),
  auditor: callerOf('red', { projectId: undefined, system: true }),
  red: callerOf('red', { roles: ['member', 'reader'] }),
  guest: callerOf('red', { roles: [] }),
};
const identity: Identity = {
  verify: (token) => Promise.resolve(people[token]),
  projectExists: () => true,
};

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface PlacementCloud {
  readonly app: FastifyInstance;
  readonly cluster: PureCluster;
  /** As an administrator, unless `headers` say otherwise. `version`: `1.39`. */
  call(
    url: string,
    options?: {
      readonly method?: NonNullable<InjectOptions['method']>;
      readonly version?: string;
      readonly token?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    },
  ): Promise<Answered>;
  /** Registers a host and describes its provider. */
  addHost(provider: SeededProvider): Promise<void>;
  removeHost(provider: SeededProvider): Promise<void>;
  claim(allocation: SeededAllocation): Promise<void>;
  release(allocation: Pick<SeededAllocation, 'provider' | 'consumer'>): Promise<void>;
}

/** Saturday, 31 January 2026, 12:00:00 GMT. */
export const NOW_MS = Date.UTC(2026, 0, 31, 12);

export function placementCloud(): PlacementCloud {
  const cluster = pureCluster(
    [
      hostDefinition,
      aggregatesDefinition,
      providerDefinition,
      placementDefinition,
      placementNamesDefinition,
    ],
    () => NOW_MS,
  );
  seeWritesThrough(cluster);
  const env = createVirtualEnv({ seed: 'placement-api', startMs: NOW_MS });
  const context: ApiContext = {
    env,
    router: cluster.router,
    views: cluster.views,
    identity,
    region: 'RegionOne',
    publicUrl: 'http://127.0.0.1:8774',
  };
  const providerView = cluster.view(providerDefinition);
  const servers = new Map<string, object>([[redServer, {}]]);
  const plugin = placementPlugin(context, {
    providers: providerView,
    hosts: cluster.view(hostDefinition),
    consumers: new ConsumerIndex(providerView),
    aggregates: cluster.view(aggregatesDefinition),
    names: cluster.view(placementNamesDefinition),
    writes: cluster.view(placementDefinition),
    servers,
  });
  const app = buildServer(context, [{ prefix: '/placement', plugin }]);
  return { app, cluster, call: (url, options) => call(app, url, options), ...writers(cluster) };
}

/** What the entity shell does: runs each effect and reports it. */
function seeWritesThrough(cluster: PureCluster): void {
  const { router } = cluster;
  const run = placementEffects({ router, states: cluster.view(placementDefinition) });
  cluster.onEffect((_kind, entityId, effect) => {
    void run(effect as WriteEffect, { entityId, attempt: 1 } as EffectContext).then((report) =>
      report === undefined
        ? undefined
        : router.ask(placementWrites.ref(entityId), report, { requestId: 'req-effect' }),
    );
  });
}

async function call(
  app: FastifyInstance,
  url: string,
  options: Parameters<PlacementCloud['call']>[1] = {},
): Promise<Answered> {
  const { method = 'GET', version, token = 'admin', headers = {}, body } = options;
  const reply = await app.inject({
    method,
    url: `/placement${url}`,
    headers: {
      ...(token === null ? {} : { 'x-auth-token': token }),
      ...(version === undefined ? {} : { 'openstack-api-version': `placement ${version}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: body }),
  });
  const isText = String(reply.headers['content-type']).startsWith('text/');
  const parsed: unknown =
    isText || reply.body === '' ? reply.body || undefined : JSON.parse(reply.body);
  return { status: reply.statusCode, headers: reply.headers, body: parsed };
}

function writers(
  cluster: PureCluster,
): Pick<PlacementCloud, 'addHost' | 'removeHost' | 'claim' | 'release'> {
  const ask = async (ref: Parameters<PureCluster['router']['ask']>[0], command: object) => {
    const reply = await cluster.router.ask(ref, command as never, { requestId: 'req-seed' });
    if (isRefusal(reply)) throw new Error(`refused: ${JSON.stringify(reply)}`);
  };
  return {
    addHost: async ({ id, name, inventories, traits }) => {
      await ask(hosts.ref(name), {
        type: 'host.register',
        serviceId: `service-of-${name}`,
        providerId: id,
        hypervisor: { hostname: name },
        availabilityZone: 'nova',
      });
      await ask(providers.ref(id), { type: 'provider.describe', name, inventories, traits });
    },
    removeHost: ({ name }) => ask(hosts.ref(name), { type: 'host.unregister' }),
    claim: ({ provider, consumer, resources, project, user }) =>
      ask(providers.ref(provider), {
        type: 'provider.claim',
        consumer,
        claimId: `claim-${consumer}`,
        resources,
        projectId: project,
        userId: user,
      }),
    release: ({ provider, consumer }) =>
      ask(providers.ref(provider), { type: 'provider.release', consumer }),
  };
}

export async function seededCloud(): Promise<PlacementCloud> {
  const cloud = placementCloud();
  for (const provider of [alpha, beta]) await cloud.addHost(provider);
  for (const allocation of seededAllocations) await cloud.claim(allocation);
  return cloud;
}
