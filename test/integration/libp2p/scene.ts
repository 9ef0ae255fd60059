// Members over libp2p in this process, made and taken down per test; one may be reached through a proxy.
import { realEnv } from '#runtime/env/real.ts';
import { createIdentityKey, createNetworkKey } from '#runtime/transport/libp2p/keys.ts';
import { openLibp2pTransport } from '#runtime/transport/libp2p/transport.ts';
import type { TransportLimits } from '#runtime/transport/limits.ts';
import type { Received, Transport } from '#runtime/transport/port.ts';
import {
  recordingLog,
  watch,
  type LogLine,
  type StartedMember,
} from '#test/contract/transport/transport-harness.ts';
import { startTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts';

export interface MemberOptions {
  readonly identityKey?: Uint8Array;
  /** Default: that of the scene. */
  readonly networkKey?: Uint8Array | undefined;
  readonly listen?: readonly string[];
  readonly limits?: Partial<TransportLimits>;
  readonly incarnation?: number;
  readonly handler?: (message: Received) => unknown;
}

export const loopback = '/ip4/127.0.0.1/tcp/0';

export class Scene {
  readonly networkKey: Uint8Array | undefined;
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(isClosed = true) {
    this.networkKey = isClosed ? createNetworkKey() : undefined;
  }

  async member(options: MemberOptions = {}): Promise<StartedMember> {
    const { identityKey, listen = [loopback], limits, incarnation = 1, handler } = options;
    const log: LogLine[] = [];
    const transport = await openLibp2pTransport({
      env: realEnv(recordingLog(log)),
      incarnation,
      identityKey: identityKey ?? (await createIdentityKey()),
      networkKey: 'networkKey' in options ? options.networkKey : this.networkKey,
      listen,
      ...(limits === undefined ? {} : { limits }),
    });
    this.#closers.push(() => transport.close());
    return watch(transport, log, handler);
  }

  /** A way to the member that can be tampered with. */
  async proxyTo({ transport }: StartedMember): Promise<TcpProxy> {
    const proxy = await startTcpProxy(portOf(transport));
    this.#closers.push(() => proxy.close());
    return proxy;
  }

  onEnd(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

export function portOf(transport: Transport): number {
  const port = /\/tcp\/(\d+)/.exec(transport.addresses()[0] ?? '')?.[1];
  if (port === undefined) throw new Error('the member does not listen');
  return Number(port);
}

export const through = (proxy: TcpProxy): string => `/ip4/127.0.0.1/tcp/${proxy.port}`;

/** Makes them peers; the dialling one reaches the other through the proxy. */
export function introduce(dialler: StartedMember, listener: StartedMember, proxy: TcpProxy): void {
  listener.transport.setPeers([{ id: dialler.transport.self, addresses: [] }]);
  dialler.transport.setPeers([{ id: listener.transport.self, addresses: [through(proxy)] }]);
}

export const areLinked = (one: StartedMember, other: StartedMember): boolean =>
  one.transport.isConnected(other.transport.self) &&
  other.transport.isConnected(one.transport.self);
