import { describe, expect, test } from 'vitest';
import {
  addHost,
  fault,
  type ResourceService,
  resourceService,
  server,
} from './resource-service.ts';

const now = '2026-01-01T00:00:00.000000';
const created = {
  id: 1,
  name: 'a',
  availability_zone: 'east',
  created_at: now,
  updated_at: null,
  deleted: false,
  deleted_at: null,
};
const body = (name: string, zone?: string | null) => ({
  aggregate: { name, ...(zone === undefined ? {} : { availability_zone: zone }) },
});

async function withAggregate(servers: Parameters<typeof resourceService>[0] = []) {
  const service = resourceService(servers);
  await addHost(service, 'h1');
  const reply = await service.call('POST', '/os-aggregates', { body: body('a', 'east') });
  return { ...service, reply };
}

const act = ({ call }: ResourceService, id: number | string, action: object) =>
  call('POST', `/os-aggregates/${id}/action`, { body: action });

describe('aggregates', () => {
  test('are created without hosts and metadata in the reply, and shown with them', async () => {
    const { call, reply } = await withAggregate();
    expect(reply).toMatchObject({ status: 200, body: { aggregate: created } });
    expect(Object.keys((reply.body as { aggregate: object }).aggregate)).toHaveLength(7);
    const whole = { ...created, hosts: [], metadata: { availability_zone: 'east' } };
    expect((await call('GET', '/os-aggregates/1')).body).toEqual({ aggregate: whole });
    expect((await call('GET', '/os-aggregates')).body).toEqual({ aggregates: [whole] });
    const newer = (await call('GET', '/os-aggregates/1', { minor: 41 })).body;
    expect(newer).toEqual({
      aggregate: { ...whole, uuid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test('have names without spaces at the ends, and zones without colons', async () => {
    const { call } = resourceService();
    const create = async (name: string, zone?: string | null) =>
      (await call('POST', '/os-aggregates', { body: body(name, zone) })).status;
    expect(await create('a', null)).toBe(200);
    expect(await create(' b')).toBe(400);
    expect(await create('b', 'x:y')).toBe(400);
    expect(await create('')).toBe(400);
    expect(await create('b'.repeat(256))).toBe(400);
    expect((await call('POST', '/os-aggregates', { body: { aggregate: {} } })).status).toBe(400);
  });

  test('say in Nova’s words what is wrong', async () => {
    const { call } = await withAggregate();
    expect((await call('POST', '/os-aggregates', { body: body('a') })).body).toEqual(
      fault('conflictingRequest', 409, 'Aggregate a already exists.'),
    );
    expect((await call('GET', '/os-aggregates/2')).body).toEqual(
      fault('itemNotFound', 404, 'Aggregate 2 could not be found.'),
    );
    expect((await call('DELETE', '/os-aggregates/x')).body).toEqual(
      fault('badRequest', 400, 'id must be an integer'),
    );
    expect((await call('GET', '/os-aggregates', { as: 'anna' })).status).toBe(403);
  });

  test('are renamed and rezoned', async () => {
    const { call } = await withAggregate();
    const reply = await call('PUT', '/os-aggregates/1', { body: body('b', 'west') });
    expect(reply).toMatchObject({
      status: 200,
      body: { aggregate: { name: 'b', availability_zone: 'west', updated_at: now, hosts: [] } },
    });
    expect((await call('PUT', '/os-aggregates/1', { body: { aggregate: {} } })).status).toBe(400);
    const noZone = { aggregate: { availability_zone: null } };
    expect((await call('PUT', '/os-aggregates/1', { body: noZone })).body).toEqual(
      fault(
        'badRequest',
        400,
        'Cannot update aggregate 1. Reason: Aggregate b does not support empty named availability zone.',
      ),
    );
  });

  test('take and give back hosts that exist', async () => {
    const service = await withAggregate();
    const added = await act(service, 1, { add_host: { host: 'h1' } });
    expect(added).toMatchObject({ status: 200, body: { aggregate: { hosts: ['h1'] } } });
    expect((await act(service, 1, { add_host: { host: 'h1' } })).body).toEqual(
      fault('conflictingRequest', 409, 'Aggregate 1 already has host h1.'),
    );
    expect((await act(service, 1, { add_host: { host: 'none' } })).body).toEqual(
      fault('itemNotFound', 404, "Host 'none' is not mapped to any cell"),
    );
    expect((await act(service, 1, { remove_host: { host: 'none' } })).body).toEqual(
      fault('itemNotFound', 404, 'Cannot remove host none in aggregate 1'),
    );
    expect((await service.call('DELETE', '/os-aggregates/1')).body).toEqual(
      fault(
        'badRequest',
        400,
        'Cannot remove host from aggregate 1. Reason: Host aggregate is not empty.',
      ),
    );
    const removed = await act(service, 1, { remove_host: { host: 'h1' } });
    expect(removed).toMatchObject({ status: 200, body: { aggregate: { hosts: [] } } });
    expect(await service.call('DELETE', '/os-aggregates/1')).toMatchObject({
      status: 200,
      body: undefined,
    });
    expect((await service.call('DELETE', '/os-aggregates/1')).status).toBe(404);
  });

  test('put no host into two zones', async () => {
    const service = await withAggregate();
    await act(service, 1, { add_host: { host: 'h1' } });
    await service.call('POST', '/os-aggregates', { body: body('b', 'west') });
    expect((await act(service, 2, { add_host: { host: 'h1' } })).body).toEqual(
      fault(
        'conflictingRequest',
        409,
        "Cannot add host to aggregate 2. Reason: One or more hosts already in availability zone(s) ['east'].",
      ),
    );
  });

  test('are the zones of services, and of the zone list', async () => {
    const service = await withAggregate();
    await act(service, 1, { add_host: { host: 'h1' } });
    const zones = (await service.call('GET', '/os-availability-zone', { as: 'anna' })).body;
    expect(zones).toEqual({
      availabilityZoneInfo: [{ zoneName: 'east', zoneState: { available: true }, hosts: null }],
    });
    const services = (await service.call('GET', '/os-services?host=h1')).body;
    expect(services).toMatchObject({ services: [{ zone: 'east' }] });
  });

  test('take metadata; null takes a key away', async () => {
    const service = await withAggregate();
    const set = async (metadata: object) => act(service, 1, { set_metadata: { metadata } });
    await set({ ssd: 'true', pinned: '1' });
    expect((await set({ ssd: null })).body).toMatchObject({
      aggregate: { metadata: { availability_zone: 'east', pinned: '1' } },
    });
    expect((await set({ 'a/b': '1' })).status).toBe(400);
    expect((await set({ n: 1 })).status).toBe(400);
  });

  test('with servers keep their zone', async () => {
    const service = await withAggregate([server('s1')]);
    await act(service, 1, { add_host: { host: 'h1' } });
    const metadata = { availability_zone: 'west' };
    expect((await act(service, 1, { set_metadata: { metadata } })).body).toEqual(
      fault(
        'badRequest',
        400,
        'Cannot update metadata of aggregate 1. Reason: One or more hosts contain instances in this zone.',
      ),
    );
    const reply = await service.call('PUT', '/os-aggregates/1', { body: body('a', 'west') });
    expect(reply.status).toBe(400);
    expect(
      (await service.call('PUT', '/os-aggregates/1', { body: body('a', 'east') })).status,
    ).toBe(200);
  });
});
