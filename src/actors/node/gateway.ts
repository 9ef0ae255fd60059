// A controller's side of what compute members ask and tell. A member speaks for its own host and for guests that are
// granted to it, and for nothing else (DESIGN §1, law): whatever it sends is checked against that, since a host whose
// guests have broken out of it sends what they like. What is refused is logged once per member and kind.
import type { ConfigDriveFile } from '#hypervisor/storage-port.ts';
import type { HostNetworkSpec } from '#hypervisor/network-port.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { StateView, Views } from '#runtime/events/projection.ts';
import type { MemberId, MemberRecord } from '#runtime/membership/store.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import type { Peer, Received } from '#runtime/transport/port.ts';
import { unreachable } from '../domain/unreachable.ts';
import type { InstanceMetadata } from '../domain/instance-metadata.ts';
import type { InstanceState } from '../instance/state.ts';
import type { HostState } from '../topology/protocol.ts';
import type { NodeClient } from './client.ts';
import { admitCommand, Denied } from './gateway-commands.ts';
import type { Members } from './members.ts';
import { type HostName, NodeFault } from './protocol.ts';
import { type BodyOf, bodyOf, isRequestType, type RequestType, wireFaultOf } from './wire.ts';

export interface GatewayOptions {
  readonly env: Env;
  readonly router: Router;
  readonly views: Views;
  readonly members: Members;
  readonly servers: StateView<InstanceState>;
  readonly hosts: StateView<HostState>;
  /** Images that a server may be made from now. */
  readonly imageIds: () => ReadonlySet<string>;
  /** Networks that every host has ready. */
  readonly networkIds: () => readonly string[];
  /** Without the port of the metadata service, which is the host's matter. */
  readonly networkSpec: (networkId: string) => HostNetworkSpec | undefined;
  readonly configDrive: (serverId: string) => readonly ConfigDriveFile[];
  /** For hosts with a metadata service; without it none of their guests is known. */
  readonly guests?: {
    at(local: string, remote: string): string | undefined;
    metadata(serverId: string): InstanceMetadata | undefined;
  };
  /** Undefined while this controller does not know where it is reached. */
  readonly imageUrl: (imageId: string, host: HostName) => string | undefined;
  /** The same for sending one; undefined where no image is taken. */
  readonly imageUploadUrl?: (imageId: string, host: HostName) => string | undefined;
  readonly controllers: () => readonly Peer[];
  /** Reaches the disks at the other end of a move. */
  readonly nodes: Pick<NodeClient, 'readDisk'>;
  readonly onStatus: (sender: MemberRecord, isUp: boolean) => void;
}

/** Questions of one member that are not answered yet; more are turned away. */
const MOST_UNDER_WAY = 1_000;
const MOST_LOGGED = 10_000;
const WORLD_MS = 1_000;

interface Asked {
  readonly message: Received;
  readonly sender: MemberRecord;
  readonly host: HostName;
}

export class NodeGateway {
  readonly #options: GatewayOptions;
  readonly #underWay = new Map<MemberId, number>();
  readonly #logged = new Set<string>();
  #world: { readonly atMs: number; readonly answer: object } | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /**
   * Messages of the area `node`. What can't be answered now is answered with a fault; what it throws is for the sender and
   * says that it will never be answered.
   */
  async receive(message: Received, sender: MemberRecord): Promise<unknown> {
    const { type } = message;
    try {
      if (!isRequestType(type)) throw new Denied(`no controller handles ${type}`, 'unknown type');
      const host = this.#options.members.hostOf(sender);
      if (sender.role !== 'compute' || host === undefined)
        throw new Denied(`${sender.name} is no compute member`, type);
      return await this.#bounded(sender.id, () => this.#answer(type, { message, sender, host }));
    } catch (error) {
      if (error instanceof RuntimeFault) return { fault: wireFaultOf(error) };
      if (error instanceof Denied && !error.isLate) this.#logOnce(sender, error);
      throw error;
    }
  }

  async #bounded(member: MemberId, work: () => Promise<unknown>): Promise<unknown> {
    const before = this.#underWay.get(member) ?? 0;
    if (before >= MOST_UNDER_WAY)
      throw new RuntimeFault('overloaded', `${before} questions are under way; try later`);
    this.#underWay.set(member, before + 1);
    try {
      return await work();
    } finally {
      const left = (this.#underWay.get(member) ?? 1) - 1;
      if (left > 0) this.#underWay.set(member, left);
      else this.#underWay.delete(member);
    }
  }

  async #answer(type: RequestType, asked: Asked): Promise<unknown> {
    const { message, sender, host } = asked;
    const { networkSpec, configDrive, controllers, onStatus } = this.#options;
    switch (type) {
      case 'node.ask':
        return this.#forward(asked);
      case 'node.status':
        onStatus(sender, bodyOf(message, type).isUp);
        return {};
      case 'node.world':
        bodyOf(message, type);
        await this.#fresh();
        return this.#worldOfNow();
      case 'node.network': {
        const { networkId } = bodyOf(message, type);
        await this.#fresh();
        const spec = networkSpec(networkId);
        return spec === undefined ? {} : { spec };
      }
      case 'node.config-drive': {
        const { serverId } = bodyOf(message, type);
        await this.#expected(serverId, host, type);
        return { files: configDrive(serverId) };
      }
      case 'node.guest':
        return this.#guest(bodyOf(message, type), host);
      case 'node.metadata': {
        const { serverId } = bodyOf(message, type);
        await this.#granted(serverId, host, type);
        return { metadata: this.#options.guests?.metadata(serverId) };
      }
      case 'node.image':
        return this.#image(bodyOf(message, type), host);
      case 'node.source-disk':
        return this.#sourceDisk(bodyOf(message, type), host);
      case 'node.image-upload':
        return this.#imageUpload(bodyOf(message, type), host);
      case 'node.controllers':
        bodyOf(message, type);
        return { controllers: controllers() };
      default:
        return unreachable(type);
    }
  }

  async #forward({ message, sender, host }: Asked): Promise<unknown> {
    const body = bodyOf(message, 'node.ask');
    await this.#fresh();
    const admitted = admitCommand(body, host, this.#options);
    if ('refusal' in admitted) {
      if (admitted.suspicion !== undefined) this.#logOnce(sender, admitted.suspicion);
      return { reply: admitted.refusal };
    }
    const { kind, id, deadlineMs } = body;
    const requestId = message.requestId ?? `req-${host}`;
    const options = { requestId: requestId.slice(0, MAX_REQUEST_ID), deadlineMs };
    return {
      reply: await this.#options.router.ask({ kind, id }, admitted.command, options),
    };
  }

  /** A guest elsewhere with that address is nobody here: its packets do not come through this host. */
  async #guest({ local, remote }: BodyOf<'node.guest'>, host: HostName): Promise<unknown> {
    await this.#fresh();
    const { guests, servers } = this.#options;
    const serverId = guests?.at(local, remote);
    if (serverId === undefined || servers.get(serverId)?.grant?.host !== host) return {};
    return { serverId };
  }

  /**
   * A host fetches an image once for all its guests, in the name of the first that wanted it. That one may be deleted while
   * others wait for the bytes, so any server that is granted to the host and made from the image will do.
   */
  async #image({ serverId, imageId }: BodyOf<'node.image'>, host: HostName): Promise<unknown> {
    await this.#fresh();
    const { servers } = this.#options;
    const named = servers.get(serverId);
    if (!isMadeFrom(imageId, host, named) && !this.#anyIsMadeFrom(imageId, host)) {
      const message = `no server granted to host ${host} is made from image ${imageId}`;
      throw new Denied(message, 'node.image', { isLate: named?.existence === 'gone' });
    }
    const url = this.#options.imageUrl(imageId, host);
    if (url === undefined)
      throw new RuntimeFault('unavailable', 'this controller has no address for images yet');
    return { url };
  }

  async #imageUpload(
    { serverId, imageId }: BodyOf<'node.image-upload'>,
    host: HostName,
  ): Promise<unknown> {
    const server = await this.#granted(serverId, host, 'node.image-upload');
    if (server.operation?.parameters.snapshot?.id !== imageId)
      throw new Denied(`image ${imageId} is not being made of ${serverId}`, 'node.image-upload');
    const url = this.#options.imageUploadUrl?.(imageId, host);
    if (url === undefined)
      throw new RuntimeFault('unavailable', 'this controller has no address for images yet');
    return { url };
  }

  #anyIsMadeFrom(imageId: string, host: HostName): boolean {
    for (const server of this.#options.servers.values())
      if (isMadeFrom(imageId, host, server)) return true;
    return false;
  }

  /** Only of a server that is being moved to that host; its fault is the host's to read. */
  async #sourceDisk(range: BodyOf<'node.source-disk'>, host: HostName): Promise<unknown> {
    const { grant, move } = await this.#granted(range.serverId, host, 'node.source-disk');
    if (move === undefined || grant?.side !== 'destination')
      throw new Denied(`server ${range.serverId} is not moved to ${host}`, 'node.source-disk');
    try {
      return { output: await this.#options.nodes.readDisk(move.source.host, range) };
    } catch (error) {
      if (error instanceof NodeFault) return { fault: wireFaultOf(error) };
      throw error;
    }
  }

  /** The server, if its guest may run on this host and nowhere else. */
  async #granted(serverId: string, host: HostName, type: RequestType): Promise<InstanceState> {
    await this.#fresh();
    const server = this.#options.servers.get(serverId);
    if (server?.grant?.host !== host)
      throw new Denied(`server ${serverId} is not granted to host ${host}`, type);
    return server;
  }

  /** The server, if it is granted to this host, or on its way to it. */
  async #expected(serverId: string, host: HostName, type: RequestType): Promise<void> {
    await this.#fresh();
    const server = this.#options.servers.get(serverId);
    if (server === undefined || !isFor(host, server))
      throw new Denied(`server ${serverId} is not granted to host ${host}`, type);
  }

  /** With the store away, what others have made meanwhile is not known here, and "gone" would be a guess. */
  async #fresh(): Promise<void> {
    const { views } = this.#options;
    await views.barrier();
    if (views.isStale)
      throw new RuntimeFault('unavailable', 'this controller does not reach the store now');
  }

  /** The same for all hosts, so it is made once for all that ask at a time. */
  #worldOfNow(): object {
    const { env, imageIds, networkIds } = this.#options;
    const nowMs = env.clock.monotonic();
    if (this.#world === undefined || nowMs - this.#world.atMs > WORLD_MS) {
      const answer = { imageIds: [...imageIds()], networkIds: [...networkIds()] };
      this.#world = { atMs: nowMs, answer };
    }
    return this.#world.answer;
  }

  #logOnce(sender: MemberRecord, { kind, message }: Denied): void {
    const key = `${sender.id} ${kind}`;
    if (this.#logged.has(key) || this.#logged.size >= MOST_LOGGED) return;
    this.#logged.add(key);
    this.#options.env.log.error(
      { member: sender.id, name: sender.name, kind, reason: message },
      'a member asked for what it may not; look at its host. Further ones of this kind are not logged',
    );
  }
}

const MAX_REQUEST_ID = 100;

/** Its guest may run there, or is on its way there. */
function isFor(host: HostName, { grant, move }: InstanceState): boolean {
  return grant?.host === host || (move?.isLive === true && move.destination.host === host);
}

function isMadeFrom(imageId: string, host: HostName, server: InstanceState | undefined): boolean {
  if (server === undefined || !isFor(host, server)) return false;
  const rescueImage = server.operation?.parameters.rescue?.image;
  const images = [server.request?.image, rescueImage, server.shelved?.image];
  return images.some((image) => image?.id === imageId);
}
