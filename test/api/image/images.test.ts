import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type ImageCloud, imageCloud, projects } from './image-cloud.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const md5OfHello = '5d41402abc4b2a76b9719d911017c592';
const sha512OfHello =
  '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043';

let cloud: ImageCloud;
const as = (who: string | undefined, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });

async function create(who: string, body: object = {}): Promise<string> {
  const answer = await as(who, 'POST /image/v2/images', body);
  expect(answer.status).toBe(201);
  return answer.json<{ id: string }>().id;
}

async function createActive(who: string, body: object = {}): Promise<string> {
  const formats = { disk_format: 'raw', container_format: 'bare' };
  const id = await create(who, { ...formats, ...body });
  const answer = await as(who, `PUT /image/v2/images/${id}/file`, Buffer.from('hello'));
  expect([answer.status, answer.text]).toEqual([204, '']);
  return id;
}

beforeEach(() => {
  cloud = imageCloud();
});

describe('versions and schemas', () => {
  it('the root lists the versions with 300 and needs no token; /versions with 200', async () => {
    const root = await as(undefined, 'GET /image');
    expect(root.status).toBe(300);
    const first = root.json<{ versions: object[] }>().versions[0];
    expect(first).toEqual({
      id: 'v2.15',
      status: 'CURRENT',
      links: [{ rel: 'self', href: 'http://cloud.test:8774/image/v2/' }],
    });
    expect((await as(undefined, 'GET /image/')).status).toBe(300);
    const versions = await as(undefined, 'GET /image/versions');
    expect([versions.status, versions.text]).toEqual([200, root.text]);
  });

  it('everything else needs a token', async () => {
    const answer = await as(undefined, 'GET /image/v2/images');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Keystone uri=');
  });

  it('schemas name the attributes', async () => {
    const image = await as('red', 'GET /image/v2/schemas/image');
    expect(image.json()).toMatchObject({ name: 'image', additionalProperties: { type: 'string' } });
    for (const name of ['images', 'member', 'members', 'task', 'tasks'])
      expect((await as('red', `GET /image/v2/schemas/${name}`)).json()).toMatchObject({ name });
    expect((await as('red', 'GET /image/v2/schemas/constructor')).status).toBe(404);
  });
});

describe('create', () => {
  it('keeps properties named like what every object has', async () => {
    const body = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}') as object;
    const id = await create('red', body);
    const shown = (await as('red', `GET /image/v2/images/${id}`)).json<object>();
    const own = (name: string): unknown => Object.getOwnPropertyDescriptor(shown, name)?.value;
    expect(['__proto__', 'constructor', 'toString'].map(own)).toEqual(['a', 'b', 'c']);
  });

  it('makes a queued image with every attribute and custom properties beside them', async () => {
    const answer = await as('red', 'POST /image/v2/images', {
      id: ID,
      name: 'Debian <13>',
      disk_format: 'qcow2',
      container_format: 'bare',
      min_disk: 1,
      min_ram: 64,
      protected: false,
      tags: ['a', 'b', 'a'],
      hw_disk_bus: 'virtio',
    });
    expect(answer.status).toBe(201);
    expect(answer.headers['location']).toBe(`http://cloud.test:8774/image/v2/images/${ID}`);
    expect(answer.json()).toEqual({
      hw_disk_bus: 'virtio',
      name: 'Debian <13>',
      disk_format: 'qcow2',
      container_format: 'bare',
      visibility: 'shared',
      size: null,
      virtual_size: null,
      status: 'queued',
      checksum: null,
      protected: false,
      min_ram: 64,
      min_disk: 1,
      owner: projects.red,
      os_hidden: false,
      os_hash_algo: null,
      os_hash_value: null,
      id: ID,
      created_at: '2026-01-31T12:00:00Z',
      updated_at: '2026-01-31T12:00:00Z',
      tags: ['a', 'b'],
      self: `/v2/images/${ID}`,
      file: `/v2/images/${ID}/file`,
      schema: '/v2/schemas/image',
    });
  });

  it('an id can be used once, also after a deletion', async () => {
    await create('red', { id: ID });
    const again = await as('blue', 'POST /image/v2/images', { id: ID });
    expect(again.status).toBe(409);
    expect(again.text).toContain(`Image ID ${ID} already exists!`);
    await as('red', `DELETE /image/v2/images/${ID}`);
    expect((await as('red', 'POST /image/v2/images', { id: ID })).status).toBe(409);
  });

  it.each([
    [{ container_format: 'wrong' }, 400, "'wrong' is not one of [None, 'ami', 'ari',"],
    [{ disk_format: 'wrong' }, 400, "'wrong' is not one of [None, 'ami', 'ari',"],
    [{ name: 'x'.repeat(256) }, 400, 'is too long'],
    [{ name: 5 }, 400, "5 is not of type 'null', 'string'"],
    [{ id: 'not-an-id' }, 400, "'not-an-id' does not match"],
    [{ protected: 'yes' }, 400, "'yes' is not of type 'boolean'"],
    [{ tags: 'a' }, 400, "'a' is not of type 'array'"],
    [{ tags: ['x'.repeat(256)] }, 400, 'is too long'],
    [{ custom: 5 }, 400, "5 is not of type 'string'"],
    [{ min_disk: -1 }, 400, "Invalid value '-1' for parameter 'min_disk': Cannot be a negative"],
    [{ min_ram: 1.5 }, 400, "1.5 is not of type 'integer'"],
    [{ visibility: 'secret' }, 400, "'secret' is not one of"],
    [{ ['x'.repeat(256)]: 'v' }, 400, 'greater than 255 characters'],
    [{ status: 'active' }, 403, "Attribute 'status' is read-only."],
    [{ size: 5 }, 403, "Attribute 'size' is read-only."],
    [{ self: '/' }, 403, "Attribute 'self' is read-only."],
    [{ deleted: 'x' }, 403, "Attribute 'deleted' is reserved."],
    [{ os_glance_foo: 'bar' }, 403, "Attribute 'os_glance_foo' is reserved."],
    [{ visibility: 'public' }, 403, 'not authorized to complete publicize_image action'],
    [{ owner: projects.blue }, 403, 'not permitted to create images owned by'],
    [['a list'], 400, 'is not of type'],
  ])('refuses %j with %i', async (body, status, words) => {
    const answer = await call(cloud.app, 'red', 'POST /image/v2/images', {
      body,
      headers: { accept: 'text/plain' },
    });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(words);
    expect(cloud.cluster.events).toEqual([]);
  });

  it('refuses a missing or broken body, readers, and more than 128 properties', async () => {
    const none = await as('red', 'POST /image/v2/images');
    expect([none.status, none.text]).toEqual([400, expect.stringContaining('Body expected')]);
    const broken = await cloud.app.inject({
      method: 'POST',
      url: '/image/v2/images',
      headers: { 'x-auth-token': 'red', 'content-type': 'application/json' },
      payload: '{"name":',
    });
    expect(broken.statusCode).toBe(400);
    expect(broken.body).toContain('Malformed JSON in request body.');
    expect((await as('red-reader', 'POST /image/v2/images', {})).status).toBe(403);
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`p${i}`, 'v']));
    const over = await as('red', 'POST /image/v2/images', many);
    expect([over.status, over.text]).toEqual([
      413,
      expect.stringContaining('Attempted: 129, Maximum: 128'),
    ]);
  });
});

describe('upload and download', () => {
  it('an upload makes the image active with digests and size, and the bytes come back', async () => {
    const id = await createActive('red');
    const shown = (await as('red', `GET /image/v2/images/${id}`)).json();
    expect(shown).toMatchObject({
      status: 'active',
      size: 5,
      virtual_size: 5,
      checksum: md5OfHello,
      os_hash_algo: 'sha512',
      os_hash_value: sha512OfHello,
    });
    const file = await as('red', `GET /image/v2/images/${id}/file`);
    expect([file.status, file.text]).toEqual([200, 'hello']);
    expect(file.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '5',
      'content-md5': md5OfHello,
    });
  });

  it('an image without bytes is downloaded as 204', async () => {
    const id = await create('red');
    const file = await as('red', `GET /image/v2/images/${id}/file`);
    expect([file.status, file.text]).toEqual([204, '']);
  });

  it.each([
    ['bytes=1-3', 206, 'ell', 'bytes 1-3/5'],
    ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=0-99', 206, 'hello', 'bytes 0-4/5'],
  ])('range %s is answered', async (range, status, text, contentRange) => {
    const id = await createActive('red');
    const answer = await call(cloud.app, 'red', `GET /image/v2/images/${id}/file`, {
      headers: { range },
    });
    expect([answer.status, answer.text]).toEqual([status, text]);
    expect(answer.headers['content-range']).toBe(contentRange);
    expect(answer.headers['content-length']).toBe(String(text.length));
  });

  it.each(['bytes=9-', 'bytes=3-1', 'bytes=-', 'lines=1-2'])(
    'range %s is refused',
    async (range) => {
      const id = await createActive('red');
      const answer = await call(cloud.app, 'red', `GET /image/v2/images/${id}/file`, {
        headers: { range },
      });
      expect(answer.status).toBe(416);
    },
  );

  it('a second upload is refused and the first bytes stay', async () => {
    const id = await createActive('red');
    const again = await as('red', `PUT /image/v2/images/${id}/file`, Buffer.from('other'));
    expect(again.status).toBe(409);
    expect(again.text).toContain('Image status transition from active to saving is not allowed');
    expect((await as('red', `GET /image/v2/images/${id}/file`)).text).toBe('hello');
  });

  it('an upload needs both formats, octets, and a caller who owns the image', async () => {
    const id = await create('red');
    const bytes = Buffer.from('hello');
    const bare = await as('red', `PUT /image/v2/images/${id}/file`, bytes);
    expect([bare.status, bare.text]).toEqual([
      400,
      expect.stringContaining(
        'Properties disk_format, container_format must be set prior to saving data.',
      ),
    ]);
    const json = await as('red', `PUT /image/v2/images/${id}/file`, { a: 1 });
    expect([json.status, json.text]).toEqual([
      415,
      expect.stringContaining('Invalid content type application/json'),
    ]);
    expect((await as('blue', `PUT /image/v2/images/${id}/file`, bytes)).status).toBe(404);
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toMatchObject({
      status: 'queued',
    });
  });

  it('content of another format than declared is refused and the image is queued again', async () => {
    const id = await create('red', { disk_format: 'raw', container_format: 'bare' });
    const qcow2 = Buffer.concat([Buffer.from('QFI\u00fb', 'latin1'), Buffer.alloc(600)]);
    const answer = await as('red', `PUT /image/v2/images/${id}/file`, qcow2);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('does not match disk_format');
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toMatchObject({
      status: 'queued',
      size: null,
      checksum: null,
    });
    const right = await as('red', `PUT /image/v2/images/${id}/file`, Buffer.from('hello'));
    expect(right.status).toBe(204);
  });

  it('too many bytes are refused with 413, announced or not', async () => {
    cloud = imageCloud({ maxBytes: 4 });
    const id = await create('red', { disk_format: 'raw', container_format: 'bare' });
    const announced = await as('red', `PUT /image/v2/images/${id}/file`, Buffer.from('hello'));
    expect(announced.status).toBe(413);
    const streamed = await cloud.uploads.upload(
      id,
      { kind: 'stream', chunks: chunksOf(['he', 'llo']) },
      'req-1',
    );
    expect(streamed).toMatchObject({ refused: 'image-too-large' });
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toMatchObject({
      status: 'queued',
    });
  });

  it('an image deleted during its upload is gone, and so are its bytes', async () => {
    const id = await create('red', { disk_format: 'raw', container_format: 'bare' });
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('hello');
      expect((await as('red', `DELETE /image/v2/images/${id}`)).status).toBe(204);
    }
    const refused = await cloud.uploads.upload(id, { kind: 'stream', chunks: chunks() }, 'req-1');
    expect(refused).toMatchObject({ refused: 'image-gone' });
    await expect(readAll(cloud.store.read(id))).rejects.toMatchObject({ code: 'missing' });
  });
});

async function* chunksOf(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

describe('patch', () => {
  const newForm = { 'content-type': 'application/openstack-images-v2.1-json-patch' };
  const oldForm = { 'content-type': 'application/openstack-images-v2.0-json-patch' };
  const patch = (id: string, body: unknown, options: { who?: string; old?: boolean } = {}) =>
    call(cloud.app, options.who ?? 'red', `PATCH /image/v2/images/${id}`, {
      body,
      headers: { ...(options.old === true ? oldForm : newForm), accept: 'text/plain' },
    });

  it('takes add, replace and remove in order', async () => {
    const id = await create('red', { colour: 'red' });
    const answer = await patch(id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'add', path: '/a~1b~0c', value: '1' },
      { op: 'replace', path: '/a~1b~0c', value: '2' },
      { op: 'remove', path: '/colour' },
      { op: 'replace', path: '/tags', value: ['t'] },
      { op: 'add', path: '/min_ram', value: 128 },
      { op: 'replace', path: '/os_hidden', value: true },
    ]);
    expect(answer.status).toBe(200);
    const shown = answer.json();
    expect(shown).toMatchObject({
      name: 'new',
      'a/b~c': '2',
      tags: ['t'],
      min_ram: 128,
      os_hidden: true,
    });
    expect(shown).not.toHaveProperty('colour');
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toEqual(shown);
  });

  it('the old form adds only what is new', async () => {
    const id = await create('red', { colour: 'red' });
    expect((await patch(id, [{ replace: '/name', value: 'n' }], { old: true })).status).toBe(200);
    expect((await patch(id, [{ add: '/size_of_it', value: 'n' }], { old: true })).status).toBe(200);
    const there = await patch(id, [{ add: '/colour', value: 'blue' }], { old: true });
    expect([there.status, there.text]).toEqual([
      409,
      expect.stringContaining('Property colour already present.'),
    ]);
    const base = await patch(id, [{ add: '/name', value: 'x' }], { old: true });
    expect(base.status).toBe(409);
  });

  it.each([
    [
      [{ op: 'replace', path: '/status', value: 'active' }],
      403,
      "Attribute 'status' is read-only.",
    ],
    [[{ op: 'remove', path: '/id' }], 403, "Attribute 'id' is read-only."],
    [[{ op: 'add', path: '/deleted', value: 'x' }], 403, "Attribute 'deleted' is reserved."],
    [[{ op: 'add', path: '/os_glance_x', value: 'x' }], 403, 'is reserved'],
    [[{ op: 'remove', path: '/name' }], 403, 'Property name may not be removed.'],
    [[{ op: 'replace', path: '/owner', value: 'me' }], 403, "Owner can't be updated by non admin."],
    [[{ op: 'replace', path: '/visibility', value: 'public' }], 403, 'publicize_image'],
    [[{ op: 'add', path: '/locations/-', value: {} }], 403, "It's not allowed to add locations"],
    [[{ op: 'remove', path: '/nothing' }], 409, 'Property nothing does not exist.'],
    [[{ op: 'replace', path: '/nothing', value: 'x' }], 409, 'Property nothing does not exist.'],
    [[{ op: 'move', path: '/a' }], 400, 'Invalid operation'],
    [[{ path: '/a' }], 400, 'Unable to find `op`'],
    [[{ op: 'add' }], 400, "Unable to find 'path'"],
    [[{ op: 'add', path: '/a' }], 400, 'requires a member named "value"'],
    [[{ op: 'add', path: 'a', value: 'x' }], 400, 'does not start with "/"'],
    [[{ op: 'add', path: '/a/', value: 'x' }], 400, 'end with "/"'],
    [[{ op: 'add', path: '/a//b', value: 'x' }], 400, 'adjacent "/"'],
    [[{ op: 'add', path: '/a~2', value: 'x' }], 400, 'escape sequence'],
    [
      [{ op: 'add', path: '/a/b', value: 'x' }],
      400,
      "Invalid JSON pointer for this resource: '/a/b'",
    ],
    [[{ op: 'replace', path: '/min_disk', value: -3 }], 400, 'Cannot be a negative value'],
    [[{ op: 'replace', path: '/name', value: 7 }], 400, "7 is not of type 'null', 'string'"],
    [[{ op: 'add', path: '/a', value: 7 }], 400, "7 is not of type 'string'"],
    [['x'], 400, 'Operations must be JSON objects.'],
    [{ op: 'add' }, 400, 'must be a JSON array'],
  ])('refuses %j with %i', async (body, status, words) => {
    const id = await create('red');
    const before = cloud.cluster.events.length;
    const answer = await patch(id, body);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(words)]);
    expect(cloud.cluster.events.length).toBe(before);
  });

  it('a failing step leaves the earlier ones undone', async () => {
    const id = await create('red');
    const answer = await patch(id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'remove', path: '/nothing' },
    ]);
    expect(answer.status).toBe(409);
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toMatchObject({ name: null });
  });

  it('formats are fixed once there are bytes', async () => {
    const id = await createActive('red');
    const answer = await patch(id, [{ op: 'replace', path: '/disk_format', value: 'iso' }]);
    expect([answer.status, answer.text]).toEqual([
      403,
      expect.stringContaining('Attribute disk_format can be only replaced for a queued image.'),
    ]);
  });

  it('other media types are refused with the right ones named', async () => {
    const id = await create('red');
    const answer = await as('red', `PATCH /image/v2/images/${id}`, []);
    expect(answer.status).toBe(415);
    expect(answer.headers['accept-patch']).toBe(
      'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
    );
  });

  it("another project's image is not found, a public one is not to be changed", async () => {
    const id = await create('red');
    const rename = [{ op: 'replace', path: '/name', value: 'mine' }];
    expect((await patch(id, rename, { who: 'blue' })).status).toBe(404);
    const published = await create('admin', { visibility: 'public' });
    expect((await patch(published, rename)).status).toBe(403);
    expect((await as('red', `DELETE /image/v2/images/${published}`)).status).toBe(403);
    expect((await patch(id, rename, { who: 'admin' })).status).toBe(200);
  });
});

describe('delete, tags and actions', () => {
  it('a deleted image is not found any more, in any way', async () => {
    const id = await createActive('red');
    const answer = await as('red', `DELETE /image/v2/images/${id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await as('red', `GET /image/v2/images/${id}`)).status).toBe(404);
    expect((await as('red', `DELETE /image/v2/images/${id}`)).status).toBe(404);
    expect((await as('red', 'GET /image/v2/images')).json()).toMatchObject({ images: [] });
    await expect(readAll(cloud.store.read(id))).rejects.toMatchObject({ code: 'missing' });
    const kinds = cloud.cluster.events.map(({ event }) => event.type);
    expect(kinds.slice(-2)).toEqual(['image.deleted', 'image.file-removed']);
  });

  it('a protected image stays', async () => {
    const id = await create('red', { protected: true });
    const answer = await as('red', `DELETE /image/v2/images/${id}`);
    expect([answer.status, answer.text]).toEqual([
      403,
      expect.stringContaining(`Image ${id} is protected and cannot be deleted.`),
    ]);
  });

  it('tags come and go one by one', async () => {
    const id = await create('red');
    expect((await as('red', `PUT /image/v2/images/${id}/tags/gold`)).status).toBe(204);
    expect((await as('red', `PUT /image/v2/images/${id}/tags/gold`)).status).toBe(204);
    expect((await as('red', `GET /image/v2/images/${id}`)).json()).toMatchObject({
      tags: ['gold'],
    });
    expect((await as('red', `DELETE /image/v2/images/${id}/tags/gold`)).status).toBe(204);
    expect((await as('red', `DELETE /image/v2/images/${id}/tags/gold`)).status).toBe(404);
    expect((await as('red', `PUT /image/v2/images/${id}/tags/${'x'.repeat(256)}`)).status).toBe(
      400,
    );
  });

  it('a deactivated image is downloaded by administrators only, until it is active again', async () => {
    const id = await createActive('red');
    const act = (action: string) => as('red', `POST /image/v2/images/${id}/actions/${action}`);
    expect((await act('deactivate')).status).toBe(204);
    expect((await act('deactivate')).status).toBe(204);
    const refused = await as('red', `GET /image/v2/images/${id}/file`);
    expect([refused.status, refused.text]).toEqual([
      403,
      expect.stringContaining('The requested image has been deactivated.'),
    ]);
    expect((await as('admin', `GET /image/v2/images/${id}/file`)).text).toBe('hello');
    expect((await act('reactivate')).status).toBe(204);
    expect((await as('red', `GET /image/v2/images/${id}/file`)).text).toBe('hello');
    const queued = await create('red');
    expect((await as('red', `POST /image/v2/images/${queued}/actions/deactivate`)).status).toBe(
      403,
    );
  });
});

describe('error form', () => {
  it('is an HTML page, or JSON or plain text where the client asks for it', async () => {
    const path = `GET /image/v2/images/${ID}`;
    const form = async (accept: string | undefined) => {
      const headers = accept === undefined ? {} : { accept };
      const answer = await call(cloud.app, 'red', path, { headers });
      return [answer.headers['content-type'], answer.text];
    };
    const page = [
      'text/html; charset=UTF-8',
      `<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found with ID ${ID}<br /><br />\n\n\n\n </body>\n</html>`,
    ];
    expect(await form(undefined)).toEqual(page);
    expect(await form('*/*')).toEqual(page);
    const [type, text] = await form('application/json');
    expect(type).toContain('application/json');
    expect(JSON.parse(String(text))).toEqual({
      message: `No image found with ID ${ID}<br /><br />\n\n\n`,
      code: '404 Not Found',
      title: 'Not Found',
    });
    expect(await form('image/png')).toEqual([
      'text/plain; charset=UTF-8',
      `404 Not Found\n\nNo image found with ID ${ID}\n\n   `,
    ]);
  });

  it('escapes what users wrote', async () => {
    const answer = await as('red', 'GET /image/v2/images?visibility=%3Cscript%3E');
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('Invalid visibility value: &lt;script&gt;');
  });

  it('unknown paths are 404', async () => {
    expect((await as('red', 'GET /image/v2/nothing')).status).toBe(404);
    expect((await as('red', 'GET /image/v1/images')).text).toContain('could not be found');
  });
});
