// Import over HTTP: stage, glance-direct, web-download, copy-image with one store, and the tasks that tell of them.
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { DownloadFault, type ImageDownloads } from '#actors/services/image/imports.ts';
import { call, imageCloud, type ImageCloudOptions, projects } from './image-cloud.ts';

const bytes = Buffer.from('a disk of eighteen');
const good = 'http://images.example.org/disk.raw';

/** Has one disk; a URI with `inside` is refused. */
const downloads: ImageDownloads = {
  refusedBy: (uri) => (uri.includes('inside') ? 'the address is not public' : undefined),
  open: async function* (uri) {
    if (uri !== good) throw new DownloadFault('the server answers with status 404');
    yield bytes;
  },
};

const message = (answer: { text: string }): string =>
  /<\/h1>\s*(.*?)<br/s.exec(answer.text)?.[1]?.replaceAll('&#x27;', "'") ?? answer.text;

function cloud(options: ImageCloudOptions = {}) {
  return imageCloud({ downloads, ...options });
}

async function create(app: FastifyInstance, more: object = {}): Promise<string> {
  const body = { name: 'n', disk_format: 'raw', container_format: 'bare', ...more };
  const made = await call(app, 'red', 'POST /image/v2/images', { body });
  return made.json<{ id: string }>().id;
}
const stage = (app: FastifyInstance, id: string, body: unknown = bytes) =>
  call(app, 'red', `PUT /image/v2/images/${id}/stage`, { body });
const start = (app: FastifyInstance, id: string, method: object | string, more = {}, who = 'red') =>
  call(app, who, `POST /image/v2/images/${id}/import`, {
    body: { method: typeof method === 'string' ? { name: method } : method, ...more },
  });
const show = async (app: FastifyInstance, id: string) =>
  (await call(app, 'red', `GET /image/v2/images/${id}`)).json();

/** The image, as soon as no task of it is under way. */
async function settled(app: FastifyInstance, id: string): Promise<Record<string, unknown>> {
  for (let round = 0; round < 200; round += 1) {
    const image = await show(app, id);
    if (image['status'] !== 'importing') return image;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`image ${id} is importing still after 200 rounds`);
}

describe('glance-direct', () => {
  it('takes staged bytes over, and the task tells of it', async () => {
    const { app, store } = cloud();
    const id = await create(app);
    expect((await stage(app, id)).status).toBe(204);
    expect(await show(app, id)).toMatchObject({
      status: 'uploading',
      size: bytes.length,
      checksum: null,
    });
    const refused = await call(app, 'red', `GET /image/v2/images/${id}/file`);
    expect(refused.status).toBe(204);
    const begun = await start(app, id, 'glance-direct');
    expect([begun.status, begun.text]).toEqual([202, '']);
    expect(await settled(app, id)).toMatchObject({
      status: 'active',
      size: bytes.length,
      checksum: createHash('md5').update(bytes).digest('hex'),
      os_hash_algo: 'sha512',
      os_hash_value: createHash('sha512').update(bytes).digest('hex'),
      stores: 'file',
      os_glance_failed_import: '',
      os_glance_importing_to_stores: '',
    });
    const file = await call(app, 'red', `GET /image/v2/images/${id}/file`);
    expect([file.status, file.text]).toEqual([200, bytes.toString()]);
    const { tasks } = (await call(app, 'red', `GET /image/v2/images/${id}/tasks`)).json();
    expect(tasks).toEqual([
      {
        id: expect.any(String),
        type: 'api_image_import',
        status: 'success',
        owner: projects.red,
        expires_at: '2026-02-02T12:00:00Z',
        created_at: '2026-01-31T12:00:00Z',
        updated_at: '2026-01-31T12:00:00Z',
        self: expect.stringMatching(/^\/v2\/tasks\//),
        schema: '/v2/schemas/task',
        input: {
          image_id: id,
          import_req: { method: { name: 'glance-direct' } },
          backend: ['file'],
        },
        result: { image_id: id },
        message: '',
        image_id: id,
        request_id: begun.headers['x-openstack-request-id'],
        user_id: `user-of-${projects.red}`,
      },
    ]);
    expect(await store.sweep({ isKnown: (kept) => kept === id })).toEqual([]);
  });

  it('of bytes that are not what was declared fails, and leaves nothing', async () => {
    const { app, store } = cloud();
    const id = await create(app, { disk_format: 'qcow2' });
    await stage(app, id, Buffer.from('KDMV, and more'));
    await start(app, id, 'glance-direct');
    const image = await settled(app, id);
    expect(image).toMatchObject({
      status: 'queued',
      size: null,
      os_glance_failed_import: 'file',
    });
    expect(image).not.toHaveProperty('stores');
    const { tasks } = (await call(app, 'red', `GET /image/v2/images/${id}/tasks`)).json();
    expect(tasks).toMatchObject(
      [{ status: 'failure', message: /qcow2 was declared, but the bytes are vmdk/ }].map(
        (task) => ({ ...task, message: expect.stringMatching(task.message) }),
      ),
    );
    expect(await store.sweep({ isKnown: () => false })).toEqual([]);
  });

  it('comes after staging, which is done once, by its owner, as bytes', async () => {
    const { app } = cloud();
    const id = await create(app);
    const early = await start(app, id, 'glance-direct');
    expect([early.status, message(early)]).toEqual([
      409,
      "Image needs to be staged before 'glance-direct' method can be used",
    ]);
    expect((await stage(app, id, { no: 'bytes' })).status).toBe(415);
    const path = `/image/v2/images/${id}/stage`;
    expect((await call(app, 'blue', `PUT ${path}`, { body: bytes })).status).toBe(404);
    expect((await call(app, 'red-reader', `PUT ${path}`, { body: bytes })).status).toBe(403);
    expect((await stage(app, id)).status).toBe(204);
    const again = await stage(app, id);
    expect([again.status, message(again)]).toEqual([
      409,
      'Image status transition from uploading to uploading is not allowed',
    ]);
    const upload = await call(app, 'red', `PUT /image/v2/images/${id}/file`, { body: bytes });
    expect(upload.status).toBe(409);
    expect((await call(app, 'red', `DELETE /image/v2/images/${id}`)).status).toBe(204);
  });

  it('needs formats', async () => {
    const { app } = cloud();
    const id = await create(app, { container_format: null });
    await stage(app, id);
    const answer = await start(app, id, 'glance-direct');
    expect([answer.status, message(answer)]).toEqual([
      409,
      "'container_format' needs to be set before import",
    ]);
  });

  it('staged bytes of an image that is deleted are thrown away', async () => {
    const { app, store } = cloud();
    const id = await create(app);
    await stage(app, id);
    await call(app, 'red', `DELETE /image/v2/images/${id}`);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await store.sweep({ isKnown: () => false })).toEqual([]);
  });
});

describe('web-download', () => {
  it('fetches a URI', async () => {
    const { app } = cloud();
    const id = await create(app);
    expect((await start(app, id, { name: 'web-download', uri: good })).status).toBe(202);
    expect(await settled(app, id)).toMatchObject({
      status: 'active',
      size: bytes.length,
      virtual_size: bytes.length,
      checksum: createHash('md5').update(bytes).digest('hex'),
    });
    const again = await start(app, id, { name: 'web-download', uri: good });
    expect([again.status, message(again)]).toEqual([
      409,
      'Image with status active cannot be target for import',
    ]);
  });

  it('that fails leaves the image queued, says why, and may be tried again', async () => {
    const { app } = cloud();
    const id = await create(app);
    await start(app, id, { name: 'web-download', uri: 'http://images.example.org/none' });
    expect(await settled(app, id)).toMatchObject({
      status: 'queued',
      os_glance_failed_import: 'file',
    });
    await start(app, id, { name: 'web-download', uri: good });
    expect(await settled(app, id)).toMatchObject({
      status: 'active',
      os_glance_failed_import: '',
    });
    const { tasks } = (await call(app, 'red', `GET /image/v2/images/${id}/tasks`)).json();
    expect(tasks).toMatchObject([
      { status: 'failure', message: 'the server answers with status 404' },
      { status: 'success', message: '' },
    ]);
  });

  it.each([
    [
      'from inside',
      'http://inside/',
      /URI for web-download does not pass filtering: http:\/\/inside\//,
    ],
    ['without a URI', undefined, /does not pass filtering: None/],
  ])('%s is refused at once', async (_what, uri, words) => {
    const { app } = cloud();
    const id = await create(app);
    const answer = await start(app, id, { name: 'web-download', uri });
    expect([answer.status, message(answer)]).toEqual([400, expect.stringMatching(words)]);
    expect((await show(app, id))['status']).toBe('queued');
  });

  it('of an image that is deleted meanwhile leaves nothing', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const slow: ImageDownloads = {
      refusedBy: () => undefined,
      open: async function* () {
        yield bytes.subarray(0, 5);
        await gate;
        yield bytes.subarray(5);
      },
    };
    const { app, store } = cloud({ downloads: slow });
    const id = await create(app);
    await start(app, id, { name: 'web-download', uri: good });
    expect(await show(app, id)).toMatchObject({
      status: 'importing',
      os_glance_importing_to_stores: 'file',
      os_glance_import_task: expect.any(String),
    });
    expect((await call(app, 'red', `DELETE /image/v2/images/${id}`)).status).toBe(204);
    go();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await store.sweep({ isKnown: () => false })).toEqual([]);
    const { tasks } = (await call(app, 'admin', 'GET /image/v2/tasks')).json();
    expect(tasks).toMatchObject([{ status: 'failure' }]);
  });
});

describe('copy-image', () => {
  it('with one store has nothing to do', async () => {
    const { app } = cloud();
    const id = await create(app);
    const early = await start(app, id, 'copy-image', {}, 'admin');
    expect([early.status, message(early)]).toEqual([
      409,
      'Only images with status active can be targeted for copying',
    ]);
    await call(app, 'red', `PUT /image/v2/images/${id}/file`, { body: bytes });
    expect((await start(app, id, 'copy-image', { all_stores: true }, 'admin')).status).toBe(202);
    expect(await show(app, id)).toMatchObject({
      status: 'active',
      os_glance_importing_to_stores: '',
      os_glance_failed_import: '',
    });
    const { tasks } = (await call(app, 'red', `GET /image/v2/images/${id}/tasks`)).json();
    expect(tasks).toMatchObject([{ status: 'success', owner: projects.admin }]);
    const present = await start(app, id, 'copy-image', { stores: ['file'] }, 'admin');
    expect([present.status, message(present)]).toEqual([
      400,
      "Image is already present at store 'file'",
    ]);
    expect((await start(app, id, 'copy-image', { stores: ['tape'] }, 'admin')).status).toBe(409);
    expect((await start(app, id, 'copy-image', { all_stores: true })).status).toBe(403);
  });
});

describe('a request to import', () => {
  it.each([
    [undefined, 'Body expected in request.'],
    [{}, "Import request requires a 'method' field."],
    [{ method: {} }, "Import request requires a 'name' field."],
    [{ method: { name: 'by-post' } }, "Unknown import method name 'by-post'."],
    [{ method: { name: ['x'] } }, "Unknown import method name '['x']'."],
    [
      { method: { name: 'glance-direct' }, all_stores: 'yes' },
      "'all_stores' must be boolean value only",
    ],
    [
      { method: { name: 'glance-direct' }, all_stores_must_succeed: 1 },
      "'all_stores_must_succeed' must be boolean value only",
    ],
    [
      { method: { name: 'glance-direct' }, all_stores: true, stores: ['file'] },
      "All_stores parameter can't be used with x-image-meta-store header or stores parameter",
    ],
    [
      { method: { name: 'glance-direct' }, stores: 'file' },
      "'stores' must be a list of store names",
    ],
  ])('of %j is refused', async (body, words) => {
    const { app } = cloud();
    const id = await create(app);
    const answer = await call(app, 'red', `POST /image/v2/images/${id}/import`, { body });
    expect([answer.status, message(answer)]).toEqual([400, words]);
  });

  it('is for owners who may write', async () => {
    const { app } = cloud();
    const id = await create(app);
    const method = { name: 'web-download', uri: good };
    expect((await start(app, id, method, {}, 'blue')).status).toBe(404);
    expect((await start(app, id, method, {}, 'red-reader')).status).toBe(403);
    expect((await start(app, id, method, { stores: ['tape'] })).status).toBe(409);
  });
});

describe('tasks', () => {
  it('are for administrators, who make them, too', async () => {
    const { app } = cloud();
    for (const line of ['GET /image/v2/tasks', 'GET /image/v2/tasks/x'])
      expect((await call(app, 'red', line)).status).toBe(403);
    const input = {
      import_from: good,
      import_from_format: 'raw',
      image_properties: { name: 'by task', container_format: 'bare' },
    };
    const body = { type: 'import', input };
    expect((await call(app, 'red', 'POST /image/v2/tasks', { body })).status).toBe(403);
    const made = await call(app, 'admin', 'POST /image/v2/tasks', { body });
    const { id } = made.json<{ id: string }>();
    expect([made.status, made.headers['location'], made.json()]).toMatchObject([
      201,
      `/v2/tasks/${id}`,
      { type: 'import', owner: projects.admin, input, schema: '/v2/schemas/task' },
    ]);
    await new Promise((resolve) => setImmediate(resolve));
    const { result } = (await call(app, 'admin', `GET /image/v2/tasks/${id}`)).json<{
      result: { image_id: string };
    }>();
    const image = (await call(app, 'admin', `GET /image/v2/images/${result.image_id}`)).json();
    expect(image).toMatchObject({ name: 'by task', status: 'active', disk_format: 'raw' });
    const kept = await call(app, 'admin', `DELETE /image/v2/tasks/${id}`);
    expect([kept.status, kept.headers['allow']]).toEqual([405, 'GET']);
  });

  it.each([
    [{}, "Task 'type' is required"],
    [{ type: 'import' }, "Task 'input' is required"],
    [{ type: 'clone', input: {} }, /'clone' is not one of \['import', 'api_image_import'\]/],
    [{ type: 'import', input: {} }, "Input does not contain 'import_from' field"],
    [{ type: 'import', input: null }, "Input does not contain 'import_from' field"],
    [
      {
        type: 'import',
        input: { import_from: 'http://inside', import_from_format: 'raw', image_properties: {} },
      },
      /does not pass filtering/,
    ],
  ])('of %j are refused', async (body, words) => {
    const { app } = cloud();
    const answer = await call(app, 'admin', 'POST /image/v2/tasks', { body });
    expect(answer.status).toBe(400);
    expect(message(answer)).toMatch(words);
  });

  it('are listed in pages, filtered, and forgotten after two days', async () => {
    const { app, context } = cloud();
    const [first, second] = [await create(app), await create(app)];
    await start(app, first, { name: 'web-download', uri: good });
    await start(app, second, { name: 'web-download', uri: 'http://x/' });
    await Promise.all([settled(app, first), settled(app, second)]);
    const list = async (query: string) =>
      (await call(app, 'admin', `GET /image/v2/tasks${query}`)).json<{
        tasks: { id: string; status: string }[];
        next?: string;
      }>();
    const all = (await list('')).tasks;
    expect(all.map(({ status }) => status).toSorted()).toEqual(['failure', 'success']);
    expect(all[0]).not.toHaveProperty('input');
    expect((await list('?status=failure')).tasks).toMatchObject([{ status: 'failure' }]);
    const page = await list('?limit=1');
    expect(page.tasks).toEqual(all.slice(0, 1));
    expect((await list(`?${page.next?.split('?')[1]}`)).tasks).toEqual(all.slice(1));
    for (const query of ['?status=odd', '?type=clone', '?limit=x', '?marker=nobody'])
      expect((await call(app, 'admin', `GET /image/v2/tasks${query}`)).status).toBe(400);
    expect((await call(app, 'admin', 'GET /image/v2/tasks/none')).status).toBe(404);
    const env = context.env as typeof context.env & { advance(ms: number): Promise<void> };
    await env.advance(Date.UTC(2026, 1, 3) - env.clock.now());
    expect((await list('')).tasks).toEqual([]);
    expect((await call(app, 'red', `GET /image/v2/images/${first}/tasks`)).json()).toEqual({
      tasks: [],
    });
  });
});

describe('the service', () => {
  it('tells of its store, its methods, and what a project uses', async () => {
    const { app } = cloud({ quotas: { image_count_total: 5 } });
    const id = await create(app);
    await call(app, 'red', `PUT /image/v2/images/${id}/file`, { body: bytes });
    const made = await call(app, 'red', 'POST /image/v2/images', { body: {} });
    expect([
      made.headers['openstack-image-import-methods'],
      made.headers['openstack-image-store-ids'],
    ]).toEqual(['glance-direct,web-download,copy-image', 'file']);
    const stores = { id: 'file', description: 'Files of the image service', default: 'true' };
    expect((await call(app, 'red', 'GET /image/v2/info/stores')).json()).toEqual({
      stores: [stores],
    });
    expect((await call(app, 'red', 'GET /image/v2/info/stores/detail')).status).toBe(403);
    expect((await call(app, 'admin', 'GET /image/v2/info/stores/detail')).json()).toEqual({
      stores: [{ ...stores, type: 'file', weight: 0, properties: {} }],
    });
    expect((await call(app, 'red', 'GET /image/v2/info/import')).json()).toMatchObject({
      'import-methods': { value: ['glance-direct', 'web-download', 'copy-image'] },
    });
    expect((await call(app, 'red', 'GET /image/v2/info/usage')).json()).toEqual({
      usage: {
        image_size_total: { limit: -1, usage: 1 },
        image_stage_total: { limit: -1, usage: 0 },
        image_count_total: { limit: 5, usage: 2 },
        image_count_uploading: { limit: -1, usage: 0 },
      },
    });
  });

  it('keeps an image in its only store', async () => {
    const { app } = cloud();
    const id = await create(app);
    const path = (store: string) => `DELETE /image/v2/stores/${store}/${id}`;
    expect((await call(app, 'red', path('file'))).status).toBe(404);
    const upload = `PUT /image/v2/images/${id}/file`;
    const elsewhere = { body: bytes, headers: { 'x-image-meta-store': 'tape' } };
    expect((await call(app, 'red', upload, elsewhere)).status).toBe(400);
    const here = { body: bytes, headers: { 'x-image-meta-store': 'file' } };
    expect((await call(app, 'red', upload, here)).status).toBe(204);
    const kept = await call(app, 'red', path('file'));
    expect([kept.status, message(kept)]).toEqual([
      403,
      'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
    ]);
    expect((await call(app, 'red', path('tape'))).status).toBe(404);
  });

  it.each([
    [
      'image_count_total',
      (app: FastifyInstance) => call(app, 'red', 'POST /image/v2/images', { body: {} }),
    ],
    [
      'image_size_total',
      async (app: FastifyInstance, id: string) =>
        call(app, 'red', `PUT /image/v2/images/${id}/file`, { body: bytes }),
    ],
    ['image_stage_total', (app: FastifyInstance, id: string) => stage(app, id)],
    [
      'image_count_uploading',
      (app: FastifyInstance, id: string) => start(app, id, { name: 'web-download', uri: good }),
    ],
  ] as const)('refuses what is over %s', async (name, ask) => {
    const { app } = cloud({ quotas: { [name]: name === 'image_count_total' ? 1 : 0 } });
    const answer = await ask(app, await create(app));
    expect([answer.status, message(answer)]).toEqual([
      413,
      expect.stringMatching(
        new RegExp(`^Project ${projects.red} is over a limit for \\[Resource ${name} is over`),
      ),
    ]);
  });
});
