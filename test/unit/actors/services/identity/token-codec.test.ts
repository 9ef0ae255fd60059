// Tokens: what goes in comes out, and nothing else is taken for one.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeToken,
  encodeToken,
  type TokenClaims,
  type TokenKey,
} from '#actors/services/identity/token-codec.ts';

const key = (id: string): TokenKey => ({ id, secret: new Uint8Array(32).fill(id.length) });
const hex = fc.stringMatching(/^[0-9a-f]{32}$/);
const id = fc.oneof(hex, fc.stringMatching(/^[a-zA-Z0-9-]{1,64}$/));
const auditId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const claims: fc.Arbitrary<TokenClaims> = fc
  .record({
    userId: id,
    methods: fc.subarray(['password', 'token', 'application_credential'] as const),
    scope: fc.oneof(
      fc.constant({ kind: 'unscoped' as const }),
      fc.constant({ kind: 'system' as const }),
      fc.record({ kind: fc.constantFrom('project' as const, 'domain' as const), id }),
    ),
    issuedAtMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    expiresAtMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    auditId,
    parentAuditId: fc.option(auditId, { nil: undefined }),
    applicationCredentialId: fc.option(hex, { nil: undefined }),
  })
  .map(({ parentAuditId, applicationCredentialId, ...rest }) => ({
    ...rest,
    ...(parentAuditId === undefined ? {} : { parentAuditId }),
    ...(applicationCredentialId === undefined ? {} : { applicationCredentialId }),
  }));
const typical: TokenClaims = {
  userId: 'a'.repeat(32),
  methods: ['password'],
  scope: { kind: 'project', id: 'b'.repeat(32) },
  issuedAtMs: 1,
  expiresAtMs: 2,
  auditId: 'AAAAAAAAAAAAAAAAAAAAAA',
};

describe('a token', () => {
  it('gives back the claims that it was made of', () => {
    fc.assert(
      fc.property(claims, (wanted) => {
        const token = encodeToken(wanted, key('k'));
        expect(decodeToken(token, [key('k')])).toEqual(wanted);
      }),
    );
  });

  it('fits in a column of 255 characters with everything in it', () => {
    const full: TokenClaims = {
      ...typical,
      methods: ['password', 'token', 'application_credential'],
      parentAuditId: typical.auditId,
      applicationCredentialId: 'c'.repeat(32),
    };
    expect(encodeToken(full, key('k'.repeat(16))).length).toBeLessThan(255);
  });

  it('is nothing once any character of it is another', () => {
    const token = encodeToken(typical, key('k'));
    for (let place = 0; place < token.length; place += 1) {
      const other = token[place] === 'A' ? 'B' : 'A';
      const forged = token.slice(0, place) + other + token.slice(place + 1);
      expect(decodeToken(forged, [key('k')])).toBeUndefined();
    }
  });

  it('is nothing when cut, longer, or not one at all', () => {
    const token = encodeToken(typical, key('k'));
    const wrong = [
      token.slice(0, -1),
      `${token}A`,
      `${token}=`,
      ` ${token}`,
      '',
      'x',
      'é',
      'A'.repeat(600),
    ];
    for (const text of wrong) expect(decodeToken(text, [key('k')])).toBeUndefined();
    fc.assert(
      fc.property(fc.base64String(), (text) => decodeToken(text, [key('k')]) === undefined),
    );
  });

  it('is good as long as the key that signed it is there', () => {
    const token = encodeToken(typical, key('old'));
    expect(decodeToken(token, [key('newer'), key('old')])).toEqual(typical);
    expect(decodeToken(token, [key('newer')])).toBeUndefined();
    const sameName = { id: 'old', secret: new Uint8Array(32).fill(99) };
    expect(decodeToken(token, [sameName])).toBeUndefined();
  });
});
