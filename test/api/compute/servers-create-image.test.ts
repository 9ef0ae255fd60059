// `createImage` and `createBackup`: what is made and answered at once, and what is refused.
import { describe, expect, it } from 'vitest';
import { serverCloud } from './server-cloud.ts';
import { OTHER_PROJECT, PROJECT } from './service.ts';

const cloud = await serverCloud({ metadata_items: 3 });
const act = (id: string, body: unknown, options: { version?: string; as?: string } = {}) =>
  cloud.call('POST', `/servers/${id}/action`, body, options);
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']} ${server['OS-EXT-STS:power_state']}`;
};
const written = (id: string) => cloud.written.images.get(id)?.snapshot;

describe('createImage', () => {
  it('makes the image at once, with what Nova says of it', async () => {
    const id = await cloud.bootActive();
    const createImage = { name: 'snap', metadata: { colour: 'blue' } };
    const reply = await act(id, { createImage }, { version: '2.45' });
    expect([reply.status, Object.keys(reply.body)]).toEqual([202, ['image_id']]);
    expect(await shown(id)).toBe('ACTIVE image_snapshot_pending 1');
    expect(written(reply.body.image_id)).toEqual({
      id: reply.body.image_id,
      name: 'snap',
      ownerId: PROJECT,
      minDiskGiB: 1,
      minRamMiB: 0,
      properties: {
        colour: 'blue',
        image_type: 'snapshot',
        base_image_ref: cloud.state(id).request?.image?.id,
        instance_uuid: id,
        user_id: 'user-anna',
        owner_id: PROJECT,
        image_location: 'snapshot',
        image_state: 'available',
      },
    });
    expect((await act(id, { createImage: { name: 'two' } })).body.conflictingRequest.message).toBe(
      `Cannot 'createImage' instance ${id} while it is in task_state image_snapshot_pending`,
    );
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
  });

  it('keeps what the user says of the image’s type', async () => {
    const id = await cloud.bootActive();
    const createImage = { name: 'snap', metadata: { image_type: 'test' } };
    const { body } = await act(id, { createImage }, { version: '2.45' });
    expect(written(body.image_id)).toMatchObject({ properties: { image_type: 'test' } });
  });

  it('names the image in a header until 2.44', async () => {
    const id = await cloud.bootActive();
    const reply = await act(id, { createImage: { name: 'snap' } }, { version: '2.44' });
    const [imageId] = [...cloud.written.images.keys()].slice(-1);
    expect([reply.status, reply.text, reply.headers['location']]).toEqual([
      202,
      '',
      `http://cloud:8774/image/v2/images/${imageId}`,
    ]);
  });

  it('by an administrator of another project is shared with the server’s', async () => {
    const id = await cloud.bootActive({ networks: [] }, { as: 'otto' });
    const { body } = await act(
      id,
      { createImage: { name: 'snap' } },
      { version: '2.45', as: 'admin' },
    );
    expect(written(body.image_id)).toMatchObject({
      ownerId: PROJECT,
      sharedWith: OTHER_PROJECT,
      properties: { instance_owner: OTHER_PROJECT },
    });
  });

  it('is open in every rest state but error, and leaves the server as it was', async () => {
    const id = await cloud.bootActive();
    for (const [action, state] of [
      ['os-stop', 'SHUTOFF null 4'],
      ['os-start', 'ACTIVE null 1'],
      ['pause', 'PAUSED null 3'],
    ] as const) {
      await act(id, { [action]: null });
      await cloud.settle(id);
      expect((await act(id, { createImage: { name: 'snap' } })).status).toBe(202);
      await cloud.settle(id);
      expect(await shown(id)).toBe(state);
    }
  });

  it('that fails leaves the server as it was, and an image to remove', async () => {
    const id = await cloud.bootActive();
    const { body } = await act(id, { createImage: { name: 'snap' } }, { version: '2.45' });
    await cloud.fail(id, { code: 500, message: 'no space', details: '' });
    expect(await shown(id)).toBe('ACTIVE null 1');
    expect(cloud.state(id).unfinishedImage).toBe(body.image_id);
  });

  it.each<[unknown, number, string]>([
    [{}, 400, "'name' is a required property"],
    [{ name: '' }, 400, "'' is too short"],
    [{ name: 'a', size: 1 }, 400, "('size' was unexpected)"],
    [
      { name: 'a', metadata: { a: '1', b: '2', c: '3', d: '4' } },
      403,
      'Image metadata limit exceeded',
    ],
  ])('%j is refused with %d: %s', async (createImage, status, words) => {
    const id = await cloud.bootActive();
    const before = cloud.written.images.size;
    const reply = await act(id, { createImage });
    expect([reply.status, reply.text]).toEqual([
      status,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
    expect(cloud.written.images.size).toBe(before);
  });

  it('of a server being built makes no image', async () => {
    const id = await cloud.boot();
    const before = cloud.written.images.size;
    expect((await act(id, { createImage: { name: 'snap' } })).status).toBe(409);
    expect(cloud.written.images.size).toBe(before);
  });
});

describe('createBackup', () => {
  const createBackup = { name: 'daily', backup_type: 'daily', rotation: 2 };

  it('is an image of its kind, and is told how many are kept', async () => {
    const id = await cloud.bootActive();
    const { status, body } = await act(id, { createBackup }, { version: '2.45' });
    expect(status).toBe(202);
    expect(written(body.image_id)).toMatchObject({
      properties: { image_type: 'backup', backup_type: 'daily' },
      rotation: { backupType: 'daily', keep: 2 },
    });
    expect(await shown(id)).toBe('ACTIVE image_backup 1');
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
  });

  it('of which none is kept names no image', async () => {
    const id = await cloud.bootActive();
    const none = { createBackup: { ...createBackup, rotation: 0 } };
    const reply = await act(id, none, { version: '2.45' });
    expect([reply.status, reply.text]).toEqual([202, '']);
  });

  it.each<[object, string]>([
    [{ rotation: -1 }, '-1 is less than the minimum of 0'],
    [{ rotation: 'x' }, "'x' does not match"],
    [{ backup_type: 1 }, "1 is not of type 'string'"],
    [{ rotation: undefined }, "'rotation' is a required property"],
  ])('with %j is refused: %s', async (changes, words) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { createBackup: { ...createBackup, ...changes } });
    expect([reply.status, reply.text]).toEqual([
      400,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
  });
});
