// Tokens as clients carry them: claims packed into bytes, then HMAC-SHA256 over them, as base64url (about 160
// characters, always under 255). Nothing is stored to verify one. The first key signs; the others still verify, so
// keys rotate by putting a new one in front and dropping the old one a token's lifetime later.
// Layout: version, key id, method bits, scope kind, user id, scope id, application credential id, issued and expiry
// (float64 ms), audit id (16 bytes), parent audit id (0 or 16 bytes with a length), where there is one the trust's id and
// the access token's id, signature (32 bytes).
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Scope } from './roles.ts';

export interface TokenKey {
  /** Up to 16 characters; tells which key signed a token. */
  readonly id: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
}

/** Their order is that of bits in tokens: new ones come last. */
export const tokenMethods = [
  'password',
  'token',
  'application_credential',
  'oauth1',
  'ec2credential',
  'totp',
] as const;
export type TokenMethod = (typeof tokenMethods)[number];

export interface TokenClaims {
  readonly userId: string;
  readonly methods: readonly TokenMethod[];
  readonly scope: Scope;
  readonly applicationCredentialId?: string;
  /** The token is worth what this trust gives. */
  readonly trustId?: string;
  /** The token is worth what a user let a consumer do. */
  readonly accessTokenId?: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Names this token in revocations: 16 bytes in base64url. */
  readonly auditId: string;
  /** The token that this one was made from. */
  readonly parentAuditId?: string;
}

const formatVersion = 1;
const signatureLength = 32;
const longestToken = 512;
const scopeKinds = ['unscoped', 'project', 'domain', 'system'] as const;

export function encodeToken(claims: TokenClaims, key: TokenKey): string {
  const methodBits = claims.methods.reduce((bits, m) => bits | (1 << tokenMethods.indexOf(m)), 0);
  const times = Buffer.alloc(16);
  times.writeDoubleBE(claims.issuedAtMs, 0);
  times.writeDoubleBE(claims.expiresAtMs, 8);
  const body = Buffer.concat([
    Buffer.of(formatVersion),
    packId(key.id),
    Buffer.of(methodBits, scopeKinds.indexOf(claims.scope.kind)),
    packId(claims.userId),
    packId('id' in claims.scope ? claims.scope.id : ''),
    packId(claims.applicationCredentialId ?? ''),
    times,
    packBytes(Buffer.from(claims.auditId, 'base64url')),
    packBytes(Buffer.from(claims.parentAuditId ?? '', 'base64url')),
    ...packDelegation(claims),
  ]);
  return Buffer.concat([body, sign(body, key.secret)]).toString('base64url');
}

/** Nothing for most tokens, so that those stay short. */
function packDelegation({ trustId, accessTokenId }: TokenClaims): readonly Buffer[] {
  if (trustId === undefined && accessTokenId === undefined) return [];
  return [packId(trustId ?? ''), packId(accessTokenId ?? '')];
}

/** The claims of a token that one of the keys signed; undefined for anything else. Says nothing about expiry. */
export function decodeToken(token: string, keys: readonly TokenKey[]): TokenClaims | undefined {
  if (token.length > longestToken || !/^[\w-]+$/.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const end = bytes.length - signatureLength;
  if (end < 2 || bytes[0] !== formatVersion) return undefined;
  const body = bytes.subarray(0, end);
  const reader = { bytes: body, at: 1 };
  const keyId = readId(reader);
  const key = keys.find((candidate) => candidate.id === keyId);
  if (key === undefined) return undefined;
  if (!timingSafeEqual(sign(body, key.secret), bytes.subarray(end))) return undefined;
  if (bytes.toString('base64url') !== token) return undefined;
  return readClaims(reader);
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function readClaims(reader: Reader): TokenClaims {
  const methodBits = readByte(reader);
  const scopeKind = scopeKinds[readByte(reader)] ?? 'unscoped';
  const userId = readId(reader);
  const scopeId = readId(reader);
  const credentialId = readId(reader);
  const issuedAtMs = reader.bytes.readDoubleBE(reader.at);
  const expiresAtMs = reader.bytes.readDoubleBE(reader.at + 8);
  reader.at += 16;
  const auditId = readBytes(reader).toString('base64url');
  const parentAuditId = readBytes(reader).toString('base64url');
  const isDelegated = reader.at < reader.bytes.length;
  const trustId = isDelegated ? readId(reader) : '';
  const accessTokenId = isDelegated ? readId(reader) : '';
  return {
    userId,
    methods: tokenMethods.filter((_method, at) => (methodBits & (1 << at)) !== 0),
    scope:
      scopeKind === 'project' || scopeKind === 'domain'
        ? { kind: scopeKind, id: scopeId }
        : { kind: scopeKind },
    ...(credentialId === '' ? {} : { applicationCredentialId: credentialId }),
    ...(trustId === '' ? {} : { trustId }),
    ...(accessTokenId === '' ? {} : { accessTokenId }),
    issuedAtMs,
    expiresAtMs,
    auditId,
    ...(parentAuditId === '' ? {} : { parentAuditId }),
  };
}

function sign(body: Uint8Array, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(body).digest();
}

/** Ids of 32 hexadecimal digits take 16 bytes (marked by the high bit), others their own length. */
function packId(id: string): Buffer {
  if (/^[0-9a-f]{32}$/.test(id)) return Buffer.concat([Buffer.of(0x90), Buffer.from(id, 'hex')]);
  return packBytes(Buffer.from(id, 'utf8'));
}

function packBytes(bytes: Buffer): Buffer {
  if (bytes.length > 64) throw new RangeError(`an id of ${bytes.length} bytes fits in no token`);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at] ?? 0;
  reader.at += 1;
  return byte;
}

function readId(reader: Reader): string {
  const isHex = ((reader.bytes[reader.at] ?? 0) & 0x80) !== 0;
  return readBytes(reader).toString(isHex ? 'hex' : 'utf8');
}

function readBytes(reader: Reader): Buffer {
  const length = readByte(reader) & 0x7f;
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}
