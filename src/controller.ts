// Starts a controller of a cluster: its place in the store, links to the others, shards, APIs, and the hosts of its machine
// as compute members. Ends in the order that loses nothing: shards are handed over while requests are still answered.
import { networkInterfaces } from 'node:os';
import { createHmac } from 'node:crypto';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { ImageUrls } from '#actors/node/image-urls.ts';
import { type Members, membersIn } from '#actors/node/members.ts';
import { RemoteNodes } from '#actors/node/remote-nodes.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { schedulerSettings } from '#actors/scheduler/settings.ts';
import { AdminRefusal } from '#api/admin/cluster-admin.ts';
import { openControlServer } from '#api/admin/control-server.ts';
import { turnAway } from '#api/closing.ts';
import { internalPlugin } from '#api/internal/plugin.ts';
import type { Config } from '#config/schema.ts';
import { Cluster } from '#runtime/directory/cluster.ts';
import type { Env } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import type { ClusterStore, MemberRecord, MemberRole } from '#runtime/membership/store.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { memberIdOf } from '#runtime/transport/libp2p/keys.ts';
import { Loopback } from '#runtime/transport/local/loopback.ts';
import type { Transport } from '#runtime/transport/port.ts';
import { Assembly } from './assembly.ts';
import { type OpenStore, openStore } from './cluster-store.ts';
import { controllerAdmin } from './controller-admin.ts';
import { MessageDesk } from './controller-messages.ts';
import { LeadersSeeds } from './controller-seeds.ts';
import { controlSocket } from './control-socket.ts';
import { Drain } from './drain.ts';
import { Endings } from './endings.ts';
import { buildApi, buildGuestDoor, type Door, portOf, urlOf } from './front-door.ts';
import { JoinDesk } from './join-desk.ts';
import { admitHosts, type LocalHost, localHosts, openLocalMembers } from './local-members.ts';
import type { Cloud, CloudOptions } from './main.ts';
import {
  type KnownController,
  type MemberFile,
  removeMemberFiles,
  writeMemberFile,
} from './member-file.ts';
import { identityKeyOf, openMemberTransport, portOf as peerPortOf } from './member-transport.ts';
import {
  addNeighbours,
  imageDirectory,
  type Neighbours,
  seedCloud,
  sweepNeighbours,
} from './neighbours.ts';
import { takePlace } from './place.ts';
import { uploadOwners } from './upload-owners.ts';

/** Resolves when the APIs answer. Rejects in words if it can't start; nothing is left open then. */
export async function startController(options: CloudOptions): Promise<Cloud> {
  const log = createLog({ level: options.config.logLevel });
  const env = realEnv(log);
  const endings = new Endings();
  try {
    const seat = await takeSeat({ ...options, env, endings });
    const parts = await assemble(seat);
    const door = await openDoors(parts);
    log.info({ url: door.url, member: seat.transport.self }, 'ready');
    return {
      url: door.url,
      log,
      stop: async () => {
        await door.drain.run();
        await endings.run();
      },
    };
  } catch (error) {
    await endings.run();
    throw error;
  }
}

interface Start extends CloudOptions {
  readonly env: Env;
  readonly endings: Endings;
}

/** A member that may speak to others now. */
interface Seat extends Start, OpenStore {
  readonly file: MemberFile;
  readonly incarnation: number;
  readonly shards: number;
  readonly transport: Transport;
  readonly loopback: Loopback;
  readonly record: Omit<MemberRecord, 'isRevoked'>;
  readonly hosts: readonly LocalHost[];
}

async function takeSeat(start: Start): Promise<Seat> {
  const { env, config, secrets, endings } = start;
  const identityKey = await identityKeyOf(config.data);
  const self = memberIdOf(identityKey);
  const opened = await openStore(env, config, endings);
  const { store } = opened;
  const shards = await store.initialise(config.cluster.shards);
  const table = await store.table();
  const place = takePlace({ config, cluster: secrets.cluster, self, table });
  const hosts = await localHosts(config, place.file.name);
  const incarnation = await store.nextIncarnation(self);
  const loopback = new Loopback(env);
  const transport = await openMemberTransport({
    env,
    settings: config.cluster.transport,
    storeUrl: config.cluster.redis,
    identityKey,
    networkKey: place.file.networkKey,
    incarnation,
    isListening: true,
    loopback,
  });
  endings.add(() => transport.close());
  const record = {
    id: self,
    role: 'controller' as const,
    name: place.file.name,
    addresses: transport.addresses(),
    apiUrl: place.record?.apiUrl,
    admittedAtMs: place.record?.admittedAtMs ?? env.clock.now(),
  };
  await store.admit(record);
  if (place.record === undefined) await refuseSecondFounder(store, self);
  await admitHosts(env, store, hosts);
  const { isFounding: _, ...known } = place.file;
  const file = withPeerPort(known, config, peerPortOf(transport));
  writeMemberFile(config.data, file);
  const seat = { file, incarnation, shards, transport, loopback, record, hosts };
  return { ...start, ...opened, ...seat };
}

/** Of two that found a cluster on the same store at the same time none does. */
async function refuseSecondFounder(store: ClusterStore, self: string): Promise<void> {
  const { members } = await store.table();
  if (!members.some(({ id, role }) => id !== self && role === 'controller')) return;
  await store.remove(self);
  throw new Error(
    'another controller founds a cluster on this Redis at this moment: let it, and join it with a token',
  );
}

/** Others look for this member where it was; what the command line says once is kept as well. */
function withPeerPort(file: MemberFile, config: Config, port: number | undefined): MemberFile {
  const { transport, redis, roles, profile, cell } = config.cluster;
  const listen = { ...transport.listen, ...(port === undefined ? {} : { port }) };
  return {
    ...file,
    settings: {
      ...file.settings,
      hypervisor: config.hypervisor,
      cluster: {
        ...file.settings.cluster,
        ...(redis === undefined ? {} : { redis }),
        roles,
        profile,
        cell,
        transport: { ...transport, listen },
      },
    },
  };
}

interface Parts extends Seat {
  readonly cluster: Cluster;
  readonly assembly: Assembly;
  readonly neighbours: Neighbours;
  readonly members: Members;
  readonly urls: ImageUrls;
  /** Built, and not listening yet. */
  readonly door: { readonly app: Door; readonly turnAway: () => void };
  /** Known once the APIs listen. */
  readonly api: { url: string | undefined };
}

async function assemble(seat: Seat): Promise<Parts> {
  const { env, config, secrets, tinyImage, onEnd, endings } = seat;
  const { journal, store, transport, incarnation, shards } = seat;
  const desk = new MessageDesk();
  const cluster = new Cluster({
    env,
    store,
    journal,
    transport,
    incarnation,
    shards,
    onExpelled: (reason) => onEnd(expelledWords[reason] ?? reason, 1),
    onOther: (message, sender) => desk.receive(message, sender),
  });
  endings.add(() => cluster.stop());
  const members = membersIn(() => cluster.membership.table.members);
  const isController = (id: string): boolean =>
    cluster.membership.record(id)?.role === 'controller';
  const api: Parts['api'] = { url: undefined };
  const urls = new ImageUrls({
    clock: env.clock,
    key: imageKey(secrets.tokenKeys[0]?.secret ?? ''),
    apiUrl: () => api.url,
  });
  const remoteNodes = new RemoteNodes({
    env,
    transport,
    members,
    isController,
    imageUrl: (imageId, host) => urls.urlOf(imageId, host),
  });
  endings.add(() => remoteNodes.stop());
  const assembly = new Assembly({
    env,
    name: seat.file.name,
    journal,
    authority: cluster.shards,
    quotas: defaultQuotaLimits,
    scheduler: schedulerSettings(config.scheduler),
    routeThrough: (local) => cluster.route(local),
    remoteNodes,
  });
  endings.add(() => assembly.stop());
  const owners = uploadOwners(cluster.membership, transport);
  const mark = `${seat.record.id.slice(-8).toLowerCase()}i${incarnation}`;
  const options = { env, config, secrets, sharing: { mark, owners } };
  const neighbours = addNeighbours(assembly, options);
  const parts = { ...seat, cluster, assembly, neighbours, members, urls, api };
  desk.open({ ...parts, remoteNodes, controllers: () => livingControllers(parts) });
  await assembly.recover();
  // Its many schemas are compiled in one go: before anything that others ask for lives here.
  const door = await buildDoor(parts);
  endings.add(() => door.app.close());
  await cluster.start();
  await sweepNeighbours(neighbours, true);
  const seeds = new LeadersSeeds(env, () =>
    seedCloud(assembly, neighbours, { ...options, tinyImage }),
  );
  endings.add(() => seeds.stop());
  assembly.start();
  await seeds.follow(cluster);
  cluster.onLead((leads) => assembly.auditing(leads));
  return { ...parts, door };
}

async function buildDoor(parts: Omit<Parts, 'door'>): Promise<Parts['door']> {
  const { store, view } = parts.neighbours.imageService;
  const imagesForHosts = internalPlugin({
    log: parts.env.log,
    urls: parts.urls,
    imageBytes: (imageId) => view.get(imageId)?.file?.sizeBytes,
    store,
    writer: parts.neighbours.imageWriter,
  });
  const app = buildApi({
    ...parts,
    isShared: true,
    more: [{ prefix: '/internal', plugin: imagesForHosts }],
  });
  const away = turnAway(app);
  await app.ready();
  return { app, turnAway: away };
}

const expelledWords: Readonly<Record<string, string>> = {
  superseded: 'another process was started as this member',
  unknown: 'this member was taken out of the cluster',
  revoked: 'this member was revoked',
};

/** The same for all controllers, who share the keys of tokens; and no use for anything else. */
function imageKey(secret: string): Uint8Array {
  return createHmac('sha256', secret).update('image links').digest();
}

function livingControllers({
  cluster,
  record,
  transport,
}: Pick<Parts, 'cluster' | 'record' | 'transport'>): readonly KnownController[] {
  const { table } = cluster.membership;
  const self = { id: record.id, addresses: transport.addresses() };
  const others = cluster.membership.stayingControllers().filter((id) => id !== record.id);
  return [
    self,
    ...others.map((id) => ({
      id,
      addresses: table.members.find((member) => member.id === id)?.addresses ?? [],
    })),
  ];
}

async function openDoors(parts: Parts): Promise<{ readonly url: string; readonly drain: Drain }> {
  const { env, config, cluster, endings, door } = parts;
  const guestDoor = buildGuestDoor(parts);
  endings.add(() => guestDoor.close());
  await guestDoor.listen({ host: '0.0.0.0', port: config.network.metadataPort });
  const local = await openLocalMembers({
    env,
    config,
    cluster: parts.secrets.cluster,
    networkKey: parts.file.networkKey,
    hosts: parts.hosts,
    controllers: () => livingControllers(parts),
    metadataPort: portOf(guestDoor),
    loopback: parts.loopback,
    onFenced: (name) => parts.onEnd(`another process took over host ${name}`, 1),
  });
  endings.add(() => local.run());
  const drain = new Drain({ env, cluster, ...door });
  await door.app.listen(config.listen);
  await announce(parts, door.app);
  await openControl(parts, drain, local);
  return { url: urlOf(door.app, config.listen.host), drain };
}

/** Where the APIs answer: for the table, for hosts that fetch images, and for the next start. */
async function announce(parts: Parts, app: Door): Promise<void> {
  const { config, api, store, record, cluster, file } = parts;
  api.url = urlOf(app, reachableHost(config.listen.host));
  await store.admit({ ...record, apiUrl: api.url });
  await cluster.membership.refresh();
  const listen = { host: config.listen.host, port: portOf(app) };
  writeMemberFile(config.data, { ...file, settings: { ...file.settings, listen } });
}

/** Of this machine, if it listens on all of its addresses. */
function reachableHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const outer = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  return outer?.address ?? '127.0.0.1';
}

async function openControl(parts: Parts, drain: Drain, local: Endings): Promise<void> {
  const { config, env, cluster, store, transport, journal, assembly, hosts, endings, file } = parts;
  const desk = new JoinDesk({
    env,
    store,
    cluster: parts.secrets.cluster,
    networkKey: file.networkKey,
    transportFor: (role) => carrierFor(config, role),
    controllers: () => livingControllers(parts),
    shared: sharedWith(parts),
    refresh: () => cluster.membership.refresh(),
  });
  transport.onStranger((message) => desk.answer(message));
  const leave = async (): Promise<void> => {
    await drain.run();
    await local.run();
    cluster.stop();
    for (const { id } of [...hosts, parts.record]) await store.remove(id);
    removeMemberFiles(config.data);
  };
  const servers = assembly.entities.view(instanceDefinition);
  const socket = controlSocket(config.data);
  const server = await openControlServer({
    log: env.log,
    path: socket.path,
    admin: controllerAdmin({
      cluster,
      store,
      transport,
      journal,
      desk,
      servers,
      hosts,
      isHostUp: (host) => assembly.allNodes.isUp(host),
      leave,
    }),
    onLeft: () => parts.onEnd('left the cluster', 0),
  });
  endings.add(async () => {
    await server.close();
    socket.release();
  });
}

/** The Redis that carries messages, if one does. The store's own is for controllers alone. */
function carrierFor({ cluster }: Config, role: MemberRole): string | undefined {
  const { kind, redis } = cluster.transport;
  if (kind !== 'redis') return undefined;
  if (redis === undefined && role === 'compute')
    throw new AdminRefusal(
      'compute members are never told where the store is: set cluster.transport.redis to a Redis that carries messages and nothing else',
    );
  return redis ?? cluster.redis;
}

/** What a controller that joins needs to be the same cloud. */
function sharedWith({
  config,
  secrets,
}: Parts): ConstructorParameters<typeof JoinDesk>[0]['shared'] {
  const { adminPassword, userPassword, tokenKeys } = secrets;
  const { region, availabilityZone, network, allocationRatios, tokenLifetimeMs } = config;
  const { redis, profile, replicas, cell } = config.cluster;
  return {
    secrets: { adminPassword, userPassword, tokenKeys: tokenKeys.map((key) => ({ ...key })) },
    settings: {
      region,
      availabilityZone,
      network: { cidr: network.cidr, dnsServers: network.dnsServers },
      allocationRatios,
      tokenLifetimeMs,
      images: { ...config.images, directory: imageDirectory(config) },
      cluster: { redis, profile, cell, ...(replicas === undefined ? {} : { replicas }) },
    },
  };
}
