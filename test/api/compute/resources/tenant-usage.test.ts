import { describe, expect, test } from 'vitest';
import { OTHER_PROJECT, PROJECT } from '../service.ts';
import { fault, resourceService, server } from './resource-service.ts';

const day = (hour: number) => Date.UTC(2025, 11, 31, hour);
/** Started at 12:00 the day before; now is midnight. */
const running = server('a');
const ended = server('b', {
  existence: 'gone',
  vmState: 'deleted',
  launchedAtMs: day(10),
  terminatedAtMs: day(13),
});
const others = server('c', { projectId: OTHER_PROJECT });
const waiting = server('d', { launchedAtMs: undefined, vmState: 'building' });
const period = 'start=2025-12-31T12:00:00&end=2025-12-31T20:00:00.5';
const usage = {
  flavor: 'm1.tiny',
  memory_mb: 96,
  local_gb: 1,
  vcpus: 1,
  tenant_id: PROJECT,
};
const rowA = {
  ...usage,
  instance_id: 'a',
  name: 'name-a',
  hours: 8 + 0.5 / 3600,
  started_at: '2025-12-31T12:00:00.000000',
  ended_at: null,
  state: 'active',
  uptime: 12 * 3600,
};
const rowB = {
  ...usage,
  instance_id: 'b',
  name: 'name-b',
  hours: 1,
  started_at: '2025-12-31T10:00:00.000000',
  ended_at: '2025-12-31T13:00:00.000000',
  state: 'terminated',
  uptime: 3 * 3600,
};
const sums = {
  tenant_id: PROJECT,
  start: '2025-12-31T12:00:00.000000',
  stop: '2025-12-31T20:00:00.500000',
  total_hours: rowA.hours + 1,
  total_vcpus_usage: rowA.hours + 1,
  total_local_gb_usage: rowA.hours + 1,
  total_memory_mb_usage: rowA.hours * 96 + 96,
};
const cloud = () => resourceService([running, ended, others, waiting]);
const path = '/os-simple-tenant-usage';

describe('usage of one project', () => {
  test('counts each server within the period, deleted ones too', async () => {
    const { call } = cloud();
    const reply = await call('GET', `${path}/${PROJECT}?${period}`, { as: 'rita' });
    expect(reply).toMatchObject({ status: 200 });
    expect(reply.body).toEqual({ tenant_usage: { ...sums, server_usages: [rowA, rowB] } });
  });

  test('is empty when nothing ran, and ends now at the latest', async () => {
    const { call } = cloud();
    const early = await call(
      'GET',
      `${path}/${PROJECT}?start=2025-01-01T00:00:00&end=2025-01-02T00:00:00`,
    );
    expect(early.body).toEqual({ tenant_usage: {} });
    const late = await call(
      'GET',
      `${path}/${PROJECT}?start=2025-12-31T23:00:00&end=2099-01-01T00:00:00`,
    );
    expect(late.body).toMatchObject({
      tenant_usage: { stop: '2026-01-01T00:00:00.000000', total_hours: 1 },
    });
  });

  test('is for the project itself and administrators', async () => {
    const { call } = cloud();
    const other = `${path}/${OTHER_PROJECT}?${period}`;
    expect((await call('GET', other, { as: 'rita' })).status).toBe(403);
    expect((await call('GET', other)).status).toBe(200);
  });

  test('comes in pages of servers from 2.40 on', async () => {
    const { call } = cloud();
    const first = await call('GET', `${path}/${PROJECT}?${period}&limit=1`, { minor: 40 });
    expect(first.body).toMatchObject({
      tenant_usage: { server_usages: [{ instance_id: 'a' }] },
      tenant_usage_links: [{ rel: 'next' }],
    });
    const second = await call('GET', `${path}/${PROJECT}?${period}&marker=a`, { minor: 40 });
    expect(second.body).toMatchObject({ tenant_usage: { server_usages: [{ instance_id: 'b' }] } });
    expect((await call('GET', `${path}/${PROJECT}?marker=x`, { minor: 40 })).status).toBe(400);
  });
});

describe('usage of all projects', () => {
  test('gives sums, and servers when detailed', async () => {
    const { call } = cloud();
    const brief = await call('GET', `${path}?${period}`);
    const { tenant_usages: usages } = brief.body as { tenant_usages: object[] };
    expect(usages[0]).toEqual(sums);
    expect(usages[1]).toMatchObject({ tenant_id: OTHER_PROJECT });
    const detailed = await call('GET', `${path}?${period}&detailed=1`);
    expect((detailed.body as typeof brief & { tenant_usages: object[] }).tenant_usages[0]).toEqual({
      ...sums,
      server_usages: [rowA, rowB],
    });
    expect((await call('GET', path, { as: 'anna' })).status).toBe(403);
    expect((await call('GET', `${path}/?${period}`)).status).toBe(404);
  });

  test.each([
    ['a date that is none', 'start=yesterday'],
    ['a day that is none', 'start=2025-13-01T00:00:00'],
    ['a start after the end', 'start=2025-12-31T12:00:00&end=2025-12-30T12:00:00'],
    ['no period at all', ''],
  ])('%s is 400', async (_what, query) => {
    expect((await cloud().call('GET', `${path}?${query}`)).status).toBe(400);
  });

  test('a start after the end is told in words', async () => {
    const query = 'start=2025-12-31T12:00:00&end=2025-12-30T12:00:00';
    expect((await cloud().call('GET', `${path}?${query}`)).body).toEqual(
      fault(
        'badRequest',
        400,
        'Invalid start time. The start time cannot occur after the end time.',
      ),
    );
  });
});
