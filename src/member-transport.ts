// The member's key pair, and its transport as the settings want it: libp2p, or messages through a Redis where members can't
// reach each other.
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { Config } from '#config/schema.ts';
import type { Env } from '#runtime/env/env.ts';
import { createIdentityKey } from '#runtime/transport/libp2p/keys.ts';
import type { Loopback } from '#runtime/transport/local/loopback.ts';
import type { Transport } from '#runtime/transport/port.ts';
import { identityPath, writePrivate } from './member-file.ts';

/** The key of the member of this directory, made if there is none. */
export async function identityKeyOf(data: string): Promise<Uint8Array> {
  const path = identityPath(data);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = await createIdentityKey();
  writePrivate(path, key);
  return key;
}

export interface MemberTransportOptions {
  readonly env: Env;
  readonly settings: Config['cluster']['transport'];
  /** For a transport over Redis that names none of its own. */
  readonly storeUrl: string | undefined;
  readonly identityKey: Uint8Array;
  /** Base64. */
  readonly networkKey: string;
  readonly incarnation: number;
  /** Compute members only open links. */
  readonly isListening: boolean;
  /** The members of this process, if there is more than one. */
  readonly loopback?: Loopback;
}

/** Rejects in words if the address can't be listened on. */
export async function openMemberTransport(options: MemberTransportOptions): Promise<Transport> {
  const { env, settings, identityKey, incarnation, isListening, storeUrl } = options;
  const loopback = options.loopback === undefined ? {} : { loopback: options.loopback };
  const networkKey = new Uint8Array(Buffer.from(options.networkKey, 'base64'));
  if (settings.kind === 'redis') {
    const url = settings.redis ?? storeUrl;
    if (url === undefined) throw new Error('a transport over Redis needs cluster.transport.redis');
    const { openRedisTransport } = await import('#runtime/transport/redis/transport.ts');
    const way = { url, isListening, ...loopback };
    return openRedisTransport({ env, incarnation, identityKey, networkKey, ...way });
  }
  const { openLibp2pTransport } = await import('#runtime/transport/libp2p/transport.ts');
  const { host, port } = settings.listen;
  try {
    return await openLibp2pTransport({
      env,
      incarnation,
      identityKey,
      networkKey,
      listen: isListening ? [await multiaddrOf(host, port)] : [],
      announce: isListening ? settings.announce : [],
      ...loopback,
    });
  } catch (error) {
    throw new Error(
      `members can't be listened for on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}. Choose another place with --peer-listen HOST:PORT`,
      { cause: error },
    );
  }
}

async function multiaddrOf(host: string, port: number): Promise<string> {
  const { address } = await lookup(host);
  return `/ip${isIPv6(address) ? 6 : 4}/${address}/tcp/${port}`;
}

/** The port that was taken, to be kept: others look for this member where it was. */
export function portOf(transport: Transport): number | undefined {
  for (const address of transport.addresses()) {
    const found = /\/tcp\/(\d+)/.exec(address);
    if (found !== null) return Number(found[1]);
  }
  return undefined;
}
