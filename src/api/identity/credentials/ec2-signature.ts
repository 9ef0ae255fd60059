// Signatures of requests in EC2's form, versions 2 and 4, as AWS describes them ("Signature Version 2" and "Signature
// Version 4 signing process"). Pure: what the request was is the word of the service that asks.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Body } from '../collection.ts';

export interface SignedRequest {
  readonly verb: string;
  readonly host: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, for version 4. */
  readonly bodyHash: string;
}

export function readSignedRequest(body: Body): SignedRequest {
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : '');
  const headers = Object.entries(textsIn(body.headers));
  return {
    verb: text('verb'),
    host: text('host'),
    path: text('path'),
    params: textsIn(body.params),
    headers: Object.fromEntries(
      headers.map(([name, value]) => [name.toLowerCase().trim(), value.trim()]),
    ),
    bodyHash: text('body_hash'),
  };
}

function textsIn(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'string' || typeof inner === 'number' ? [[name, String(inner)]] : [],
    ),
  );
}

/** Some clients leave the port out of what they sign. */
export function isSignedWith(secret: string, request: SignedRequest, signature: string): boolean {
  const withoutPort = { ...request, host: request.host.replace(/:\d+$/, '') };
  return [request, withoutPort].some((asked) => {
    const expected = signatureOf(secret, asked);
    return expected !== undefined && equal(expected, signature);
  });
}

function equal(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

/** Undefined for versions that are not known. */
export function signatureOf(secret: string, request: SignedRequest): string | undefined {
  if (request.params.SignatureVersion === '2') return versionTwo(secret, request);
  const isFour =
    request.headers.authorization?.startsWith('AWS4-HMAC-SHA256') === true ||
    request.params['X-Amz-Algorithm'] === 'AWS4-HMAC-SHA256';
  return isFour ? versionFour(secret, request) : undefined;
}

function versionTwo(secret: string, { verb, host, path, params }: SignedRequest): string {
  const query = canonicalQuery({ ...params, SignatureMethod: 'HmacSHA256' });
  return createHmac('sha256', secret).update([verb, host, path, query].join('\n')).digest('base64');
}

function versionFour(secret: string, request: SignedRequest): string | undefined {
  const { verb, path, params, bodyHash } = request;
  const signedHeaders = authField(request, 'SignedHeaders');
  const [, ...scope] = authField(request, 'Credential').split('/');
  const [date = '', region = '', service = ''] = scope;
  const time = request.headers['x-amz-date'] ?? params['X-Amz-Date'] ?? '';
  if (date === '' || !time.startsWith(date)) return undefined;
  const canonical = [
    verb.toUpperCase(),
    path,
    verb.toUpperCase() === 'POST' ? '' : canonicalQuery(params),
    canonicalHeaders(request, signedHeaders),
    signedHeaders,
    bodyHash,
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', time, scope.join('/'), digest].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<Buffer>(
    (made, part) => createHmac('sha256', made).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  return createHmac('sha256', key).update(toSign).digest('hex');
}

/** From the Authorization header, or from the query of a signed link. */
function authField({ headers, params }: SignedRequest, name: string): string {
  const { authorization } = headers;
  if (authorization === undefined) return params[`X-Amz-${name}`] ?? '';
  const at = authorization.indexOf(`${name}=`);
  return at < 0 ? '' : (authorization.slice(at + name.length + 1).split(',', 1)[0] ?? '').trim();
}

function canonicalHeaders({ headers }: SignedRequest, signed: string): string {
  const lines = signed.split(';').flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`${name}:${value}\n`];
  });
  return lines.join('');
}

function canonicalQuery(params: Readonly<Record<string, string>>): string {
  return Object.keys(params)
    .sort()
    .map((name) => `${percentEncode(name)}=${percentEncode(params[name] ?? '')}`)
    .join('&');
}

/** RFC 3986: all but letters, digits and `-._~`. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
