// Images' bytes for hosts, over real HTTP: by signed links alone, whole or from an offset on.
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpBytes, httpUpload } from '#actors/node/http-bytes.ts';
import { IMAGE_URL_MS, ImageUrls } from '#actors/node/image-urls.ts';
import { memoryImageStore } from '#actors/services/image/memory-store.ts';
import type { ImageStore } from '#actors/services/image/store.ts';
import { internalPlugin } from '#api/internal/plugin.ts';
import { realEnv } from '#runtime/env/real.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { WrittenImages } from '#test/support/written-images.ts';
import { silentLog } from '#runtime/telemetry/silent-log.ts';

const imageId = '11111111-1111-4111-8111-111111111111';
const elsewhere = '22222222-2222-4222-8222-222222222222';
const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
const env = realEnv(silentLog);

let app: FastifyInstance;
let base: string;
let store: ImageStore;
let nowMs: number;
let written: WrittenImages;
let urls: ImageUrls;

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  const clock = { now: () => nowMs, monotonic: () => 0 };
  urls = new ImageUrls({ clock, key: bytes.subarray(0, 32), apiUrl: () => base });
  store = memoryImageStore();
  written = new WrittenImages();
  await store.write(imageId, oneChunk(bytes), { limitBytes: bytes.length });
  const sizes = new Map([
    [imageId, bytes.length],
    [elsewhere, 5],
  ]);
  // An upload that is refused is not read to its end.
  app = Fastify({ forceCloseConnections: true });
  await app.register(
    internalPlugin({
      log: silentLog,
      urls,
      imageBytes: (id) => sizes.get(id),
      store,
      writer: written,
    }),
    { prefix: '/internal' },
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});
afterEach(() => app.close());

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

const urlOf = (id = imageId): string => urls.urlOf(id, 'host-1') ?? '';

async function fetched(url: string, offset = 0): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of httpBytes(env)(url, offset)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

describe('an image', () => {
  it('comes whole, or from where a fetch broke off', async () => {
    expect(await fetched(urlOf())).toEqual(bytes);
    expect(await fetched(urlOf(), 299_000)).toEqual(bytes.subarray(299_000));
    expect(await fetched(urlOf(), 299_999)).toEqual(bytes.subarray(299_999));
  });

  it('says how long it is', async () => {
    const whole = await fetch(urlOf());
    const rest = await fetch(urlOf(), { headers: { range: 'bytes=100000-' } });
    await Promise.all([whole.bytes(), rest.bytes()]);
    expect([whole.status, whole.headers.get('content-length')]).toEqual([200, '300000']);
    expect([
      rest.status,
      rest.headers.get('content-length'),
      rest.headers.get('content-range'),
    ]).toEqual([206, '200000', 'bytes 100000-299999/300000']);
  });

  it('can be left half-way', async () => {
    for await (const chunk of httpBytes(env)(urlOf(), 0)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(await fetched(urlOf())).toEqual(bytes);
  });

  it.each([
    ['a range without a start', 'bytes=-5'],
    ['a range with an end', 'bytes=0-5'],
    ['a range beyond the end', 'bytes=300000-'],
    ['another unit', 'lines=1-'],
    ['an endless number', `bytes=${'9'.repeat(50)}-`],
  ])('is not given for %s', async (_what, range) => {
    const answer = await fetch(urlOf(), { headers: { range } });
    expect([answer.status, await answer.json()]).toEqual([
      416,
      { error: { code: 416, message: 'A range is taken as bytes=N-, with N below 300000.' } },
    ]);
  });
});

describe('a link', () => {
  it.each([
    ['for another image', (url: string) => url.replace(imageId, elsewhere)],
    ['for another host', (url: string) => url.replace('host-1', 'host-2')],
    ['that lasts longer', (url: string) => url.replace(/expires=\d+/, 'expires=1900000000000')],
  ])('%s is forged', async (_what, forge) => {
    const answer = await fetch(forge(urlOf()));
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('This link was not made by a controller of this cloud.');
  });

  it('without a signature is refused before anything is looked at', async () => {
    const answer = await fetch(`${base}/internal/images/${imageId}?host=host-1&expires=1`);
    expect(answer.status).toBe(400);
  });

  it('that has expired says what to do', async () => {
    const url = urlOf();
    nowMs += IMAGE_URL_MS;
    await expect(fetched(url)).rejects.toThrow(
      'HTTP 403, not 200: {"error":{"code":403,"message":"This link has expired; ask a controller for a new one."}}',
    );
  });

  it('to what is not here leads nowhere', async () => {
    await expect(fetched(urlOf(elsewhere))).rejects.toThrow(
      `Image ${elsewhere} has no bytes here.`,
    );
    const unknown = '33333333-3333-4333-8333-333333333333';
    await expect(fetched(urlOf(unknown))).rejects.toThrow(`There is no image ${unknown} here.`);
  });

  it('to a controller that is gone rejects', async () => {
    const url = urlOf();
    await app.close();
    await expect(fetched(url)).rejects.toThrow('fetch failed');
  });
});

describe('an image that a host sends', () => {
  const snapshot = {
    id: imageId,
    name: 'snapshot',
    ownerId: 'project-1',
    minDiskGiB: 0,
    minRamMiB: 0,
    properties: {},
  };
  const send = (url: string) => httpUpload(env)(url, oneChunk(bytes));
  const uploadUrl = (): string => urls.uploadUrlOf(imageId, 'host-1') ?? '';

  it('is taken by a link for sending, whole', async () => {
    await written.create(snapshot);
    expect(await send(uploadUrl())).toEqual({ status: 204, words: '' });
    expect(written.images.get(imageId)?.sizeBytes).toBe(bytes.length);
  });

  it('is not taken by a link for fetching, an expired one, or for an image that is gone', async () => {
    await written.create(snapshot);
    expect((await send(urlOf())).status).toBe(403);
    const url = uploadUrl();
    nowMs += 11 * 60_000;
    expect(await send(url)).toMatchObject({
      status: 403,
      words: expect.stringContaining('expired'),
    });
    await written.remove(imageId);
    expect(await send(uploadUrl())).toMatchObject({
      status: 400,
      words: expect.stringContaining('image-gone'),
    });
    expect(written.images.size).toBe(0);
  });

  it('is asked for again while an earlier upload is in the way', async () => {
    written.upload = () =>
      Promise.resolve(refuse('image-status', { from: 'saving', to: 'saving' }));
    expect((await send(uploadUrl())).status).toBe(409);
  });

  it('is not fetched by a link for sending', async () => {
    await expect(fetched(uploadUrl())).rejects.toThrow('HTTP 403');
  });
});
