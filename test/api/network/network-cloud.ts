// A network service without sockets or hosts, and people to use it: for tests of the network API and of its port.
import type { FastifyInstance } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { routerDefinition } from '#actors/services/network/routers/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import type { ApiContext } from '#api/context.ts';
import { networkPlugin } from '#api/network/plugin.ts';
import { buildServer } from '#api/server.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

export const projects = {
  admin: 'ad000000000000000000000000000000',
  red: '4ed00000000000000000000000000000',
  blue: 'b1000000000000000000000000000000',
} as const;

function callerOf(projectId: string, roles: readonly string[]): Caller {
  return {
    userId: `user-of-${projectId}`,
    userName: 'someone',
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId,
    projectName: 'a project',
    projectDomainId: 'default',
    domainId: undefined,
    system: false,
    roles,
    isAdmin: roles.includes('admin'),
  };
}

/** Tokens are names. */
const people: Readonly<Record<string, Caller>> = {
  admin: callerOf(projects.admin, ['admin', 'member', 'reader']),
  red: callerOf(projects.red, ['member', 'reader']),
  'red-reader': callerOf(projects.red, ['reader']),
  blue: callerOf(projects.blue, ['member', 'reader']),
};

const identity: Identity = {
  verify: (token) => Promise.resolve(people[token]),
  projectExists: (projectId) => Object.values<string>(projects).includes(projectId),
};

export interface NetworkCloud {
  readonly app: FastifyInstance;
  readonly cluster: PureCluster;
  readonly env: VirtualEnv;
  readonly embedded: EmbeddedNetworks;
  /** Milliseconds since 1970; tests move it. */
  readonly clock: { nowMs: number };
  /** The shared network `private`, 10.87.0.0/20; its id. */
  seed(): Promise<string>;
}

export function networkCloud(quotas: Partial<Record<string, number>> = {}): NetworkCloud {
  const clock = { nowMs: Date.UTC(2026, 0, 31, 12) };
  const cluster = pureCluster(
    [networkDefinition, tenancyDefinition, routerDefinition],
    () => clock.nowMs,
  );
  const env = createVirtualEnv({ seed: 'network-api' });
  const { router, views } = cluster;
  const networks = cluster.view(networkDefinition);
  const tenancies = cluster.view(tenancyDefinition);
  const settings = {
    ...defaultNetworkSettings,
    dnsServers: ['9.9.9.9'],
    quotas: { ...defaultNetworkSettings.quotas, ...quotas },
  };
  const embedded = embeddedNetworks({ env, router, networks, tenancies, settings });
  const context: ApiContext = {
    env,
    router,
    views,
    identity,
    region: 'RegionOne',
    publicUrl: 'http://cloud.test:8774',
  };
  const plugin = networkPlugin(context, {
    embedded,
    tenancies,
    routers: cluster.view(routerDefinition),
  });
  const app = buildServer(context, [{ prefix: '/network', plugin }]);
  const seed = async (): Promise<string> => {
    const id = await seedNetwork(
      { env, router, views, networks },
      {
        name: 'private',
        projectId: projects.admin,
        cidr: '10.87.0.0/20',
        mtu: 1500,
        dnsServers: [],
      },
    );
    if (id === undefined) throw new Error('the network private was deleted');
    return id;
  };
  return { app, cluster, env, embedded, clock, seed };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The body; empty without one. */
  readonly body: Readonly<Record<string, never>>;
  /** Of an error: its exception's name and words. */
  readonly error: { readonly type: string; readonly message: string };
}

/** One request as `who`, its path below `/network/v2.0`. */
export async function call(
  app: FastifyInstance,
  who: string | undefined,
  line: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const [method = 'GET', path = '/'] = line.split(' ');
  const { body } = options;
  const answer = await app.inject({
    method: method as 'GET',
    url: `/network${path.startsWith('/v') || path === '/' ? path : `/v2.0${path}`}`,
    headers: {
      host: 'cloud.test:8774',
      ...(who === undefined ? {} : { 'x-auth-token': who }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined
      ? {}
      : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const parsed: Record<string, never> = answer.body === '' ? {} : answer.json();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    body: parsed,
    error: parsed['NeutronError'] ?? { type: '', message: '' },
  };
}
