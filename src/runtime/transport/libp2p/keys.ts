// The keys of a member: its identity (Ed25519; the member id is the key's fingerprint) and the key of the network, which
// all members share. Both are bytes for the caller to keep, in files that nobody else can read.
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey, PublicKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { generateKey } from '@libp2p/pnet';

import type { MemberId } from '../../membership/store.ts';
import { wordsOf } from '../words.ts';

/** Length of a network key: a header and 64 hexadecimal digits. */
const networkKeyBytes = 95;

export async function createIdentityKey(): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'));
}

/** Throws, in words, on bytes that are no identity. */
export function readIdentityKey(bytes: Uint8Array): PrivateKey {
  try {
    return privateKeyFromProtobuf(bytes);
  } catch (cause) {
    throw new Error(
      `this is no identity key (${wordsOf(cause)}); restore the file, or let the member join anew with a fresh key`,
      { cause },
    );
  }
}

/** The member id that belongs to an identity key. */
export function memberIdOf(identityKey: Uint8Array): MemberId {
  return peerIdFromPrivateKey(readIdentityKey(identityKey)).toString();
}

export function createNetworkKey(): Uint8Array {
  const key = new Uint8Array(networkKeyBytes);
  generateKey(key);
  return key;
}

export async function signAs(identityKey: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  return readIdentityKey(identityKey).sign(bytes);
}

/** Whether the member with that id, and nobody else, signed the bytes. False for what is no member id. */
export async function verifyOf(
  id: MemberId,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const key = publicKeyOf(id);
  return key !== undefined && (await key.verify(bytes, signature));
}

function publicKeyOf(id: MemberId): PublicKey | undefined {
  try {
    return peerIdFromString(id).publicKey;
  } catch (cause) {
    if (cause instanceof Error) return undefined;
    throw cause;
  }
}
