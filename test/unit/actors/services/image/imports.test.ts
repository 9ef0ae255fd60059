// Imports that are cut off: whatever had been done by then, running again ends well, and nothing is left behind.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { diskImageStore } from '#actors/services/image/disk-store.ts';
import { imageEffects } from '#actors/services/image/effects.ts';
import { imageDefinition, type ImageEffect } from '#actors/services/image/entity.ts';
import { type ImageDownloads, ImageImports } from '#actors/services/image/imports.ts';
import { images, type ImportTask } from '#actors/services/image/protocol.ts';
import { sweepImages } from '#actors/services/image/sweep.ts';
import { ImageUploads } from '#actors/services/image/upload.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const ID = '11111111-2222-4333-8444-555555555555';
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-imports-'));
});
afterEach(() => rm(directory, { recursive: true }));

const files = () => readdir(directory);

function service(downloads: Partial<ImageDownloads> = {}) {
  const cluster = pureCluster([imageDefinition], () => 1_000);
  const env = createVirtualEnv({ seed: 'imports' });
  const store = diskImageStore(directory);
  const view = cluster.view(imageDefinition);
  const { router } = cluster;
  const uploads = new ImageUploads({ env, router, store, view });
  const fetched: ImageDownloads = {
    refusedBy: () => undefined,
    open: () => once('xy'),
    ...downloads,
  };
  const mayWrite = { now: true };
  const imports = new ImageImports({
    env,
    store,
    view,
    downloads: fetched,
    stallMs: 1_000,
    owners: { prefix: '', isUnderWay: () => Promise.resolve(false), mayWrite: () => mayWrite.now },
    wordsOf: ({ refused }) => refused,
  });
  const run = imageEffects({ store, uploads, imports });
  const ask = (command: object) =>
    router.ask(images.ref(ID), command as never, { requestId: 'req' });
  return { env, store, view, uploads, run, ask, mayWrite };
}
type Service = ReturnType<typeof service>;

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const task = (method: ImportTask['method'], id = 't1'): ImportTask => ({
  id,
  type: 'api_image_import',
  method,
  ...(method === 'web-download' ? { uri: 'http://example.org/' } : {}),
  input: {},
  ownerId: 'red',
  userId: 'someone',
  requestId: 'req',
});

async function create({ ask }: Service): Promise<void> {
  const attributes = {
    ...imageDefinition.initial(ID).attributes,
    diskFormat: 'raw',
    containerFormat: 'bare',
    ownerId: 'red',
  };
  await ask({ type: 'image.create', attributes, tags: [], properties: {}, changeId: 'c' });
}

async function staged(all: Service, text = 'ab'): Promise<string> {
  await create(all);
  await all.uploads.stage(ID, { kind: 'stream', chunks: once(text) }, 'req');
  return all.view.get(ID)?.staged?.id ?? '';
}

function todo({ view }: Service): readonly ImageEffect[] {
  return imageDefinition.todo(view.get(ID) ?? imageDefinition.initial(ID));
}

/** One round of what is to be done; what it reports is not told yet. */
function work(all: Service, signal = new AbortController().signal) {
  const [effect] = todo(all);
  if (effect === undefined) throw new Error('nothing is to be done');
  return all.run(effect, { entityId: ID, signal, isOurs: () => true });
}

describe('glance-direct', () => {
  it('that is cut off after the bytes were moved ends well when it runs again', async () => {
    const all = service();
    await staged(all);
    await all.ask({ type: 'image.start-import', task: task('glance-direct') });
    const lost = await work(all);
    expect(await files()).toEqual([ID]);
    // The process dies here; the next one sweeps, and goes on.
    expect(await sweepImages(all)).toEqual([]);
    const report = await work(all);
    expect(report).toEqual(lost);
    await all.ask(report ?? {});
    await all.ask(lost ?? {});
    expect(all.view.get(ID)).toMatchObject({
      status: 'active',
      staged: undefined,
      discarded: [],
      file: { sizeBytes: 2 },
      tasks: [{ id: 't1', status: 'success' }],
    });
    expect([todo(all), await files()]).toEqual([[], [ID]]);
  });

  it('whose staged bytes are gone fails in words', async () => {
    const all = service();
    const stagedId = await staged(all);
    await all.ask({ type: 'image.start-import', task: task('glance-direct') });
    await all.store.remove(stagedId);
    expect(await work(all)).toEqual({
      type: 'image.fail-import',
      taskId: 't1',
      message: 'the staged bytes are gone',
    });
  });

  it('staged bytes live through a sweep while they are wanted, and are thrown away after', async () => {
    const all = service();
    const stagedId = await staged(all);
    expect([await sweepImages(all), await files()]).toEqual([[], [stagedId]]);
    await all.ask({ type: 'image.delete', changeId: 'd' });
    expect(todo(all)).toEqual([{ id: `staged:${stagedId}`, kind: 'remove-staged', stagedId }]);
    await all.ask((await work(all)) ?? {});
    expect([todo(all), await files()]).toEqual([[], []]);
  });

  it('staging of a process that is gone is failed, and its bytes are thrown away', async () => {
    const all = service();
    await create(all);
    const stagedId = '99999999-2222-4333-8444-555555555555';
    await all.ask({ type: 'image.start-stage', uploadId: 'lost', stagedId });
    await all.store.write(stagedId, once('complete, not told'), { limitBytes: 100 });
    await all.ask((await work(all)) ?? {});
    expect(all.view.get(ID)).toMatchObject({ status: 'queued', discarded: [stagedId] });
    await all.ask((await work(all)) ?? {});
    expect([todo(all), await files()]).toEqual([[], []]);
  });
});

describe('web-download', () => {
  const begin = async (all: Service): Promise<void> => {
    await create(all);
    await all.ask({ type: 'image.start-import', task: task('web-download') });
  };

  it('that is cut off after its bytes are in place runs again', async () => {
    const all = service();
    await begin(all);
    await work(all);
    expect(await sweepImages(all)).toEqual([]);
    await all.ask((await work(all)) ?? {});
    expect(all.view.get(ID)).toMatchObject({ status: 'active', file: { sizeBytes: 2 } });
  });

  it('that gives nothing any more is given up', async () => {
    const hangs = Promise.withResolvers<void>();
    const all = service({
      open: async function* () {
        yield Buffer.from('x');
        hangs.resolve();
        await new Promise<never>(() => undefined);
      },
    });
    await begin(all);
    const report = work(all);
    await hangs.promise;
    await all.env.advance(2_000);
    expect(await report).toMatchObject({ type: 'image.fail-import', message: 'image-interrupted' });
    expect(await files()).toEqual([]);
  });

  it('of a process that others may count as gone keeps nothing', async () => {
    const all = service();
    await begin(all);
    all.mayWrite.now = false;
    expect(await work(all)).toMatchObject({ type: 'image.fail-import' });
    expect(await files()).toEqual([]);
  });

  it('that moves to another owner, or whose image is deleted, reports nothing', async () => {
    const all = service();
    await begin(all);
    const abort = new AbortController();
    abort.abort('the entity moves to another owner');
    expect(await work(all, abort.signal)).toBeUndefined();
    const [effect] = todo(all);
    await all.ask({ type: 'image.delete', changeId: 'd' });
    const signal = AbortSignal.abort('no longer wanted');
    const after = all.run(effect as ImageEffect, { entityId: ID, signal, isOurs: () => true });
    expect([await after, await files()]).toEqual([undefined, []]);
  });

  it('runs eight at a time, and the ninth when one has ended', async () => {
    const ends: (() => void)[] = [];
    const all = service({
      open: async function* () {
        await new Promise<void>((resolve) => ends.push(resolve));
        yield Buffer.from('x');
      },
    });
    const id = (index: number) => `1111111${index}-2222-4333-8444-555555555555`;
    const context = (index: number) => ({
      entityId: id(index),
      signal: new AbortController().signal,
      isOurs: () => true,
    });
    const effect = (index: number): ImageEffect => ({
      id: `import:${index}`,
      kind: 'run-import',
      task: task('web-download', `t${index}`),
      stagedId: undefined,
    });
    const running = Array.from({ length: 9 }, (_none, index) =>
      all.run(effect(index), context(index)),
    );
    await vi.waitFor(() => expect(ends.length).toBe(8), { timeout: 5_000 });
    ends[0]?.();
    await Promise.race(running);
    await vi.waitFor(() => expect(ends.length).toBe(9), { timeout: 5_000 });
    for (const end of ends) end();
    await Promise.all(running);
  });
});

it('ten tasks are remembered', async () => {
  const all = service();
  await create(all);
  for (let index = 0; index < 12; index += 1) {
    await all.ask({ type: 'image.start-import', task: task('web-download', `t${index}`) });
    await all.ask({ type: 'image.fail-import', taskId: `t${index}`, message: 'no' });
  }
  expect(all.view.get(ID)?.tasks.map(({ id }) => id)).toEqual(
    Array.from({ length: 10 }, (_none, index) => `t${index + 2}`),
  );
});
