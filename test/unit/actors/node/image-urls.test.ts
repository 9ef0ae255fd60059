import { beforeEach, describe, expect, it } from 'vitest';
import { IMAGE_URL_MS, ImageUrls } from '#actors/node/image-urls.ts';

const imageId = '11111111-1111-4111-8111-111111111111';
const key = new TextEncoder().encode('a key of controllers');
let nowMs: number;
let urls: ImageUrls;

const make = (changes: { readonly key?: Uint8Array; readonly skewMs?: number } = {}): ImageUrls =>
  new ImageUrls({
    clock: { now: () => nowMs + (changes.skewMs ?? 0), monotonic: () => 0 },
    key: changes.key ?? key,
    apiUrl: () => 'http://controller-1:8774',
  });

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  urls = make();
});

function partsOf(url: string | undefined) {
  const { pathname, searchParams, origin } = new URL(url ?? 'http://nothing');
  const part = (name: string): string => searchParams.get(name) ?? '';
  return {
    origin,
    imageId: decodeURIComponent(pathname.slice('/internal/images/'.length)),
    host: part('host'),
    expires: part('expires'),
    signature: part('signature'),
  };
}

describe('a link to an image', () => {
  it('leads to the controller that made it, and is good there and at every other', () => {
    const link = partsOf(urls.urlOf(imageId, 'host-1'));
    expect(link).toMatchObject({ origin: 'http://controller-1:8774', imageId, host: 'host-1' });
    expect(urls.check(link)).toEqual({ ok: true });
    expect(make({ skewMs: 30_000 }).check(link)).toEqual({ ok: true });
    expect(make({ skewMs: -30_000 }).check(link)).toEqual({ ok: true });
  });

  it('is good for ten minutes', () => {
    const link = partsOf(urls.urlOf(imageId, 'host-1'));
    nowMs += IMAGE_URL_MS - 1;
    expect(urls.check(link)).toEqual({ ok: true });
    nowMs += 1;
    expect(urls.check(link)).toEqual({ ok: false, reason: 'expired' });
  });

  it.each([
    ['image', { imageId: '22222222-2222-4222-8222-222222222222' }],
    ['host', { host: 'host-2' }],
    ['end', { expires: '1800000600001' }],
    ['end that is no number', { expires: 'never' }],
    ['signature', { signature: 'AAAA' }],
    ['missing signature', { signature: '' }],
  ])('with another %s is forged', (_what, changes) => {
    const link = partsOf(urls.urlOf(imageId, 'host-1'));
    expect(urls.check({ ...link, ...changes })).toEqual({ ok: false, reason: 'forged' });
  });

  it('does not hold when any character of its signature is another', () => {
    const link = partsOf(urls.urlOf(imageId, 'host-1'));
    const bytes = Buffer.from(link.signature, 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const other = Buffer.from(bytes);
      other[index] = (other[index] ?? 0) ^ 1;
      const signature = other.toString('base64url');
      expect(urls.check({ ...link, signature })).toEqual({ ok: false, reason: 'forged' });
    }
  });

  it('made with another key is forged', () => {
    const other = make({ key: new TextEncoder().encode('a key of others') });
    const link = partsOf(other.urlOf(imageId, 'host-1'));
    expect(urls.check(link)).toEqual({ ok: false, reason: 'forged' });
  });

  it('keeps its parts apart: none can be moved into another', () => {
    const link = partsOf(urls.urlOf('a', 'b","c'));
    expect(urls.check({ ...link, imageId: 'a","b', host: 'c' })).toEqual({
      ok: false,
      reason: 'forged',
    });
  });

  it('whose end lies further off than any that is made was made by a broken clock', () => {
    const link = partsOf(make({ skewMs: 3_600_000 }).urlOf(imageId, 'host-1'));
    expect(urls.check(link)).toEqual({ ok: false, reason: 'expired' });
  });

  it('is not made by a controller without an address', () => {
    const clock = { now: () => nowMs, monotonic: () => 0 };
    const lost = new ImageUrls({ clock, key, apiUrl: () => undefined });
    expect(lost.urlOf(imageId, 'host-1')).toBeUndefined();
  });
});
