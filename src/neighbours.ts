// The embedded neighbour services: their entities on the cloud's journal, the ports that compute asks, what a new cloud
// starts with, and what their API plugins need.
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageWriter } from '#actors/ports/image-writer.ts';
import type { Images } from '#actors/ports/images.ts';
import { seedFlavors } from '#actors/catalog/entity.ts';
import { checkCompliance, type SecurityCompliance } from '#actors/services/identity/compliance.ts';
import { identityEntity } from '#actors/services/identity/entity.ts';
import { type PasswordHasher, passwordHasher } from '#actors/services/identity/passwords.ts';
import { seededIds, seedIdentity } from '#actors/services/identity/seed.ts';
import { type EmbeddedIdentity, embeddedIdentity } from '#actors/services/identity/service.ts';
import { diskImageStore } from '#actors/services/image/disk-store.ts';
import { imageEffects } from '#actors/services/image/effects.ts';
import { embeddedImageWriter } from '#actors/services/image/embedded-writer.ts';
import { embeddedImages } from '#actors/services/image/embedded.ts';
import { imageDefinition } from '#actors/services/image/entity.ts';
import { ImageImports } from '#actors/services/image/imports.ts';
import { webDownloads } from '#actors/services/image/web-download.ts';
import { httpRefusal } from '#api/errors.ts';
import type { ImageService } from '#api/image/image-access.ts';
import { seedImage } from '#actors/services/image/seed.ts';
import type { ImageStore } from '#actors/services/image/store.ts';
import { sweepImages } from '#actors/services/image/sweep.ts';
import { ImageUploads, type UploadOwners } from '#actors/services/image/upload.ts';
import { metadefsDefinition } from '#actors/services/metadefs/entity.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings, type NetworkSettings } from '#actors/services/network/settings.ts';
import { routerDefinition } from '#actors/services/network/routers/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import type { Config } from '#config/schema.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Views } from '#runtime/events/projection.ts';
import type { Assembly } from './assembly.ts';

/** What must stay secret, handed in by who keeps it. */
export interface CloudSecrets {
  /** This cloud's id: marks its guests, bridges and rules. */
  readonly cluster: string;
  readonly adminPassword: string;
  readonly userPassword: string;
  /** The first one signs tokens; `secret` is base64. */
  readonly tokenKeys: readonly { readonly id: string; readonly secret: string }[];
}

/** The image that a cloud offers as `tiny`. */
export interface TinyImage {
  /** Absolute. */
  readonly path: string;
  readonly diskFormat: 'qcow2' | 'raw';
}

export interface Neighbours {
  readonly identity: EmbeddedIdentity;
  readonly passwords: PasswordHasher;
  readonly compliance: SecurityCompliance;
  readonly images: Images;
  readonly imageWriter: ImageWriter;
  readonly networks: EmbeddedNetworks;
  readonly imageService: ImageService & { readonly views: Views };
}

export interface NeighbourOptions {
  readonly env: Env;
  readonly config: Config;
  readonly secrets: CloudSecrets;
  /** Of a process that shares the store of images with others. */
  readonly sharing?: ImageSharing;
}

export interface ImageSharing {
  /** Of files that this process is writing. */
  readonly mark: string;
  readonly owners: UploadOwners;
}

/** Registers the services' entities; before the assembly recovers. */
export function addNeighbours(assembly: Assembly, options: NeighbourOptions): Neighbours {
  const { env, config, secrets } = options;
  const { entities } = assembly;
  assembly.register({ definition: identityEntity });
  const identity = embeddedIdentity({
    view: entities.view(identityEntity),
    keys: secrets.tokenKeys.map(({ id, secret }) => ({
      id,
      secret: Buffer.from(secret, 'base64'),
    })),
    clock: env.clock,
    tokenLifetimeMs: config.tokenLifetimeMs,
  });
  const imageService = addImages(assembly, options);
  const imageWriter = embeddedImageWriter({ ...imageService, router: assembly.router });
  assembly.useImages(imageWriter);
  return {
    identity,
    passwords: passwordHasher(env.random),
    compliance: checkCompliance(config.securityCompliance),
    images: embeddedImages({ env, router: assembly.router, ...imageService }),
    imageWriter,
    imageService,
    networks: addNetworks(assembly, env, config),
  };
}

/** Where the image service keeps its files. */
export function imageDirectory({ images, data }: Pick<Config, 'images' | 'data'>): string {
  return images.directory ?? join(data, 'images');
}

function addImages(
  assembly: Assembly,
  { env, config, sharing }: NeighbourOptions,
): Neighbours['imageService'] {
  const directory = imageDirectory(config);
  mkdirSync(directory, { recursive: true });
  const store: ImageStore = diskImageStore(directory, sharing?.mark);
  const run = lazily(() => imageEffects({ store, uploads, imports }));
  assembly.register({
    definition: imageDefinition,
    run: (effect: never, context) => run()(effect, context),
  });
  assembly.register({ definition: metadefsDefinition });
  const view = assembly.entities.view(imageDefinition);
  const metadefs = assembly.entities.view(metadefsDefinition);
  const uploads = new ImageUploads({
    env,
    router: assembly.router,
    store,
    view,
    ...(sharing === undefined ? {} : { owners: sharing.owners }),
  });
  const downloads = webDownloads(env, config.images.webDownload);
  const imports = new ImageImports({
    env,
    store,
    view,
    downloads,
    wordsOf: (refusal) => httpRefusal(refusal).message,
    ...(sharing === undefined ? {} : { owners: sharing.owners }),
  });
  const { quotas } = config.images;
  return { view, views: assembly.entities, store, uploads, metadefs, downloads, quotas };
}

function addNetworks(assembly: Assembly, env: Env, config: Config): EmbeddedNetworks {
  const { entities } = assembly;
  assembly.register({ definition: networkDefinition });
  assembly.register({ definition: tenancyDefinition });
  assembly.register({ definition: routerDefinition });
  const settings: NetworkSettings = {
    ...defaultNetworkSettings,
    quotas: { ...defaultNetworkSettings.quotas, port: PORT_QUOTA },
    dnsServers: config.network.dnsServers,
    overlapping: config.hypervisor.kind === 'simulated',
  };
  const networks = embeddedNetworks({
    env,
    router: assembly.router,
    networks: entities.view(networkDefinition),
    tenancies: entities.view(tenancyDefinition),
    settings,
  });
  assembly.useNetworks(networks);
  return networks;
}

/** As many as servers. */
const PORT_QUOTA = 10_000;
const NETWORK_MTU = 1_500;

/** Makes it at the first call. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Takes away what uploads that a crash cut off left on disk; after the assembly has recovered. */
export async function sweepNeighbours(
  { imageService }: Neighbours,
  isShared = false,
): Promise<void> {
  const { views } = imageService;
  await sweepImages({ ...imageService, ...(isShared ? { shared: views } : {}) });
}

/** What a new cloud has: accounts, flavors, the network, the tiny image. Each is made once; what people change stays so. */
export async function seedCloud(
  assembly: Assembly,
  neighbours: Neighbours,
  options: NeighbourOptions & { readonly tinyImage: TinyImage },
): Promise<void> {
  const { env, config, secrets, tinyImage, sharing } = options;
  const { entities } = assembly;
  const requestId = `req-${env.random.uuid()}`;
  const view = entities.view(identityEntity);
  await Promise.all([
    seedIdentity(assembly.router, {
      view,
      passwords: neighbours.passwords,
      random: env.random,
      adminPassword: secrets.adminPassword,
      userPassword: secrets.userPassword,
      region: config.region,
      requestId,
    }),
    seedFlavors(assembly.router, requestId),
  ]);
  const { adminProjectId } = seededIds(view);
  if (adminProjectId === undefined) return;
  await seedNetwork(
    { env, router: assembly.router, views: entities, networks: entities.view(networkDefinition) },
    {
      name: 'private',
      id: seededId(secrets.cluster, 'network private'),
      projectId: adminProjectId,
      cidr: config.network.cidr,
      mtu: NETWORK_MTU,
      dnsServers: config.network.dnsServers,
    },
  );
  const keepsEarlier = sharing !== undefined;
  await seedTinyImage(assembly, neighbours, {
    env,
    tinyImage,
    ownerId: adminProjectId,
    keepsEarlier,
  });
}

/** The same in every process of a cloud: a UUID of version 8 (RFC 9562, 5.8). */
function seededId(cluster: string, what: string): string {
  const hex = createHash('sha256').update(`${cluster} ${what}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function seedTinyImage(
  assembly: Assembly,
  neighbours: Neighbours,
  image: {
    readonly env: Env;
    readonly tinyImage: TinyImage;
    readonly ownerId: string;
    readonly keepsEarlier: boolean;
  },
): Promise<void> {
  const { imageService } = neighbours;
  await seedImage(
    { env: image.env, router: assembly.router, ...imageService },
    {
      name: 'tiny',
      ...image.tinyImage,
      ownerId: image.ownerId,
      keepsEarlier: image.keepsEarlier,
      minDiskGiB: 0,
      minRamMiB: 64,
      properties: {},
    },
  );
}
