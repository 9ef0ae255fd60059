// Certificates for tests, made when they are needed: a CA, and what it signs. X.509 v3 by hand (RFC 5280), because
// Node can read certificates but not make them.

import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Identity {
  readonly name: string;
  readonly key: KeyObject;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export function makeAuthority(name: string): Identity {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = { name, key: privateKey };
  return issue(authority, { name, key: privateKey, extensions: [basicConstraints()] });
}

/** `addresses` become subject alternative names: DNS names and IPv4 addresses. */
export function makeIdentity(
  authority: Identity,
  name: string,
  addresses: readonly string[],
): Identity {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = addresses.length > 0 ? [alternativeNames(addresses)] : [];
  return issue(authority, { name, key: privateKey, extensions });
}

/** The three files that a `pkipath` holds for a client. */
export async function writePkiPath(
  directory: string,
  authority: Identity,
  client: Identity,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'cacert.pem'), authority.certificatePem);
  await writeFile(join(directory, 'clientcert.pem'), client.certificatePem);
  await writeFile(join(directory, 'clientkey.pem'), client.keyPem);
}

interface Subject {
  readonly name: string;
  readonly key: KeyObject;
  readonly extensions: readonly Buffer[];
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const BOOLEAN = 0x01;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;

const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');
const ALTERNATIVE_NAMES = Buffer.from('0603551d11', 'hex');

let lastSerial = 0;

function issue(authority: { name: string; key: KeyObject }, subject: Subject): Identity {
  lastSerial++;
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const publicKey = createPublicKey(subject.key).export({ type: 'spki', format: 'der' });
  const body = der(
    SEQUENCE,
    der(EXPLICIT_0, der(INTEGER, Buffer.of(2))),
    der(INTEGER, Buffer.of(1, lastSerial & 0x7f)),
    algorithm,
    nameOf(authority.name),
    der(SEQUENCE, time('20200101000000Z'), time('21200101000000Z')),
    nameOf(subject.name),
    publicKey,
    ...(subject.extensions.length > 0
      ? [der(EXPLICIT_3, der(SEQUENCE, ...subject.extensions))]
      : []),
  );
  const signature = sign('sha256', body, authority.key);
  const certificate = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  return {
    name: subject.name,
    key: subject.key,
    certificatePem: pem('CERTIFICATE', certificate),
    keyPem: subject.key.export({ type: 'pkcs8', format: 'pem' }),
  };
}

function basicConstraints(): Buffer {
  const isAuthority = der(SEQUENCE, der(BOOLEAN, Buffer.of(0xff)));
  const critical = der(BOOLEAN, Buffer.of(0xff));
  return der(SEQUENCE, BASIC_CONSTRAINTS, critical, der(OCTET_STRING, isAuthority));
}

function alternativeNames(addresses: readonly string[]): Buffer {
  const names = addresses.map((address) =>
    /^[\d.]+$/.test(address)
      ? der(0x87, Buffer.from(address.split('.').map(Number)))
      : der(0x82, Buffer.from(address)),
  );
  return der(SEQUENCE, ALTERNATIVE_NAMES, der(OCTET_STRING, der(SEQUENCE, ...names)));
}

function nameOf(name: string): Buffer {
  const attribute = der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(name)));
  return der(SEQUENCE, der(SET, attribute));
}

function time(text: string): Buffer {
  return der(GENERALIZED_TIME, Buffer.from(text));
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  const head = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), body]);
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
