// Key pairs of type x509: a self-signed client certificate for password-less logins to Windows guests (WinRM), with
// the user's name as UPN. DER is written by hand: X.690, RFC 5280 §4.1.
import { createSign, type KeyObject, X509Certificate } from 'node:crypto';
import { colonHex, generateRsa, type NewKeys } from './ssh-keys.ts';

const VALID_MS = 10 * 365 * 24 * 3_600_000;
const oid = {
  sha256WithRsa: '2a864886f70d01010b',
  commonName: '550403',
  extendedKeyUsage: '551d25',
  clientAuth: '2b06010505070302',
  subjectAltName: '551d11',
  userPrincipalName: '2b060104018237140203',
};

/** SHA-1 of the certificate, `aa:bb:…`; undefined for what is no PEM certificate. */
export function x509Fingerprint(pem: string): string | undefined {
  try {
    const hex = new X509Certificate(pem).fingerprint.replaceAll(':', '');
    return colonHex(Buffer.from(hex, 'hex'));
  } catch {
    return undefined;
  }
}

export async function generateX509Keys(about: {
  readonly userId: string;
  readonly nowMs: number;
  /** Eight random bytes or more. */
  readonly serial: Uint8Array;
}): Promise<NewKeys> {
  const { publicKey, privateKey } = await generateRsa();
  const body = certificateBody(about, publicKey);
  const signature = createSign('sha256').update(body).sign(privateKey);
  const der = sequence(body, algorithm(), bitString(signature));
  return {
    publicKey: pem('CERTIFICATE', der),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

function certificateBody(
  about: { readonly userId: string; readonly nowMs: number; readonly serial: Uint8Array },
  publicKey: KeyObject,
): Buffer {
  const name = sequence(tagged(0x31, sequence(objectId(oid.commonName), utf8(about.userId))));
  const upn = tagged(
    0xa0,
    Buffer.concat([
      objectId(oid.userPrincipalName),
      tagged(0xa0, utf8(`${about.userId}@localhost`)),
    ]),
  );
  const extensions = tagged(
    0xa3,
    sequence(
      extension(oid.extendedKeyUsage, sequence(objectId(oid.clientAuth))),
      extension(oid.subjectAltName, sequence(upn)),
    ),
  );
  return sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), about.serial])),
    algorithm(),
    name,
    sequence(time(about.nowMs), time(about.nowMs + VALID_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
}

function algorithm(): Buffer {
  return sequence(objectId(oid.sha256WithRsa), tagged(0x05, Buffer.alloc(0)));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), tagged(0x04, value));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

function bitString(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

/** GeneralizedTime, whole seconds, UTC. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\..*$/g, '');
  return tagged(0x18, Buffer.from(`${digits}Z`));
}

function tagged(tag: number, value: Buffer): Buffer {
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const bytes = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, value]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
