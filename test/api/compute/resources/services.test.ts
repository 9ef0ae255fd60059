import { describe, expect, test } from 'vitest';
import { hostNumber } from '#actors/topology/core.ts';
import { addHost, fault, resourceService, server, SERVICE_ID } from './resource-service.ts';

const now = '2026-01-01T00:00:00.000000';
const compute = {
  id: hostNumber('h1'),
  binary: 'nova-compute',
  host: 'h1',
  zone: 'nova',
  status: 'enabled',
  state: 'up',
  updated_at: now,
  disabled_reason: null,
};
const rows = (body: unknown) => (body as { services: Record<string, unknown>[] }).services;

async function withHost(servers: Parameters<typeof resourceService>[0] = []) {
  const service = resourceService(servers);
  await addHost(service, 'h1');
  return service;
}

describe('services', () => {
  test('have exactly the fields of each microversion', async () => {
    const { call } = await withHost();
    const ofHost = async (minor: number) =>
      rows((await call('GET', '/os-services?host=h1', { minor })).body);
    expect(await ofHost(1)).toEqual([compute]);
    expect(await ofHost(11)).toEqual([{ ...compute, forced_down: false }]);
    expect(await ofHost(53)).toEqual([{ ...compute, forced_down: false, id: SERVICE_ID }]);
  });

  test('are the compute hosts and this process’s scheduler and conductor', async () => {
    const { call } = await withHost();
    const all = rows((await call('GET', '/os-services', { minor: 53 })).body);
    expect(all.map(({ binary, host, zone, state }) => [binary, host, zone, state])).toEqual([
      ['nova-scheduler', 'controller', 'internal', 'up'],
      ['nova-conductor', 'controller', 'internal', 'up'],
      ['nova-compute', 'h1', 'nova', 'up'],
    ]);
    for (const row of all)
      expect(row['id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    const found = await call('GET', '/os-services?binary=nova-compute');
    expect(rows(found.body)).toHaveLength(1);
    expect(rows((await call('GET', '/os-services?host=nowhere')).body)).toEqual([]);
    expect((await call('GET', '/os-services?colour=red', { minor: 75 })).status).toBe(400);
    expect((await call('GET', '/os-services', { as: 'anna' })).status).toBe(403);
  });

  test('a host that does not answer is down', async () => {
    const service = resourceService();
    await addHost(service, 'dead');
    const { body } = await service.call('GET', '/os-services?host=dead');
    expect(rows(body)).toMatchObject([{ state: 'down', status: 'enabled' }]);
  });
});

describe('changing services by host and binary, until 2.52', () => {
  const body = { host: 'h1', binary: 'nova-compute' };

  test('disables with and without a reason, and enables', async () => {
    const { call } = await withHost();
    expect((await call('PUT', '/os-services/disable', { body })).body).toEqual({
      service: { ...body, status: 'disabled' },
    });
    const withReason = { ...body, disabled_reason: 'repair' };
    expect(
      (await call('PUT', '/os-services/disable-log-reason', { body: withReason })).body,
    ).toEqual({ service: { ...body, status: 'disabled', disabled_reason: 'repair' } });
    expect(rows((await call('GET', '/os-services?host=h1')).body)).toMatchObject([
      { status: 'disabled', disabled_reason: 'repair' },
    ]);
    expect((await call('PUT', '/os-services/enable', { body })).body).toEqual({
      service: { ...body, status: 'enabled' },
    });
    expect(rows((await call('GET', '/os-services?host=h1')).body)).toEqual([compute]);
  });

  test('forces down from 2.11 on', async () => {
    const { call } = await withHost();
    const down = { ...body, forced_down: true };
    expect((await call('PUT', '/os-services/force-down', { minor: 10, body: down })).status).toBe(
      400,
    );
    expect((await call('PUT', '/os-services/force-down', { minor: 10, body })).status).toBe(404);
    const reply = await call('PUT', '/os-services/force-down', { minor: 11, body: down });
    expect(reply).toMatchObject({ status: 200, body: { service: down } });
    expect(rows((await call('GET', '/os-services?host=h1', { minor: 11 })).body)).toMatchObject([
      { state: 'down', forced_down: true },
    ]);
    expect((await call('PUT', '/os-services/force-down', { minor: 11, body })).status).toBe(400);
  });

  test('refuses what is missing, unknown or not to be changed', async () => {
    const { call } = await withHost();
    const put = (action: string, more: object, as = 'admin') =>
      call('PUT', `/os-services/${action}`, { as, body: { ...body, ...more } });
    expect(await put('disable', { host: 'h9' })).toMatchObject({
      status: 404,
      body: fault('itemNotFound', 404, 'Could not find binary nova-compute on host h9.'),
    });
    expect((await put('explode', {})).body).toEqual(fault('itemNotFound', 404, 'Unknown action'));
    expect((await put('disable-log-reason', {})).status).toBe(400);
    expect((await put('disable', { host: 'h 1' })).status).toBe(400);
    expect((await put('disable', { colour: 'red' })).status).toBe(400);
    expect((await put('disable', {}, 'anna')).status).toBe(403);
    const scheduler = { host: 'controller', binary: 'nova-scheduler' };
    expect((await put('disable', scheduler)).status).toBe(400);
  });
});

describe('changing services by UUID, from 2.53 on', () => {
  const path = `/os-services/${SERVICE_ID}`;
  const whole = { ...compute, id: SERVICE_ID, forced_down: false };

  test('answers with the whole service', async () => {
    const { call } = await withHost();
    const put = async (body: object) => (await call('PUT', path, { minor: 53, body })).body;
    expect(await put({ status: 'disabled', disabled_reason: 'repair' })).toEqual({
      service: { ...whole, status: 'disabled', disabled_reason: 'repair' },
    });
    expect(await put({ status: 'enabled', forced_down: 'true' })).toEqual({
      service: { ...whole, state: 'down', forced_down: true },
    });
    expect(await put({ forced_down: false })).toEqual({ service: whole });
  });

  test('refuses what makes no sense', async () => {
    const { call } = await withHost();
    const put = (body: object, at = path) => call('PUT', at, { minor: 53, body });
    expect((await put({})).status).toBe(400);
    expect((await put({ disabled_reason: 'x' })).status).toBe(400);
    expect((await put({ status: 'enabled', disabled_reason: 'x' })).status).toBe(400);
    expect((await put({ status: 'broken' })).status).toBe(400);
    expect(await put({ status: 'disabled' }, '/os-services/17')).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, 'Invalid uuid 17'),
    });
    const unknown = '/os-services/00000000-0000-4000-8000-000000000000';
    expect((await put({ status: 'disabled' }, unknown)).status).toBe(404);
    const all = rows((await call('GET', '/os-services', { minor: 53 })).body);
    const scheduler = all.find((row) => row['binary'] === 'nova-scheduler');
    expect(
      (await put({ status: 'disabled' }, `/os-services/${String(scheduler?.['id'])}`)).status,
    ).toBe(400);
  });
});

describe('deleting a service', () => {
  test('takes the host away, by number or by UUID', async () => {
    const { call } = await withHost();
    expect(await call('DELETE', `/os-services/${hostNumber('h1')}`)).toMatchObject({
      status: 204,
      body: undefined,
    });
    expect(rows((await call('GET', '/os-services?host=h1')).body)).toEqual([]);
    expect((await call('GET', '/os-hypervisors')).body).toEqual({ hypervisors: [] });
    expect((await call('DELETE', `/os-services/${hostNumber('h1')}`)).status).toBe(404);
    const other = await withHost();
    expect((await other.call('DELETE', `/os-services/${SERVICE_ID}`, { minor: 53 })).status).toBe(
      204,
    );
  });

  test('is refused while servers are on the host, and for services of this process', async () => {
    const { call } = await withHost([server('a')]);
    expect((await call('DELETE', `/os-services/${SERVICE_ID}`, { minor: 53 })).status).toBe(409);
    const number = hostNumber('nova-scheduler@controller');
    expect((await call('DELETE', `/os-services/${number}`)).status).toBe(409);
    expect((await call('DELETE', '/os-services/h1')).status).toBe(400);
    expect((await call('DELETE', '/os-services/h1', { minor: 53 })).status).toBe(400);
    expect((await call('DELETE', `/os-services/${number}`, { as: 'anna' })).status).toBe(403);
  });
});

describe('availability zones', () => {
  const zone = { zoneName: 'nova', zoneState: { available: true }, hosts: null };

  test('are told to everyone without hosts', async () => {
    const { call } = await withHost();
    expect((await call('GET', '/os-availability-zone', { as: 'anna' })).body).toEqual({
      availabilityZoneInfo: [zone],
    });
  });

  test('are told to administrators with hosts and the internal zone', async () => {
    const { call } = await withHost();
    const row = { active: true, available: true, updated_at: now };
    expect((await call('GET', '/os-availability-zone/detail')).body).toEqual({
      availabilityZoneInfo: [
        {
          zoneName: 'internal',
          zoneState: { available: true },
          hosts: { controller: { 'nova-scheduler': row, 'nova-conductor': row } },
        },
        { ...zone, hosts: { h1: { 'nova-compute': row } } },
      ],
    });
    expect((await call('GET', '/os-availability-zone/detail', { as: 'anna' })).status).toBe(403);
  });

  test('without enabled services are not available', async () => {
    const { call } = await withHost();
    const body = { host: 'h1', binary: 'nova-compute' };
    await call('PUT', '/os-services/disable', { body });
    expect((await call('GET', '/os-availability-zone')).body).toEqual({
      availabilityZoneInfo: [{ ...zone, zoneState: { available: false } }],
    });
  });
});

describe('hosts, until 2.42', () => {
  test('are listed by service and zone', async () => {
    const { call } = await withHost();
    expect((await call('GET', '/os-hosts')).body).toEqual({
      hosts: [
        { host_name: 'h1', service: 'compute', zone: 'nova' },
        { host_name: 'controller', service: 'scheduler', zone: 'internal' },
        { host_name: 'controller', service: 'conductor', zone: 'internal' },
      ],
    });
    expect((await call('GET', '/os-hosts?zone=nova')).body).toMatchObject({
      hosts: [{ host_name: 'h1' }],
    });
    expect((await call('GET', '/os-hosts?zone=&service=compute')).body).toMatchObject({
      hosts: [{ host_name: 'h1' }],
    });
    expect((await call('GET', '/os-hosts', { minor: 43 })).status).toBe(404);
    expect((await call('GET', '/os-hosts', { as: 'anna' })).status).toBe(403);
  });

  test('show what they have and who has how much of it', async () => {
    const { call } = await withHost([server('a', { projectId: 'p1' }), server('b')]);
    const reply = await call('GET', '/os-hosts/h1');
    const { host: shown } = reply.body as { host: { resource: object }[] };
    expect(shown.map(({ resource }) => resource)).toMatchObject([
      { host: 'h1', project: '(total)', cpu: 4, memory_mb: 4096, disk_gb: 40 },
      { project: '(used_now)', cpu: 0, memory_mb: 512, disk_gb: 0 },
      { project: '(used_max)', cpu: 2, memory_mb: 192, disk_gb: 2 },
      { project: 'p1', cpu: 1, memory_mb: 96, disk_gb: 1 },
      { cpu: 1, memory_mb: 96, disk_gb: 1 },
    ]);
    expect((await call('GET', '/os-hosts/h9')).status).toBe(404);
  });

  test('are enabled and disabled, but not turned on and off', async () => {
    const { call } = await withHost();
    const put = (body: object, as = 'admin') => call('PUT', '/os-hosts/h1', { as, body });
    expect((await put({ status: 'disable' })).body).toEqual({ host: 'h1', status: 'disabled' });
    expect((await put({ status: 'Enable' })).body).toEqual({ host: 'h1', status: 'enabled' });
    expect((await put({ maintenance_mode: 'enable' })).status).toBe(501);
    expect((await put({})).status).toBe(400);
    expect((await put({ status: 'off' })).status).toBe(400);
    expect((await put({ status: 'enable' }, 'anna')).status).toBe(403);
    for (const action of ['reboot', 'shutdown', 'startup']) {
      expect((await call('GET', `/os-hosts/h1/${action}`)).status).toBe(501);
      expect((await call('GET', `/os-hosts/h9/${action}`)).status).toBe(404);
      expect((await call('GET', `/os-hosts/h1/${action}`, { as: 'anna' })).status).toBe(403);
    }
  });
});
