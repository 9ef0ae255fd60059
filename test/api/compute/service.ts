// A compute service for tests: the plugin on a pure cluster, with neighbours in memory. No sockets, no time of its own.
import type { FastifyInstance } from 'fastify';
import type { Caller, Identity } from '#actors/ports/identity.ts';
import type { ImageRecord, Images } from '#actors/ports/images.ts';
import type { NetworkRecord, Networks } from '#actors/ports/networks.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { QuotaLimits } from '#actors/project/protocol.ts';
import type { NodeClient } from '#actors/node/client.ts';
import type { ComputeContext, SecurityGroups } from '#api/compute/context.ts';
import { computePlugin } from '#api/compute/plugin.ts';
import { computeRoutes } from '#api/compute/routes.ts';
import type { ComputeRoute } from '#api/compute/route.ts';
import { buildServer } from '#api/server.ts';
import { present } from '#runtime/assert.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { StateView } from '#runtime/events/projection.ts';
import { pureCluster, type PureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { WrittenImages } from '#test/support/written-images.ts';

export const PROJECT = '11111111111111111111111111111111';
export const OTHER_PROJECT = '22222222222222222222222222222222';
export const PUBLIC_URL = 'http://cloud:8774';

export function caller(
  name: string,
  options: { projectId?: string | undefined; roles?: readonly string[] } = {},
): Caller {
  const roles = options.roles ?? ['member', 'reader'];
  return {
    userId: `user-${name}`,
    userName: name,
    userDomainId: 'default',
    userDomainName: 'Default',
    projectId: 'projectId' in options ? options.projectId : PROJECT,
    projectName: 'demo',
    projectDomainId: 'default',
    domainId: undefined,
    system: false,
    roles,
    isAdmin: roles.includes('admin'),
  };
}

/** Tokens are the names of these callers. */
export const callers: Readonly<Record<string, Caller>> = {
  anna: caller('anna'),
  rita: caller('rita', { roles: ['reader'] }),
  otto: caller('otto', { projectId: OTHER_PROJECT }),
  admin: caller('admin', { roles: ['admin', 'member', 'reader'] }),
  nobody: caller('nobody', { roles: [] }),
  homeless: caller('homeless', { projectId: undefined, roles: [] }),
};

const identity: Identity = {
  verify: async (token) => callers[token],
  projectExists: (projectId) => [PROJECT, OTHER_PROJECT].includes(projectId),
};

export interface TestService {
  readonly app: FastifyInstance;
  readonly cluster: PureCluster;
  readonly env: VirtualEnv;
  readonly context: ComputeContext;
  readonly images: Map<string, ImageRecord>;
  readonly written: WrittenImages;
  readonly networks: TestNetworks;
  readonly consoles: Map<string, string>;
}

/** What tests put into the network service. */
export interface TestNetworks {
  readonly all: Map<string, NetworkRecord>;
  readonly ports: Map<string, NonNullable<ReturnType<Networks['findPort']>>>;
}

export interface TestServiceOptions {
  readonly definitions?: readonly AnyEntityDefinition[];
  readonly routes?: readonly ComputeRoute[];
  readonly servers?: StateView<InstanceState>;
  readonly quotaDefaults?: QuotaLimits;
  readonly securityGroups?: SecurityGroups;
  /** In place of the images in memory. */
  readonly imageService?: (parts: { cluster: PureCluster; env: VirtualEnv }) => Images;
}

export function testService(options: TestServiceOptions = {}): TestService {
  const env = createVirtualEnv({ seed: 1 });
  const definitions = options.definitions ?? [];
  const cluster = pureCluster(definitions, () => env.clock.now());
  const images = new Map<string, ImageRecord>();
  const networks: TestNetworks = { all: new Map(), ports: new Map() };
  const consoles = new Map<string, string>();
  const written = new WrittenImages();
  const viewOf = <S>(kind: string): StateView<S> =>
    definitions.some((definition) => definition.kind === kind)
      ? cluster.view<S>({ kind, initial: (id) => present(undefined, `initial state of ${id}`) })
      : emptyView<S>();
  const context: ComputeContext = {
    env,
    router: cluster.router,
    views: cluster.views,
    identity,
    region: 'RegionOne',
    publicUrl: PUBLIC_URL,
    servers: options.servers ?? viewOf('instance'),
    flavors: viewOf('flavors'),
    keypairs: viewOf('keypairs'),
    hosts: viewOf('host'),
    aggregates: viewOf('aggregates'),
    consoleTokens: viewOf('console-tokens'),
    providers: viewOf('provider'),
    projects: viewOf('project'),
    serverGroups: viewOf('server-groups'),
    images: options.imageService?.({ cluster, env }) ?? imagesOf(images),
    imageWriter: written,
    networks: networksOf(networks),
    nodes: nodesOf(consoles),
    ...(options.securityGroups === undefined ? {} : { securityGroups: options.securityGroups }),
    ...(options.quotaDefaults === undefined ? {} : { quotaDefaults: options.quotaDefaults }),
  };
  const routes = options.routes ?? computeRoutes;
  const app = buildServer(context, [
    { prefix: '/compute', plugin: computePlugin(context, routes) },
  ]);
  return { app, cluster, env, context, images, written, networks, consoles };
}

function emptyView<S>(): StateView<S> {
  return {
    get: () => undefined,
    values: () => ([] as S[]).values(),
    size: 0,
    subscribe: () => () => undefined,
  };
}

function imagesOf(images: ReadonlyMap<string, ImageRecord>): Images {
  return {
    find: async (imageId, asking) => {
      const image = images.get(imageId);
      if (image === undefined || asking === undefined || asking.isAdmin) return image;
      const visible = image.visibility !== 'private' || image.ownerId === asking.projectId;
      return visible ? image : undefined;
    },
    open: () => {
      throw new Error('no image is read in this test');
    },
    list: async () => [...images.values()],
    remove: () => Promise.reject(new Error('no image is deleted in this test')),
    setProperties: () => Promise.reject(new Error('no image is changed in this test')),
  };
}

function networksOf(networks: TestNetworks): Networks {
  const refuse = (): never => {
    throw new Error('no port is made in this test');
  };
  return {
    listUsable: (projectId) =>
      [...networks.all.values()].filter(
        (network) =>
          (network.shared || network.projectId === projectId) &&
          network.subnetIds.length > 0 &&
          !network.external,
      ),
    findNetwork: (networkId) => networks.all.get(networkId),
    findPort: (portId) => networks.ports.get(portId),
    allocate: refuse,
    attach: refuse,
    releasePort: refuse,
    changeAddresses: refuse,
    bind: refuse,
    release: refuse,
    serversWithPorts: () => [],
    serverAt: refuse,
  };
}

function nodesOf(consoles: ReadonlyMap<string, string>): NodeClient {
  return {
    perform: () => Promise.reject(new Error('no order is given in this test')),
    consoleOutput: async (_host, serverId, maxBytes) =>
      new TextEncoder().encode((consoles.get(serverId) ?? '').slice(-maxBytes)),
    readDisk: () => Promise.reject(new Error('no disk is read in this test')),
    cacheImage: () => Promise.reject(new Error('no image is cached in this test')),
    statistics: () => Promise.reject(new Error('no guest is counted in this test')),
    isUp: (host) => host !== 'dead',
  };
}
