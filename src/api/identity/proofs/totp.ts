// The method `totp`: a one-time password (RFC 6238: SHA-1, six digits, 30 seconds) of any of the user's credentials of
// type totp, whose blob is the secret in base32. The step before the present one is good, too.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { entriesOwnedBy } from '#actors/services/identity/entries/tables.ts';
import { unauthorized } from '../problem.ts';
import { stateOf } from '../service.ts';
import { findUser, namedUser } from './lookups.ts';
import type { Claim, Proof } from './proof.ts';

const stepMs = 30_000;

export async function proveTotp({ api, data }: Claim): Promise<Proof> {
  const named = namedUser('totp', data);
  const user = findUser(stateOf(api), named);
  const passcode = typeof named.passcode === 'string' ? named.passcode : '';
  if (user === undefined) throw unauthorized();
  const step = Math.floor(api.context.env.clock.now() / stepMs);
  const isRight = entriesOwnedBy(stateOf(api), `user:${user.id}`, 'credential')
    .filter(({ type }) => type === 'totp')
    .some(({ blob }) => [step, step - 1].some((at) => equal(totpAt(blob, at), passcode)));
  if (!isRight || !user.enabled) throw unauthorized();
  return { user, methods: ['totp'] };
}

function equal(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => Buffer.from(text));
  return a !== undefined && b !== undefined && a.length === b.length && timingSafeEqual(a, b);
}

/** RFC 4226, 5.3. */
export function totpAt(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', decodeBase32(secret)).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  const number = digest.readUInt32BE(offset) & 0x7f_ff_ff_ff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** RFC 4648, 6; what is no letter of it is passed over. */
function decodeBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text.toUpperCase()) {
    const digit = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter);
    if (digit < 0) continue;
    value = ((value << 5) | digit) & 0xff_ff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 255);
  }
  return Buffer.from(bytes);
}
