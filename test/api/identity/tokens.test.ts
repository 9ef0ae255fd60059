// What logging in gives, what a token tells, and what makes it void.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  authBody,
  base,
  errorBody,
  type IdentityCloud,
  identityCloud,
  projectScope,
} from './identity-cloud.ts';

const unauthorized = errorBody(
  401,
  'Unauthorized',
  'The request you have made requires authentication.',
);
const demo = { user: 'demo', password: 'secret-demo' };
let cloud: IdentityCloud;
beforeEach(async () => {
  cloud = await identityCloud();
});

const idOf: IdentityCloud['idOf'] = (...args) => cloud.idOf(...args);

async function validate(token: string, as = cloud.admin): Promise<number> {
  const headers = { 'x-subject-token': token };
  const { status } = await cloud.call('GET', '/v3/auth/tokens', { token: as, headers });
  return status;
}

describe('POST /v3/auth/tokens', () => {
  it('gives a project token with roles and a catalogue of addresses at the host asked for', async () => {
    const reply = await cloud.call('POST', '/v3/auth/tokens', {
      body: authBody({ ...demo, scope: projectScope('demo') }),
    });
    expect(reply.status).toBe(201);
    expect(String(reply.headers['x-subject-token']).length).toBeLessThan(255);
    expect(reply.headers.vary).toBe('X-Auth-Token');
    expect(reply.headers['x-openstack-request-id']).toMatch(/^req-[0-9a-f-]{36}$/);
    const { catalog, ...token } = at(reply.body, 'token') as { catalog: unknown[] };
    expect(token).toEqual({
      methods: ['password'],
      user: {
        domain: { id: 'default', name: 'Default' },
        id: await idOf('users', 'demo'),
        name: 'demo',
        password_expires_at: null,
      },
      audit_ids: [expect.stringMatching(/^[\w-]{22}$/)],
      expires_at: '2026-01-01T01:00:00.000000Z',
      issued_at: '2026-01-01T00:00:00.000000Z',
      project: {
        domain: { id: 'default', name: 'Default' },
        id: await idOf('projects', 'demo'),
        name: 'demo',
      },
      is_domain: false,
      roles: [
        { id: await idOf('roles', 'member'), name: 'member' },
        { id: await idOf('roles', 'reader'), name: 'reader' },
      ],
    });
    expect(catalog).toHaveLength(5);
    expect(catalog).toContainEqual({
      id: expect.any(String),
      type: 'compute',
      name: 'nova',
      endpoints: expect.arrayContaining(
        ['public', 'internal', 'admin'].map((face) => ({
          id: expect.any(String),
          interface: face,
          region: 'RegionOne',
          region_id: 'RegionOne',
          url: `${base}/compute/v2.1`,
        })),
      ),
    });
  });

  it.each([
    ['domain', { domain: { id: 'default' } }, { domain: { id: 'default', name: 'Default' } }],
    ['system', { system: { all: true } }, { system: { all: true } }],
  ])('gives a %s token to one with a role there', async (_kind, scope, shown) => {
    const reply = await cloud.call('POST', '/v3/auth/tokens?nocatalog', {
      body: authBody({ user: 'admin', password: 'secret-admin', scope }),
    });
    expect(at(reply.body, 'token')).toMatchObject(shown);
    expect(all(at(reply.body, 'token', 'roles'), 'name')).toEqual([
      'admin',
      'manager',
      'member',
      'reader',
    ]);
    expect(at(reply.body, 'token')).not.toHaveProperty('catalog');
  });

  it.each([undefined, 'unscoped', { unscoped: {} }])(
    'gives an unscoped token without roles and catalogue for scope %j',
    async (scope) => {
      const reply = await cloud.call('POST', '/v3/auth/tokens', {
        body: authBody({ ...demo, scope }),
      });
      expect(Object.keys(at(reply.body, 'token') as object).sort()).toEqual([
        'audit_ids',
        'expires_at',
        'issued_at',
        'methods',
        'user',
      ]);
    },
  );

  it('scopes to the default project when no scope is asked for', async () => {
    const [user, project] = [await idOf('users', 'demo'), await idOf('projects', 'demo')];
    await cloud.call('PATCH', `/v3/users/${user}`, {
      token: cloud.admin,
      body: { user: { default_project_id: project } },
    });
    const reply = await cloud.call('POST', '/v3/auth/tokens', { body: authBody(demo) });
    expect(at(reply.body, 'token', 'project', 'id')).toBe(project);
  });

  it.each([
    ['a wrong password', authBody({ ...demo, password: 'wrong' })],
    ['an unknown user', authBody({ ...demo, user: 'nobody' })],
    ['an unknown domain', authBody({ ...demo, domain: 'Nowhere' })],
    ['a project without a role', authBody({ ...demo, scope: projectScope('admin') })],
    ['an unknown project', authBody({ ...demo, scope: projectScope('nothing') })],
    ['a domain without a role', authBody({ ...demo, scope: { domain: { id: 'default' } } })],
    ['the system without a role', authBody({ ...demo, scope: { system: { all: true } } })],
  ])('answers %s with the same 401', async (_what, body) => {
    const reply = await cloud.call('POST', '/v3/auth/tokens', { body });
    expect([reply.status, reply.body]).toEqual([401, unauthorized]);
    expect(reply.headers['www-authenticate']).toBe(`Keystone uri="${base}/identity"`);
  });

  const inError =
    'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';
  it.each([
    [{}, `Expecting to find auth in request body. ${inError}`],
    [{ auth: {} }, "'identity' is a required property"],
    [{ auth: 7 }, "7 is not of type 'object'"],
    [
      { auth: { identity: { methods: 'password' } } },
      "Invalid input for field 'identity/methods': 'password' is not of type 'array'",
    ],
    [
      { auth: { identity: { methods: ['password'] } } },
      `Expecting to find password in identity. ${inError}`,
    ],
    [
      { auth: { identity: { methods: ['password'], password: {} } } },
      `Expecting to find user in password. ${inError}`,
    ],
    [
      { auth: { identity: { methods: ['password'], password: { user: { name: 'x' } } } } },
      `Expecting to find domain in user. ${inError}`,
    ],
    [
      authBody({ ...demo, scope: { project: { name: 'demo' } } }),
      `Expecting to find domain in project. ${inError}`,
    ],
    [
      authBody({ ...demo, scope: { project: {}, domain: {} } }),
      `Expecting to find system, project, domain, OS-TRUST:trust or unscoped in scope. ${inError}`,
    ],
  ])('answers the malformed %j with 400', async (body, message) => {
    const reply = await cloud.call('POST', '/v3/auth/tokens', { body });
    expect([reply.status, reply.body]).toEqual([400, errorBody(400, 'Bad Request', message)]);
  });

  it('names the methods that it knows when asked for another', async () => {
    const body = { auth: { identity: { methods: ['magic'], magic: {} } } };
    const reply = await cloud.call('POST', '/v3/auth/tokens', { body });
    expect([reply.status, at(reply.body, 'error', 'identity')]).toEqual([
      401,
      { methods: ['password', 'token', 'application_credential', 'oauth1', 'totp'] },
    ]);
  });

  it('makes another scope from a token, with its end and its audit id', async () => {
    const unscoped = await cloud.login(demo);
    const first = cloud.identity.inspect(unscoped);
    await cloud.env.advance(60_000);
    const rescope = (id: string) =>
      cloud.call('POST', '/v3/auth/tokens', {
        body: {
          auth: {
            identity: { methods: ['token'], token: { id } },
            scope: projectScope('demo'),
          },
        },
      });
    const reply = await rescope(unscoped);
    expect(at(reply.body, 'token')).toMatchObject({
      methods: ['password', 'token'],
      expires_at: '2026-01-01T01:00:00.000000Z',
      issued_at: '2026-01-01T00:01:00.000000Z',
      audit_ids: [expect.any(String), first?.claims.auditId],
    });
    expect((await rescope('garbage')).status).toBe(404);
  });
});

describe('GET /v3/auth/tokens', () => {
  it('shows what the holder was given', async () => {
    const given = await cloud.call('POST', '/v3/auth/tokens', {
      body: authBody({ ...demo, scope: projectScope('demo') }),
    });
    const token = String(given.headers['x-subject-token']);
    const shown = await cloud.call('GET', '/v3/auth/tokens', {
      token,
      headers: { 'x-subject-token': token },
    });
    expect([shown.status, shown.headers['x-subject-token'], shown.body]).toEqual([
      200,
      token,
      given.body,
    ]);
    const checked = await cloud.call('HEAD', '/v3/auth/tokens', {
      token,
      headers: { 'x-subject-token': token },
    });
    expect([checked.status, checked.body]).toEqual([200, undefined]);
  });

  it('lets nobody but its holder and admins look at a token', async () => {
    const mine = await cloud.login({ ...demo, scope: projectScope('demo') });
    expect(await validate(mine, mine)).toBe(200);
    expect(await validate(mine)).toBe(200);
    expect(await validate(cloud.admin, mine)).toBe(403);
  });

  it.each([
    ['garbage', 404],
    ['A'.repeat(200), 404],
    ['', 404],
  ])('answers the subject %j with %i', async (subject, status) => {
    expect(await validate(subject)).toBe(status);
  });

  it('answers an expired subject with 404, unless a window for expired ones is asked for', async () => {
    const token = await cloud.login(demo);
    await cloud.env.advance(3_599_999);
    expect(await validate(token)).toBe(200);
    await cloud.env.advance(1);
    const admin = await cloud.login({
      user: 'admin',
      password: 'secret-admin',
      scope: projectScope('admin'),
    });
    expect(await validate(token, admin)).toBe(404);
    const windowed = await cloud.call('GET', '/v3/auth/tokens?allow_expired=1', {
      token: admin,
      headers: { 'x-subject-token': token },
    });
    expect(windowed.status).toBe(200);
    expect(await validate(token, token)).toBe(401);
  });
});

describe('a token is void', () => {
  const scoped = { ...demo, scope: projectScope('demo') };

  it('once it was revoked, and only that one', async () => {
    const [one, other] = [await cloud.login(scoped), await cloud.login(scoped)];
    const revoked = await cloud.call('DELETE', '/v3/auth/tokens', {
      token: one,
      headers: { 'x-subject-token': one },
    });
    expect([revoked.status, revoked.body]).toEqual([204, undefined]);
    expect([await validate(one), await validate(other)]).toEqual([404, 200]);
    expect(await cloud.identity.verify(one)).toBeUndefined();
  });

  it('once the password was changed, but not the one got with the new password', async () => {
    const before = await cloud.login(scoped);
    const id = await idOf('users', 'demo');
    const changed = await cloud.call('POST', `/v3/users/${id}/password`, {
      body: { user: { original_password: 'secret-demo', password: 'new' } },
    });
    expect([changed.status, changed.body]).toEqual([204, undefined]);
    const after = await cloud.login({ ...scoped, password: 'new' });
    expect([await validate(before), await validate(after)]).toEqual([404, 200]);
    await expect(cloud.login(scoped)).rejects.toThrow('401');
  });

  it.each(['users', 'projects'])(
    'while its %s entry is off, and after it is on again',
    async (what) => {
      const token = await cloud.login(scoped);
      const id = await idOf(what, 'demo');
      const member = what.slice(0, -1);
      const turn = (enabled: boolean) =>
        cloud.call('PATCH', `/v3/${what}/${id}`, {
          token: cloud.admin,
          body: { [member]: { enabled } },
        });
      await turn(false);
      expect(await validate(token)).toBe(404);
      await turn(true);
      expect(await validate(token)).toBe(404);
      expect(await validate(await cloud.login(scoped))).toBe(200);
    },
  );

  it('once its last role was taken', async () => {
    const token = await cloud.login(scoped);
    const ids = [
      await idOf('projects', 'demo'),
      await idOf('users', 'demo'),
      await idOf('roles', 'member'),
    ];
    const grant = `/v3/projects/${ids[0]}/users/${ids[1]}/roles/${ids[2]}`;
    await cloud.call('DELETE', grant, { token: cloud.admin });
    expect(await validate(token)).toBe(404);
  });

  it.each(['users', 'projects'])('once its %s entry is gone', async (what) => {
    const token = await cloud.login(scoped);
    await cloud.call('DELETE', `/v3/${what}/${await idOf(what, 'demo')}`, { token: cloud.admin });
    expect(await validate(token)).toBe(404);
  });
});

describe('what a token opens', () => {
  it('lists projects, domains, the system and the catalogue', async () => {
    const token = await cloud.login({ ...demo, scope: projectScope('demo') });
    const get = async (what: string, as: string) =>
      at((await cloud.call('GET', `/v3/auth/${what}`, { token: as })).body, what);
    expect(all(await get('projects', token), 'name')).toEqual(['demo']);
    expect(await get('domains', token)).toEqual([]);
    expect(all(await get('domains', cloud.admin), 'name')).toEqual(['Default']);
    expect(await get('system', token)).toEqual([]);
    expect(await get('system', cloud.admin)).toEqual([{ all: true }]);
    expect(await get('catalog', token)).toHaveLength(5);
  });

  it('has no catalogue for an unscoped token', async () => {
    const token = await cloud.login(demo);
    const reply = await cloud.call('GET', '/v3/auth/catalog', { token });
    expect([reply.status, reply.body]).toEqual([
      403,
      errorBody(403, 'Forbidden', 'You are not authorized to perform the requested action.'),
    ]);
  });
});
