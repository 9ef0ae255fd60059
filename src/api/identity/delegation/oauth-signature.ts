// The signature of OAuth 1.0 (RFC 5849): parameters in the Authorization header, HMAC over the request. Pure.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { percentEncode } from '../credentials/ec2-signature.ts';

export type OauthParams = Readonly<Record<string, string>>;

/** Undefined unless the header is one of OAuth's. */
export function readOauthHeader(header: string | undefined): OauthParams | undefined {
  if (header === undefined || !/^OAuth\s/i.test(header)) return undefined;
  const pairs = [...header.slice(6).matchAll(/([\w.-]+)\s*=\s*"([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decode(value)]));
}

function decode(text: string): string {
  return /%(?![0-9a-f]{2})/i.test(text) ? text : decodeBytes(text);
}

function decodeBytes(text: string): string {
  return Buffer.from(
    text.replaceAll(/%([0-9a-f]{2})/gi, (_whole, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  ).toString('utf8');
}

export interface OauthRequest {
  readonly method: string;
  /** As the client reached it. */
  readonly url: string;
  readonly params: OauthParams;
}

const digests: Readonly<Record<string, string>> = { 'HMAC-SHA1': 'sha1', 'HMAC-SHA256': 'sha256' };

/** `tokenSecret`: empty where there is no token yet. */
export function isSignedBy(
  request: OauthRequest,
  consumerSecret: string,
  tokenSecret: string,
): boolean {
  const given = Buffer.from(request.params.oauth_signature ?? '', 'base64');
  const expected = oauthSignature(request, consumerSecret, tokenSecret);
  return (
    expected !== undefined && given.length === expected.length && timingSafeEqual(given, expected)
  );
}

/** Undefined for a method that is not known. */
export function oauthSignature(
  { method, url, params }: OauthRequest,
  consumerSecret: string,
  tokenSecret: string,
): Buffer | undefined {
  const wanted = params.oauth_signature_method ?? '';
  const digest = Object.hasOwn(digests, wanted) ? digests[wanted] : undefined;
  if (digest === undefined) return undefined;
  const { origin, pathname, searchParams } = new URL(url);
  const all = [...Object.entries(params), ...searchParams]
    .filter(([name]) => name !== 'oauth_signature' && name !== 'realm')
    .map(([name, value]) => [percentEncode(name), percentEncode(value)].join('='))
    .sort();
  const base = [method.toUpperCase(), `${origin}${pathname}`, all.join('&')].map(percentEncode);
  const key = [consumerSecret, tokenSecret].map(percentEncode).join('&');
  return createHmac(digest, key).update(base.join('&')).digest();
}
