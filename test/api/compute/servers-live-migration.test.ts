// os-migrateLive and what is told of it meanwhile: codes, words, and what abort and force_complete may do when.
import { describe, expect, it } from 'vitest';
import { HOST, serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const admin = (version: string) => ({ as: 'admin', version });
const act = (id: string, body: unknown, version = '2.30') =>
  cloud.call('POST', `/servers/${id}/action`, body, admin(version));
const auto = { host: null, block_migration: 'auto' };
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']}`;
};
const record = async (id: string) => {
  const listed = await cloud.get(`/os-migrations?instance_uuid=${id}`, admin('2.59'));
  const { status, migration_type: type, uuid } = listed.body.migrations[0];
  return { status, type, uuid };
};

describe('os-migrateLive', () => {
  it('moves a server that goes on being active', async () => {
    const id = await cloud.bootActive();
    const asked = await act(id, { 'os-migrateLive': auto });
    expect([asked.status, asked.text, await shown(id)]).toEqual([202, '', 'MIGRATING migrating']);
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null');
    expect(await record(id)).toMatchObject({ status: 'completed', type: 'live-migration' });
  });

  it.each<[string, unknown, string, string]>([
    [
      'to its own host',
      { host: HOST, block_migration: 'auto' },
      '2.30',
      `to current host (${HOST}).`,
    ],
    [
      'to no host',
      { host: 'nowhere', block_migration: 'auto' },
      '2.30',
      'Compute host nowhere could not be found.',
    ],
    [
      'forced to no host',
      { ...auto, force: true },
      '2.30',
      "Can't force to a non-provided destination",
    ],
    ['with auto before 2.25', { ...auto, disk_over_commit: false }, '2.24', 'block_migration'],
    ['with force after 2.67', { ...auto, force: true }, '2.68', "'force' was unexpected"],
    [
      'without disk_over_commit before 2.25',
      { ...auto, block_migration: false },
      '2.1',
      'disk_over_commit',
    ],
  ])('%s is refused with 400', async (_what, body, version, words) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { 'os-migrateLive': body }, version);
    expect(reply.status).toBe(400);
    expect(reply.body.badRequest.message).toContain(words);
    expect(await shown(id)).toBe('ACTIVE null');
  });

  it('of a server that is moved already is refused with 409', async () => {
    const id = await cloud.bootActive();
    await act(id, { 'os-migrateLive': auto });
    const reply = await act(id, { 'os-migrateLive': auto });
    expect([reply.status, reply.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'os-migrateLive' instance ${id} while it is in task_state migrating`,
    ]);
    await cloud.settle(id);
  });
});

describe('a live migration', () => {
  it('that is not known is not found, and one that is over is not given up', async () => {
    const id = await cloud.bootActive();
    const path = `/servers/${id}/migrations`;
    expect((await cloud.call('DELETE', `${path}/4711`, undefined, admin('2.24'))).status).toBe(404);
    await act(id, { 'os-migrateLive': auto });
    await cloud.settle(id);
    const { uuid } = await record(id);
    const force = { force_complete: null };
    const aborted = await cloud.call('DELETE', `${path}/${uuid}`, undefined, admin('2.24'));
    const forced = await cloud.call('POST', `${path}/${uuid}/action`, force, admin('2.22'));
    expect([aborted.status, forced.status]).toEqual([400, 400]);
    expect(aborted.body.badRequest.message).toContain('is completed. Cannot abort while');
  });
});
