// What every call of the compute service has in common: versions, headers, error forms, tokens and paths.
import { describe, expect, it } from 'vitest';
import type { ComputeCall, ComputeRoute } from '#api/compute/route.ts';
import { MAX_MINOR } from '#api/compute/microversion.ts';
import { caller, PROJECT, PUBLIC_URL, testService } from './service.ts';

const seen = (call: ComputeCall) => ({
  microversion: call.microversion,
  query: { ...call.query },
  body: call.body ?? null,
  self: call.selfBase,
  bookmark: call.bookmarkBase,
});
const nameSchema = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 1, maxLength: 5 } },
  required: ['name'],
  additionalProperties: false,
} as const;

const routes: readonly ComputeRoute[] = [
  { method: 'GET', path: '/things', handler: seen },
  {
    method: 'GET',
    path: '/old-things',
    until: 35,
    policy: 'os-hosts:list',
    handler: seen,
  },
  { method: 'GET', path: '/new-things', since: 26, handler: seen },
  { method: 'GET', path: '/cells', gone: true },
  {
    method: 'POST',
    path: '/things',
    body: [{ schema: nameSchema }],
    policy: 'servers:create',
    success: [
      { until: 1, code: 200 },
      { since: 2, code: 201 },
    ],
    handler: seen,
  },
  {
    method: 'DELETE',
    path: '/things/:thing_id',
    success: 204,
    handler: () => undefined,
  },
  {
    method: 'GET',
    path: '/broken',
    handler: () => {
      throw new TypeError('a secret');
    },
  },
  {
    method: 'POST',
    path: '/things/:thing_id/action',
    actions: [
      { name: 'push', success: 202, handler: () => undefined },
      { name: 'pull', since: 17, success: 202, handler: () => undefined },
      { name: 'cut', gone: true },
    ],
  },
];

const { app } = testService({ routes });
const v21 = '/compute/v2.1';
type Headers = Record<string, string>;
const get = (path: string, headers: Headers = {}) =>
  app.inject({ url: path, headers: { 'x-auth-token': 'anna', ...headers } });
const post = (path: string, payload: unknown, headers: Headers = {}) =>
  app.inject({
    method: 'POST',
    url: path,
    headers: { 'x-auth-token': 'anna', 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });

describe('version documents', () => {
  it('the root lists versions without a token', async () => {
    const [bare, slashed] = [await app.inject('/compute'), await app.inject('/compute/')];
    expect(bare.json()).toEqual(slashed.json());
    expect(bare.statusCode).toBe(200);
    expect(bare.json()).toEqual({
      versions: [
        {
          id: 'v2.0',
          status: 'SUPPORTED',
          version: '',
          min_version: '',
          updated: '2011-01-21T11:33:21Z',
          links: [{ rel: 'self', href: 'http://localhost:80/compute/v2/' }],
        },
        {
          id: 'v2.1',
          status: 'CURRENT',
          version: `2.${MAX_MINOR}`,
          min_version: '2.1',
          updated: '2013-07-23T11:33:21Z',
          links: [{ rel: 'self', href: 'http://localhost:80/compute/v2.1/' }],
        },
      ],
    });
  });

  it.each([
    ['/compute/v2.1/', 'v2.1', `2.${MAX_MINOR}`],
    ['/compute/v2.1', 'v2.1', `2.${MAX_MINOR}`],
    ['/compute/v2', 'v2.0', ''],
  ])('%s tells of one version without a token', async (path, id, version) => {
    const reply = await app.inject({ url: path, headers: { host: 'cloud:8774' } });
    expect([reply.statusCode, reply.json().version.id, reply.json().version.version]).toEqual([
      200,
      id,
      version,
    ]);
    expect(reply.json().version.links[0]).toEqual({
      rel: 'self',
      href: `${PUBLIC_URL}/compute/${id === 'v2.0' ? 'v2' : id}/`,
    });
    expect(Object.keys(reply.json().version).sort()).toEqual(
      ['id', 'links', 'media-types', 'min_version', 'status', 'updated', 'version'].sort(),
    );
  });

  it('another unversioned path gives the choices', async () => {
    const reply = await app.inject({ url: '/compute/servers', headers: { host: 'cloud:8774' } });
    expect(reply.statusCode).toBe(300);
    expect(reply.json().choices[1]).toEqual({
      id: 'v2.1',
      status: 'CURRENT',
      links: [{ rel: 'self', href: `${PUBLIC_URL}/compute/v2.1/servers` }],
      'media-types': [
        {
          base: 'application/json',
          type: 'application/vnd.openstack.compute+json;version=2.1',
        },
      ],
    });
  });
});

describe('microversion negotiation', () => {
  it.each<[string, Headers, number]>([
    ['nothing', {}, 1],
    ['the new header', { 'openstack-api-version': 'compute 2.79' }, 79],
    ['the old header', { 'x-openstack-nova-api-version': '2.53' }, 53],
    [
      'both, the new one wins',
      { 'openstack-api-version': 'compute 2.79', 'x-openstack-nova-api-version': '2.53' },
      79,
    ],
    [
      'another service in the new header',
      { 'openstack-api-version': 'volume 3.5', 'x-openstack-nova-api-version': '2.53' },
      53,
    ],
    [
      'several services in one header',
      { 'openstack-api-version': 'volume 3.5, compute 2.60, image 2.1' },
      60,
    ],
    ['latest', { 'openstack-api-version': 'compute latest' }, MAX_MINOR],
  ])('%s', async (_name, headers, minor) => {
    const reply = await get(`${v21}/things`, headers);
    expect(reply.json().microversion).toBe(minor);
    expect(reply.headers).toMatchObject({
      'openstack-api-version': `compute 2.${minor}`,
      'x-openstack-nova-api-version': `2.${minor}`,
      vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
    });
  });

  it.each(['2.105', '2.0', '3.1', '1.1', '2.1000'])(
    '%s is not supported: 406, with the version echoed',
    async (version) => {
      const reply = await get(`${v21}/things`, { 'openstack-api-version': `compute ${version}` });
      expect(reply.statusCode).toBe(406);
      expect(reply.headers).toMatchObject({
        'openstack-api-version': `compute ${version}`,
        'x-openstack-nova-api-version': version,
      });
      expect(reply.json()).toEqual({
        computeFault: {
          code: 406,
          message: `Version ${version} is not supported by the API. Minimum is 2.1 and maximum is 2.${MAX_MINOR}.`,
        },
      });
    },
  );

  it.each(['2', '2.01', 'two', '2.1.1', '-2.1', '2.x'])('%s is malformed: 400', async (version) => {
    const reply = await get(`${v21}/things`, { 'openstack-api-version': `compute ${version}` });
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toEqual({
      badRequest: {
        code: 400,
        message: `API Version String ${version} is of invalid format. Must be of format MajorNum.MinorNum.`,
      },
    });
    expect(reply.headers['openstack-api-version']).toBeUndefined();
  });

  it('/v2 knows no microversions', async () => {
    const reply = await get('/compute/v2/things', { 'openstack-api-version': 'compute 2.79' });
    expect(reply.json().microversion).toBe(0);
    expect(reply.headers['openstack-api-version']).toBeUndefined();
    expect(reply.headers['vary']).toBeUndefined();
  });

  it.each([
    ['/new-things', '2.25', 404],
    ['/new-things', '2.26', 200],
    ['/things', '2.36', 200],
  ])('%s at %s answers %d', async (path, version, status) => {
    const reply = await get(`${v21}${path}`, { 'openstack-api-version': `compute ${version}` });
    expect(reply.statusCode).toBe(status);
  });

  it('a call that its version lacks is a 404 with version headers, before policy', async () => {
    const reply = await get(`${v21}/old-things`, { 'openstack-api-version': 'compute 2.36' });
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toEqual({
      itemNotFound: { code: 404, message: 'The resource could not be found.' },
    });
    expect(reply.headers['x-openstack-nova-api-version']).toBe('2.36');
  });
});

describe('error forms', () => {
  it('a removed API is gone', async () => {
    const reply = await get(`${v21}/cells`);
    expect([reply.statusCode, reply.json()]).toEqual([
      410,
      {
        computeFault: {
          code: 410,
          message: 'This resource is no longer available.  No forwarding address is given.',
        },
      },
    ]);
  });

  it('an unknown path is a 404 outside the envelope, without version headers', async () => {
    const [plain, json] = [
      await get(`${v21}/nothing`),
      await get(`${v21}/nothing`, { accept: 'application/json' }),
    ];
    expect([plain.statusCode, plain.headers['content-type']]).toEqual([
      404,
      expect.stringMatching(/^text\/html/),
    ]);
    expect(plain.headers['openstack-api-version']).toBeUndefined();
    expect([json.statusCode, json.json()]).toEqual([
      404,
      {
        code: '404 Not Found',
        title: 'Not Found',
        message: 'The resource could not be found.<br /><br />\n\n\n',
      },
    ]);
  });

  it.each(['PUT', 'PATCH', 'HEAD', 'OPTIONS'] as const)(
    '%s on a path without it is a 404',
    async (method) => {
      const reply = await app.inject({
        method,
        url: `${v21}/things`,
        headers: { 'x-auth-token': 'anna' },
      });
      expect(reply.statusCode).toBe(404);
    },
  );

  it('a missing rôle is a 403 that names the rule', async () => {
    const reply = await get(`${v21}/old-things`);
    expect([reply.statusCode, reply.json()]).toEqual([
      403,
      {
        forbidden: {
          code: 403,
          message: "Policy doesn't allow os_compute_api:os-hosts:list to be performed.",
        },
      },
    ]);
  });

  it.each([
    ['rita', 403],
    ['nobody', 403],
    ['homeless', 403],
    ['anna', 200],
    ['otto', 200],
    ['admin', 200],
  ])('%s creating gets %d', async (token, status) => {
    const reply = await post(`${v21}/things`, { name: 'a' }, { 'x-auth-token': token });
    expect(reply.statusCode).toBe(status);
  });

  it('an unexpected failure tells no secrets', async () => {
    const reply = await get(`${v21}/broken`);
    expect(reply.statusCode).toBe(500);
    expect(Object.keys(reply.json())).toEqual(['computeFault']);
    expect(reply.body).not.toContain('secret');
  });

  it.each([
    ['{"name": ', 'Malformed request body'],
    ['not json', 'Malformed request body'],
  ])('%s is malformed', async (payload, message) => {
    const reply = await post(`${v21}/things`, payload);
    expect([reply.statusCode, reply.json()]).toEqual([400, { badRequest: { code: 400, message } }]);
    expect(reply.headers['openstack-api-version']).toBe('compute 2.1');
  });

  it('a body of another media type is a 415', async () => {
    const reply = await post(`${v21}/things`, '<a/>', { 'content-type': 'application/xml' });
    expect([reply.statusCode, reply.json()]).toEqual([
      415,
      { badMediaType: { code: 415, message: 'Unsupported Content-Type' } },
    ]);
  });

  it.each([
    { 'content-type': 'application/vnd.openstack.compute+json' },
    { 'content-type': 'application/json; charset=UTF-8' },
    { 'content-type': 'text/plain' },
    {},
  ])('a JSON body with %j is read', async (headers) => {
    const reply = await app.inject({
      method: 'POST',
      url: `${v21}/things`,
      headers: { 'x-auth-token': 'anna', ...headers },
      payload: Buffer.from('{"name":"a"}'),
    });
    expect([reply.statusCode, reply.json().body]).toEqual([200, { name: 'a' }]);
  });

  it('too large a body is a 413', async () => {
    const reply = await post(`${v21}/things`, { name: 'x'.repeat(120_000) });
    expect([reply.statusCode, reply.json()]).toEqual([
      413,
      { overLimit: { code: 413, message: 'Request is too large.' } },
    ]);
  });

  it('a query that is not UTF-8 is a 400', async () => {
    const reply = await get(`${v21}/things?name=%ff`);
    expect([reply.statusCode, reply.json()]).toEqual([
      400,
      { badRequest: { code: 400, message: 'Query string is not UTF-8 encoded' } },
    ]);
  });
});

describe('replies', () => {
  it('carry the request id twice', async () => {
    const replies = [
      await get(`${v21}/things`),
      await get(`${v21}/nothing`),
      await get(`${v21}/things`, { 'x-auth-token': 'forged' }),
    ];
    for (const { headers } of replies) {
      expect(headers['x-openstack-request-id']).toMatch(/^req-[0-9a-f-]{36}$/);
      expect(headers['x-compute-request-id']).toBe(headers['x-openstack-request-id']);
    }
    expect(replies.map((reply) => reply.statusCode)).toEqual([200, 404, 401]);
  });

  it('have the success code of their version', async () => {
    const codes = [];
    for (const version of ['2.1', '2.2'])
      codes.push(
        (
          await post(
            `${v21}/things`,
            { name: 'a' },
            { 'openstack-api-version': `compute ${version}` },
          )
        ).statusCode,
      );
    expect(codes).toEqual([200, 201]);
  });

  it('without a body are empty', async () => {
    const reply = await app.inject({
      method: 'DELETE',
      url: `${v21}/things/1`,
      headers: { 'x-auth-token': 'anna' },
    });
    expect([reply.statusCode, reply.body, reply.headers['content-type']]).toEqual([
      204,
      '',
      undefined,
    ]);
  });
});

describe('the project in the path', () => {
  it('is optional, and comes back in links', async () => {
    const reply = await get(`${v21}/${PROJECT}/things`, { host: 'cloud:8774' });
    expect(reply.json()).toMatchObject({
      self: `${PUBLIC_URL}/compute/v2.1/${PROJECT}`,
      bookmark: `${PUBLIC_URL}/compute/${PROJECT}`,
    });
  });

  it("must be the token's", async () => {
    const reply = await get(`${v21}/abc123/things`);
    expect([reply.statusCode, reply.json()]).toEqual([
      400,
      {
        badRequest: {
          code: 400,
          message: `Malformed request URL: URL's project_id 'abc123' doesn't match Context's project_id '${caller('anna').projectId}'`,
        },
      },
    ]);
  });

  it('looks like one, or the path is unknown', async () => {
    const reply = await get(`${v21}/things/things`);
    expect([reply.statusCode, reply.headers['openstack-api-version']]).toEqual([404, undefined]);
  });
});

describe('actions', () => {
  const act = (payload: unknown, version = '2.1') =>
    post(`${v21}/things/1/action`, payload, { 'openstack-api-version': `compute ${version}` });

  it.each<[unknown, string, number, string]>([
    [{ push: null }, '2.1', 202, ''],
    [{ pull: null }, '2.16', 404, 'The resource could not be found.'],
    [{ pull: null }, '2.17', 202, ''],
    [{ cut: null }, '2.1', 410, 'This resource is no longer available.'],
    [{ jump: null }, '2.1', 400, 'There is no such action: jump'],
    [{ push: null, pull: null }, '2.1', 400, 'Malformed request body'],
    [{}, '2.1', 400, 'Malformed request body'],
    [[], '2.1', 400, 'Malformed request body'],
    ['', '2.1', 400, 'Malformed request body'],
    ['null', '2.1', 400, 'Malformed request body'],
  ])('%j at %s answers %d %s', async (payload, version, status, words) => {
    const reply = await act(payload, version);
    expect([reply.statusCode, reply.body]).toEqual([status, expect.stringContaining(words)]);
  });
});
