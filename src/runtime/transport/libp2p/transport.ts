// The transport of a cluster: libp2p over TCP, encrypted by noise, two long streams per peer (yamux), closed to all who
// lack the network's key. libp2p only dials, encrypts and multiplexes here: who may connect, when to dial again and who
// is alive is ours. Measured traps and their reasons: docs/adr/0014-transport.md.
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { ComponentLogger, Logger } from '@libp2p/interface';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';

import type { Env } from '../../env/env.ts';
import { Hub } from '../hub.ts';
import type { TransportLimits } from '../limits.ts';
import type { Loopback } from '../local/loopback.ts';
import type { Transport } from '../port.ts';
import { Libp2pConnector } from './connector.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { memberIdOf, readIdentityKey } from './keys.ts';

export interface Libp2pTransportOptions {
  readonly env: Env;
  /** Has to grow with each start of this member. */
  readonly incarnation: number;
  /** See keys.ts. The member id comes from it. */
  readonly identityKey: Uint8Array;
  /** Undefined: an open network, where only the allow list stands between members and strangers. */
  readonly networkKey: Uint8Array | undefined;
  /** Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/7766`; none: this member only dials. */
  readonly listen: readonly string[];
  /** What others are told instead of the addresses found on this machine. */
  readonly announce?: readonly string[];
  readonly limits?: Partial<TransportLimits>;
  /** The members of this process, if there is more than one. */
  readonly loopback?: Loopback;
}

/** Rejects if an address can't be listened on or a key is no key. */
export async function openLibp2pTransport(options: Libp2pTransportOptions): Promise<Transport> {
  const { env, incarnation, identityKey, limits } = options;
  const hub = new Hub({
    env,
    self: memberIdOf(identityKey),
    incarnation,
    ...(limits === undefined ? {} : { limits }),
  });
  const gatekeeper = new Gatekeeper({
    env,
    isPeer: (id) => hub.isPeer(id),
    areStrangersAnswered: () => hub.stranger() !== undefined,
    noteOnce: (id, what) => hub.noteOnce(id, what),
  });
  const node = await createNode(options, gatekeeper);
  const connector = new Libp2pConnector({ env, hub, node });
  hub.use(options.loopback?.join(hub, connector) ?? connector);
  await connector.start();
  return hub;
}

/** libp2p's own limits are for open networks: five connections per second and host would stop a cluster's restart. */
const connections = {
  maxConnections: 20_000,
  maxIncomingPendingConnections: 1000,
  inboundConnectionThreshold: 1000,
  maxParallelDials: 500,
  maxDialQueueLength: 20_000,
  dialTimeout: 3000,
  addressDialTimeout: 2000,
  inboundUpgradeTimeout: 3000,
  inboundStreamProtocolNegotiationTimeout: 3000,
  outboundStreamProtocolNegotiationTimeout: 3000,
  connectionCloseTimeout: 500,
  reconnectRetries: 0,
};

/** Of each lane: what may be under way unread, and so what bulk can put before control on the wire. */
const windowBytes = 256 * 1024;

function createNode(options: Libp2pTransportOptions, gatekeeper: Gatekeeper) {
  const { identityKey, networkKey, listen, announce = [] } = options;
  return createLibp2p({
    start: false,
    privateKey: readIdentityKey(identityKey),
    addresses: { listen: [...listen], announce: [...announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        enableKeepAlive: false,
        streamOptions: {
          initialStreamWindowSize: windowBytes,
          maxStreamWindowSize: windowBytes,
        },
      }),
    ],
    ...(networkKey === undefined ? {} : { connectionProtector: preSharedKey({ psk: networkKey }) }),
    connectionGater: gatekeeper.gater,
    connectionManager: connections,
    connectionMonitor: { enabled: false },
    logger: silentLogger,
  });
}

/** What matters is logged by us; libp2p's own lines cost time even where nobody reads them. */
const silentLogger: ComponentLogger = { forComponent: () => silent() };

function silent(): Logger {
  const log = Object.assign(() => undefined, {
    error: () => undefined,
    trace: () => undefined,
    enabled: false,
    newScope: () => log,
  }) as Logger;
  return log;
}
