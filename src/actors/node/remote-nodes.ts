// The nodes of compute members, reached over the transport. An order takes as long as it takes: the ask for it is made
// again under the same name, which the node joins, for as long as somebody wants it. So no order is lost with a reply and
// none is done twice. A host that this controller has no link to is reached through one that has. What a member does not say in time is not known to be undone: host-unreachable, to be tried again.
import type { GuestStatistics } from '#hypervisor/port.ts';
import type { Env } from '#runtime/env/env.ts';
import {
  type Lane,
  type Message,
  type Received,
  type Transport,
  TransportFault,
} from '#runtime/transport/port.ts';
import type { MemberId, MemberRecord } from '#runtime/membership/store.ts';
import type { ServerImage } from '../domain/server.ts';
import type { NodeClient, PerformOptions } from './client.ts';
import { HostSightings } from './host-sightings.ts';
import type { Members } from './members.ts';
import {
  type DiskRange,
  type HostName,
  NodeFault,
  type NodeOrder,
  type NodeReport,
} from './protocol.ts';
import {
  begunFrom,
  type BodyOf,
  bodyOf,
  nodeMessage,
  outputFrom,
  reportFrom,
  statisticsFrom,
} from './wire.ts';

export interface RemoteNodesOptions {
  readonly env: Env;
  readonly transport: Transport;
  readonly members: Members;
  /** Whether a member is a controller, which may pass orders on. */
  readonly isController: (member: MemberId) => boolean;
  /** A link by which a host fetches an image from this controller, if it can say one. */
  readonly imageUrl?: (imageId: string, host: HostName) => string | undefined;
}

/** A lost message is noticed after this; an order under way is joined by the next ask. */
const ASK_MS = 10_000;
/** An order that nobody has given up by then is left to who gave it: a step's deadline is far below. */
const ORDER_MS = 20 * 60_000;

export class RemoteNodes implements NodeClient {
  readonly #options: RemoteNodesOptions;
  /** What each member last said of its host, over the link that it has now. */
  readonly #up = new Map<MemberId, HostName>();
  readonly #sightings: HostSightings;
  readonly #unsubscribe: () => void;

  constructor(options: RemoteNodesOptions) {
    const { transport, isController } = options;
    this.#options = options;
    this.#sightings = new HostSightings({
      transport,
      isController,
      own: () => [...this.#up.values()],
    });
    this.#unsubscribe = transport.onLink(({ type, peer }) => {
      this.#sightings.linked(peer, type === 'up');
      if (type === 'down') this.#setUp(peer, undefined);
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** A member tells how its host is. */
  told(sender: MemberRecord, isUp: boolean): void {
    this.#setUp(sender.id, isUp ? this.#options.members.hostOf(sender) : undefined);
  }

  #setUp(member: MemberId, host: HostName | undefined): void {
    const before = this.#up.get(member);
    if (host === before) return;
    if (host === undefined) this.#up.delete(member);
    else this.#up.set(member, host);
    if (before !== undefined) this.#sightings.changed(before, false);
    if (host !== undefined) this.#sightings.changed(host, true);
  }

  /** By a link of this controller, or by one of another that is reached. */
  isUp(host: HostName): boolean {
    const member = this.#options.members.ofHost(host);
    if (member === undefined) return false;
    return this.#isLinked(member) ? this.#up.has(member) : this.#sightings.via(host) !== undefined;
  }

  #isLinked(member: MemberId): boolean {
    return this.#options.transport.isConnected(member);
  }

  /** What other controllers tell and ask about hosts; see `isRelayType`. What it throws is for the sender. */
  async receive(message: Received, sender: MemberRecord): Promise<unknown> {
    if (sender.role !== 'controller') throw new Error(`${sender.name} is no controller`);
    if (message.type === 'node.sight') {
      this.#sightings.heard(sender.id, bodyOf(message, 'node.sight'));
      return {};
    }
    if (message.type === 'node.relay-image') {
      const { host, cached } = bodyOf(message, 'node.relay-image');
      return this.#passOn(host, nodeMessage('node.cache-image', cached), 'bulk');
    }
    const { host, type, body } = bodyOf(message, 'node.relay');
    const lane = type === 'node.perform' ? 'control' : 'bulk';
    return this.#passOn(host, nodeMessage(type, body as never, message.requestId), lane);
  }

  #passOn(host: HostName, message: Message, lane: Lane): Promise<unknown> {
    const member = this.#options.members.ofHost(host);
    if (member === undefined || !this.#isLinked(member))
      throw new Error(`host ${host} is not reachable from here either`);
    return this.#options.transport.ask(member, message, { deadlineMs: ASK_MS, lane });
  }

  async perform(
    host: HostName,
    order: NodeOrder,
    { signal }: PerformOptions = {},
  ): Promise<NodeReport> {
    const { clock } = this.#options.env;
    const untilMs = clock.monotonic() + ORDER_MS;
    const message = nodeMessage('node.perform', { order }, order.requestId);
    for (;;) {
      if (signal?.aborted === true)
        throw unreachable(host, `nobody waits for order ${order.orderId} any more`);
      try {
        return reportFrom(host, await this.#ask(host, message, 'control'));
      } catch (error) {
        if (!(error instanceof TransportFault)) throw error;
        if (error.code !== 'timeout' || clock.monotonic() >= untilMs)
          throw unreachable(host, error.message, error);
      }
    }
  }

  async consoleOutput(host: HostName, serverId: string, maxBytes: number): Promise<Uint8Array> {
    const message = nodeMessage('node.console', { serverId, maxBytes });
    try {
      return outputFrom(host, await this.#ask(host, message, 'bulk')).subarray(-maxBytes);
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      throw unreachable(host, error.message, error);
    }
  }

  async statistics(host: HostName, serverId: string): Promise<GuestStatistics> {
    const message = nodeMessage('node.statistics', { serverId });
    try {
      return statisticsFrom(host, await this.#ask(host, message, 'control'));
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      throw unreachable(host, error.message, error);
    }
  }

  async readDisk(host: HostName, range: DiskRange): Promise<Uint8Array> {
    try {
      return outputFrom(host, await this.#ask(host, nodeMessage('node.read-disk', range), 'bulk'));
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      throw unreachable(host, error.message, error);
    }
  }

  async cacheImage(host: HostName, image: ServerImage): Promise<void> {
    const url = this.#options.imageUrl?.(image.id, host);
    if (url === undefined) throw unreachable(host, 'this controller has no address for images yet');
    const cached = { image, url };
    const message = nodeMessage('node.cache-image', cached);
    const relayed = nodeMessage('node.relay-image', { host, cached });
    try {
      begunFrom(host, await this.#ask(host, message, 'bulk', relayed));
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error;
      throw unreachable(host, error.message, error);
    }
  }

  #ask(host: HostName, message: Message, lane: Lane, relayed?: Message): Promise<unknown> {
    const { members, transport } = this.#options;
    const member = members.ofHost(host);
    if (member === undefined) throw unreachable(host, 'no member of the cluster runs it');
    const options = { deadlineMs: ASK_MS, lane };
    const via = this.#isLinked(member) ? undefined : this.#sightings.via(host);
    if (via === undefined) return transport.ask(member, message, options);
    if (relayed !== undefined) return transport.ask(via, relayed, options);
    const { type, body, requestId } = message;
    const wrapped = { host, type: type as BodyOf<'node.relay'>['type'], body };
    return transport.ask(via, nodeMessage('node.relay', wrapped, requestId), options);
  }
}

function unreachable(host: HostName, why: string, cause?: unknown): NodeFault {
  return new NodeFault('host-unreachable', `host ${host} is not reachable now: ${why}`, {
    retryable: true,
    cause,
  });
}
