// What happens around the entity: seeding, clean-up after a crash, and the port that compute uses.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskImageStore } from '#actors/services/image/disk-store.ts';
import { imageEffects } from '#actors/services/image/effects.ts';
import { embeddedImages } from '#actors/services/image/embedded.ts';
import { imageDefinition } from '#actors/services/image/entity.ts';
import { type ImageDownloads, ImageImports } from '#actors/services/image/imports.ts';
import { images } from '#actors/services/image/protocol.ts';
import { type ImageSeed, seedImage } from '#actors/services/image/seed.ts';
import { sweepImages } from '#actors/services/image/sweep.ts';
import { ImageUploads } from '#actors/services/image/upload.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const NOW = Date.UTC(2026, 0, 31);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-service-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const noDownloads: ImageDownloads = {
  refusedBy: () => undefined,
  open: () => {
    throw new Error('nothing is downloaded here');
  },
};
const running = () => ({ entityId: ID, signal: new AbortController().signal, isOurs: () => true });

function service() {
  const cluster = pureCluster([imageDefinition], () => NOW);
  const env = createVirtualEnv({ seed: 'image-service' });
  const store = diskImageStore(join(directory, 'images'));
  const view = cluster.view(imageDefinition);
  const { router, views } = cluster;
  const uploads = new ImageUploads({ env, router, store, view, stallMs: 1000 });
  const imports = new ImageImports({ env, store, view, downloads: noDownloads, wordsOf: String });
  return { cluster, env, store, view, router, views, uploads, imports };
}

async function queued(all: ReturnType<typeof service>, imageId: string): Promise<void> {
  await all.router.ask(
    images.ref(imageId),
    {
      type: 'image.create',
      attributes: {
        name: 'n',
        visibility: 'private',
        protected: false,
        hidden: false,
        diskFormat: 'raw',
        containerFormat: 'bare',
        minDiskGiB: 1,
        minRamMiB: 64,
        ownerId: 'red',
      },
      tags: [],
      properties: { hw_disk_bus: 'virtio' },
      changeId: imageId,
    },
    { requestId: 'req-1' },
  );
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const ID = '11111111-2222-4333-8444-555555555555';

describe('seedImage', () => {
  const seed = (): ImageSeed => ({
    name: 'tiny',
    path: join(directory, 'tiny.img'),
    diskFormat: 'raw',
    ownerId: 'admin',
    minDiskGiB: 1,
    minRamMiB: 64,
    properties: { hw_rng_model: 'virtio' },
  });

  it('registers a file as a public image once, and again only when the file has changed', async () => {
    const all = service();
    await writeFile(seed().path, 'first');
    const first = await seedImage(all, seed());
    expect(all.view.get(first)).toMatchObject({
      status: 'active',
      attributes: { name: 'tiny', visibility: 'public', ownerId: 'admin', diskFormat: 'raw' },
      properties: { hw_rng_model: 'virtio', kilonova_seed: 'tiny' },
      file: { sizeBytes: 5 },
    });
    expect(await seedImage(all, seed())).toBe(first);
    await rm(seed().path);
    await writeFile(seed().path, 'second');
    const second = await seedImage(all, seed());
    expect(second).not.toBe(first);
    expect(all.view.get(first)?.status).toBe('deleted');
    expect(all.view.get(second)).toMatchObject({ status: 'active', file: { sizeBytes: 6 } });
  });

  it("leaves an administrator's own image of that name alone", async () => {
    const all = service();
    await queued(all, ID);
    await writeFile(seed().path, 'first');
    await seedImage(all, { ...seed(), name: 'n' });
    expect(all.view.get(ID)?.status).toBe('queued');
  });

  it('says in words why a file is no image', async () => {
    const all = service();
    await writeFile(seed().path, 'QFI\u00fb', 'latin1');
    await expect(seedImage(all, seed())).rejects.toThrow(/image tiny .*image-format-mismatch/);
    await expect(seedImage(all, { ...seed(), path: join(directory, 'none') })).rejects.toThrow(
      /image-store-failed.*ENOENT/,
    );
  });
});

describe('effects', () => {
  it('an upload of a process that is gone is failed', async () => {
    const all = service();
    await queued(all, ID);
    const ref = images.ref(ID);
    await all.router.ask(ref, { type: 'image.start-upload', uploadId: 'lost' }, { requestId: 'r' });
    const run = imageEffects(all);
    const [effect] = imageDefinition.todo(all.view.get(ID) ?? imageDefinition.initial(ID));
    if (effect === undefined) throw new Error('nothing is to be done');
    const command = await run(effect, running());
    expect(command).toEqual({
      type: 'image.fail-upload',
      uploadId: 'lost',
      reason: 'the upload ended without a result',
    });
    await all.router.ask(ref, command as never, { requestId: 'r' });
    expect(all.view.get(ID)?.status).toBe('queued');
  });

  it('an upload of this process is tended until its end, and its success stands', async () => {
    const all = service();
    await queued(all, ID);
    const run = imageEffects(all);
    const reports: Promise<unknown>[] = [];
    all.cluster.onEffect((_kind, entityId, effect) => {
      reports.push(run(effect as never, { ...running(), entityId }));
    });
    expect(
      await all.uploads.upload(ID, { kind: 'stream', chunks: once('x') }, 'r'),
    ).toBeUndefined();
    const [report] = await Promise.all(reports);
    await all.router.ask(images.ref(ID), report as never, { requestId: 'r' });
    expect(reports.length).toBe(1);
    expect(all.view.get(ID)?.status).toBe('active');
  });
});

describe('a store that several processes share', () => {
  const owners = (prefix: string, underWay: ReadonlySet<string>, mayWrite = () => true) => ({
    prefix,
    isUnderWay: (uploadId: string) => Promise.resolve(underWay.has(uploadId)),
    mayWrite,
  });
  const shared = (all: ReturnType<typeof service>, own: ReturnType<typeof owners>) => {
    const store = diskImageStore(join(directory, 'images'), 'b2');
    return { ...all, store, uploads: new ImageUploads({ ...all, store, owners: own }) };
  };
  const start = (all: ReturnType<typeof service>, uploadId: string) =>
    all.router.ask(images.ref(ID), { type: 'image.start-upload', uploadId }, { requestId: 'r' });

  it('an upload of a living process is waited for; of one that has ended, failed, and its parts are removed', async () => {
    const all = service();
    await queued(all, ID);
    await start(all, 'a/1/x');
    const underWay = new Set(['a/1/x']);
    const one = shared(all, owners('b/2/', underWay));
    await one.store.sweep({ isKnown: () => true });
    await writeFile(join(directory, 'images', `.${ID}.a1-1.part`), 'half');
    const [effect] = imageDefinition.todo(all.view.get(ID) ?? imageDefinition.initial(ID));
    if (effect === undefined) throw new Error('nothing is to be done');
    let isTold = false;
    const told = imageEffects(one)(effect, running()).then((command) => {
      isTold = true;
      return command;
    });
    await all.env.advance(5_000);
    expect(isTold).toBe(false);
    expect(await readdir(join(directory, 'images'))).toEqual([`.${ID}.a1-1.part`]);
    underWay.clear();
    await all.env.advance(1_000);
    expect(await told).toMatchObject({ type: 'image.fail-upload', uploadId: 'a/1/x' });
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });

  it('a sweep leaves the parts and the file of an upload under way alone', async () => {
    const all = service();
    await queued(all, ID);
    await start(all, 'a/1/x');
    const { store, views } = shared(all, owners('b/2/', new Set()));
    await store.write(ID, once('complete, not told yet'), { limitBytes: 100 });
    await writeFile(join(directory, 'images', `.${ID}.a1-1.part`), 'half');
    expect(await sweepImages({ store, view: all.view, shared: views })).toEqual([]);
    const failed = { type: 'image.fail-upload', uploadId: 'a/1/x', reason: 'gone' } as const;
    await all.router.ask(images.ref(ID), failed, { requestId: 'r' });
    const swept = await sweepImages({ store, view: all.view, shared: views });
    expect([...swept].sort()).toEqual([`.${ID}.a1-1.part`, ID]);
  });

  it('a process that others may count as gone puts nothing in place', async () => {
    const all = service();
    await queued(all, ID);
    const { uploads } = shared(
      all,
      owners('b/2/', new Set(), () => false),
    );
    expect(await uploads.upload(ID, { kind: 'stream', chunks: once('x') }, 'r')).toMatchObject({
      refused: 'image-interrupted',
    });
    expect(all.view.get(ID)?.status).toBe('queued');
    expect(await readdir(join(directory, 'images'))).toEqual([]);
  });
});

it('a start clears what no image knows: torn uploads and files that came too late', async () => {
  const all = service();
  await queued(all, ID);
  await all.uploads.upload(ID, { kind: 'stream', chunks: once('kept') }, 'r');
  const lost = '11111111-2222-4333-8444-666666666666';
  await queued(all, lost);
  await all.router.ask(
    images.ref(lost),
    { type: 'image.start-upload', uploadId: 'u' },
    { requestId: 'r' },
  );
  await all.store.write(lost, once('complete, but never told'), { limitBytes: 100 });
  await writeFile(join(directory, 'images', `.${lost}.3.part`), 'torn');
  expect([...(await sweepImages(all))].sort()).toEqual([`.${lost}.3.part`, lost]);
  expect(await sweepImages(all)).toEqual([]);
});

it('a source that hangs is given up and the image is queued again', async () => {
  const all = service();
  await queued(all, ID);
  const reading = Promise.withResolvers<void>();
  async function* hanging(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
    reading.resolve();
    await new Promise<never>(() => undefined);
  }
  const upload = all.uploads.upload(ID, { kind: 'stream', chunks: hanging() }, 'r');
  await reading.promise;
  await all.env.advance(1000);
  expect(await upload).toMatchObject({
    refused: 'image-interrupted',
    detail: { reason: 'no byte came for 1000 ms' },
  });
  expect(all.view.get(ID)?.status).toBe('queued');
});

it('the port shows images as compute needs them and streams their bytes', async () => {
  const all = service();
  await queued(all, ID);
  const port = embeddedImages(all);
  await all.uploads.upload(ID, { kind: 'stream', chunks: once('hello') }, 'r');
  const record = await port.find(ID, undefined);
  expect(record).toEqual({
    id: ID,
    name: 'n',
    status: 'active',
    visibility: 'private',
    ownerId: 'red',
    diskFormat: 'raw',
    containerFormat: 'bare',
    sizeBytes: 5,
    virtualSizeBytes: 5,
    sha512: expect.stringMatching(/^9b71d224bd62f378/),
    minDiskGiB: 1,
    minRamMiB: 64,
    properties: { hw_disk_bus: 'virtio' },
    createdAtMs: NOW,
    updatedAtMs: NOW,
  });
  const parts: Uint8Array[] = [];
  for await (const part of port.open(ID)) parts.push(part);
  expect(Buffer.concat(parts).toString()).toBe('hello');
  const stranger = { projectId: 'blue', roles: [], isAdmin: false } as never;
  expect(await port.find(ID, stranger)).toBeUndefined();
  expect(await port.find('nothing', undefined)).toBeUndefined();
});
