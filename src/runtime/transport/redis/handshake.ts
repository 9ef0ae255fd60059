// How two members that share nothing but a Redis come to a session that nobody else can read or speak in: each makes a
// key pair for this session alone (X25519) and signs it with its identity (Ed25519); the keys follow from both, from the
// network's key, and from all that was said. So a copy of an old conversation opens nothing.
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

import type { MemberId } from '../../membership/store.ts';
import { signAs, verifyOf } from '../libp2p/keys.ts';

export type Purpose = 'link' | 'question';

export interface Offer {
  readonly purpose: Purpose;
  readonly from: MemberId;
  readonly to: MemberId;
  /** Chosen by the dialling side, then by both. */
  readonly session: string;
  /** X25519, 32 bytes. */
  readonly ephemeral: Uint8Array;
}

export interface Ephemeral {
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

const keyBytes = 32;
const signatureBytes = 64;
const tagBytes = 16;
/** DER before the bytes of an X25519 key (RFC 8410). */
const publicKeyHead = Buffer.from('302a300506032b656e032100', 'hex');

export function createEphemeral(): Ephemeral {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { publicKey: der.subarray(publicKeyHead.length), privateKey };
}

/** Ephemeral key and signature: what goes over the wire. */
export async function signOffer(identityKey: Uint8Array, offer: Offer): Promise<Buffer> {
  const signature = await signAs(identityKey, transcriptOf(offer));
  return Buffer.concat([offer.ephemeral, signature]);
}

/** The ephemeral key, if the member did sign it; else undefined. */
export async function verifyOffer(
  offer: Omit<Offer, 'ephemeral'>,
  data: Uint8Array,
): Promise<Uint8Array | undefined> {
  if (data.length !== keyBytes + signatureBytes) return undefined;
  const ephemeral = data.subarray(0, keyBytes);
  const isSigned = await verifyOf(
    offer.from,
    transcriptOf({ ...offer, ephemeral }),
    data.subarray(keyBytes),
  );
  return isSigned ? ephemeral : undefined;
}

export interface SessionKeys {
  readonly ofDialler: Buffer;
  readonly ofListener: Buffer;
}

/** Both sides come to the same keys from what was offered. */
export function deriveKeys(
  own: Ephemeral,
  other: Uint8Array,
  context: {
    readonly networkKey: Uint8Array;
    readonly dialled: Offer;
    readonly answered: Offer;
  },
): SessionKeys {
  const publicKey = createPublicKey({
    key: Buffer.concat([publicKeyHead, other]),
    format: 'der',
    type: 'spki',
  });
  const secret = diffieHellman({ privateKey: own.privateKey, publicKey });
  const info = Buffer.concat([transcriptOf(context.dialled), transcriptOf(context.answered)]);
  // HKDF takes at most 1024 bytes of context, and two offers have about 400.
  const keys = Buffer.from(hkdfSync('sha256', secret, context.networkKey, info, 2 * keyBytes));
  return { ofDialler: keys.subarray(0, keyBytes), ofListener: keys.subarray(keyBytes) };
}

/** AES-256-GCM; channel and number make the nonce, and are never used twice under one key. */
export function seal(key: Buffer, channel: number, number: number, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(channel, number));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined if this is not what was sealed under that key, channel and number. */
export function unseal(
  key: Buffer,
  channel: number,
  number: number,
  sealed: Uint8Array,
): Buffer | undefined {
  if (sealed.length < tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(channel, number), {
    authTagLength: tagBytes,
  });
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const plain = decipher.update(sealed.subarray(0, sealed.length - tagBytes));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    return undefined;
  }
}

function nonceOf(channel: number, number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt8(channel, 0);
  nonce.writeUIntBE(number, 6, 6);
  return nonce;
}

function transcriptOf({ purpose, from, to, session, ephemeral }: Offer): Buffer {
  const words = Buffer.from(`kilonova ${purpose} ${from} ${to} ${session} `);
  return Buffer.concat([words, ephemeral]);
}
