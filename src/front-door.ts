// The HTTP front door of a process that has the states of all entities: every API on one port, the metadata service on
// another. The same for a cloud in one process and for each controller of a cluster.
import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { configDriveFiles } from '#actors/domain/metadata-documents.ts';
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { metadataOf } from '#actors/instance/metadata.ts';
import { instances } from '#actors/instance/protocol.ts';
import { machineUptime } from '#actors/node/machine-uptime.ts';
import type { Identity } from '#actors/ports/identity.ts';
import { placementDefinition, placementNamesDefinition } from '#actors/placement/entity.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { routerDefinition } from '#actors/services/network/routers/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { explainPlugin } from '#api/admin/explain-plugin.ts';
import type { ComputeContext } from '#api/compute/context.ts';
import { computeRefusals } from '#api/compute/envelope.ts';
import { embeddedNetworkProxies } from '#api/compute/embedded-network-proxies.ts';
import { computePlugin } from '#api/compute/plugin.ts';
import { embeddedSecurityGroups } from '#api/compute/servers/embedded-security-groups.ts';
import type { ApiContext } from '#api/context.ts';
import { identityPlugin } from '#api/identity/plugin.ts';
import { imagePlugin } from '#api/image/plugin.ts';
import { buildMetadataServer } from '#api/metadata/server.ts';
import { networkPlugin } from '#api/network/plugin.ts';
import { placementPlugin } from '#api/placement/plugin.ts';
import { buildServer, type ServicePlugin } from '#api/server.ts';
import type { Config } from '#config/schema.ts';
import type { Views } from '#runtime/events/projection.ts';
import type { Assembly } from './assembly.ts';
import type { Neighbours } from './neighbours.ts';
import { loadPolicy } from './policy-file.ts';

/** An HTTP server that is built, and listens when it is told to. */
export type Door = ReturnType<typeof buildServer>;

export interface FrontDoorOptions {
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
  readonly config: Config;
  /** Others write to the journal, too: tokens are looked at in states that have what they wrote. */
  readonly isShared?: boolean;
  /** What is served beside the services of the catalogue. */
  readonly more?: readonly ServicePlugin[];
}

/** Ids of the images that have bytes. */
export function activeImages({ imageService }: Neighbours): ReadonlySet<string> {
  const active = [...imageService.view.values()].filter((image) => image.status === 'active');
  return new Set(active.map((image) => image.id));
}

/** The metadata service: on all addresses, since bridges come and go; guests are known by the gateway they came through. */
export function buildGuestDoor({ assembly, neighbours }: FrontDoorOptions): Door {
  return buildMetadataServer({
    env: assembly.env,
    guestAt: (local, remote) => neighbours.networks.guestAt(local, remote),
    metadataFor: (serverId) => metadataFor({ assembly, neighbours }, serverId),
    savePassword: async (serverId, password, requestId) => {
      const command = { type: 'instance.save-password', password } as const;
      await assembly.router.ask(instances.ref(serverId), command, { requestId });
    },
  });
}

const RANDOM_SEED_BYTES = 512;

export function metadataFor(
  { assembly, neighbours }: Pick<FrontDoorOptions, 'assembly' | 'neighbours'>,
  serverId: string,
): InstanceMetadata | undefined {
  const state = assembly.entities.view(instanceDefinition).get(serverId);
  if (state === undefined) return undefined;
  const networks = neighbours.networks.instanceNetworks(serverId);
  return metadataOf(state, { networks, randomSeed: assembly.env.random.bytes(RANDOM_SEED_BYTES) });
}

export function configDriveOf(
  parts: Pick<FrontDoorOptions, 'assembly' | 'neighbours'>,
  serverId: string,
): ReturnType<typeof configDriveFiles> {
  const metadata = metadataFor(parts, serverId);
  return metadata === undefined ? [] : configDriveFiles(metadata);
}

export function portOf(app: Door): number {
  return (app.server.address() as AddressInfo).port;
}

/** `http://127.0.0.1:8774`, with the port that was taken. */
export function urlOf(app: Door, host: string): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${portOf(app)}`;
}

export function buildApi(options: FrontDoorOptions): Door {
  const { assembly, neighbours, config } = options;
  const { entities, env } = assembly;
  const context: ApiContext = {
    env,
    router: assembly.router,
    views: entities,
    identity:
      options.isShared === true ? withBarrier(neighbours.identity, entities) : neighbours.identity,
    region: config.region,
    publicUrl: `http://${config.listen.host}:${config.listen.port}`,
  };
  const securityGroups = embeddedSecurityGroups(neighbours.networks);
  const compute: ComputeContext = {
    ...context,
    servers: entities.view(instanceDefinition),
    flavors: entities.view(flavorsDefinition),
    keypairs: entities.view(keypairsDefinition),
    hosts: entities.view(hostDefinition),
    aggregates: entities.view(aggregatesDefinition),
    consoleTokens: entities.view(consoleTokensDefinition),
    providers: entities.view(providerDefinition),
    projects: entities.view(projectDefinition),
    serverGroups: entities.view(serverGroupsDefinition),
    images: neighbours.images,
    imageWriter: neighbours.imageWriter,
    networks: neighbours.networks,
    securityGroups,
    networkProxies: embeddedNetworkProxies({
      env,
      router: assembly.router,
      networks: neighbours.networks,
      groups: securityGroups,
    }),
    floatingOf: (serverId) => neighbours.networks.floatingIps.ofServer(serverId),
    nodes: assembly.allNodes,
    scheduler: assembly.scheduler,
    resize: resizeSettings(config),
    reclaimMs: config.reclaimInstanceSeconds * 1_000,
    shelve: { offloadAfterMs: offloadTime(config.shelvedOffloadSeconds) },
    controllerName: hostname(),
    hostUptime: () => machineUptime(),
    policy: loadPolicy(config.policyFile),
  };
  const network = networkPlugin(context, {
    embedded: neighbours.networks,
    tenancies: entities.view(tenancyDefinition),
    routers: entities.view(routerDefinition),
  });
  const placement = placementPlugin(context, {
    ...compute,
    consumers: assembly.consumers,
    names: entities.view(placementNamesDefinition),
    writes: entities.view(placementDefinition),
  });
  return buildServer(context, [
    { prefix: '/identity', plugin: identityPlugin(context, neighbours) },
    { prefix: '/image', plugin: imagePlugin(context, neighbours.imageService) },
    { prefix: '/network', plugin: network },
    { prefix: '/placement', plugin: placement },
    { prefix: '/compute', plugin: computePlugin(compute), refusalForm: computeRefusals },
    { prefix: '/admin', plugin: explainPlugin({ ...compute, scheduler: assembly.scheduler }) },
    ...(options.more ?? []),
  ]);
}

/** A token, or its end, that any controller acknowledged counts at all of them. */
function withBarrier(identity: Identity, views: Views): Identity {
  return {
    verify: async (token) => {
      await views.barrier();
      return identity.verify(token);
    },
    projectExists: (projectId) => identity.projectExists(projectId),
  };
}

/** Undefined for never. */
function offloadTime(seconds: number): number | undefined {
  return seconds < 0 ? undefined : seconds * 1_000;
}

function resizeSettings({ resize }: Config): NonNullable<ComputeContext['resize']> {
  const { allowSameHost, confirmWindowSeconds: seconds } = resize;
  return { allowSameHost, confirmAfterMs: seconds === 0 ? undefined : seconds * 1_000 };
}
