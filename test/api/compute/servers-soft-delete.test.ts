// Deletes that can be taken back, where the settings say so: what is seen of such a server, and by whom.
import { describe, expect, it } from 'vitest';
import { serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const RECLAIM_MS = 3_600_000;
const soft = cloud.context as { reclaimMs?: number };
soft.reclaimMs = RECLAIM_MS;
const act = (id: string, body: unknown) => cloud.call('POST', `/servers/${id}/action`, body);
const listed = async (query = '', as = 'anna'): Promise<readonly string[]> =>
  (await cloud.get(`/servers${query}`, { as })).body.servers.map(({ id }: { id: string }) => id);

async function deleted(): Promise<string> {
  const id = await cloud.bootActive();
  expect((await cloud.call('DELETE', `/servers/${id}`)).status).toBe(204);
  expect(cloud.state(id)).toMatchObject({ vmState: 'active', taskState: 'soft-deleting' });
  await cloud.settle(id);
  return id;
}

describe('a server that is deleted softly', () => {
  it('is shown by its id, and listed for who asks for it', async () => {
    const id = await deleted();
    expect((await cloud.get(`/servers/${id}`)).body.server.status).toBe('SOFT_DELETED');
    expect(await listed()).not.toContain(id);
    expect(await listed('?status=SOFT_DELETED')).toContain(id);
    const left = (cloud.state(id).reclaimAtMs ?? 0) - cloud.state(id).updatedAtMs;
    expect(left).toBe(RECLAIM_MS);
  });

  it('is restored, and listed again', async () => {
    const id = await deleted();
    expect((await act(id, { restore: null })).status).toBe(202);
    expect(cloud.state(id).taskState).toBe('restoring');
    await cloud.settle(id);
    expect(await listed()).toContain(id);
    expect((await act(id, { restore: null })).body.conflictingRequest.message).toBe(
      `Cannot 'restore' instance ${id} while it is in vm_state active`,
    );
  });

  it('is deleted for good by forceDelete, and not by a second DELETE', async () => {
    const id = await deleted();
    expect((await cloud.call('DELETE', `/servers/${id}`)).status).toBe(204);
    expect(cloud.state(id)).toMatchObject({ vmState: 'soft-delete', taskState: undefined });
    expect((await act(id, { forceDelete: null })).status).toBe(202);
    await cloud.settle(id);
    expect((await cloud.get(`/servers/${id}`)).status).toBe(404);
  });
});

describe('a server without a host', () => {
  it('is deleted at once', async () => {
    const id = await cloud.boot();
    await cloud.call('DELETE', `/servers/${id}`);
    await cloud.settle(id);
    expect((await cloud.get(`/servers/${id}`)).status).toBe(404);
  });
});
