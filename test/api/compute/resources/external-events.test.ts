import { describe, expect, test } from 'vitest';
import { resourceService, server } from './resource-service.ts';

const HERE = '5e12e000-0000-4000-8000-000000000001';
const HOMELESS = '5e12e000-0000-4000-8000-000000000002';
const NOWHERE = '5e12e000-0000-4000-8000-000000000003';
const service = resourceService([server(HERE), server(HOMELESS, { grant: undefined })]);
const send = (events: readonly object[], minor = 51, as = 'admin') =>
  service.call('POST', '/os-server-external-events', { as, minor, body: { events } });

describe('external events', () => {
  test('of a server with a host are taken', async () => {
    const event = { server_uuid: HERE, name: 'network-changed', tag: 'port' };
    expect(await send([event])).toMatchObject({
      status: 200,
      body: { events: [{ ...event, status: 'completed', code: 200 }] },
    });
  });

  test('are answered one by one', async () => {
    const reply = await send([
      { server_uuid: HERE, name: 'network-vif-plugged' },
      { server_uuid: HOMELESS, name: 'network-changed' },
      { server_uuid: NOWHERE, name: 'network-changed' },
      { server_uuid: HERE, name: 'volume-extended' },
    ]);
    const codes = (reply.body as { events: { code: number; status: string }[] }).events;
    expect([reply.status, codes.map(({ code, status }) => [code, status])]).toEqual([
      207,
      [
        [200, 'completed'],
        [422, 'failed'],
        [404, 'failed'],
        [400, 'failed'],
      ],
    ]);
  });

  test.each([
    ['volume-extended', 50, 51],
    ['power-update', 75, 76],
    ['accelerator-request-bound', 81, 82],
    ['volume-reimaged', 92, 93],
  ])('%s is not known in 2.%i, but in 2.%i', async (name, before, since) => {
    const event = { server_uuid: HERE, name, tag: 'x' };
    expect((await send([event], before)).status).toBe(400);
    expect((await send([event], since)).status).toBe(200);
  });

  test('are for services; an empty list is none', async () => {
    expect((await send([{ server_uuid: HERE, name: 'network-changed' }], 51, 'anna')).status).toBe(
      403,
    );
    expect((await send([])).status).toBe(400);
  });
});
