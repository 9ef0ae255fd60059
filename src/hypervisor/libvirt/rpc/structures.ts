// The structures of libvirt's remote protocol that calls and events share. Field order and limits are facts of the
// protocol (checked against libvirt 9.0 and by running); only what the driver needs is here.

import {
  array,
  bool,
  double,
  fixedOpaque,
  hyper,
  int,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
} from './xdr.ts';
import type { Infer } from './xdr.ts';

export const MAX_STRING_BYTES = 4_194_304;
export const MAX_DOMAINS = 16_384;

export const text = string(MAX_STRING_BYTES);
export const optionalText = optional(text);

/** A domain as calls name it. libvirtd looks it up by uuid alone; id is -1 unless it runs. */
export const domain = struct({ name: text, uuid: fixedOpaque(16), id: int });
export type DomainRef = Infer<typeof domain>;

const network = struct({ name: text, uuid: fixedOpaque(16) });

/** The body of every packet with status error. Numbers: virErrorNumber, virErrorDomain, virErrorLevel. */
export const remoteError = struct({
  code: int,
  domain: int,
  message: optionalText,
  level: int,
  dom: optional(domain),
  str1: optionalText,
  str2: optionalText,
  str3: optionalText,
  int1: int,
  int2: int,
  net: optional(network),
});
export type RemoteError = Infer<typeof remoteError>;

/** virTypedParameter: a named value of one of seven types. */
export const typedParameter = struct({
  field: text,
  value: union({
    1: { type: 'int', value: int },
    2: { type: 'uint', value: uint },
    3: { type: 'llong', value: hyper },
    4: { type: 'ullong', value: uhyper },
    5: { type: 'double', value: double },
    6: { type: 'boolean', value: bool },
    7: { type: 'string', value: text },
  }),
});
export type TypedParameter = Infer<typeof typedParameter>;

/** What a migration's phases hand on; libvirt calls it a cookie. */
export const cookie = opaque(MAX_STRING_BYTES);
export const MAX_MIGRATION_PARAMETERS = 64;
export const MAX_JOB_STATS = 64;

export function typedParameters(maxCount: number) {
  return array(typedParameter, maxCount);
}

/** `550e8400-e29b-41d4-a716-446655440000` as its 16 bytes. Throws RangeError for anything else. */
export function uuidBytes(uuid: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) {
    throw new RangeError(`${JSON.stringify(uuid)} is not a UUID`);
  }
  return Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
