// Nova's proxies of the image service: /images until 2.35, their metadata until 2.38, on real image entities.
import { beforeEach, describe, expect, it } from 'vitest';
import { embeddedImages } from '#actors/services/image/embedded.ts';
import { imageDefinition } from '#actors/services/image/entity.ts';
import { memoryImageStore } from '#actors/services/image/memory-store.ts';
import { images, type ImageAttributes } from '#actors/services/image/protocol.ts';
import { OTHER_PROJECT, PROJECT } from '../service.ts';
import { fault, type ResourceService, resourceService } from './resource-service.ts';

const id = (last: number) => `11111111-2222-4333-8444-00000000000${last}`;
const SERVER = '5e12b1ce-0000-4000-8000-00000000000a';

let service: ResourceService;
beforeEach(async () => {
  service = resourceService([], {
    definitions: [imageDefinition],
    imageService: ({ cluster, env }) =>
      embeddedImages({
        env,
        router: cluster.router,
        views: cluster.views,
        view: cluster.view(imageDefinition),
        store: memoryImageStore(),
      }),
  });
});

const ask = (last: number, command: object) =>
  service.cluster.router.ask(images.ref(id(last)), command as never, { requestId: 'req-1' });

async function create(
  last: number,
  attributes: Partial<ImageAttributes> = {},
  properties: Record<string, string> = {},
): Promise<void> {
  const all = {
    ...imageDefinition.initial('').attributes,
    name: `image-${last}`,
    diskFormat: 'raw',
    containerFormat: 'bare',
    ownerId: PROJECT,
    visibility: 'private',
    ...attributes,
  };
  const changeId = `c${last}`;
  await ask(last, { type: 'image.create', attributes: all, tags: [], properties, changeId });
}

async function upload(last: number): Promise<void> {
  const file = { sizeBytes: 1_024, md5: 'm', sha512: 's' };
  await ask(last, { type: 'image.start-upload', uploadId: 'u' });
  await ask(last, { type: 'image.finish-upload', uploadId: 'u', file });
}

const anna = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
  service.call(method, path, { as: 'anna', ...(body === undefined ? {} : { body }) });
const names = async (path: string, as = 'anna') => {
  const { body } = await service.call('GET', path, { as });
  return (body as { images: { name: string }[] }).images.map(({ name }) => name).toSorted();
};

describe('/images', () => {
  it('shows an image as Nova does', async () => {
    await create(1, { minDiskGiB: 2, minRamMiB: 64 }, { instance_uuid: SERVER, os: 'x' });
    await upload(1);
    const root = 'http://localhost:80/compute';
    const links = [
      { rel: 'self', href: `${root}/v2.1/images/${id(1)}` },
      { rel: 'bookmark', href: `${root}/images/${id(1)}` },
      {
        rel: 'alternate',
        type: 'application/vnd.openstack.image',
        href: `http://localhost/image/images/${id(1)}`,
      },
    ];
    const image = {
      id: id(1),
      name: 'image-1',
      links,
      minRam: 64,
      minDisk: 2,
      metadata: { instance_uuid: SERVER, os: 'x' },
      created: '2026-01-01T00:00:00Z',
      updated: '2026-01-01T00:00:00Z',
      status: 'ACTIVE',
      progress: 100,
      'OS-EXT-IMG-SIZE:size': 1_024,
      server: {
        id: SERVER,
        links: [
          { rel: 'self', href: `${root}/v2.1/servers/${SERVER}` },
          { rel: 'bookmark', href: `${root}/servers/${SERVER}` },
        ],
      },
    };
    expect((await anna('GET', `/images/${id(1)}`)).body).toEqual({ image });
    expect((await anna('GET', '/images/detail')).body).toEqual({ images: [image] });
    expect((await anna('GET', '/images')).body).toEqual({
      images: [{ id: id(1), name: 'image-1', links }],
    });
  });

  it.each([
    ['queued', [], 'SAVING', 25],
    ['saving', [{ type: 'image.start-upload', uploadId: 'u' }], 'SAVING', 50],
    ['uploading', [{ type: 'image.start-stage', uploadId: 'u', stagedId: id(9) }], 'UNKNOWN', 0],
  ])('tells of %s in its own words', async (_status, commands, status, progress) => {
    await create(1);
    for (const command of commands) await ask(1, command);
    expect((await anna('GET', `/images/${id(1)}`)).body).toMatchObject({
      image: { status, progress, 'OS-EXT-IMG-SIZE:size': null },
    });
  });

  it('lists what a project works with, filtered and in pages', async () => {
    await create(1, { minRamMiB: 64 }, { instance_uuid: SERVER, image_type: 'snapshot' });
    await create(2, { minDiskGiB: 3 });
    await create(3, { ownerId: OTHER_PROJECT });
    await create(4, { ownerId: OTHER_PROJECT, visibility: 'public' });
    await upload(2);
    expect(await names('/images')).toEqual(['image-1', 'image-2', 'image-4']);
    expect(await names('/images', 'otto')).toEqual(['image-3', 'image-4']);
    for (const [query, wanted] of [
      ['name=image-2', ['image-2']],
      ['status=ACTIVE', ['image-2']],
      [`server=${SERVER}`, ['image-1']],
      [`server=http://x/servers/${SERVER}`, ['image-1']],
      ['type=snapshot', ['image-1']],
      ['property-image_type=snapshot', ['image-1']],
      ['minRam=64', ['image-1']],
      ['minDisk=3', ['image-2']],
      ['changes-since=2030-01-01T00:00:00Z', []],
      ['changes-since=2020-01-01T00:00:00Z', ['image-1', 'image-2', 'image-4']],
      ['colour=red', ['image-1', 'image-2', 'image-4']],
    ] as const)
      expect(await names(`/images/detail?${query}`)).toEqual(wanted);
    const first = await anna('GET', '/images?limit=2');
    const { images: page, images_links: more } = first.body as {
      images: { id: string }[];
      images_links: { href: string }[];
    };
    expect(page.map((image) => image.id)).toEqual([id(4), id(2)]);
    expect(more[0]?.href).toContain(`/images?limit=2&marker=${id(2)}`);
    expect(await names(`/images?limit=2&marker=${id(2)}`)).toEqual(['image-1']);
    for (const query of ['limit=-1', 'limit=x', 'marker=nobody', 'changes-since=never'])
      expect((await anna('GET', `/images?${query}`)).status).toBe(400);
  });

  it('deletes what the caller may', async () => {
    await create(1, { protected: true });
    await create(2, { ownerId: OTHER_PROJECT, visibility: 'public' });
    await create(3);
    const notAllowed = fault('forbidden', 403, 'You are not allowed to delete the image.');
    expect((await anna('DELETE', `/images/${id(1)}`)).body).toEqual(notAllowed);
    expect((await anna('DELETE', `/images/${id(2)}`)).body).toEqual(notAllowed);
    const reader = await service.call('DELETE', `/images/${id(3)}`, { as: 'rita' });
    expect([reader.status, reader.body]).toEqual([403, notAllowed]);
    expect((await anna('DELETE', `/images/${id(3)}`)).status).toBe(204);
    const gone = fault('itemNotFound', 404, 'Image not found.');
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await anna(method, `/images/${id(3)}`)).body).toEqual(gone);
      expect((await anna(method, '/images/!@$%25')).body).toEqual(gone);
    }
  });

  it('ends with 2.35, and its metadata with 2.38', async () => {
    await create(1);
    const status = async (path: string, minor: number) =>
      (await service.call('GET', path, { minor })).status;
    for (const path of ['/images', '/images/detail', `/images/${id(1)}`])
      expect([await status(path, 35), await status(path, 36)]).toEqual([200, 404]);
    const metadata = `/images/${id(1)}/metadata`;
    expect([await status(metadata, 38), await status(metadata, 39)]).toEqual([200, 404]);
  });
});

describe('/images/{id}/metadata', () => {
  const metadata = `/images/${id(1)}/metadata`;
  beforeEach(() => create(1, {}, { a: '1', b: '2' }));

  it('is shown, added to, replaced and removed', async () => {
    expect((await anna('GET', metadata)).body).toEqual({ metadata: { a: '1', b: '2' } });
    expect((await anna('POST', metadata, { metadata: { b: '3', c: '4' } })).body).toEqual({
      metadata: { a: '1', b: '3', c: '4' },
    });
    expect((await anna('GET', `${metadata}/b`)).body).toEqual({ meta: { b: '3' } });
    expect((await anna('PUT', `${metadata}/d`, { meta: { d: '5' } })).body).toEqual({
      meta: { d: '5' },
    });
    expect((await anna('DELETE', `${metadata}/a`)).status).toBe(204);
    expect((await anna('GET', metadata)).body).toEqual({
      metadata: { b: '3', c: '4', d: '5' },
    });
    expect((await anna('PUT', metadata, { metadata: { e: '6' } })).body).toEqual({
      metadata: { e: '6' },
    });
    expect((await anna('GET', metadata)).body).toEqual({ metadata: { e: '6' } });
  });

  it('of what is not there is 404', async () => {
    const gone = fault('itemNotFound', 404, 'Image not found.');
    const none = `/images/${id(9)}/metadata`;
    for (const answer of [
      await anna('GET', none),
      await anna('POST', none, { metadata: { a: '1' } }),
      await anna('PUT', none, { metadata: { a: '1' } }),
      await anna('GET', `${none}/a`),
      await anna('PUT', `${none}/a`, { meta: { a: '1' } }),
      await anna('DELETE', `${none}/a`),
    ])
      expect(answer.body).toEqual(gone);
    expect((await anna('GET', `${metadata}/z`)).status).toBe(404);
    expect((await anna('DELETE', `${metadata}/z`)).body).toEqual(
      fault('itemNotFound', 404, 'Invalid metadata key'),
    );
  });

  it('is checked, and changed by its owner alone', async () => {
    const mismatch = await anna('PUT', `${metadata}/x`, { meta: { y: '1' } });
    expect(mismatch.body).toEqual(fault('badRequest', 400, 'Request body and URI mismatch'));
    for (const body of [{}, { metadata: { a: 1 } }, { metadata: { '': 'x' } }, { meta: {} }])
      expect((await anna('POST', metadata, body)).status).toBe(400);
    const many = Object.fromEntries(
      Array.from({ length: 129 }, (_none, index) => [`k${index}`, 'v']),
    );
    expect((await anna('PUT', metadata, { metadata: many })).body).toEqual(
      fault('forbidden', 403, 'Image metadata limit exceeded'),
    );
    await create(2, { ownerId: OTHER_PROJECT, visibility: 'public' });
    const foreign = await anna('PUT', `/images/${id(2)}/metadata`, { metadata: {} });
    expect(foreign.body).toEqual(fault('forbidden', 403, `Not authorized for image ${id(2)}.`));
    const reader = await service.call('PUT', metadata, { as: 'rita', body: { metadata: {} } });
    expect(reader.status).toBe(403);
  });
});
