// POST /servers/{id}/action: what each action starts, and who is refused when.
import { describe, expect, it } from 'vitest';
import { serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const act = (id: string, body: unknown, options: { version?: string; as?: string } = {}) =>
  cloud.call('POST', `/servers/${id}/action`, body, options);
const shown = async (id: string) => {
  const { server } = (await cloud.get(`/servers/${id}`)).body;
  return `${server.status} ${server['OS-EXT-STS:task_state']} ${server['OS-EXT-STS:power_state']}`;
};

describe('lifecycle actions', () => {
  it('answer 202 without a body, show their task at once, and end in their state', async () => {
    const id = await cloud.bootActive();
    const seen = [];
    for (const body of [
      { 'os-stop': null },
      { 'os-start': null },
      { reboot: { type: 'SOFT' } },
      { reboot: { type: 'hard' } },
      { pause: null },
      { unpause: null },
      { suspend: null },
      { resume: null },
      { forceDelete: null },
    ]) {
      const reply = await act(id, body);
      seen.push([Object.keys(body)[0], reply.status, reply.text, await shown(id)]);
      await cloud.settle(id);
      if (!('forceDelete' in body)) seen.push(await shown(id));
    }
    expect(seen).toEqual([
      ['os-stop', 202, '', 'ACTIVE powering-off 1'],
      'SHUTOFF null 4',
      ['os-start', 202, '', 'SHUTOFF powering-on 4'],
      'ACTIVE null 1',
      ['reboot', 202, '', 'REBOOT rebooting 1'],
      'ACTIVE null 1',
      ['reboot', 202, '', 'HARD_REBOOT rebooting_hard 1'],
      'ACTIVE null 1',
      ['pause', 202, '', 'ACTIVE pausing 1'],
      'PAUSED null 3',
      ['unpause', 202, '', 'PAUSED unpausing 3'],
      'ACTIVE null 1',
      ['suspend', 202, '', 'ACTIVE suspending 1'],
      'SUSPENDED null 4',
      ['resume', 202, '', 'SUSPENDED resuming 4'],
      'ACTIVE null 1',
      ['forceDelete', 202, '', 'ACTIVE deleting 1'],
    ]);
    expect((await cloud.get(`/servers/${id}`)).status).toBe(404);
  });

  it.each<[string, unknown]>([
    ['start', { 'os-start': null }],
    ['unpause', { unpause: null }],
    ['resume', { resume: null }],
  ])('%s of an active server is a 409 that says why', async (action, body) => {
    const id = await cloud.bootActive();
    const reply = await act(id, body);
    expect([reply.status, reply.body]).toEqual([
      409,
      {
        conflictingRequest: {
          code: 409,
          message: `Cannot '${action}' instance ${id} while it is in vm_state active`,
        },
      },
    ]);
  });

  it('while another task runs are a 409 that names the task', async () => {
    const id = await cloud.bootActive();
    await act(id, { 'os-stop': null });
    expect((await act(id, { pause: null })).body.conflictingRequest.message).toBe(
      `Cannot 'pause' instance ${id} while it is in task_state powering-off`,
    );
  });

  it('on a server being built are a 409', async () => {
    const id = await cloud.boot();
    expect((await act(id, { 'os-stop': null })).body.conflictingRequest.message).toBe(
      `Cannot 'stop' instance ${id} while it is in vm_state building`,
    );
  });

  it.each(['otto', 'rita', 'nobody'])('are not for %s', async (as) => {
    const id = await cloud.bootActive();
    const reply = await act(id, { 'os-stop': null }, { as });
    expect(reply.status).toBe(as === 'rita' ? 403 : as === 'otto' ? 404 : 403);
    expect(cloud.state(id).taskState).toBeUndefined();
  });

  it('are open to administrators of other projects', async () => {
    const id = await cloud.bootActive({ networks: [] }, { as: 'otto' });
    expect((await act(id, { 'os-stop': null }, { as: 'admin' })).status).toBe(202);
  });

  it.each<[unknown, string, number, string]>([
    [{ fly: null }, '2.1', 400, 'There is no such action: fly'],
    [{}, '2.1', 400, 'Malformed request body'],
    [{ 'os-stop': null, 'os-start': null }, '2.1', 400, 'Malformed request body'],
    [{ reboot: {} }, '2.1', 400, "'type' is a required property"],
    [{ reboot: { type: 'warm' } }, '2.1', 400, "'warm' is not one of"],
    [{ reboot: { type: 'HARD', now: true } }, '2.1', 400, "('now' was unexpected)"],
    [{ reboot: null }, '2.1', 400, "None is not of type 'object'"],
    [{ resetNetwork: null }, '2.1', 410, 'no longer available'],
    [{ lock: { locked_reason: '' } }, '2.73', 400, "'' is too short"],
    [{ lock: 'x' }, '2.73', 400, "'x' is not of type 'object', 'null'"],
  ])('%j at %s answers %d: %s', async (body, version, status, words) => {
    const id = await cloud.bootActive();
    const reply = await act(id, body, { version });
    expect([reply.status, reply.text]).toEqual([
      status,
      expect.stringContaining(JSON.stringify(words).slice(1, -1)),
    ]);
  });
});

describe('a lock', () => {
  const locked = async (id: string) => {
    const { server } = (await cloud.get(`/servers/${id}`, { version: '2.73' })).body;
    return [server.locked, server.locked_reason];
  };

  it('holds members back until it is undone, and tells its reason', async () => {
    const id = await cloud.bootActive();
    expect((await act(id, { lock: { locked_reason: 'why' } }, { version: '2.73' })).status).toBe(
      202,
    );
    const refused = await act(id, { 'os-stop': null });
    expect([refused.status, refused.body.conflictingRequest.message, await locked(id)]).toEqual([
      409,
      `Instance ${id} is locked`,
      [true, 'why'],
    ]);
    expect((await act(id, { unlock: null })).status).toBe(202);
    expect([await locked(id), (await act(id, { 'os-stop': null })).status]).toEqual([
      [false, null],
      202,
    ]);
  });

  it('lets administrators act', async () => {
    const id = await cloud.bootActive();
    await act(id, { lock: null });
    expect((await act(id, { 'os-stop': null }, { as: 'admin' })).status).toBe(202);
  });

  it('by an administrator from outside can’t be undone by members', async () => {
    const id = await cloud.bootActive({ networks: [] }, { as: 'otto' });
    await act(id, { lock: null }, { as: 'admin' });
    const reply = await act(id, { unlock: null }, { as: 'otto' });
    expect([reply.status, reply.body.forbidden?.message]).toEqual([
      403,
      "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.",
    ]);
    expect((await act(id, { unlock: null }, { as: 'admin' })).status).toBe(202);
  });

  it('by an administrator of the project is the project’s own', async () => {
    const id = await cloud.bootActive();
    await act(id, { lock: null }, { as: 'admin' });
    expect((await act(id, { unlock: null })).status).toBe(202);
  });
});

describe('console output', () => {
  const output = async (id: string, length?: unknown) => {
    const reply = await act(id, { 'os-getConsoleOutput': length === undefined ? {} : { length } });
    return [reply.status, reply.body.output ?? Object.values(reply.body)];
  };

  it('is the whole log, or its last lines, as printable ASCII', async () => {
    const id = await cloud.bootActive();
    cloud.consoles.set(id, 'one\r\ntwo\u001b[0m\nthrée\tx\n');
    expect([
      await output(id),
      await output(id, null),
      await output(id, -1),
      await output(id, 2),
      await output(id, '3'),
      await output(id, 0),
    ]).toEqual([
      [200, 'one\ntwo[0m\nthr?e\tx\n'],
      [200, 'one\ntwo[0m\nthr?e\tx\n'],
      [200, 'one\ntwo[0m\nthr?e\tx\n'],
      [200, 'thr?e\tx\n'],
      [200, 'two[0m\nthr?e\tx\n'],
      [200, ''],
    ]);
  });

  it('of a server without a host is a 409', async () => {
    const id = await cloud.boot();
    expect(await output(id)).toEqual([
      409,
      [{ code: 409, message: `Instance ${id} is not ready` }],
    ]);
  });

  it.each([-2, 'ten', 1.5, []])('with length %j is a 400', async (length) => {
    const id = await cloud.bootActive();
    expect((await output(id, length))[0]).toBe(400);
  });
});

describe('os-resetState and injectNetworkInfo', () => {
  it('say what an administrator says, locked or not', async () => {
    const id = await cloud.bootActive();
    await act(id, { lock: null }, { as: 'admin' });
    expect((await act(id, { 'os-resetState': { state: 'error' } }, { as: 'admin' })).status).toBe(
      202,
    );
    expect(await shown(id)).toBe('ERROR null 1');
    expect((await act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' })).status).toBe(
      202,
    );
    expect(await shown(id)).toBe('ACTIVE null 1');
    expect((await cloud.get(`/servers/${id}`)).body.server.fault).toBeUndefined();
    expect((await act(id, { injectNetworkInfo: null }, { as: 'admin' })).status).toBe(202);
  });

  it('give a task up that leaves nothing behind, and wait for the end of any other', async () => {
    const id = await cloud.bootActive();
    await act(id, { 'os-stop': null });
    await act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' });
    expect(await shown(id)).toBe('ACTIVE null 1');
    await cloud.call('DELETE', `/servers/${id}`);
    const reply = await act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' });
    expect(reply.body.conflictingRequest.message).toBe(
      `Cannot 'os-resetState' instance ${id} while it is in task_state deleting`,
    );
  });

  it('of a server without a host can not be active', async () => {
    const id = await cloud.boot();
    await cloud.fail(id, { code: 500, message: 'no host', details: '' });
    const reply = await act(id, { 'os-resetState': { state: 'active' } }, { as: 'admin' });
    expect([reply.status, reply.body.conflictingRequest.message]).toEqual([
      409,
      `Instance ${id} is not ready`,
    ]);
  });

  it.each([
    [{ 'os-resetState': { state: 'paused' } }, 'admin', 400],
    [{ 'os-resetState': {} }, 'admin', 400],
    [{ 'os-resetState': null }, 'admin', 400],
    [{ 'os-resetState': { state: 'active' } }, 'anna', 403],
    [{ injectNetworkInfo: null }, 'anna', 403],
  ])('%j by %s answers %d', async (body, as, status) => {
    const id = await cloud.bootActive();
    expect((await act(id, body, { as })).status).toBe(status);
  });
});

describe('changePassword', () => {
  const change = { changePassword: { adminPass: 'secret' } };

  it('is refused for a guest without an agent, after what may not be asked at all', async () => {
    const id = await cloud.bootActive();
    const words = async () => (await act(id, change)).body.conflictingRequest.message;
    expect(await words()).toBe('QEMU guest agent is not enabled');
    await act(id, { 'os-stop': null });
    expect(await words()).toBe(
      `Cannot 'changePassword' instance ${id} while it is in task_state powering-off`,
    );
    await cloud.settle(id);
    expect(await words()).toBe(
      `Cannot 'changePassword' instance ${id} while it is in vm_state stopped`,
    );
    await act(id, { lock: null });
    expect(await words()).toBe(`Instance ${id} is locked`);
    expect((await act(id, change, { as: 'rita' })).status).toBe(403);
    expect((await act(id, { changePassword: {} })).status).toBe(400);
  });
});
