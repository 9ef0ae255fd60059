// Starts a cloud over real ports: journal, hosts, neighbour services, HTTP. The only place where all of it meets.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { configDriveFiles } from '#actors/domain/metadata-documents.ts';
import type { InstanceMetadata } from '#actors/domain/instance-metadata.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { metadataOf } from '#actors/instance/metadata.ts';
import { machineUptime } from '#actors/node/machine-uptime.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import type { ComputeContext } from '#api/compute/context.ts';
import { computePlugin } from '#api/compute/plugin.ts';
import { embeddedSecurityGroups } from '#api/compute/servers/embedded-security-groups.ts';
import type { ApiContext } from '#api/context.ts';
import { identityPlugin } from '#api/identity/plugin.ts';
import { imagePlugin } from '#api/image/plugin.ts';
import { buildMetadataServer } from '#api/metadata/server.ts';
import { networkPlugin } from '#api/network/plugin.ts';
import { placementPlugin } from '#api/placement/plugin.ts';
import { buildServer } from '#api/server.ts';
import type { Config } from '#config/schema.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { Env, Log } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { openSqliteJournal } from '#runtime/journal/sqlite/journal.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { Assembly } from './assembly.ts';
import { openHosts, type OpenHosts } from './machines.ts';
import {
  addNeighbours,
  type CloudSecrets,
  type Neighbours,
  seedCloud,
  sweepNeighbours,
  type TinyImage,
} from './neighbours.ts';

export type { TinyImage };

export interface CloudOptions {
  readonly config: Config;
  readonly secrets: CloudSecrets;
  readonly tinyImage: TinyImage;
  /** Another process has taken over the journal; this one must end. */
  readonly onFenced: () => void;
}

export interface Cloud {
  /** `http://127.0.0.1:8774`, with the port that was taken. */
  readonly url: string;
  readonly log: Log;
  /** Finishes what was acknowledged and lets go of everything; guests go on. */
  stop(): Promise<void>;
}

/** Resolves when the APIs answer. Rejects in words if a port can't be opened; nothing is left open then. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { config } = options;
  mkdirSync(config.data, { recursive: true });
  const log = createLog({ level: config.logLevel });
  const env = realEnv(log);
  const opened: (() => Promise<void>)[] = [];
  const onOpen = (close: () => Promise<void>): void => void opened.unshift(close);
  try {
    const [journal, hosts] = await Promise.all([
      openJournal(env, config.data, onOpen),
      openHosts({ env, config, cluster: options.secrets.cluster }).then(
        (open) => (onOpen(() => open.close()), open),
      ),
    ]);
    const { assembly, neighbours } = await assemble({ ...options, env, journal, onOpen });
    const metadataPort = await listenForGuests({ assembly, neighbours, options, onOpen });
    await addNodes({ assembly, neighbours, hosts, options, metadataPort });
    assembly.start();
    const url = await listen({ assembly, neighbours, options, onOpen });
    log.info({ url }, 'ready');
    return { url, log, stop: () => closeAll(opened) };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  for (const close of opened.splice(0)) await close();
}

async function openJournal(
  env: Env,
  data: string,
  onOpen: (close: () => Promise<void>) => void,
): Promise<Journal> {
  const path = join(data, 'journal.db');
  // It holds password hashes and users' data: for its owner only. SQLite gives its other files the same mode.
  closeSync(openSync(path, 'a', 0o600));
  const journal = await openSqliteJournal({ env, path });
  onOpen(() => journal.close());
  return journal;
}

async function assemble(
  options: CloudOptions & {
    readonly env: Env;
    readonly journal: Journal;
    readonly onOpen: (close: () => Promise<void>) => void;
  },
): Promise<{ readonly assembly: Assembly; readonly neighbours: Neighbours }> {
  const { env, journal, config, secrets, tinyImage, onFenced } = options;
  const epoch = await journal.nextEpoch('process');
  const assembly = new Assembly({
    env,
    name: 'kilonova',
    journal,
    authority: soleAuthority({ epoch, fence: 'process' }, onFenced),
    quotas: defaultQuotaLimits,
  });
  options.onOpen(() => assembly.stop());
  const neighbours = addNeighbours(assembly, { env, config, secrets });
  await assembly.recover();
  await sweepNeighbours(neighbours);
  await seedCloud(assembly, neighbours, { env, config, secrets, tinyImage });
  return { assembly, neighbours };
}

/** Ids of the images that have bytes. */
function activeImages({ imageService }: Neighbours): ReadonlySet<string> {
  const active = [...imageService.view.values()].filter((image) => image.status === 'active');
  return new Set(active.map((image) => image.id));
}

async function addNodes(cloud: {
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
  readonly hosts: OpenHosts;
  readonly options: CloudOptions;
  readonly metadataPort: number;
}): Promise<void> {
  const { assembly, neighbours, hosts, options, metadataPort } = cloud;
  const { config, secrets } = options;
  await Promise.all(
    hosts.ports.map((ports) =>
      assembly.addNode(
        {
          env: assembly.env,
          cluster: secrets.cluster,
          ...ports,
          imageSource: ({ id, format, sha512, sizeBytes }) => ({
            id,
            format,
            sha512,
            sizeBytes,
            open: () => neighbours.images.open(id),
          }),
          imageIds: () => activeImages(neighbours),
          networkIds: () => neighbours.networks.flatNetworkIds(),
          networkSpec: (networkId) => neighbours.networks.hostNetworkSpec(networkId, metadataPort),
          configDrive: (serverId) => configDriveOf(metadataFor(cloud, serverId)),
        },
        {
          availabilityZone: config.availabilityZone,
          hostIp: config.listen.host,
          inventories: (facts) => defaultInventories(facts, config.allocationRatios),
        },
      ),
    ),
  );
}

interface Parts {
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
  readonly options: CloudOptions;
  readonly onOpen: (close: () => Promise<void>) => void;
}

/** The metadata service: on all addresses, since bridges come and go; guests are known by the gateway they came through. */
async function listenForGuests(parts: Parts): Promise<number> {
  const { assembly, neighbours, options } = parts;
  const app = buildMetadataServer({
    env: assembly.env,
    guestAt: (local, remote) => neighbours.networks.guestAt(local, remote),
    metadataFor: (serverId) => metadataFor(parts, serverId),
  });
  parts.onOpen(() => app.close());
  await app.listen({ host: '0.0.0.0', port: options.config.network.metadataPort });
  return (app.server.address() as AddressInfo).port;
}

const RANDOM_SEED_BYTES = 512;

function metadataFor(
  { assembly, neighbours }: Pick<Parts, 'assembly' | 'neighbours'>,
  serverId: string,
): InstanceMetadata | undefined {
  const state = assembly.entities.view(instanceDefinition).get(serverId);
  if (state === undefined) return undefined;
  const networks = neighbours.networks.instanceNetworks(serverId);
  return metadataOf(state, { networks, randomSeed: assembly.env.random.bytes(RANDOM_SEED_BYTES) });
}

function configDriveOf(
  metadata: InstanceMetadata | undefined,
): ReturnType<typeof configDriveFiles> {
  return metadata === undefined ? [] : configDriveFiles(metadata);
}

async function listen(parts: Parts): Promise<string> {
  const { assembly, neighbours, options, onOpen } = parts;
  const { host, port } = options.config.listen;
  const app = buildApi(assembly, neighbours, options);
  onOpen(() => app.close());
  await app.listen({ host, port });
  return urlOf(app, host);
}

function urlOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function buildApi(
  assembly: Assembly,
  neighbours: Neighbours,
  options: CloudOptions,
): FastifyInstance {
  const { entities, env, nodes } = assembly;
  const { config } = options;
  const context: ApiContext = {
    env,
    router: assembly.router,
    views: entities,
    identity: neighbours.identity,
    region: config.region,
    publicUrl: `http://${config.listen.host}:${config.listen.port}`,
  };
  const compute: ComputeContext = {
    ...context,
    servers: entities.view(instanceDefinition),
    flavors: entities.view(flavorsDefinition),
    keypairs: entities.view(keypairsDefinition),
    hosts: entities.view(hostDefinition),
    providers: entities.view(providerDefinition),
    projects: entities.view(projectDefinition),
    images: neighbours.images,
    networks: neighbours.networks,
    securityGroups: embeddedSecurityGroups(neighbours.networks),
    nodes,
    controllerName: hostname(),
    hostUptime: () => machineUptime(),
  };
  return buildServer(context, [
    { prefix: '/identity', plugin: identityPlugin(context, neighbours) },
    { prefix: '/image', plugin: imagePlugin(context, neighbours.imageService) },
    {
      prefix: '/network',
      plugin: networkPlugin(context, {
        embedded: neighbours.networks,
        tenancies: entities.view(tenancyDefinition),
      }),
    },
    {
      prefix: '/placement',
      plugin: placementPlugin(context, { ...compute, consumers: assembly.consumers }),
    },
    { prefix: '/compute', plugin: computePlugin(compute) },
  ]);
}
