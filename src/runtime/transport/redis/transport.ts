// The transport for clusters whose members can't reach each other but all reach one Redis. Slower than libp2p by far
// (each frame goes through Redis), with the same promises: authenticated by identity keys, sealed, ordered, bounded.
import { assert } from '../../assert.ts';
import type { Env } from '../../env/env.ts';
import { parseRedisUrl } from '../../redis/address.ts';
import { Hub } from '../hub.ts';
import type { TransportLimits } from '../limits.ts';
import { memberIdOf } from '../libp2p/keys.ts';
import type { Loopback } from '../local/loopback.ts';
import type { Transport } from '../port.ts';
import { RedisConnector } from './connector.ts';

export interface RedisTransportOptions {
  readonly env: Env;
  /** Has to grow with each start of this member. */
  readonly incarnation: number;
  readonly identityKey: Uint8Array;
  readonly networkKey: Uint8Array;
  /** redis://…; one server, which keeps nothing that matters. */
  readonly url: string;
  /** Before all keys, so that several clusters can share a Redis. Default `kilonova`. */
  readonly root?: string;
  /** False: this member only opens links. Default true. */
  readonly isListening?: boolean;
  readonly limits?: Partial<TransportLimits>;
  /** The members of this process, if there is more than one. */
  readonly loopback?: Loopback;
}

/** Rejects with a JournalFault if Redis can't be reached. */
export async function openRedisTransport(options: RedisTransportOptions): Promise<Transport> {
  const { env, incarnation, identityKey, networkKey, url, limits } = options;
  const { root = 'kilonova', isListening = true } = options;
  const [address] = parseRedisUrl(url);
  assert(address !== undefined, 'a Redis address that was read has at least one server');
  const hub = new Hub({
    env,
    self: memberIdOf(identityKey),
    incarnation,
    ...(limits === undefined ? {} : { limits }),
  });
  const connector = new RedisConnector({
    env,
    hub,
    address,
    root,
    identityKey,
    networkKey,
    isListening,
  });
  hub.use(options.loopback?.join(hub, connector) ?? connector);
  try {
    await connector.start();
  } catch (cause) {
    await hub.close();
    throw cause;
  }
  return hub;
}
