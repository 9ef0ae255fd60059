// What hangs on a server: metadata, tags, addresses, interfaces, password, and the record of what was done to it.
import { describe, expect, it } from 'vitest';
import { serverBody, serverCloud } from './server-cloud.ts';

const cloud = await serverCloud();
const id = await cloud.bootActive({ metadata: { a: '1' } });
const path = `/servers/${id}`;

describe('metadata', () => {
  const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', key: string, body?: unknown) =>
    cloud.call(method, `${path}/metadata${key}`, body);

  it('is listed, merged, replaced, read, set and deleted', async () => {
    const seen = [];
    for (const [method, key, body] of [
      ['GET', '', undefined],
      ['POST', '', { metadata: { b: '2' } }],
      ['PUT', '/c', { meta: { c: '3' } }],
      ['GET', '/c', undefined],
      ['DELETE', '/a', undefined],
      ['GET', '', undefined],
      ['PUT', '', { metadata: { z: '9' } }],
      ['PUT', '', { metadata: {} }],
    ] as const) {
      const reply = await call(method, key, body);
      seen.push([reply.status, reply.body ?? reply.text]);
    }
    expect(seen).toEqual([
      [200, { metadata: { a: '1' } }],
      [200, { metadata: { a: '1', b: '2' } }],
      [200, { meta: { c: '3' } }],
      [200, { meta: { c: '3' } }],
      [204, ''],
      [200, { metadata: { b: '2', c: '3' } }],
      [200, { metadata: { z: '9' } }],
      [200, { metadata: {} }],
    ]);
  });

  it('keeps a key called __proto__ as text', async () => {
    const body = JSON.parse('{"metadata": {"__proto__": "x", "constructor": "y"}}');
    await call('PUT', '', body);
    expect((await call('GET', '')).text).toBe('{"metadata":{"__proto__":"x","constructor":"y"}}');
    expect([
      (await call('GET', '/__proto__')).text,
      (await call('GET', '/toString')).status,
    ]).toEqual(['{"meta":{"__proto__":"x"}}', 404]);
  });

  it.each<[string, 'GET' | 'POST' | 'PUT' | 'DELETE', string, unknown, number, string]>([
    ['an unknown item', 'GET', '/nope', undefined, 404, 'Metadata item was not found'],
    ['deleting an unknown item', 'DELETE', '/nope', undefined, 404, 'Metadata item was not found'],
    ['another key', 'PUT', '/k', { meta: { l: 'x' } }, 400, 'Request body and URI mismatch'],
    ['two items', 'PUT', '/k', { meta: { k: 'x', l: 'y' } }, 400, 'has too many properties'],
    ['no item', 'PUT', '/k', { meta: {} }, 400, 'does not have enough properties'],
    ['no body', 'PUT', '', undefined, 400, "None is not of type 'object'"],
    ['a long value', 'POST', '', { metadata: { k: 'x'.repeat(256) } }, 400, 'is too long'],
    ['a long key', 'POST', '', { metadata: { ['k'.repeat(256)]: 'x' } }, 400, 'any of the regexes'],
    ['null', 'POST', '', { metadata: null }, 400, "None is not of type 'object'"],
    [
      'too many items',
      'POST',
      '',
      { metadata: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 'v'])) },
      403,
      'Maximum number of metadata items exceeds 128',
    ],
  ])('%s is refused', async (_name, method, key, body, status, words) => {
    const reply = await call(method, key, body);
    expect([reply.status, reply.text]).toEqual([status, expect.stringContaining(words)]);
  });

  it('of a server being built is a 409', async () => {
    const building = await cloud.boot();
    const reply = await cloud.call('POST', `/servers/${building}/metadata`, {
      metadata: { a: 'b' },
    });
    expect(reply.body.conflictingRequest.message).toBe(
      `Cannot 'update metadata' instance ${building} while it is in vm_state building`,
    );
  });

  it('is read by readers and written by members', async () => {
    const get = await cloud.get(`${path}/metadata`, { as: 'rita' });
    const set = await cloud.call('POST', `${path}/metadata`, { metadata: {} }, { as: 'rita' });
    const foreign = await cloud.get(`${path}/metadata`, { as: 'otto' });
    expect([get.status, set.status, foreign.status]).toEqual([200, 403, 404]);
  });
});

describe('tags', () => {
  const version = '2.26';
  const call = (method: 'GET' | 'PUT' | 'DELETE', tag: string, body?: unknown) =>
    cloud.call(method, `${path}/tags${tag}`, body, { version });

  it('are replaced, added, found and taken away', async () => {
    const seen = [];
    for (const [method, tag, body] of [
      ['PUT', '', { tags: ['a', 'b', 'a'] }],
      ['PUT', '/c', undefined],
      ['PUT', '/c', undefined],
      ['GET', '/c', undefined],
      ['DELETE', '/a', undefined],
      ['GET', '', undefined],
      ['GET', '/a', undefined],
      ['DELETE', '/a', undefined],
      ['DELETE', '', undefined],
      ['GET', '', undefined],
    ] as const) {
      const reply = await call(method, tag, body);
      seen.push([reply.status, reply.body ?? reply.text]);
    }
    const missing = {
      itemNotFound: { code: 404, message: `Server ${id} has no tag 'a'` },
    };
    expect(seen).toEqual([
      [200, { tags: ['a', 'b'] }],
      [201, ''],
      [204, ''],
      [204, ''],
      [204, ''],
      [200, { tags: ['b', 'c'] }],
      [404, missing],
      [404, missing],
      [204, ''],
      [200, { tags: [] }],
    ]);
  });

  it('say where a new one is', async () => {
    const reply = await call('PUT', '/new');
    expect(reply.headers['location']).toBe(`http://cloud:8774/compute/v2.1${path}/tags/new`);
  });

  it.each<[string, unknown, string]>([
    ['/a%2Cb', undefined, "Tag 'a,b' is invalid."],
    [`/${'x'.repeat(61)}`, undefined, 'is too long'],
    ['', { tags: ['a/b'] }, "'a/b' does not match"],
    ['', { tags: Array.from({ length: 51 }, (_, i) => `${i}`) }, 'is too long'],
  ])('%s %j is a 400', async (tag, body, words) => {
    const reply = await call('PUT', tag, body);
    expect([reply.status, reply.text]).toEqual([400, expect.stringContaining(words)]);
  });

  it('do not exist before 2.26', async () => {
    expect((await cloud.get(`${path}/tags`, { version: '2.25' })).status).toBe(404);
  });
});

describe('addresses', () => {
  it('are listed by network, without what the server’s view adds', async () => {
    const addresses = { private: [{ version: 4, addr: '10.0.0.10' }] };
    expect([
      (await cloud.get(`${path}/ips`)).body,
      (await cloud.get(`${path}/ips/private`)).body,
      (await cloud.get(`${path}/ips/public`)).body,
    ]).toEqual([
      { addresses },
      addresses,
      { itemNotFound: { code: 404, message: 'Instance is not a member of specified network' } },
    ]);
  });

  it('are on interfaces, with a tag from 2.70', async () => {
    const [port] = cloud.state(id).ports;
    const view = {
      net_id: 'aaaaaaaa-0000-4000-8000-000000000001',
      port_id: port?.portId,
      mac_addr: 'fa:16:3e:00:00:00',
      port_state: 'ACTIVE',
      fixed_ips: [{ subnet_id: 'cccccccc-0000-4000-8000-000000000001', ip_address: '10.0.0.10' }],
    };
    expect([
      (await cloud.get(`${path}/os-interface`)).body,
      (await cloud.get(`${path}/os-interface/${port?.portId}`, { version: '2.70' })).body,
      (await cloud.get(`${path}/os-interface/nope`)).body.itemNotFound.message,
    ]).toEqual([
      { interfaceAttachments: [view] },
      { interfaceAttachment: { ...view, tag: null } },
      'Port id nope could not be found.',
    ]);
  });
});

describe('the password', () => {
  it('is empty, and can be cleared', async () => {
    expect([
      (await cloud.get(`${path}/os-server-password`)).body,
      (await cloud.call('DELETE', `${path}/os-server-password`)).status,
    ]).toEqual([{ password: '' }, 204]);
  });
});

describe('instance actions', () => {
  const actions = `${path}/os-instance-actions`;

  it('are listed newest first', async () => {
    await cloud.env.advance(1_000);
    const stop = await cloud.call('POST', `${path}/action`, { 'os-stop': null });
    await cloud.settle(id);
    const { body } = await cloud.get(actions);
    expect(body.instanceActions.map(({ action }: { action: string }) => action)).toEqual([
      'stop',
      'create',
    ]);
    expect(body.instanceActions[0]).toEqual({
      action: 'stop',
      instance_uuid: id,
      request_id: stop.headers['x-compute-request-id'],
      user_id: 'user-anna',
      project_id: '11111111111111111111111111111111',
      start_time: '2026-01-01T00:00:01.000000',
      message: null,
    });
  });

  it.each<[string, string, readonly string[] | undefined]>([
    ['2.1', 'anna', undefined],
    ['2.1', 'admin', ['event', 'finish_time', 'result', 'start_time', 'traceback']],
    ['2.51', 'anna', ['event', 'finish_time', 'result', 'start_time']],
    ['2.62', 'anna', ['event', 'finish_time', 'hostId', 'result', 'start_time']],
    [
      '2.62',
      'admin',
      ['event', 'finish_time', 'host', 'hostId', 'result', 'start_time', 'traceback'],
    ],
    ['2.84', 'anna', ['event', 'finish_time', 'hostId', 'result', 'start_time']],
    [
      '2.84',
      'admin',
      ['details', 'event', 'finish_time', 'host', 'hostId', 'result', 'start_time', 'traceback'],
    ],
  ])('at %s show %s the event fields %j', async (version, as, expected) => {
    const request = cloud.state(id).actions[0]?.requestId;
    const { body } = await cloud.get(`${actions}/${request}`, { version, as });
    const [event] = body.instanceAction.events ?? [];
    expect(event === undefined ? undefined : Object.keys(event).sort()).toEqual(expected);
  });

  it('come in pages from 2.58', async () => {
    const options = { version: '2.58' };
    const [stop, create] = cloud.state(id).actions.toReversed();
    const { body } = await cloud.get(`${actions}?limit=1`, options);
    expect([body.instanceActions.length, body.links]).toEqual([
      1,
      [
        {
          rel: 'next',
          href: `http://cloud:8774/compute/v2.1${actions}?limit=1&marker=${stop?.requestId}`,
        },
      ],
    ]);
    const rest = await cloud.get(`${actions}?limit=5&marker=${stop?.requestId}`, options);
    expect([rest.body.instanceActions[0].request_id, rest.body.links]).toEqual([
      create?.requestId,
      undefined,
    ]);
    expect(rest.body.instanceActions[0].updated_at).toBe('2026-01-01T00:00:00.000000');
  });

  it('are filtered by their last change', async () => {
    const get = async (query: string) =>
      (await cloud.get(`${actions}?${query}`, { version: '2.66' })).body.instanceActions?.length;
    expect([
      await get('changes-since=2026-01-01T00:00:01Z'),
      await get('changes-before=2026-01-01T00:00:00Z'),
      await get('changes-since=2026-01-02&changes-before=2026-01-01'),
    ]).toEqual([1, 1, undefined]);
  });

  it.each<[string, string, number, string]>([
    ['/req-unknown', '2.1', 404, 'Action req-unknown not found'],
    ['?marker=nope', '2.58', 400, 'Marker nope could not be found.'],
    ['?color=red', '2.58', 400, "('color' was unexpected)"],
    ['?limit=1&limit=2', '2.58', 400, 'is too long'],
    ['?changes-before=2026-01-01', '2.65', 400, "('changes-before' was unexpected)"],
  ])('%s at %s answers %d: %s', async (query, version, status, words) => {
    const reply = await cloud.get(`${actions}${query}`, { version });
    expect([reply.status, reply.text]).toEqual([status, expect.stringContaining(words)]);
  });

  it('of a failure say so', async () => {
    const broken = await cloud.boot();
    await cloud.fail(broken, { code: 500, message: 'No host fits.', details: 'figures' });
    const { body } = await cloud.get(`/servers/${broken}/os-instance-actions`);
    const request = body.instanceActions[0].request_id;
    const one = await cloud.get(`/servers/${broken}/os-instance-actions/${request}`, {
      version: '2.84',
      as: 'admin',
    });
    expect([body.instanceActions[0].message, one.body.instanceAction.events[0]]).toMatchObject([
      'Error',
      { result: 'Error', details: 'No host fits.\nfigures' },
    ]);
  });

  it('of a deleted server are readable from 2.21', async () => {
    const short = await cloud.bootActive();
    await cloud.call('DELETE', `/servers/${short}`);
    await cloud.settle(short);
    const statuses = [];
    for (const [version, as] of [
      ['2.20', 'anna'],
      ['2.21', 'anna'],
      ['2.21', 'otto'],
    ] as const)
      statuses.push(
        (await cloud.get(`/servers/${short}/os-instance-actions`, { version, as })).status,
      );
    expect(statuses).toEqual([404, 200, 404]);
  });
});

describe('topology', () => {
  it('of a guest without NUMA nodes is empty, from 2.78', async () => {
    const id = await cloud.bootActive();
    const path = `/servers/${id}/topology`;
    expect((await cloud.get(path, { version: '2.78' })).body).toEqual({
      nodes: [],
      pagesize_kb: null,
    });
    expect((await cloud.get(path, { version: '2.77' })).status).toBe(404);
  });
});

describe('os-volumes_boot', () => {
  it('is another name for servers', async () => {
    const made = await cloud.call('POST', '/os-volumes_boot', serverBody());
    expect(made.status).toBe(202);
    const { id } = made.body.server;
    await cloud.settle(id);
    expect((await cloud.get(`/os-volumes_boot/${id}`)).body.server.id).toBe(id);
    const act = async (name: string) =>
      (await cloud.call('POST', `/os-volumes_boot/${id}/action`, { [name]: null })).status;
    expect([await act('os-stop'), await act('pause')]).toEqual([202, 400]);
    await cloud.settle(id);
    expect((await cloud.call('DELETE', `/os-volumes_boot/${id}`)).status).toBe(204);
  });
});
