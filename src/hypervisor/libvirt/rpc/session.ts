// From an address to a connection that may be used: socket, authentication, keepalive, open, event registration.
// SASL is refused in words. A session that fails on the way leaves nothing open.

import { HypervisorFault } from '../../port.ts';
import { RpcConnection } from './connection.ts';
import type { RpcConnectionOptions } from './connection.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import { authType, feature, procedures } from './procedures.ts';
import { openSocket } from './socket.ts';
import type { LibvirtUri } from './uri.ts';

export interface SessionOptions extends RpcConnectionOptions {
  readonly uri: LibvirtUri;
  /** For the socket and for each call of the opening. */
  readonly timeoutMs: number;
  readonly keepalive?: KeepaliveOptions;
  /** Registers for lifecycle events of all domains. */
  readonly events?: boolean;
}

/** virDomainEventID: lifecycle, and that a guest has let go of a device. */
const EVENTS = [0, 15] as const;

/** Rejects with HypervisorFault: connection-lost if nobody answers, unsupported or failed if we are refused. */
export async function openSession(options: SessionOptions): Promise<RpcConnection> {
  const { uri, env, timeoutMs } = options;
  const socket = await openSocket(uri.target, env, timeoutMs);
  const connection = new RpcConnection(socket, options);
  try {
    await authenticate(connection, timeoutMs);
    if (
      options.keepalive !== undefined &&
      (await supports(connection, feature.keepalive, timeoutMs))
    ) {
      connection.startKeepalive(options.keepalive);
    }
    await connection.call(procedures.connectOpen, { name: uri.driverName, flags: 0 }, timeoutMs);
    if (options.events === true) await registerEvents(connection, timeoutMs);
    return connection;
  } catch (error) {
    connection.close('it could not be opened');
    throw error;
  }
}

async function authenticate(connection: RpcConnection, timeoutMs: number): Promise<void> {
  const { types } = await connection.call(procedures.authList, undefined, timeoutMs);
  if (types.length === 0 || types.includes(authType.none)) return;
  if (types.includes(authType.polkit)) {
    const { complete } = await connection.call(procedures.authPolkit, undefined, timeoutMs);
    if (complete === 1) return;
    throw new HypervisorFault('failed', 'libvirt: polkit did not let this user in');
  }
  const what = types.includes(authType.sasl) ? 'SASL' : `type ${types.join(', ')}`;
  throw new HypervisorFault(
    'unsupported',
    `libvirt asks for ${what} authentication, which is not supported; use the unix socket or TLS certificates`,
  );
}

async function supports(
  connection: RpcConnection,
  number: number,
  timeoutMs: number,
): Promise<boolean> {
  const reply = await connection.call(
    procedures.connectSupportsFeature,
    { feature: number },
    timeoutMs,
  );
  return reply.supported === 1;
}

async function registerEvents(connection: RpcConnection, timeoutMs: number): Promise<void> {
  if (!(await supports(connection, feature.eventCallbacks, timeoutMs))) {
    throw new HypervisorFault('unsupported', 'this libvirt daemon is too old: no event callbacks');
  }
  for (const eventId of EVENTS)
    await connection.call(
      procedures.connectDomainEventCallbackRegisterAny,
      { eventId, dom: undefined },
      timeoutMs,
    );
}
