// `rebuild`, `rescue` and `unrescue`: what they change at once, what they answer, and what they refuse.
import { describe, expect, it } from 'vitest';
import { imageRecord, serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const OTHER = '80a599e0-31e7-49b7-b260-868f441e862b';
cloud.images.set(OTHER, imageRecord({ id: OTHER, name: 'other' }));
const BIG = '90a599e0-31e7-49b7-b260-868f441e862b';
cloud.images.set(BIG, imageRecord({ id: BIG, virtualSizeBytes: 1024 ** 4 }));
const QUEUED = 'a0a599e0-31e7-49b7-b260-868f441e862b';
cloud.images.set(QUEUED, imageRecord({ id: QUEUED, status: 'queued' }));

const act = (id: string, body: unknown, options: { version?: string; as?: string } = {}) =>
  cloud.call('POST', `/servers/${id}/action`, body, options);
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']} ${server['OS-EXT-STS:power_state']}`;
};

describe('rebuild', () => {
  it('shows the new image and all that was given at once, and ends where the server was', async () => {
    const id = await cloud.bootActive();
    const before = (await cloud.get(`/servers/${id}`)).body.server;
    const reply = await act(
      id,
      {
        rebuild: {
          imageRef: OTHER,
          name: 'anew',
          metadata: { a: 'b' },
          description: 'second life',
          key_name: 'key',
          user_data: 'YQ==',
          accessIPv4: '1.2.3.4',
          hostname: 'anew',
          adminPass: 'secret',
        },
      },
      { version: '2.90' },
    );
    expect(reply.status).toBe(202);
    expect(reply.headers['location']).toBe(`http://cloud:8774/compute/v2.1/servers/${id}`);
    expect(reply.body.server).toMatchObject({
      id,
      name: 'anew',
      status: 'REBUILD',
      description: 'second life',
      metadata: { a: 'b' },
      accessIPv4: '1.2.3.4',
      key_name: 'key',
      user_data: 'YQ==',
      adminPass: 'secret',
      image: { id: OTHER },
      'OS-EXT-STS:task_state': 'rebuilding',
      'OS-EXT-SRV-ATTR:hostname': 'anew',
    });
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
    const after = (await cloud.get(`/servers/${id}`)).body.server;
    expect([after.hostId, after.addresses]).toEqual([before.hostId, before.addresses]);
  });

  it('shows administrators the user data under the name that replies to rebuilds have for it', async () => {
    const id = await cloud.bootActive();
    const asked = { rebuild: { imageRef: OTHER } };
    const { body } = await act(id, asked, { version: '2.75', as: 'admin' });
    expect(body.server).toMatchObject({ user_data: null, 'OS-EXT-SRV-ATTR:launch_index': 0 });
    expect(body.server).not.toHaveProperty('OS-EXT-SRV-ATTR:user_data');
    await cloud.settle(id);
  });

  it('of a server that is shut off leaves it shut off; one in error becomes active', async () => {
    const id = await cloud.bootActive();
    await act(id, { 'os-stop': null });
    await cloud.settle(id);
    await act(id, { rebuild: { imageRef: OTHER } });
    expect(await shown(id)).toBe('REBUILD rebuilding 4');
    await cloud.settle(id);
    expect(await shown(id)).toBe('SHUTOFF null 4');
    await act(id, { rebuild: { imageRef: OTHER } });
    await cloud.fail(id, { code: 500, message: 'no disk', details: '' });
    expect(await shown(id)).toBe('ERROR null 4');
    await act(id, { rebuild: { imageRef: OTHER } });
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
  });

  it('takes away what is null, and keeps what is not named', async () => {
    const id = await cloud.bootActive({ key_name: 'key', user_data: 'YQ==', metadata: { k: 'v' } });
    const rebuild = { imageRef: OTHER, key_name: null, user_data: null };
    const reply = await act(id, { rebuild }, { version: '2.79' });
    expect(reply.body.server).toMatchObject({
      name: 'vm',
      key_name: null,
      user_data: null,
      metadata: { k: 'v' },
    });
  });

  it.each([
    ['2.1', false, false, false],
    ['2.54', true, false, false],
    ['2.57', true, true, false],
    ['2.75', true, true, true],
  ])(
    'at %s answers with key_name: %s, user_data: %s, the whole: %s',
    async (version, key, data, whole) => {
      const id = await cloud.bootActive();
      const { server } = (await act(id, { rebuild: { imageRef: OTHER } }, { version })).body;
      const has = (name: string): boolean => Object.hasOwn(server, name);
      expect([has('key_name'), has('user_data'), has('OS-EXT-STS:vm_state')]).toEqual([
        key,
        data,
        whole,
      ]);
      expect(server.adminPass).toHaveLength(12);
    },
  );

  it.each<[unknown, string, number, string]>([
    [{ imageRef: BIG }, '2.1', 400, "Flavor's disk is too small for requested image."],
    [{ imageRef: QUEUED }, '2.1', 400, `Image ${QUEUED} is not active.`],
    [
      { imageRef: '00000000-0000-4000-8000-000000000000' },
      '2.1',
      400,
      'Cannot find image for rebuild',
    ],
    [{ imageRef: 'tiny' }, '2.1', 400, "'tiny' is not a 'uuid'"],
    [{}, '2.1', 400, "'imageRef' is a required property"],
    [{ imageRef: OTHER, key_name: 'key' }, '2.53', 400, "('key_name' was unexpected)"],
    [{ imageRef: OTHER, key_name: 'nokey' }, '2.54', 400, 'Invalid key_name provided.'],
    [{ imageRef: OTHER, personality: [] }, '2.57', 400, "('personality' was unexpected)"],
    [{ imageRef: OTHER, user_data: 'YQ==' }, '2.56', 400, "('user_data' was unexpected)"],
    [{ imageRef: OTHER, hostname: 'h1' }, '2.89', 400, "('hostname' was unexpected)"],
    [{ imageRef: OTHER, preserve_ephemeral: 'maybe' }, '2.1', 400, "'maybe' is not one of"],
  ])('%j at %s is refused with %d: %s', async (rebuild, version, status, words) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { rebuild }, { version });
    expect([reply.status, reply.text]).toEqual([
      status,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
    expect(cloud.state(id).operation).toBeUndefined();
  });

  it('of a paused server, and one by a reader, are refused', async () => {
    const id = await cloud.bootActive();
    expect((await act(id, { rebuild: { imageRef: OTHER } }, { as: 'rita' })).status).toBe(403);
    await act(id, { pause: null });
    await cloud.settle(id);
    expect((await act(id, { rebuild: { imageRef: OTHER } })).body.conflictingRequest.message).toBe(
      `Cannot 'rebuild' instance ${id} while it is in vm_state paused`,
    );
  });
});

describe('rescue', () => {
  it('answers 200 with a password, and unrescue brings the server back', async () => {
    const id = await cloud.bootActive();
    const reply = await act(id, { rescue: null });
    expect([reply.status, reply.body.adminPass.length]).toEqual([200, 12]);
    expect(await shown(id)).toBe('ACTIVE rescuing 1');
    expect(cloud.state(id).operation?.parameters?.rescue?.image.name).toBe('tiny');
    await cloud.settle(id);
    expect(await shown(id)).toBe('RESCUE null 1');
    expect((await act(id, { rescue: null })).body.conflictingRequest.message).toBe(
      `Cannot 'rescue' instance ${id} while it is in vm_state rescued`,
    );
    expect((await act(id, { unrescue: null })).status).toBe(202);
    expect(await shown(id)).toBe('RESCUE unrescuing 1');
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
  });

  it('takes the image and the password that are named', async () => {
    const id = await cloud.bootActive();
    const rescue = { rescue_image_ref: OTHER, adminPass: 'secret' };
    expect((await act(id, { rescue })).body).toEqual({ adminPass: 'secret' });
    expect(cloud.state(id).operation?.parameters?.rescue?.image.id).toBe(OTHER);
  });

  it.each<[unknown, number, string]>([
    [{ rescue_image_ref: QUEUED }, 400, `Image ${QUEUED} is not active.`],
    [
      { rescue_image_ref: '00000000-0000-4000-8000-000000000000' },
      400,
      "Requested rescue image '00000000-0000-4000-8000-000000000000' is not supported",
    ],
    [{ rescue_image_ref: 'x' }, 400, "'x' is not a 'uuid'"],
    [{ other: 1 }, 400, "('other' was unexpected)"],
  ])('%j is refused with %d: %s', async (rescue, status, words) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { rescue });
    expect([reply.status, reply.text]).toEqual([
      status,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
  });

  it('unrescue of an active server is a 409', async () => {
    const id = await cloud.bootActive();
    expect((await act(id, { unrescue: null })).body.conflictingRequest.message).toBe(
      `Cannot 'unrescue' instance ${id} while it is in vm_state active`,
    );
  });
});
