// Users and groups over HTTP: bodies, errors, filters, pages, and what each may do.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  base,
  errorBody,
  identityCloud,
  type IdentityCloud,
  type Method,
  namesIn,
  projectScope,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
beforeEach(async () => {
  cloud = await identityCloud();
});
const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
const idOf: IdentityCloud['idOf'] = (...args) => cloud.idOf(...args);
const hexId = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown as string;

describe('users', () => {
  it('are created with all fields, never showing a password', async () => {
    const created = await asAdmin('POST', '/users', {
      user: { name: 'anna', password: 'pw', email: 'a@b.test', description: 'first' },
    });
    const id = String(at(created.body, 'user', 'id'));
    expect([created.status, created.body]).toEqual([
      201,
      {
        user: {
          id: hexId,
          name: 'anna',
          domain_id: 'default',
          enabled: true,
          email: 'a@b.test',
          description: 'first',
          password_expires_at: null,
          options: {},
          links: { self: `${base}/identity/v3/users/${id}` },
        },
      },
    ]);
    expect(JSON.stringify(cloud.cluster.events)).not.toContain('"pw"');
  });

  it.each([
    [
      { name: 'demo' },
      409,
      'Conflict occurred attempting to store user - Duplicate entry found with name demo at domain ID default.',
    ],
    [{ name: 'x', domain_id: 'nowhere' }, 404, 'Could not find domain: nowhere.'],
    [
      { name: 'x', default_project_id: 'default' },
      400,
      "User's default project ID cannot be a domain ID: default",
    ],
    [
      { name: 'x', password: 'x'.repeat(4097) },
      403,
      'The password length must be less than or equal to 4096. The server could not comply with the request because the password is invalid.',
    ],
  ])('are refused for %j', async (user, status, message) => {
    const reply = await asAdmin('POST', '/users', { user });
    expect([reply.status, at(reply.body, 'error', 'message')]).toEqual([status, message]);
  });

  it('are filtered by name, domain, enabled and parts of the name', async () => {
    const domainId = await create('domains', { name: 'other' });
    await create('users', { name: 'anna', domain_id: domainId });
    await create('users', { name: 'Anton', enabled: false });
    const find = async (query: string) =>
      namesIn(at((await asAdmin('GET', `/users?${query}`)).body, 'users'));
    expect(await find('name=anna')).toEqual(['anna']);
    expect(await find(`domain_id=${domainId}`)).toEqual(['anna']);
    expect(await find('enabled=false')).toEqual(['Anton']);
    expect(await find('enabled=True&domain_id=default')).toEqual(['admin', 'demo']);
    expect(await find('name__startswith=an')).toEqual(['anna']);
    expect(await find('name__istartswith=an')).toEqual(['Anton', 'anna']);
  });

  it('come in pages, each with a link to the next', async () => {
    const names: string[] = [];
    let path: string | undefined = '/users?limit=1';
    for (let page = 0; page < 3 && path !== undefined; page += 1) {
      const { body } = await asAdmin('GET', path);
      names.push(...namesIn(at(body, 'users')));
      expect(at(body, 'links', 'self')).toBe(`${base}/identity/v3${path}`);
      const next = at(body, 'links', 'next');
      path = typeof next === 'string' ? next.slice(`${base}/identity/v3`.length) : undefined;
    }
    expect([names.toSorted(), path]).toEqual([['admin', 'demo'], undefined]);
    expect((await asAdmin('GET', '/users?limit=x')).status).toBe(400);
  });

  it('may see themselves and their projects, and nothing of others', async () => {
    const token = await cloud.login({
      user: 'demo',
      password: 'secret-demo',
      scope: projectScope('demo'),
    });
    const [demo, admin] = [await idOf('users', 'demo'), await idOf('users', 'admin')];
    const get = async (path: string) => (await cloud.call('GET', `/v3${path}`, { token })).status;
    expect(await get(`/users/${demo}`)).toBe(200);
    expect(await get(`/users/${demo}/projects`)).toBe(200);
    expect(await get(`/users/${demo}/groups`)).toBe(200);
    expect(await get(`/projects/${await idOf('projects', 'demo')}`)).toBe(200);
    expect(await get('/domains/default')).toBe(200);
    expect(await get('/regions')).toBe(200);
    for (const path of [
      `/users/${admin}`,
      '/users/unknown',
      '/users',
      '/projects',
      '/roles',
      '/services',
      '/role_assignments',
      `/projects/${await idOf('projects', 'admin')}`,
    ])
      expect([path, await get(path)]).toEqual([path, 403]);
  });

  it('may not write, and hear which action it was', async () => {
    const token = await cloud.login({
      user: 'demo',
      password: 'secret-demo',
      scope: projectScope('demo'),
    });
    const reply = await cloud.call('POST', '/v3/projects', { token, body: { project: {} } });
    expect([reply.status, reply.body]).toEqual([
      403,
      errorBody(
        403,
        'Forbidden',
        'You are not authorized to perform the requested action: identity:create_project.',
      ),
    ]);
  });

  it('change their password only by knowing the old one', async () => {
    const id = await idOf('users', 'demo');
    const change = (user: object, who = id) =>
      cloud.call('POST', `/v3/users/${who}/password`, { body: { user } });
    expect((await change({ original_password: 'wrong', password: 'n' })).status).toBe(401);
    expect((await change({ original_password: 'wrong', password: 'n' }, 'unknown')).status).toBe(
      401,
    );
    expect((await change({ password: 'n' })).status).toBe(400);
    await asAdmin('PATCH', `/users/${id}`, { user: { options: { lock_password: true } } });
    expect((await change({ original_password: 'secret-demo', password: 'n' })).status).toBe(400);
  });
});

describe('a manager of a domain', () => {
  it('keeps the users and grants of that domain, and of no other, and never makes admins', async () => {
    const domainId = await create('domains', { name: 'other' });
    const boss = await create('users', { name: 'boss', password: 'pw', domain_id: domainId });
    const [manager, member, adminRole] = [
      await idOf('roles', 'manager'),
      await idOf('roles', 'member'),
      await idOf('roles', 'admin'),
    ];
    await asAdmin('PUT', `/domains/${domainId}/users/${boss}/roles/${manager}`);
    const token = await cloud.login({
      user: 'boss',
      password: 'pw',
      domain: 'other',
      scope: { domain: { name: 'other' } },
    });
    const as = (method: Method, path: string, body?: object) =>
      cloud.call(method, `/v3${path}`, { token, ...(body === undefined ? {} : { body }) });
    const made = await as('POST', '/users', { user: { name: 'new' } });
    expect([made.status, at(made.body, 'user', 'domain_id')]).toEqual([201, domainId]);
    const project = await as('POST', '/projects', { project: { name: 'p' } });
    const place = `/projects/${String(at(project.body, 'project', 'id'))}/users/${String(at(made.body, 'user', 'id'))}/roles`;
    expect((await as('PUT', `${place}/${member}`)).status).toBe(204);
    expect((await as('PUT', `${place}/${adminRole}`)).status).toBe(403);
    expect((await as('POST', '/users', { user: { name: 'x', domain_id: 'default' } })).status).toBe(
      403,
    );
    expect((await as('POST', '/domains', { domain: { name: 'x' } })).status).toBe(403);
    const seen = await as('GET', '/users');
    expect(namesIn(at(seen.body, 'users'))).toEqual(['boss', 'new']);
  });
});

describe('groups', () => {
  it('hold users, who are listed from both sides', async () => {
    const [group, user] = [await create('groups', { name: 'staff' }), await idOf('users', 'demo')];
    const member = `/groups/${group}/users/${user}`;
    expect((await asAdmin('HEAD', member)).status).toBe(404);
    expect((await asAdmin('PUT', member)).status).toBe(204);
    expect((await asAdmin('HEAD', member)).status).toBe(204);
    expect(all(at((await asAdmin('GET', `/groups/${group}/users`)).body, 'users'), 'name')).toEqual(
      ['demo'],
    );
    expect(all(at((await asAdmin('GET', `/users/${user}/groups`)).body, 'groups'), 'name')).toEqual(
      ['staff'],
    );
    expect((await asAdmin('DELETE', member)).status).toBe(204);
    expect((await asAdmin('DELETE', member)).status).toBe(404);
  });
});
