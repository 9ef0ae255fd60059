// The embedded identity service as other services see it: verifies tokens from their signature and the entity's view,
// without a lookup of the token. A verified token is kept with the state that it was checked against; as long as the
// state is the same one, checking again is two comparisons, and any write makes all of them be looked at anew.
import type { Caller, Identity } from '../../ports/identity.ts';
import { identityId } from './protocol.ts';
import { type IdentityState, initialIdentity } from './state.ts';
import { lookUp } from './table.ts';
import { grantOf, type TokenGrant } from './token-check.ts';
import { decodeToken, encodeToken, type TokenClaims, type TokenKey } from './token-codec.ts';
import { assert } from '#runtime/assert.ts';
import type { Clock } from '#runtime/env/env.ts';
import type { StateView } from '#runtime/events/projection.ts';

/** Tokens kept verified; the oldest gives way. About 1 KB each. */
const cacheSize = 10_000;
const hourMs = 3_600_000;

export interface EmbeddedIdentityOptions {
  readonly view: StateView<IdentityState>;
  /** The first one signs. */
  readonly keys: readonly TokenKey[];
  readonly clock: Clock;
  /** Default one hour. */
  readonly tokenLifetimeMs?: number;
}

export interface EmbeddedIdentity extends Identity {
  /** What identity knows now; an empty one before anything was written. */
  state(): IdentityState;
  /** `expiredForMs`: accept tokens that ran out at most so long ago. */
  inspect(token: string, expiredForMs?: number): TokenGrant | undefined;
  /** Signs; whether the holder may have it is the caller's question (grantOf). */
  issue(claims: TokenClaims): string;
  readonly tokenLifetimeMs: number;
  /** Puts other keys in place; tokens signed by keys that are gone are void at once. */
  rotateKeys(keys: readonly TokenKey[]): void;
}

interface Verified {
  readonly claims: TokenClaims;
  state: IdentityState;
  grant: TokenGrant | undefined;
}

export function embeddedIdentity(options: EmbeddedIdentityOptions): EmbeddedIdentity {
  return new TokenVerifier(options);
}

class TokenVerifier implements EmbeddedIdentity {
  readonly tokenLifetimeMs: number;
  readonly #view: StateView<IdentityState>;
  readonly #clock: Clock;
  readonly #nothing = initialIdentity();
  readonly #verified = new Map<string, Verified>();
  #keys: readonly TokenKey[];

  constructor(options: EmbeddedIdentityOptions) {
    this.#view = options.view;
    this.#clock = options.clock;
    this.tokenLifetimeMs = options.tokenLifetimeMs ?? hourMs;
    this.#keys = checkKeys(options.keys);
  }

  state(): IdentityState {
    return this.#view.get(identityId) ?? this.#nothing;
  }

  async verify(token: string): Promise<Caller | undefined> {
    return this.inspect(token)?.caller;
  }

  projectExists(projectId: string): boolean {
    return lookUp(this.state().projects, projectId) !== undefined;
  }

  inspect(token: string, expiredForMs = 0): TokenGrant | undefined {
    const known = this.#verified.get(token) ?? this.#admit(token);
    if (known === undefined || known.claims.expiresAtMs + expiredForMs <= this.#clock.now())
      return undefined;
    const state = this.state();
    if (known.state !== state) {
      known.grant = grantOf(state, known.claims);
      known.state = state;
    }
    return known.grant;
  }

  issue(claims: TokenClaims): string {
    const [key] = this.#keys;
    assert(key !== undefined, 'there is a key to sign with');
    return encodeToken(claims, key);
  }

  rotateKeys(keys: readonly TokenKey[]): void {
    this.#keys = checkKeys(keys);
    this.#verified.clear();
  }

  #admit(token: string): Verified | undefined {
    const claims = decodeToken(token, this.#keys);
    if (claims === undefined) return undefined;
    const state = this.state();
    const verified = { claims, state, grant: grantOf(state, claims) };
    if (this.#verified.size >= cacheSize) {
      const [oldest] = this.#verified.keys();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(token, verified);
    return verified;
  }
}

function checkKeys(keys: readonly TokenKey[]): readonly TokenKey[] {
  assert(keys.length > 0, 'at least one token key is needed');
  for (const { id, secret } of keys) {
    assert(
      id.length > 0 && id.length <= 16,
      `a token key's id has 1 to 16 characters, not "${id}"`,
    );
    assert(secret.length >= 32, `token key ${id} is shorter than 32 bytes`);
  }
  return keys;
}
