// Bad input of every known kind, to every service of the whole: the exact refusal, in the service's own form, and nothing
// changed. What is random is in strange-bodies.test.ts.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeToken, type TokenClaims } from '#actors/services/identity/token-codec.ts';
import { seededRandom } from '#test/support/seeded-random.ts';
import { complaint, type ServiceName } from './envelopes.ts';
import { WatchedCloud } from './watched-cloud.ts';

let cloud: WatchedCloud;
beforeAll(async () => {
  cloud = await WatchedCloud.start();
  const { admin } = cloud.cloud;
  // Filters and sorting look at nothing in an empty list.
  const { images } = await admin.get<{ images: { id: string }[] }>('/image/v2/images');
  const { networks } = await admin.get<{ networks: { id: string }[] }>('/network/v2.0/networks');
  for (const name of ['a', 'b'])
    await admin.ask('POST', '/compute/v2.1/servers', {
      server: {
        name,
        imageRef: images[0]?.id,
        flavorRef: '1',
        networks: [{ uuid: networks[0]?.id }],
        metadata: { constructor: 'x' },
      },
    });
  await cloud.settle();
});
afterAll(async () => {
  await cloud?.stop();
});

/** A collection of each service that can be listed and added to. */
const collections: readonly (readonly [ServiceName, string])[] = [
  ['identity', '/identity/v3/users'],
  ['compute', '/compute/v2.1/servers'],
  ['compute', '/compute/v2.1/flavors'],
  ['compute', '/compute/v2.1/os-keypairs'],
  ['image', '/image/v2/images'],
  ['network', '/network/v2.0/networks'],
  ['network', '/network/v2.0/ports'],
  ['network', '/network/v2.0/subnets'],
  ['network', '/network/v2.0/security-groups'],
];

describe.each(collections)('%s at %s', (service, path) => {
  const post = (body: string | Uint8Array, headers = {}) =>
    cloud.send(service, { method: 'POST', path, body, headers });

  it.each<readonly [string, string | Uint8Array]>([
    ['nothing', ''],
    ['half an object', '{'],
    ['words', 'hello'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '17'],
    ['an unknown member with an object in it', '{"nonsense": {}}'],
    ['text that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong slash', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-16', Buffer.from('{"a": 1}', 'utf16le')],
    ['a byte order mark', '\uFEFF{}'],
    ['half a surrogate pair', '{"name": "\\ud800"}'],
    ['a number beyond all bounds', '{"name": 1e999}'],
    ['lists 50 000 deep', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['objects 15 000 deep', `${'{"a":'.repeat(15_000)}1${'}'.repeat(15_000)}`],
    ['a name that is none of an object', '{"__proto__": {"name": "x"}}'],
  ])('refuses %s with 400', async (_what, body) => {
    expect((await post(body)).status).toBe(400);
  });

  it('refuses a body over its limit with 413', async () => {
    expect((await post(`{"a": "${'x'.repeat(2_000_000)}"}`)).status).toBe(413);
  });

  it('refuses a body that says that it is over its limit before it comes', async () => {
    expect((await post('{}', { 'content-length': '99999999999' })).status).toBe(413);
  });

  it('refuses chunks that together are over its limit', async () => {
    const chunk = `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`;
    const head = [
      `POST ${path} HTTP/1.1`,
      'host: a',
      `x-auth-token: ${cloud.cloud.admin.token}`,
      'content-type: application/json',
      'transfer-encoding: chunked',
    ];
    const text = `${head.join('\r\n')}\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`;
    const reply = await cloud.cloud.sendBytes(Buffer.from(text));
    expect([reply.status, complaint(service, reply)]).toEqual([413, undefined]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'knows no attribute %s',
    async (name) => {
      for (const query of [
        `${name}=x`,
        `sort_key=${name}`,
        `sort=${name}:asc`,
        `sort_key=${name}&sort_dir=desc`,
        `fields=${name}`,
        `limit=${name}`,
        `marker=${name}`,
        `name__${name}=x`,
        `metadata=%7B%22${name}%22:%22x%22%7D`,
      ])
        for (const list of service === 'compute' ? [path, `${path}/detail`] : [path])
          await cloud.send(service, { path: `${list}?${query}` });
      expect((await cloud.send(service, { path: `${path}/${name}` })).status).toBe(404);
    },
  );

  it.each([
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e%2fx',
    '%00',
    '%',
    '%ff',
    'a'.repeat(8_000),
    randomUUID(),
  ])('knows nothing at %s', async (id) => {
    for (const method of ['GET', 'DELETE'])
      expect((await cloud.send(service, { method, path: `${path}/${id}` })).status).toBe(404);
  });

  it.each(['TRACE', 'OPTIONS', 'PROPFIND', 'LINK', 'QUERY', 'PURGE'])(
    'does not know what %s is',
    async (method) => {
      expect([404, 405]).toContain((await cloud.send(service, { method, path })).status);
    },
  );
});

describe('a token', () => {
  const tokens = (): Readonly<Record<string, string>> => {
    const now = Date.now();
    const key = { id: cloud.cloud.keyId, secret: Buffer.from(cloud.cloud.secret, 'base64') };
    const claims: TokenClaims = {
      userId: 'no-such-user',
      methods: ['password'],
      scope: { kind: 'system' },
      issuedAtMs: now - 1_000,
      expiresAtMs: now + 3_600_000,
      auditId: Buffer.alloc(16, 1).toString('base64url'),
    };
    const { token } = cloud.cloud.admin;
    return {
      'of another cloud': encodeToken(claims, { ...key, secret: Buffer.alloc(32, 'z') }),
      'of an unknown key': encodeToken(claims, { ...key, id: 'key-2' }),
      'of nobody': encodeToken(claims, key),
      'cut short': token.slice(0, -4),
      'with more behind it': `${token}AAAA`,
      'of nothing but a signature': Buffer.alloc(33, 1).toString('base64url'),
      'of another system': 'gAAAAABkZm9yZ2Vk',
      'of a very long text': 'A'.repeat(8_000),
      'with a path in it': '../../etc/passwd',
      'of spaces': '   x   ',
    };
  };
  const services: readonly (readonly [ServiceName, string])[] = [
    ['identity', '/identity/v3/users'],
    ['compute', '/compute/v2.1/servers'],
    ['image', '/image/v2/images'],
    ['network', '/network/v2.0/networks'],
  ];

  it.each(services)('that is wrong opens nothing of %s', async (service, path) => {
    for (const [what, token] of Object.entries(tokens())) {
      const reply = await cloud.send(service, { path, headers: { 'x-auth-token': token } });
      expect({ what, status: reply.status }).toEqual({ what, status: 401 });
      expect(reply.headers).toMatch(/\r\nwww-authenticate: Keystone uri="/i);
    }
  });

  it.each(services)('that has expired opens nothing of %s', async (service, path) => {
    const { id: userId, projectId } = await admin();
    const key = { id: cloud.cloud.keyId, secret: Buffer.from(cloud.cloud.secret, 'base64') };
    const until = (expiresAtMs: number): string =>
      encodeToken(
        {
          userId,
          methods: ['password'],
          scope: { kind: 'project', id: projectId },
          issuedAtMs: Date.now() - 7_200_000,
          expiresAtMs,
          auditId: Buffer.alloc(16, 2).toString('base64url'),
        },
        key,
      );
    const statusWith = async (token: string): Promise<number> =>
      (await cloud.send(service, { path, headers: { 'x-auth-token': token } })).status;
    expect(await statusWith(until(Date.now() - 1))).toBe(401);
    expect(await statusWith(until(Date.now() + 60_000))).toBe(200);
  });

  it('with any one character changed opens nothing', async () => {
    const random = seededRandom(5);
    const { token } = cloud.cloud.admin;
    for (let round = 0; round < 60; round += 1) {
      const at = random.below(token.length);
      const other = random.pick(Array.from('ABCxyz019-_').filter((letter) => letter !== token[at]));
      const forged = token.slice(0, at) + other + token.slice(at + 1);
      const reply = await cloud.send('compute', {
        path: '/compute/v2.1/servers',
        headers: { 'x-auth-token': forged },
      });
      expect({ forged, status: reply.status }).toEqual({ forged, status: 401 });
    }
  });

  it('that was revoked opens nothing any more', async () => {
    const { demo, admin: client } = cloud.cloud;
    const login = await fetch(`${demo.url}/identity/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: { identity: { methods: ['token'], token: { id: demo.token } } },
      }),
    });
    const token = login.headers.get('x-subject-token') ?? '';
    await login.arrayBuffer();
    const statusWith = async (): Promise<number> =>
      (await fetch(`${demo.url}/identity/v3/auth/projects`, { headers: { 'x-auth-token': token } }))
        .status;
    expect(await statusWith()).toBe(200);
    const revoked = await fetch(`${demo.url}/identity/v3/auth/tokens`, {
      method: 'DELETE',
      headers: { 'x-auth-token': client.token, 'x-subject-token': token },
    });
    expect([revoked.status, await statusWith()]).toEqual([204, 401]);
    await cloud.settle();
  });

  async function admin(): Promise<{ readonly id: string; readonly projectId: string }> {
    const { admin: client } = cloud.cloud;
    const reply = await fetch(`${client.url}/identity/v3/auth/tokens`, {
      headers: { 'x-auth-token': client.token, 'x-subject-token': client.token },
    });
    const { token } = (await reply.json()) as {
      token: { user: { id: string }; project: { id: string } };
    };
    return { id: token.user.id, projectId: token.project.id };
  }
});

describe('what is hardly HTTP', () => {
  const start = 'POST /compute/v2.1/servers HTTP/1.1\r\nhost: a\r\n';

  it.each([
    ['two lengths', `${start}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    [
      'a length and chunks',
      `${start}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a length below nothing', `${start}content-length: -1\r\n\r\n`],
    ['a chunk of no size', `${start}transfer-encoding: chunked\r\n\r\nzz\r\n`],
    ['a header with a control character', `${start}x-auth-token: \u0001\r\n\r\n`],
    ['a header without a name', `${start}: x\r\n\r\n`],
    ['a method that is none', 'FOO / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['the start of TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ])('%s is refused with 400 or, without a token, 401', async (_what, text) => {
    const reply = await cloud.cloud.sendBytes(Buffer.from(text, 'latin1'));
    expect([400, 401]).toContain(reply.status);
  });

  it('a head without end is refused with 431', async () => {
    const path = `/compute/v2.1/servers?name=${'a'.repeat(100_000)}`;
    const reply = await cloud.cloud.send({ path });
    expect([reply.status, JSON.parse(reply.text)]).toEqual([
      431,
      { error: { code: 431, message: "The request's head is longer than 16384 bytes." } },
    ]);
  });

  it('a host header with markup or another place in it is in no link', async () => {
    for (const host of ['"><script>', 'evil.test/%2e%2e', 'a\tb', 'x'.repeat(300)]) {
      const reply = await cloud.cloud.send({ path: '/compute', headers: { host } });
      expect(reply.text).not.toContain(host);
    }
  });

  it.each(['/', '/nothing', '/..', '//', '/%2e%2e/', '/compute/../../etc/passwd', '*'])(
    'the path %s shows nothing of the machine',
    async (path) => {
      const reply = await cloud.cloud.send({ path });
      expect(reply.status).toBeLessThan(500);
      expect(reply.text).not.toMatch(/root:|node_modules|\/tmp\//);
    },
  );
});

describe('a microversion', () => {
  it.each([
    ['2.1000', 406],
    ['1.0', 406],
    ['2', 400],
    ['2.1.1', 400],
    ['latest.', 400],
    ['-2.1', 400],
    ['２.１', 400],
    ['2.01', 400],
    ['9'.repeat(3_000), 400],
  ])('%s is refused with %i', async (version, status) => {
    const reply = await cloud.send('compute', {
      path: '/compute/v2.1/servers',
      headers: { 'openstack-api-version': `compute ${Buffer.from(version).toString('latin1')}` },
    });
    expect(reply.status).toBe(status);
  });
});
