// libp2p under the hub: dials peers and opens both lanes, accepts those of others, answers strangers, and ends what is
// neither a link nor a question in time.
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';

import type { Cancel, Env } from '../../env/env.ts';
import type { MemberId } from '../../membership/store.ts';
import type { Hub } from '../hub.ts';
import { TransportFault, type AskOptions, type Lane, type Message, type Peer } from '../port.ts';
import type { Connector } from '../wire.ts';
import { wordsOf } from '../words.ts';
import { createDeadline, endConnection } from './connections.ts';
import { answerStranger, askOnce, joinProtocol, strangerMs } from './strangers.ts';
import { Libp2pWire } from './wire.ts';

export const laneProtocols: Readonly<Record<Lane, string>> = {
  control: '/kilonova/control/1',
  bulk: '/kilonova/bulk/1',
};

/** From the first packet to both lanes. */
const dialMs = 3000;

interface Arrival {
  readonly streams: Partial<Record<Lane, Stream>>;
  readonly cancel: Cancel;
}

export interface Libp2pConnectorOptions {
  readonly env: Env;
  readonly hub: Hub;
  readonly node: Libp2p;
}

export class Libp2pConnector implements Connector {
  readonly #env: Env;
  readonly #hub: Hub;
  readonly #node: Libp2p;
  /** Connections that are no link yet. */
  readonly #arrivals = new Map<Connection, Arrival>();
  readonly #linked = new WeakSet<Connection>();

  constructor({ env, hub, node }: Libp2pConnectorOptions) {
    this.#env = env;
    this.#hub = hub;
    this.#node = node;
  }

  async start(): Promise<void> {
    this.#node.addEventListener('connection:open', ({ detail }) => this.#arrived(detail));
    this.#node.addEventListener('connection:close', ({ detail }) => this.#forget(detail));
    const once = { maxInboundStreams: 1, maxOutboundStreams: 1 };
    for (const lane of ['control', 'bulk'] as const)
      await this.#node.handle(
        laneProtocols[lane],
        (stream, connection) => this.#takeLane(lane, stream, connection),
        once,
      );
    await this.#node.handle(
      joinProtocol,
      (stream, connection) => void this.#takeQuestion(stream, connection),
      once,
    );
    await this.#node.start();
  }

  addresses(): readonly string[] {
    return this.#node.getMultiaddrs().map(String);
  }

  /** Links of those who are no peers any more are cut by the hub; here goes what has not become a link. */
  admit(peers: ReadonlyMap<MemberId, Peer>): void {
    for (const connection of this.#arrivals.keys())
      if (!peers.has(connection.remotePeer.toString()) && this.#hub.stranger() === undefined)
        endConnection(this.#env, connection, 'no peer any more');
  }

  async connect({ id, addresses }: Peer): Promise<void> {
    const deadline = createDeadline(this.#env, dialMs, `no link within ${dialMs} ms`);
    const { signal } = deadline;
    let connection: Connection | undefined;
    try {
      connection = await this.#node.dial(
        addresses.map((address) => addressOf(address, id)),
        { signal, force: true },
      );
      const control = await connection.newStream(laneProtocols.control, { signal });
      const bulk = await connection.newStream(laneProtocols.bulk, { signal });
      this.#open(connection, { control, bulk }, true);
    } catch (cause) {
      if (connection !== undefined) endConnection(this.#env, connection, wordsOf(cause));
      throw explain(cause);
    } finally {
      deadline.cancel();
    }
  }

  async askStranger(
    addresses: readonly string[],
    message: Message,
    { deadlineMs }: AskOptions,
  ): Promise<unknown> {
    const late = `no answer to ${message.type} within ${deadlineMs} ms`;
    const deadline = createDeadline(this.#env, deadlineMs, late);
    const { signal } = deadline;
    let connection: Connection | undefined;
    try {
      connection = await this.#node.dial(
        addresses.map((address) => multiaddr(address)),
        {
          signal,
          force: true,
        },
      );
      return await askOnce(this.#env, connection, message, { deadlineMs, signal });
    } catch (cause) {
      if (cause instanceof TransportFault) throw cause;
      if (signal.aborted) throw new TransportFault('timeout', late, { cause });
      const where = addresses.join(', ');
      throw new TransportFault(
        connection === undefined ? 'unreachable' : 'disconnected',
        `${message.type} got no answer from ${where}: ${wordsOf(explain(cause))}`,
        { cause },
      );
    } finally {
      deadline.cancel();
      if (connection !== undefined && !this.#linked.has(connection))
        endConnection(this.#env, connection, 'the question is over');
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#arrivals.keys()) this.#forget(connection);
    await this.#node.stop();
  }

  #arrived(connection: Connection): void {
    if (connection.direction !== 'inbound') return;
    const id = connection.remotePeer.toString();
    const withinMs = this.#hub.isPeer(id) ? this.#hub.limits.greetingMs : strangerMs;
    const cancel = this.#env.timers.after(withinMs, () =>
      endConnection(this.#env, connection, `neither a link nor a question in ${withinMs} ms`),
    );
    this.#arrivals.set(connection, { streams: {}, cancel });
  }

  #forget(connection: Connection): void {
    this.#arrivals.get(connection)?.cancel();
    this.#arrivals.delete(connection);
  }

  #takeLane(lane: Lane, stream: Stream, connection: Connection): void {
    const arrival = this.#arrivals.get(connection);
    const id = connection.remotePeer.toString();
    if (arrival === undefined || !this.#hub.isPeer(id)) {
      this.#hub.noteOnce(id, 'it is no peer of this member, or no longer');
      endConnection(this.#env, connection, 'no peer');
      return;
    }
    arrival.streams[lane] = stream;
    const { control, bulk } = arrival.streams;
    if (control === undefined || bulk === undefined) return;
    this.#forget(connection);
    try {
      this.#open(connection, { control, bulk }, false);
    } catch (cause) {
      endConnection(this.#env, connection, wordsOf(cause));
    }
  }

  #open(connection: Connection, streams: Readonly<Record<Lane, Stream>>, isDialled: boolean): void {
    const { limits } = this.#hub;
    const wire = new Libp2pWire({ env: this.#env, connection, streams, isDialled, limits });
    this.#linked.add(connection);
    const events = this.#hub.accept(wire);
    if (events === undefined) {
      wire.cut('not wanted');
      throw new Error('a link to this peer is not wanted any more');
    }
    wire.open(events);
  }

  async #takeQuestion(stream: Stream, connection: Connection): Promise<void> {
    try {
      await answerStranger({ env: this.#env, host: this.#hub, stream, connection });
      await stream.close();
    } catch (cause) {
      this.#hub.noteOnce(connection.remotePeer.toString(), `its question: ${wordsOf(cause)}`);
      stream.abort(new Error(wordsOf(cause)));
    }
    if (!this.#linked.has(connection))
      endConnection(this.#env, connection, 'the question is answered');
  }
}

function addressOf(address: string, id: MemberId): Multiaddr {
  return multiaddr(address.includes('/p2p/') ? address : `${address}/p2p/${id}`);
}

/** What libp2p says when a handshake fails is of little use. */
function explain(cause: unknown): Error {
  const name = cause instanceof Error ? cause.name : '';
  if (name === 'EncryptionFailedError' || name === 'InvalidMessageError')
    return new Error(
      `the handshake failed (${wordsOf(cause)}): the network keys differ, or the other side does not accept this member`,
      { cause },
    );
  if (cause instanceof AggregateError)
    return new Error([...new Set(cause.errors.map(wordsOf))].join('; '), { cause });
  return cause instanceof Error ? cause : new Error(wordsOf(cause));
}
