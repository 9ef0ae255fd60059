// `shelve`, `shelveOffload` and `unshelve`: codes and words, what a server shows meanwhile, and what is asked where.
import { describe, expect, it } from 'vitest';
import { present } from '#runtime/assert.ts';
import { HOST, imageRecord, serverCloud } from './server-cloud.ts';
import { PROJECT } from './service.ts';

const cloud = await serverCloud();
const settings = cloud.context as { shelve?: { offloadAfterMs: number | undefined } };
const act = (id: string, body: unknown, options: { version?: string; as?: string } = {}) =>
  cloud.call('POST', `/servers/${id}/action`, body, options);
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']} ${server['OS-EXT-STS:power_state']}`;
};

/** Shelved, with its image in the image service; offloaded unless that is said to take for ever. */
async function shelved(name: string, offloadAfterMs: number | undefined = 0): Promise<string> {
  settings.shelve = { offloadAfterMs };
  const id = await cloud.bootActive({ name });
  expect((await act(id, { shelve: null })).status).toBe(202);
  await cloud.settle(id);
  const { imageId } = present(cloud.state(id).shelved, 'what is shelved');
  cloud.images.set(imageId, imageRecord({ id: imageId, name: `${name}-shelved` }));
  return id;
}
const kept = (name: string) => {
  const id = shelved(name, Number.MAX_SAFE_INTEGER);
  return id;
};

describe('shelve', () => {
  it('makes an image of the server and lets its host go', async () => {
    settings.shelve = { offloadAfterMs: 0 };
    const id = await cloud.bootActive({ name: 'books' });
    const { addresses } = (await cloud.get(`/servers/${id}`)).body.server;
    const reply = await act(id, { shelve: null });
    expect([reply.status, reply.text]).toEqual([202, '']);
    expect(await shown(id)).toBe('ACTIVE shelving 1');
    const { snapshot } = present(cloud.state(id).operation, 'the shelve').parameters;
    expect(snapshot).toMatchObject({ name: 'books-shelved', ownerId: PROJECT });
    await cloud.settle(id);
    expect(await shown(id)).toBe('SHELVED_OFFLOADED null 4');
    const { server } = (await cloud.get(`/servers/${id}`, { as: 'admin' })).body;
    expect(server).toMatchObject({
      'OS-EXT-SRV-ATTR:host': null,
      'OS-EXT-SRV-ATTR:hypervisor_hostname': null,
      'OS-EXT-AZ:availability_zone': '',
      hostId: '',
      addresses,
    });
    expect(server['OS-SRV-USG:launched_at']).not.toBeNull();
    expect(server['OS-SRV-USG:terminated_at']).toBeNull();
    const { instanceActions } = (await cloud.get(`/servers/${id}/os-instance-actions`)).body;
    expect(instanceActions.map(({ action }: { action: string }) => action)).toContain('shelve');
  });

  it('made by an administrator leaves the image to the server’s project', async () => {
    const id = await cloud.bootActive();
    await act(id, { shelve: null }, { as: 'admin' });
    const { snapshot } = present(cloud.state(id).operation, 'the shelve').parameters;
    expect(snapshot).toMatchObject({ ownerId: PROJECT });
    expect(snapshot?.sharedWith).toBeUndefined();
    await cloud.settle(id);
  });

  it('keeps the host for the time that the settings say, and longer where that is for ever', async () => {
    settings.shelve = { offloadAfterMs: 60_000 };
    const id = await cloud.bootActive();
    await act(id, { shelve: null });
    await cloud.settle(id);
    expect(await shown(id)).toBe('SHELVED null 4');
    const { shelved: one, updatedAtMs } = cloud.state(id);
    expect(one?.offloadAtMs).toBe(updatedAtMs + 60_000);
    settings.shelve = { offloadAfterMs: undefined };
    const other = await cloud.bootActive();
    await act(other, { shelve: null });
    await cloud.settle(other);
    expect(cloud.state(other).shelved?.offloadAtMs).toBeUndefined();
  });

  it('is refused for a server that is shelved, in Nova’s words', async () => {
    const id = await shelved('twice');
    const reply = await act(id, { shelve: null });
    expect([reply.status, reply.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'shelve' instance ${id} while it is in vm_state shelved_offloaded`,
    ]);
  });

  it('that fails leaves the server as it was', async () => {
    const id = await cloud.bootActive();
    await act(id, { shelve: null });
    await cloud.fail(id, { code: 500, message: 'no room', details: '' });
    expect(await shown(id)).toBe('ACTIVE null 1');
    expect(cloud.state(id).shelved).toBeUndefined();
  });
});

describe('shelveOffload', () => {
  it('is for administrators, and for servers that still have their host', async () => {
    const id = await kept('offloaded');
    expect((await act(id, { shelveOffload: null })).status).toBe(403);
    expect((await act(id, { shelveOffload: null }, { as: 'admin' })).status).toBe(202);
    expect(await shown(id)).toBe('SHELVED shelving_offloading 4');
    await cloud.settle(id);
    expect(await shown(id)).toBe('SHELVED_OFFLOADED null 4');
    const again = await act(id, { shelveOffload: null }, { as: 'admin' });
    expect([again.status, again.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'shelveOffload' instance ${id} while it is in vm_state shelved_offloaded`,
    ]);
  });
});

describe('unshelve', () => {
  it('makes the server from its image, and has that removed', async () => {
    const id = await shelved('back');
    const { imageId } = present(cloud.state(id).shelved, 'what is shelved');
    expect((await act(id, { unshelve: null }, { version: '2.77' })).status).toBe(202);
    expect(await shown(id)).toBe('SHELVED_OFFLOADED unshelving 4');
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
    expect(cloud.state(id)).toMatchObject({ shelved: undefined, leftImages: [imageId] });
  });

  it('starts a server that still has its host there', async () => {
    const id = await kept('at home');
    expect((await act(id, { unshelve: null })).status).toBe(202);
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 1');
    expect(cloud.state(id).grant?.host).toBe(HOST);
  });

  it('is refused where the image is gone', async () => {
    const id = await shelved('lost');
    const { imageId } = present(cloud.state(id).shelved, 'what is shelved');
    cloud.images.delete(imageId);
    const reply = await act(id, { unshelve: null });
    expect([reply.status, reply.body.badRequest.message]).toEqual([
      400,
      `Unshelve attempted but the image ${imageId} cannot be found.`,
    ]);
    expect(await shown(id)).toBe('SHELVED_OFFLOADED null 4');
  });

  it.each([
    ['2.76', { unshelve: { availability_zone: 'nowhere' } }, 202],
    ['2.77', { unshelve: {} }, 400],
    ['2.77', { unshelve: { host: HOST } }, 400],
    ['2.77', { unshelve: { availability_zone: 'nowhere' } }, 400],
    ['2.90', { unshelve: { availability_zone: null } }, 400],
    ['2.91', { unshelve: { host: 'nobody' } }, 400],
    ['2.91', { unshelve: { availability_zone: 'nova', host: HOST } }, 202],
  ])('in %s takes %j with %i', async (version, body, status) => {
    const id = await shelved('asked');
    expect((await act(id, body, { version, as: 'admin' })).status).toBe(status);
    await cloud.settle(id);
  });

  it('binds the server to a zone, or to none', async () => {
    const id = await shelved('zoned');
    await act(id, { unshelve: { availability_zone: 'nova' } }, { version: '2.77' });
    expect(cloud.state(id).request?.availabilityZone).toBe('nova');
    await cloud.fail(id, { code: 500, message: 'no room', details: '' });
    await act(id, { unshelve: { availability_zone: null } }, { version: '2.91' });
    expect(cloud.state(id).request?.availabilityZone).toBeUndefined();
    await cloud.settle(id);
  });

  it('to a host is for administrators', async () => {
    const id = await shelved('hosted');
    const asked = { unshelve: { host: HOST } };
    expect((await act(id, asked, { version: '2.91' })).status).toBe(403);
    expect((await act(id, asked, { version: '2.91', as: 'admin' })).status).toBe(202);
    expect(cloud.state(id).operation?.parameters.host).toBe(HOST);
    await cloud.settle(id);
  });

  it('of a server that still has its host goes nowhere else', async () => {
    const id = await kept('here');
    const asked = { unshelve: { availability_zone: 'nova' } };
    const reply = await act(id, asked, { version: '2.77' });
    expect([reply.status, reply.body.conflictingRequest.message]).toEqual([
      409,
      `Specifying an availability zone or a host when unshelving server "${id}" with status "SHELVED" is not supported. ` +
        'The server status must be SHELVED_OFFLOADED.',
    ]);
  });
});

describe('a shelved server', () => {
  it('is deleted, and its image with it', async () => {
    const id = await shelved('gone');
    const { imageId } = present(cloud.state(id).shelved, 'what is shelved');
    expect((await cloud.call('DELETE', `/servers/${id}`)).status).toBe(204);
    await cloud.settle(id);
    expect(cloud.state(id)).toMatchObject({ existence: 'gone', leftImages: [imageId] });
  });

  it('that is set to error, and then to active, is what it was', async () => {
    const id = await shelved('reset');
    const reset = (state: string) => act(id, { 'os-resetState': { state } }, { as: 'admin' });
    expect((await reset('active')).status).toBe(409);
    expect((await reset('error')).status).toBe(202);
    expect(await shown(id)).toBe('ERROR null 4');
    expect((await reset('active')).status).toBe(202);
    expect(await shown(id)).toBe('SHELVED_OFFLOADED null 4');
  });

  it('is found by its status', async () => {
    const id = await shelved('found');
    const { servers } = (await cloud.get('/servers?status=SHELVED_OFFLOADED')).body;
    expect(servers.map((one: { id: string }) => one.id)).toContain(id);
  });
});
