// resize, migrate and what ends them: codes and words, what a server shows meanwhile, and the records of its moves.
import { describe, expect, it } from 'vitest';
import { hosts } from '#actors/topology/protocol.ts';
import { HOST, serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const act = (id: string, body: unknown, options: { version?: string; as?: string } = {}) =>
  cloud.call('POST', `/servers/${id}/action`, body, options);
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']} ${server.flavor.id}`;
};
const larger = '2';

describe('resize', () => {
  it('is kept by confirmResize, with the records that Nova would show', async () => {
    const id = await cloud.bootActive();
    const asked = await act(id, { resize: { flavorRef: larger } });
    expect([asked.status, asked.text, await shown(id)]).toEqual([202, '', 'RESIZE resize_prep 42']);
    await cloud.settle(id);
    expect(await shown(id)).toBe('VERIFY_RESIZE null 2');
    const confirmed = await act(id, { confirmResize: null });
    expect([confirmed.status, confirmed.text]).toEqual([204, '']);
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 2');
    const { migrations } = (
      await cloud.get(`/os-migrations?instance_uuid=${id}`, { as: 'admin', version: '2.80' })
    ).body;
    expect(migrations).toEqual([
      {
        created_at: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
        dest_compute: 'compute2',
        dest_host: null,
        dest_node: 'compute2',
        id: expect.any(Number),
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        instance_uuid: id,
        migration_type: 'resize',
        new_instance_type_id: 2,
        old_instance_type_id: 42,
        source_compute: HOST,
        source_node: 'compute1.cloud',
        status: 'confirmed',
        updated_at: expect.stringMatching(/^\d{4}-/),
        user_id: expect.any(String),
        project_id: expect.any(String),
      },
    ]);
  });

  it('is taken back by revertResize, to the flavor and the power that it came from', async () => {
    const id = await cloud.bootActive();
    await act(id, { resize: { flavorRef: larger } });
    await cloud.settle(id);
    expect((await act(id, { revertResize: null })).status).toBe(202);
    expect(await shown(id)).toBe('REVERT_RESIZE resize_reverting 2');
    await cloud.settle(id);
    expect(await shown(id)).toBe('ACTIVE null 42');
    const { migrations } = (await cloud.get(`/os-migrations?instance_uuid=${id}`, { as: 'admin' }))
      .body;
    expect(migrations[0].status).toBe('reverted');
  });

  it('that fails leaves the server as it was, and says so in its actions', async () => {
    const id = await cloud.bootActive();
    await act(id, { resize: { flavorRef: larger } });
    await cloud.fail(id, { code: 500, message: 'no room', details: '' });
    expect(await shown(id)).toBe('ACTIVE null 42');
    const { instanceActions } = (await cloud.get(`/servers/${id}/os-instance-actions`)).body;
    expect(instanceActions[0]).toMatchObject({ action: 'resize', message: 'Error' });
  });

  it.each<[string, unknown, number, string]>([
    ['to its own flavor', { flavorRef: '42' }, 400, 'When resizing, instances must change flavor!'],
    ['to no flavor', { flavorRef: 'none' }, 400, 'Flavor none could not be found.'],
    [
      'with a body of another shape',
      { flavorRef: larger, colour: 'red' },
      400,
      "Invalid input for field/attribute resize. Value: {'flavorRef': '2', 'colour': 'red'}. Additional properties are not allowed ('colour' was unexpected)",
    ],
  ])('%s is refused', async (_what, resize, status, message) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { resize });
    expect([reply.status, reply.body.badRequest.message]).toEqual([status, message]);
    expect(await shown(id)).toBe('ACTIVE null 42');
  });

  it('over the quota is refused with 403, and takes none', async () => {
    const small = await serverCloud({ cores: 2 });
    const id = await small.bootActive();
    const body = { resize: { flavorRef: '4' } };
    const reply = await small.call('POST', `/servers/${id}/action`, body);
    expect([reply.status, reply.body.forbidden.message]).toEqual([
      403,
      'Quota exceeded for cores: Requested 3, but already used 1 of 2 cores',
    ]);
    expect(small.state(id)).toMatchObject({ vmState: 'active', operation: undefined });
  });

  it('changes who partitions the disk, and taking it back keeps that', async () => {
    const id = await cloud.bootActive();
    const diskConfig = async () =>
      (await cloud.get(`/servers/${id}`)).body.server['OS-DCF:diskConfig'];
    expect(await diskConfig()).toBe('MANUAL');
    await act(id, { resize: { flavorRef: larger, 'OS-DCF:diskConfig': 'AUTO' } });
    await cloud.settle(id);
    expect(await diskConfig()).toBe('AUTO');
    await act(id, { revertResize: null });
    await cloud.settle(id);
    expect(await diskConfig()).toBe('AUTO');
  });

  it('of a paused server, and two at once, are refused with 409', async () => {
    const id = await cloud.bootActive();
    await act(id, { pause: null });
    await cloud.settle(id);
    const body = { resize: { flavorRef: larger } };
    expect((await act(id, body)).body.conflictingRequest.message).toBe(
      `Cannot 'resize' instance ${id} while it is in vm_state paused`,
    );
    await act(id, { unpause: null });
    await cloud.settle(id);
    await act(id, body);
    expect(
      (await act(id, { migrate: null }, { as: 'admin' })).body.conflictingRequest.message,
    ).toBe(`Cannot 'migrate' instance ${id} while it is in task_state resize_prep`);
  });
});

describe('what ends a move', () => {
  it.each(['confirmResize', 'revertResize'])('%s is refused when there is none', async (action) => {
    const id = await cloud.bootActive();
    expect((await act(id, { [action]: null })).body.conflictingRequest.message).toBe(
      `Cannot '${action}' instance ${id} while it is in vm_state active`,
    );
  });

  it('a stopped server is stopped afterwards', async () => {
    const id = await cloud.bootActive();
    await act(id, { 'os-stop': null });
    await cloud.settle(id);
    await act(id, { migrate: null }, { as: 'admin' });
    await cloud.settle(id);
    await act(id, { revertResize: null });
    await cloud.settle(id);
    expect(await shown(id)).toBe('SHUTOFF null 42');
  });
});

describe('evacuate', () => {
  const force = (forcedDown: boolean) =>
    cloud.cluster.router.ask(
      hosts.ref(HOST),
      { type: 'host.force-down', forcedDown },
      { requestId: `req-${forcedDown}` },
    );

  it('is refused without proof, and names what is missing', async () => {
    const id = await cloud.bootActive();
    const reply = await act(id, { evacuate: {} }, { as: 'admin', version: '2.68' });
    expect([reply.status, reply.body.badRequest.message]).toEqual([
      400,
      `Compute service of ${HOST} is still in use.`,
    ]);
    expect((await act(id, { evacuate: {} }, { version: '2.68' })).status).toBe(403);
  });

  it('checks its target', async () => {
    const id = await cloud.bootActive();
    const asked = (host: string) =>
      act(id, { evacuate: { host } }, { as: 'admin', version: '2.68' });
    expect((await asked('x')).body.itemNotFound.message).toBe('Compute host x not found.');
    expect((await asked(HOST)).body.badRequest.message).toBe(
      "The target host can't be the same one.",
    );
  });

  it('starts once the host is forced down, and answers by version', async () => {
    const [old, id] = [await cloud.bootActive(), await cloud.bootActive()];
    await force(true);
    const first = await act(old, { evacuate: { onSharedStorage: false } }, { as: 'admin' });
    expect([first.status, Object.keys(first.body)]).toEqual([200, ['adminPass']]);
    const reply = await act(id, { evacuate: {} }, { as: 'admin', version: '2.95' });
    expect([reply.status, reply.text, await shown(id)]).toEqual([200, '', 'REBUILD rebuilding 42']);
    await force(false);
  });
});

describe('migrate', () => {
  it('is for managers, and a host for administrators', async () => {
    const id = await cloud.bootActive();
    expect((await act(id, { migrate: null })).status).toBe(403);
    const host = { migrate: { host: HOST } };
    const same = await act(id, host, { as: 'admin', version: '2.56' });
    expect([same.status, same.body.badRequest.message]).toEqual([
      400,
      'Cannot migrate to the host where the server exists.',
    ]);
    const unknown = await act(id, { migrate: { host: 'x' } }, { as: 'admin', version: '2.56' });
    expect([unknown.status, unknown.body.badRequest.message]).toEqual([
      400,
      'Compute host x could not be found.',
    ]);
    expect((await act(id, { migrate: null }, { as: 'admin' })).status).toBe(202);
    await cloud.settle(id);
    expect(await shown(id)).toBe('VERIFY_RESIZE null 42');
  });
});
