// Starts compute members over real ports: one host each, its ledger in a SQLite file of its own, and links to controllers
// that it opens itself. In a process of their own, or beside a controller (local-members.ts).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ControllerGuests } from '#actors/node/controller-guests.ts';
import { httpBytes, httpUpload } from '#actors/node/http-bytes.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { AdminRefusal, type ClusterAdmin } from '#api/admin/cluster-admin.ts';
import { openControlServer } from '#api/admin/control-server.ts';
import type { Config } from '#config/schema.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { Env } from '#runtime/env/env.ts';
import { realEnv } from '#runtime/env/real.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import type { Loopback } from '#runtime/transport/local/loopback.ts';
import { type Peer, type Transport, TransportFault } from '#runtime/transport/port.ts';
import { ComputeAssembly } from './compute-assembly.ts';
import { controlSocket } from './control-socket.ts';
import { Endings } from './endings.ts';
import { GuestDoor } from './guest-door.ts';
import { leaveMessage } from './leave-message.ts';
import { openLocalJournal } from './local-journal.ts';
import { type HostPorts, openHosts } from './machines.ts';
import type { Cloud, ComputeOptions } from './main.ts';
import {
  type KnownController,
  type MemberFile,
  readMemberFile,
  removeMemberFiles,
  writeMemberFile,
} from './member-file.ts';
import { identityKeyOf, openMemberTransport } from './member-transport.ts';

export interface ComputeMemberOptions {
  readonly env: Env;
  readonly config: Config;
  /** Of this member alone: its key pair and its ledger. */
  readonly directory: string;
  readonly member: Pick<MemberFile, 'cluster' | 'networkKey' | 'controllers'>;
  readonly host: HostPorts;
  /** For a transport over Redis that names none of its own; only beside a controller. */
  readonly storeUrl: string | undefined;
  /** Of a process where others live, too. */
  readonly loopback?: Loopback;
  /** Of the metadata service on this host; undefined for none. */
  readonly metadataPort: number | undefined;
  /** Before the host is looked at. */
  readonly onGuests?: (guests: ControllerGuests) => void;
  readonly onControllers?: (controllers: readonly KnownController[]) => void;
  readonly onFenced: () => void;
  readonly endings: Endings;
}

/** Resolves after the first look at the host, or when that takes long. */
export async function openComputeMember(options: ComputeMemberOptions): Promise<Transport> {
  const { env, config, directory, member, host, endings } = options;
  mkdirSync(directory, { recursive: true });
  const journal = await openLocalJournal(env, join(directory, 'ledger.db'), endings);
  const epoch = await journal.nextEpoch('process');
  const transport = await openMemberTransport({
    env,
    settings: config.cluster.transport,
    storeUrl: options.storeUrl,
    identityKey: await identityKeyOf(directory),
    networkKey: member.networkKey,
    incarnation: epoch,
    isListening: false,
    ...(options.loopback === undefined ? {} : { loopback: options.loopback }),
  });
  endings.add(() => transport.close());
  const assembly = new ComputeAssembly({
    env,
    name: `compute/${host.host}`,
    transport,
    journal,
    authority: soleAuthority({ epoch, fence: 'process' }, options.onFenced),
    cluster: member.cluster,
    host,
    fetchBytes: httpBytes(env),
    sendBytes: httpUpload(env),
    metadataPort: options.metadataPort,
    onControllers: (controllers: readonly Peer[]) => {
      transport.setPeers(controllers);
      options.onControllers?.(controllers);
    },
    availabilityZone: config.availabilityZone,
    hostIp: config.listen.host,
    inventories: (facts) => defaultInventories(facts, config.allocationRatios),
  });
  endings.add(() => assembly.stop());
  options.onGuests?.(assembly.guests);
  transport.setPeers(member.controllers);
  await assembly.start();
  return transport;
}

/** A process that is a compute member and nothing else. */
export async function startComputeMember(options: ComputeOptions): Promise<Cloud> {
  const { config, onEnd } = options;
  const member = readMemberFile(config.data);
  if (member?.role !== 'compute')
    throw new Error(
      `${config.data} is no compute member's directory: make a token on a controller (./kilonova token create --role compute), then ./kilonova join TOKEN here`,
    );
  const log = createLog({ level: config.logLevel });
  const env = realEnv(log);
  const endings = new Endings();
  try {
    const hosts = await openHosts({ env, config, cluster: member.cluster, names: [member.name] });
    endings.add(() => hosts.close());
    const [host] = hosts.ports;
    if (host === undefined) throw new Error('a compute member needs a host, and there is none');
    const guestDoor = new GuestDoor(env);
    endings.add(() => guestDoor.close());
    const transport = await openComputeMember({
      env,
      config,
      directory: config.data,
      member,
      host,
      storeUrl: undefined,
      metadataPort: await guestDoor.listen(config),
      onGuests: (guests) => guestDoor.use(guests),
      onControllers: (controllers) => keepControllers(config.data, controllers),
      onFenced: () => onEnd('another process took over this data directory', 1),
      endings,
    });
    await openDoor({ ...options, log: env.log, transport, endings });
    log.info({ member: transport.self, host: host.host }, 'ready');
    return { url: '', log, stop: () => endings.run() };
  } catch (error) {
    await endings.run();
    throw error;
  }
}

/** Where to look for them at the next start. */
function keepControllers(data: string, controllers: readonly KnownController[]): void {
  const member = readMemberFile(data);
  if (member === undefined) return;
  if (JSON.stringify(member.controllers) === JSON.stringify(controllers)) return;
  writeMemberFile(data, { ...member, controllers });
}

async function openDoor(options: {
  readonly config: Config;
  readonly onEnd: ComputeOptions['onEnd'];
  readonly log: Env['log'];
  readonly transport: Transport;
  readonly endings: Endings;
}): Promise<void> {
  const { config, log, transport, endings, onEnd } = options;
  const socket = controlSocket(config.data);
  const server = await openControlServer({
    log,
    path: socket.path,
    admin: adminOf(config.data, transport),
    onLeft: () => onEnd('left the cluster', 0),
  });
  endings.add(async () => {
    await server.close();
    socket.release();
  });
}

const LEAVE_MS = 10_000;

/** Everything but leaving is known to controllers only. */
function adminOf(data: string, transport: Transport): ClusterAdmin {
  const elsewhere = (): Promise<never> =>
    Promise.reject(new AdminRefusal('this is a compute member: ask on a controller'));
  return {
    members: elsewhere,
    shards: elsewhere,
    createToken: elsewhere,
    revoke: elsewhere,
    leave: async ({ force }) => {
      const [controller] = transport.connected();
      if (controller === undefined)
        throw new AdminRefusal('no controller is connected; leave when one is, or revoke it there');
      try {
        await transport.ask(controller, leaveMessage(force), { deadlineMs: LEAVE_MS });
      } catch (error) {
        if (error instanceof TransportFault && error.code === 'refused')
          throw new AdminRefusal(error.message);
        throw error;
      }
      removeMemberFiles(data);
    },
  };
}
