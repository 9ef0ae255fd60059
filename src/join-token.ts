// A join token: all that a new member needs to ask for admission, in one word that can be pasted. It holds the network's
// key and a secret that is good for one use within fifteen minutes; the store knows only the secret's hash. Whoever has
// the token can become a member, so it is to be kept like a password.
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { MemberRole } from '#runtime/membership/store.ts';

export const TOKEN_LIFETIME_MS = 15 * 60_000;
export const TOKEN_SECRET_BYTES = 32;

const shape = Type.Object({
  version: Type.Literal(1),
  role: Type.Union([Type.Literal('controller'), Type.Literal('compute')]),
  secret: Type.String({ minLength: 1 }),
  /** Base64. */
  networkKey: Type.String({ minLength: 1 }),
  /** Their ids are the fingerprints of their keys: nobody else can answer in their place. */
  controllers: Type.Array(
    Type.Object({ id: Type.String(), addresses: Type.Array(Type.String()) }),
    { minItems: 1 },
  ),
  /** Of the Redis that carries messages, if one does. */
  transport: Type.Optional(Type.String()),
  /** Wall clock of the controller. */
  expiresAtMs: Type.Number(),
});

export type JoinToken = Omit<Static<typeof shape>, 'role'> & { readonly role: MemberRole };

export function encodeToken(token: JoinToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Throws in words. */
export function decodeToken(text: string): JoinToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text.trim(), 'base64url').toString());
  } catch (error) {
    throw new Error('this is no join token, or a part of it is missing: copy the whole word', {
      cause: error,
    });
  }
  if (Value.Check(shape, value)) return value;
  throw new Error('this join token is of another release: make one with the release that is here');
}

export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
