// Consoles of servers: URLs with tokens, by the actions until 2.5 and by a resource since, and what a token opens.
import { describe, expect, it } from 'vitest';
import { serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const admin = { as: 'admin', version: '2.31' };
const novnc = { remote_console: { protocol: 'vnc', type: 'novnc' } };
const open = (id: string, body: object, version = '2.6') =>
  cloud.call('POST', `/servers/${id}/remote-consoles`, body, { version });
const act = (id: string, body: object, version = '2.1') =>
  cloud.call('POST', `/servers/${id}/action`, body, { version });
const tokenIn = (url: string): string => /[0-9a-f-]{36}$/.exec(url)?.[0] ?? '';

describe('remote consoles', () => {
  it('are URLs with a token', async () => {
    const id = await cloud.bootActive();
    const { status, body } = await open(id, novnc);
    expect([status, body]).toEqual([
      200,
      {
        remote_console: {
          protocol: 'vnc',
          type: 'novnc',
          url: expect.stringMatching(
            /^http:\/\/cloud:8774\/console\/vnc_auto\.html\?path=%3Ftoken%3D[0-9a-f-]{36}$/,
          ),
        },
      },
    ]);
    const serial = await open(id, { remote_console: { protocol: 'serial', type: 'serial' } });
    expect(serial.body.remote_console.url).toMatch(/^ws:\/\/cloud:8774\/console\/serial\?token=/);
  });

  it('were actions until 2.5', async () => {
    const id = await cloud.bootActive();
    const vnc = { 'os-getVNCConsole': { type: 'novnc' } };
    const { status, body } = await act(id, vnc);
    expect([status, Object.keys(body.console), body.console.type]).toEqual([
      200,
      ['type', 'url'],
      'novnc',
    ]);
    expect((await act(id, { 'os-getSerialConsole': { type: 'serial' } })).status).toBe(200);
    expect((await act(id, vnc, '2.6')).status).toBe(404);
    expect((await open(id, novnc, '2.5')).status).toBe(404);
  });

  it.each([
    ['2.6', 'spice', 'spice-html5', 'Unavailable console type spice-html5.'],
    ['2.8', 'mks', 'webmks', 'Unavailable console type webmks.'],
    ['2.6', 'vnc', 'serial', 'Unavailable console type serial.'],
    ['2.7', 'mks', 'webmks', 'Invalid input for field/attribute protocol.'],
  ])('of another kind are refused: %s %s %s', async (version, protocol, type, words) => {
    const id = await cloud.bootActive();
    const reply = await open(id, { remote_console: { protocol, type } }, version);
    expect([reply.status, reply.text]).toEqual([400, expect.stringContaining(words)]);
  });

  it('are refused while the server is being built', async () => {
    const id = await cloud.boot();
    const reply = await open(id, novnc);
    expect([reply.status, reply.body.conflictingRequest.message]).toEqual([
      409,
      `Instance ${id} is not ready`,
    ]);
  });
});

describe('a console token', () => {
  const check = (token: string, options: object = admin) =>
    cloud.get(`/os-console-auth-tokens/${token}`, options);

  it('tells administrators which console it opens', async () => {
    const id = await cloud.bootActive();
    const token = tokenIn((await open(id, novnc)).body.remote_console.url);
    expect(await check(token)).toMatchObject({
      status: 200,
      body: {
        console: { instance_uuid: id, host: '10.1.1.1', port: null, internal_access_path: null },
      },
    });
    expect((await check(token, { as: 'anna', version: '2.31' })).status).toBe(403);
    expect((await check(token, { as: 'admin', version: '2.30' })).status).toBe(401);
    const unknown = await check('00000000-0000-4000-8000-000000000000');
    expect([unknown.status, unknown.body.itemNotFound.message]).toEqual([404, 'Token not found']);
  });

  it('is over after ten minutes', async () => {
    const id = await cloud.bootActive();
    const token = tokenIn((await open(id, novnc)).body.remote_console.url);
    await cloud.env.advance(600_000 - 1);
    expect((await check(token)).status).toBe(200);
    await cloud.env.advance(1);
    expect((await check(token)).status).toBe(404);
  });

  it('is over with its server', async () => {
    const id = await cloud.bootActive();
    const token = tokenIn((await open(id, novnc)).body.remote_console.url);
    await cloud.call('DELETE', `/servers/${id}`);
    await cloud.settle(id);
    expect((await check(token)).status).toBe(404);
  });
});
