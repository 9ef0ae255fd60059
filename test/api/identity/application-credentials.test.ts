// Application credentials: what they open, how they end, and that a leaked one can't make itself at home.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  base,
  type IdentityCloud,
  identityCloud,
  projectScope,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
let token: string;
let userId: string;
beforeEach(async () => {
  cloud = await identityCloud();
  token = await cloud.login({
    user: 'demo',
    password: 'secret-demo',
    scope: projectScope('demo'),
  });
  userId = await cloud.idOf('users', 'demo');
});

const path = () => `/v3/users/${userId}/application_credentials`;
const make = (fields: object, as = token) =>
  cloud.call('POST', path(), { token: as, body: { application_credential: fields } });
const loginWith = (application_credential: unknown, more: object = {}) =>
  cloud.call('POST', '/v3/auth/tokens', {
    body: {
      auth: {
        identity: { methods: ['application_credential'], application_credential },
        ...more,
      },
    },
  });

describe('an application credential', () => {
  it('shows its secret once, and opens its project with its roles', async () => {
    const made = await make({ name: 'robot', roles: [{ name: 'reader' }] });
    const { secret, ...shown } = at(made.body, 'application_credential') as {
      secret: string;
      id: string;
    };
    expect([made.status, shown]).toEqual([
      201,
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        name: 'robot',
        description: null,
        project_id: await cloud.idOf('projects', 'demo'),
        roles: [{ id: await cloud.idOf('roles', 'reader'), name: 'reader', domain_id: null }],
        expires_at: null,
        unrestricted: false,
        system: null,
        links: { self: `${base}/identity${path()}/${shown.id}` },
      },
    ]);
    const seen = await cloud.call('GET', `${path()}/${shown.id}`, { token });
    expect(seen.body).toEqual({ application_credential: shown });
    const login = await loginWith({ id: shown.id, secret });
    expect([login.status, at(login.body, 'token')]).toMatchObject([
      201,
      {
        methods: ['application_credential'],
        project: { name: 'demo' },
        roles: [{ name: 'reader' }],
        application_credential: { id: shown.id, name: 'robot', restricted: true },
      },
    ]);
    const byName = { name: 'robot', secret, user: { name: 'demo', domain: { id: 'default' } } };
    expect((await loginWith(byName)).status).toBe(201);
    expect((await loginWith({ id: shown.id, secret: 'wrong' })).status).toBe(401);
    expect((await loginWith({ id: 'unknown', secret })).status).toBe(401);
    const scoped = await loginWith({ id: shown.id, secret }, { scope: projectScope('demo') });
    expect(scoped.status).toBe(401);
  });

  it('cannot make or delete others unless it is unrestricted', async () => {
    const open = async (fields: object) => {
      const { body } = await make(fields);
      const { id, secret } = at(body, 'application_credential') as { id: string; secret: string };
      const login = await loginWith({ id, secret });
      return { id, token: String(login.headers['x-subject-token']) };
    };
    const robot = await open({ name: 'robot' });
    expect((await make({ name: 'next' }, robot.token)).status).toBe(403);
    const removal = { token: robot.token };
    expect((await cloud.call('DELETE', `${path()}/${robot.id}`, removal)).status).toBe(403);
    const free = await open({ name: 'free', unrestricted: true });
    expect((await make({ name: 'next' }, free.token)).status).toBe(201);
  });

  it('is void with its tokens once it is deleted', async () => {
    const { body } = await make({ name: 'robot' });
    const { id, secret } = at(body, 'application_credential') as { id: string; secret: string };
    const login = await loginWith({ id, secret });
    const robot = String(login.headers['x-subject-token']);
    expect(await cloud.identity.verify(robot)).toMatchObject({ roles: ['member', 'reader'] });
    expect((await cloud.call('DELETE', `${path()}/${id}`, { token })).status).toBe(204);
    expect(await cloud.identity.verify(robot)).toBeUndefined();
    expect((await loginWith({ id, secret })).status).toBe(401);
  });

  it('ends at its time, and so do its tokens', async () => {
    const { body } = await make({ name: 'robot', expires_at: '2026-01-01T00:00:10.000001' });
    const made = at(body, 'application_credential') as { id: string; secret: string };
    expect(made).toMatchObject({ expires_at: '2026-01-01T00:00:10.000001' });
    const login = await loginWith({ id: made.id, secret: made.secret });
    expect(at(login.body, 'token', 'expires_at')).toBe('2026-01-01T00:00:10.000001Z');
    await cloud.env.advance(10_001);
    expect((await loginWith({ id: made.id, secret: made.secret })).status).toBe(401);
    expect(await cloud.identity.verify(String(login.headers['x-subject-token']))).toBeUndefined();
  });

  it.each([
    [{ name: 'x', expires_at: 'tomorrow' }, 400],
    [{ name: 'x', expires_at: '2020-01-01T00:00:00' }, 400],
    [{ name: 'x', roles: [{ name: 'admin' }] }, 400],
    [{ name: 'x', roles: [{ name: 'nothing' }] }, 404],
    [{}, 400],
  ])('is not made from %j', async (fields, status) => {
    expect((await make(fields)).status).toBe(status);
  });

  it('is made by its user only, under a name of its own', async () => {
    expect((await make({ name: 'robot' }, cloud.admin)).status).toBe(403);
    expect((await make({ name: 'robot' })).status).toBe(201);
    expect((await make({ name: 'robot' })).status).toBe(409);
    const listed = await cloud.call('GET', `${path()}?name=robot`, { token });
    expect(all(at(listed.body, 'application_credentials'), 'name')).toEqual(['robot']);
  });

  it('keeps access rules that outlive it', async () => {
    const rule = { path: '/v2.1/servers', method: 'GET', service: 'compute' };
    const { body } = await make({ name: 'robot', access_rules: [rule] });
    const made = at(body, 'application_credential') as { id: string; access_rules: object[] };
    expect(made.access_rules).toEqual([{ id: expect.any(String), ...rule }]);
    const rules = `/v3/users/${userId}/access_rules`;
    const ruleId = String(at(made.access_rules, 0, 'id'));
    const remove = () => cloud.call('DELETE', `${rules}/${ruleId}`, { token });
    expect((await remove()).status).toBe(403);
    await cloud.call('DELETE', `${path()}/${made.id}`, { token });
    const listed = await cloud.call('GET', rules, { token });
    expect(all(at(listed.body, 'access_rules'), 'id')).toEqual([ruleId]);
    expect((await remove()).status).toBe(204);
    expect((await cloud.call('GET', `${rules}/${ruleId}`, { token })).status).toBe(404);
  });
});

describe('access rules', () => {
  const ruled = async (access_rules: readonly object[]) => {
    const made = await make({ name: 'narrow', access_rules });
    const { id, secret } = at(made.body, 'application_credential') as Record<string, unknown>;
    return String((await loginWith({ id, secret })).headers['x-subject-token']);
  };

  it('let a token make the requests that they name, and no others', async () => {
    const narrow = await ruled([
      { service: 'identity', method: 'GET', path: '/v3/users/{user_id}' },
    ]);
    const ask = async (method: 'GET' | 'PATCH', asked: string) =>
      (await cloud.call(method, asked, { token: narrow })).status;
    expect(await ask('GET', `/v3/users/${userId}`)).toBe(200);
    expect(await ask('GET', `/v3/users/${userId}/projects`)).toBe(401);
    expect(await ask('PATCH', `/v3/users/${userId}`)).toBe(401);
    expect(await ask('GET', '/v3/regions')).toBe(401);
    const own = { token: narrow, headers: { 'x-subject-token': narrow } };
    expect((await cloud.call('GET', '/v3/auth/tokens', own)).status).toBe(200);
  });

  it('go to other services with the caller', async () => {
    const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
    const caller = await cloud.identity.verify(await ruled([rule]));
    expect(caller?.accessRules).toMatchObject([rule]);
  });
});
