// OpenSSH public keys: what they look like, their fingerprint, and how a new pair is made. Nothing is stored here.
// Wire format of the key blob: RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4.
import { createHash, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** Key type → number of fields after the type in its blob. */
const fieldCounts: Readonly<Record<string, number>> = {
  'ssh-rsa': 2,
  'ssh-dss': 4,
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
};
const RSA_BITS = 2048;

export interface NewKeys {
  readonly publicKey: string;
  /** PEM, PKCS #1: what every ssh and paramiko reads. */
  readonly privateKey: string;
}

/** MD5 of the blob, `aa:bb:…`; undefined for what is no OpenSSH public key. */
export function sshFingerprint(publicKey: string): string | undefined {
  const [type, encoded] = publicKey.trim().split(/\s+/, 2);
  if (type === undefined || encoded === undefined || !isBase64(encoded)) return undefined;
  const blob = Buffer.from(encoded, 'base64');
  const fields = blobFields(blob);
  if (fields === undefined || fields[0]?.toString('latin1') !== type) return undefined;
  const wanted = Object.hasOwn(fieldCounts, type) ? fieldCounts[type] : undefined;
  if (wanted === undefined || fields.length !== wanted + 1) return undefined;
  return colonHex(createHash('md5').update(blob).digest());
}

/** Made by OpenSSL on another thread: takes a tenth of a second of CPU, not of the event loop. */
export async function generateSshKeys(): Promise<NewKeys> {
  const { publicKey, privateKey } = await generateRsa();
  return {
    publicKey: `ssh-rsa ${rsaBlob(publicKey).toString('base64')} Generated-by-Kilonova`,
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }),
  };
}

export function generateRsa(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
}

export function colonHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** The length-prefixed fields; undefined unless they fill the blob exactly. */
function blobFields(blob: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (blob.length - at < 4) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function rsaBlob(publicKey: KeyObject): Buffer {
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const parts = [Buffer.from('ssh-rsa'), mpint(e), mpint(n)];
  return Buffer.concat(parts.map(withLength));
}

/** A positive number: a leading zero byte keeps the top bit free. */
function mpint(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

function withLength(field: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(field.length);
  return Buffer.concat([length, field]);
}
