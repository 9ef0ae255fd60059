// The nodes of compute members, reached over the transport. An order takes as long as it takes: the ask for it is made
// again under the same name, which the node joins, for as long as somebody wants it. So no order is lost with a reply and
// none is done twice. What a member does not say in time is not known to be undone: host-unreachable, to be tried again.
import type { Env } from '#runtime/env/env.ts';
import { type Lane, type Transport, TransportFault } from '#runtime/transport/port.ts';
import type { MemberId, MemberRecord } from '#runtime/membership/store.ts';
import type { NodeClient, PerformOptions } from './client.ts';
import type { Members } from './members.ts';
import { type HostName, NodeFault, type NodeOrder, type NodeReport } from './protocol.ts';
import { nodeMessage, outputFrom, reportFrom } from './wire.ts';

export interface RemoteNodesOptions {
  readonly env: Env;
  readonly transport: Transport;
  readonly members: Members;
}

/** A lost message is noticed after this; an order under way is joined by the next ask. */
const ASK_MS = 10_000;
/** An order that nobody has given up by then is left to who gave it: a step's deadline is far below. */
const ORDER_MS = 20 * 60_000;

export class RemoteNodes implements NodeClient {
  readonly #options: RemoteNodesOptions;
  /** What each member last said of its host, over the link that it has now. */
  readonly #up = new Map<MemberId, boolean>();
  readonly #unsubscribe: () => void;

  constructor(options: RemoteNodesOptions) {
    this.#options = options;
    this.#unsubscribe = options.transport.onLink(({ type, peer }) => {
      if (type === 'down') this.#up.delete(peer);
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** A member tells how its host is. */
  told(sender: MemberRecord, isUp: boolean): void {
    this.#up.set(sender.id, isUp);
  }

  isUp(host: HostName): boolean {
    const member = this.#options.members.ofHost(host);
    if (member === undefined || !this.#options.transport.isConnected(member)) return false;
    return this.#up.get(member) ?? false;
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

  #ask(host: HostName, message: ReturnType<typeof nodeMessage>, lane: Lane): Promise<unknown> {
    const member = this.#options.members.ofHost(host);
    if (member === undefined) throw unreachable(host, 'no member of the cluster runs it');
    return this.#options.transport.ask(member, message, { deadlineMs: ASK_MS, lane });
  }
}

function unreachable(host: HostName, why: string, cause?: unknown): NodeFault {
  return new NodeFault('host-unreachable', `host ${host} is not reachable now: ${why}`, {
    retryable: true,
    cause,
  });
}
