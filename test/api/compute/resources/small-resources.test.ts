import { describe, expect, test } from 'vitest';
import { addHost, resourceService } from './resource-service.ts';

describe('extensions', () => {
  test('are listed with exactly Nova’s fields, without repeats', async () => {
    const { call } = resourceService();
    const { body } = await call('GET', '/extensions', { as: 'nobody' });
    const { extensions } = body as { extensions: Record<string, unknown>[] };
    const aliases = extensions.map((extension) => extension['alias']);
    expect(new Set(aliases).size).toBe(aliases.length);
    expect(extensions.map((extension) => extension['name'])).toContain('Hosts');
    expect(extensions.find((extension) => extension['alias'] === 'os-keypairs')).toEqual({
      alias: 'os-keypairs',
      name: 'Keypairs',
      description: 'Public keys of users.',
      links: [],
      namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
      updated: '2014-12-03T00:00:00Z',
    });
  });

  test('are shown by alias', async () => {
    const { call } = resourceService();
    expect((await call('GET', '/extensions/os-consoles')).body).toMatchObject({
      extension: { alias: 'os-consoles' },
    });
    expect((await call('GET', '/extensions/os-nothing')).status).toBe(404);
  });
});

describe('migrations', () => {
  test('are none, for managers and administrators', async () => {
    const { call } = resourceService();
    expect(await call('GET', '/os-migrations')).toMatchObject({
      status: 200,
      body: { migrations: [] },
    });
    expect((await call('GET', '/os-migrations', { as: 'anna' })).status).toBe(403);
  });

  test('check their query by microversion', async () => {
    const { call } = resourceService();
    const status = async (query: string, minor: number) =>
      (await call('GET', `/os-migrations?${query}`, { minor })).status;
    expect(await status('colour=red', 58)).toBe(200);
    expect(await status('colour=red', 59)).toBe(400);
    expect(await status('changes-before=2026-01-01T00:00:00Z', 65)).toBe(400);
    expect(await status('changes-before=2026-01-01T00:00:00Z', 66)).toBe(200);
    expect(await status('changes-since=yesterday', 66)).toBe(400);
    expect(await status('user_id=u', 79)).toBe(400);
    expect(await status('user_id=u', 80)).toBe(200);
    expect(await status('marker=00000000-0000-4000-8000-000000000000', 59)).toBe(400);
  });
});

describe('bare metal nodes', () => {
  test('are those of a service that is not there', async () => {
    const { call } = resourceService();
    const reply = await call('GET', '/os-baremetal-nodes');
    expect([reply.status, reply.body]).toEqual([
      501,
      {
        notImplemented: { code: 501, message: 'Ironic client unavailable, cannot access Ironic.' },
      },
    ]);
    expect((await call('GET', '/os-baremetal-nodes/1')).status).toBe(501);
    expect((await call('GET', '/os-baremetal-nodes', { minor: 36 })).status).toBe(404);
    const action = { body: { add_interface: {} } };
    expect((await call('POST', '/os-baremetal-nodes/1/action', action)).status).toBe(400);
    expect((await call('DELETE', '/os-baremetal-nodes/1')).status).toBe(400);
  });
});

describe('the usage audit log', () => {
  test('says that no host tells usage, of the month before', async () => {
    const service = resourceService();
    await addHost(service, 'h1');
    const log = {
      period_beginning: '2025-12-01 00:00:00',
      period_ending: '2026-01-01 00:00:00',
      num_hosts: 1,
      num_hosts_done: 0,
      num_hosts_running: 0,
      num_hosts_not_run: 1,
      hosts_not_run: ['h1'],
      total_instances: 0,
      total_errors: 0,
      overall_status: '0 of 1 hosts done. 0 errors.',
      log: {},
    };
    const path = '/os-instance_usage_audit_log';
    expect((await service.call('GET', path)).body).toEqual({ instance_usage_audit_logs: log });
    const before = encodeURIComponent('2025-03-31 12:00:00.5');
    expect((await service.call('GET', `${path}/${before}`)).body).toEqual({
      instance_usage_audit_log: {
        ...log,
        period_beginning: '2025-02-01 00:00:00',
        period_ending: '2025-03-01 00:00:00',
      },
    });
    for (const wrong of ['yesterday', '2025-02-30 00:00:00', '2025-02-01 24:00:00'])
      expect((await service.call('GET', `${path}/${encodeURIComponent(wrong)}`)).body).toEqual({
        badRequest: { code: 400, message: `Invalid timestamp for date ${wrong}` },
      });
  });
});
