// Links by which a compute member fetches an image's bytes from a controller: signed with a key that only controllers
// have, for one image and one host, and good for ten minutes. Images may be private and hosts have no account; who has
// the link may fetch, and nothing else.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#runtime/env/env.ts';

export interface ImageUrlsOptions {
  readonly clock: Clock;
  /** The same on all controllers. */
  readonly key: Uint8Array;
  /** Where this controller's APIs answer; undefined while that is not known. */
  readonly apiUrl: () => string | undefined;
}

export const IMAGE_URL_MS = 10 * 60_000;
/** Controllers' clocks may differ by so much. */
const SKEW_MS = 60_000;

/** A link is good for one of them. */
type Purpose = 'fetch' | 'send';

export type ImageUrlCheck =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'expired' | 'forged' };

export class ImageUrls {
  readonly #options: ImageUrlsOptions;

  constructor(options: ImageUrlsOptions) {
    this.#options = options;
  }

  urlOf(imageId: string, host: string): string | undefined {
    return this.#url('fetch', imageId, host);
  }

  /** For sending its bytes. */
  uploadUrlOf(imageId: string, host: string): string | undefined {
    return this.#url('send', imageId, host);
  }

  #url(purpose: Purpose, imageId: string, host: string): string | undefined {
    const base = this.#options.apiUrl();
    if (base === undefined) return undefined;
    const expires = String(this.#options.clock.now() + IMAGE_URL_MS);
    const signature = this.#sign({ purpose, imageId, host, expires }).toString('base64url');
    const query = new URLSearchParams({ host, expires, signature });
    return `${base}/internal/images/${encodeURIComponent(imageId)}?${query.toString()}`;
  }

  /** Of the parts of a link as they came. The signature is looked at first, so that nobody learns what time it is. */
  check(link: {
    readonly purpose?: Purpose;
    readonly imageId: string;
    readonly host: string;
    readonly expires: string;
    readonly signature: string;
  }): ImageUrlCheck {
    const expected = this.#sign(link);
    const given = Buffer.from(link.signature, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return { ok: false, reason: 'forged' };
    const nowMs = this.#options.clock.now();
    const expiresMs = Number(link.expires);
    const isGood = nowMs < expiresMs && expiresMs <= nowMs + IMAGE_URL_MS + SKEW_MS;
    return isGood ? { ok: true } : { ok: false, reason: 'expired' };
  }

  /** JSON keeps the parts apart: no other parts give the same text. */
  #sign(link: {
    readonly purpose?: Purpose;
    readonly imageId: string;
    readonly host: string;
    readonly expires: string;
  }): Buffer {
    const { purpose = 'fetch', imageId, host, expires } = link;
    const what = purpose === 'fetch' ? 'internal image' : 'internal image upload';
    const text = JSON.stringify([what, imageId, host, expires]);
    return createHmac('sha256', this.#options.key).update(text).digest();
  }
}
