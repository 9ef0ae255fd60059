// The catalogue, the versions, and what every request is refused for.
import { beforeEach, describe, expect, it } from 'vitest';
import { all, at, base, errorBody, identityCloud, type IdentityCloud } from './identity-cloud.ts';

let cloud: IdentityCloud;
beforeEach(async () => {
  cloud = await identityCloud();
});
const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
const idOf: IdentityCloud['idOf'] = (...args) => cloud.idOf(...args);
const hexId = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown as string;

describe('the catalogue', () => {
  it('is kept by services, endpoints and regions', async () => {
    const service = await create('services', { type: 'volumev3', name: 'cinder' });
    const made = await asAdmin('POST', '/endpoints', {
      endpoint: {
        interface: 'public',
        url: 'http://cinder/v3/$(project_id)s',
        service_id: service,
        region: 'RegionTwo',
      },
    });
    const id = String(at(made.body, 'endpoint', 'id'));
    expect([made.status, made.body]).toEqual([
      201,
      {
        endpoint: {
          id: hexId,
          interface: 'public',
          url: 'http://cinder/v3/$(project_id)s',
          service_id: service,
          region: 'RegionTwo',
          region_id: 'RegionTwo',
          enabled: true,
          links: { self: `${base}/identity/v3/endpoints/${id}` },
        },
      },
    ]);
    const catalog = at((await asAdmin('GET', '/auth/catalog')).body, 'catalog') as {
      type: string;
      endpoints: unknown[];
    }[];
    const urls = catalog.find(({ type }) => type === 'volumev3')?.endpoints;
    expect(all(urls, 'url')).toEqual([`http://cinder/v3/${await idOf('projects', 'admin')}`]);
    expect((await asAdmin('DELETE', '/regions/RegionTwo')).status).toBe(403);
    expect((await asAdmin('DELETE', `/services/${service}`)).status).toBe(204);
    expect((await asAdmin('GET', `/endpoints/${id}`)).status).toBe(404);
    expect((await asAdmin('DELETE', '/regions/RegionTwo')).status).toBe(204);
  });

  it.each([
    ['a strange field', { url: 'http://x/$(secret)s' }],
    ['no address', { url: 'nowhere' }],
    ['an unknown region', { region_id: 'nowhere' }],
    ['an unknown service', { service_id: 'nothing' }],
    ['an unknown face', { interface: 'private' }],
    ['a text for enabled', { enabled: 'False' }],
  ])('takes no endpoint with %s', async (_what, wrong) => {
    const service = await create('services', { type: 'x' });
    const endpoint = { interface: 'public', url: 'http://x', service_id: service, ...wrong };
    expect((await asAdmin('POST', '/endpoints', { endpoint })).status).toBe(400);
  });

  it('has regions with the ids that their makers chose', async () => {
    expect((await asAdmin('PUT', '/regions/north', { region: {} })).status).toBe(201);
    expect((await asAdmin('PUT', '/regions/north', { region: {} })).status).toBe(409);
    expect(
      (await asAdmin('POST', '/regions', { region: { id: 'oslo', parent_region_id: 'north' } }))
        .status,
    ).toBe(201);
    expect(
      (await asAdmin('PATCH', '/regions/north', { region: { parent_region_id: 'oslo' } })).status,
    ).toBe(400);
    const listed = await asAdmin('GET', '/regions?parent_region_id=north');
    expect(all(at(listed.body, 'regions'), 'id')).toEqual(['oslo']);
    expect((await asAdmin('DELETE', '/regions/north')).status).toBe(204);
    expect((await asAdmin('GET', '/regions/oslo')).status).toBe(404);
  });
});

describe('what is not right', () => {
  it.each([
    ['GET', '/v3/users'],
    ['POST', '/v3/users'],
    ['DELETE', '/v3/users/x'],
    ['GET', '/v3/auth/tokens'],
    ['GET', '/v3/role_assignments'],
  ] as const)('without a token %s %s is 401', async (method, path) => {
    const reply = await cloud.call(method, path);
    expect([reply.status, reply.body, reply.headers['www-authenticate']]).toEqual([
      401,
      errorBody(401, 'Unauthorized', 'The request you have made requires authentication.'),
      `Keystone uri="${base}/identity"`,
    ]);
  });

  it('an unknown path is 404, a wrong method 405', async () => {
    const lost = await cloud.call('GET', '/v3/nothing');
    expect([lost.status, lost.body]).toEqual([
      404,
      errorBody(404, 'Not Found', 'The resource could not be found.'),
    ]);
    const wrong = await cloud.call('PUT', '/v3/users/x');
    expect([wrong.status, wrong.body]).toEqual([
      405,
      errorBody(405, 'Method Not Allowed', 'The method is not allowed for the requested URL.'),
    ]);
  });

  it.each(['{', '[]', '"x"', '7', 'null', ''])('the body %j is 400', async (payload) => {
    const reply = await cloud.app.inject({
      method: 'POST',
      url: '/identity/v3/projects',
      headers: { 'x-auth-token': cloud.admin, 'content-type': 'application/json' },
      payload,
    });
    expect(reply.statusCode).toBe(400);
    expect(at(reply.json(), 'error', 'title')).toBe('Bad Request');
  });

  it('a body that calls itself something else is 400', async () => {
    const reply = await cloud.app.inject({
      method: 'POST',
      url: '/identity/v3/auth/tokens',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'a=b',
    });
    expect(reply.statusCode).toBe(400);
  });

  it('a body over a mebibyte is 413', async () => {
    const reply = await asAdmin('POST', '/projects', {
      project: { name: 'x', big: 'x'.repeat(1_100_000) },
    });
    expect(reply.status).toBe(413);
  });

  it('an attribute that no journal could keep is 400', async () => {
    const nested = '['.repeat(60) + ']'.repeat(60);
    for (const value of [nested, '1e999', '{"a":[-1e999]}']) {
      const reply = await cloud.app.inject({
        method: 'POST',
        url: '/identity/v3/users',
        headers: { 'x-auth-token': cloud.admin, 'content-type': 'application/json' },
        payload: `{"user":{"name":"x","colour":${value}}}`,
      });
      expect([value, reply.statusCode]).toEqual([value, 400]);
    }
  });

  it('a member that is no object is 400', async () => {
    for (const user of [7, 'x', [], true])
      expect((await asAdmin('POST', '/users', { user })).status).toBe(400);
  });
});

describe('versions', () => {
  it('are told to anyone', async () => {
    const version = {
      id: 'v3.14',
      status: 'stable',
      updated: '2020-04-07T00:00:00Z',
      links: [{ rel: 'self', href: `${base}/identity/v3/` }],
      'media-types': [
        { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' },
      ],
    };
    for (const path of ['', '/']) {
      const choices = await cloud.call('GET', path);
      expect([choices.status, choices.body]).toEqual([300, { versions: { values: [version] } }]);
    }
    for (const path of ['/v3', '/v3/'])
      expect((await cloud.call('GET', path)).body).toEqual({ version });
  });
});
