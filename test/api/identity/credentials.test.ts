// Credentials for other services, keys in EC2's form, and consumers: whose they are, and who never sees them.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  errorBody,
  identityCloud,
  type IdentityCloud,
  projectScope,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
let demo: string;
let demoId: string;
let project: string;

beforeEach(async () => {
  cloud = await identityCloud();
  demo = await cloud.login({ user: 'demo', password: 'secret-demo', scope: projectScope('demo') });
  demoId = await cloud.idOf('users', 'demo');
  project = await cloud.idOf('projects', 'demo');
});
const asDemo: IdentityCloud['asAdmin'] = (method, path, body) =>
  cloud.call(method, `/v3${path}`, { token: demo, ...(body === undefined ? {} : { body }) });
const hexId = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown as string;

describe('a credential', () => {
  const blob = '{"access": "key", "secret": "hidden"}';
  const ec2 = () => ({ type: 'ec2', blob, user_id: demoId, project_id: project });

  it('is its user’s own: made, shown, changed and deleted by the user', async () => {
    const made = await asDemo('POST', '/credentials', { credential: { ...ec2(), note: 'mine' } });
    expect(made.body).toMatchObject({
      credential: { type: 'ec2', blob, user_id: demoId, project_id: project, note: 'mine' },
    });
    const id = String(at(made.body, 'credential', 'id'));
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const changed = { credential: { blob: '{"access": "key", "secret": "other"}' } };
    expect((await asDemo('PATCH', `/credentials/${id}`, changed)).status).toBe(200);
    const listed = await asDemo('GET', `/credentials?type=ec2`);
    expect(all(at(listed.body, 'credentials'), 'blob')).toEqual([changed.credential.blob]);
    expect((await asDemo('DELETE', `/credentials/${id}`)).status).toBe(204);
    expect((await cloud.asAdmin('GET', `/credentials/${id}`)).body).toEqual(
      errorBody(404, 'Not Found', `Could not find credential: ${id}.`),
    );
  });

  it('of another user is neither listed nor shown nor made', async () => {
    const adminId = await cloud.idOf('users', 'admin');
    const id = await cloud.create('credentials', { type: 'cert', blob: 'x', user_id: adminId });
    expect(all(at((await asDemo('GET', '/credentials')).body, 'credentials'), 'id')).toEqual([]);
    expect((await asDemo('GET', `/credentials/${id}`)).status).toBe(403);
    expect((await asDemo('DELETE', `/credentials/${id}`)).status).toBe(403);
    const theirs = { credential: { ...ec2(), user_id: adminId } };
    expect((await asDemo('POST', '/credentials', theirs)).status).toBe(403);
  });

  it.each([
    ['a key without its project', { project_id: undefined }, 400],
    ['a blob that is no JSON', { blob: 'plain' }, 400],
    ['a blob without an access key', { blob: '{"secret": "x"}' }, 400],
    ['a project that is not there', { project_id: 'nothing' }, 404],
  ])('of EC2 is refused as %s', async (_what, fields, status) => {
    const credential = { ...ec2(), ...fields };
    expect((await asDemo('POST', '/credentials', { credential })).status).toBe(status);
  });

  it('never changes on whose behalf it acts', async () => {
    const made = await asDemo('POST', '/credentials', { credential: ec2() });
    const id = String(at(made.body, 'credential', 'id'));
    const credential = { blob: '{"access": "key", "secret": "x", "trust_id": "t"}' };
    const refused = await asDemo('PATCH', `/credentials/${id}`, { credential });
    expect(refused.body).toEqual(
      errorBody(400, 'Bad Request', 'trust_id can not be updated for credential'),
    );
  });

  it('goes with its user', async () => {
    const user = await cloud.create('users', { name: 'short-lived' });
    const id = await cloud.create('credentials', { type: 'cert', blob: 'x', user_id: user });
    await cloud.asAdmin('DELETE', `/users/${user}`);
    expect((await cloud.asAdmin('GET', `/credentials/${id}`)).status).toBe(404);
  });

  it('is closed to tokens of an application credential', async () => {
    const made = await asDemo('POST', `/users/${demoId}/application_credentials`, {
      application_credential: { name: 'robot', unrestricted: true },
    });
    const id = String(at(made.body, 'application_credential', 'id'));
    const secret = String(at(made.body, 'application_credential', 'secret'));
    const login = await cloud.call('POST', '/v3/auth/tokens', {
      body: {
        auth: {
          identity: { methods: ['application_credential'], application_credential: { id, secret } },
        },
      },
    });
    const token = String(login.headers['x-subject-token']);
    const refused = await cloud.call('POST', '/v3/credentials', {
      token,
      body: { credential: ec2() },
    });
    expect(refused.status).toBe(403);
    const keys = await cloud.call('GET', `/v3/users/${demoId}/credentials/OS-EC2`, { token });
    expect(keys.status).toBe(403);
  });
});

describe('a key in EC2’s form', () => {
  const path = () => `/users/${demoId}/credentials/OS-EC2`;

  it('is made for a project, listed, shown and deleted by its access key', async () => {
    const made = await asDemo('POST', path(), { tenant_id: project });
    expect(made.status).toBe(201);
    const key = at(made.body, 'credential') as Record<string, unknown>;
    expect(key).toMatchObject({
      user_id: demoId,
      tenant_id: project,
      access: hexId,
      secret: hexId,
      trust_id: null,
    });
    expect(at((await asDemo('GET', path())).body, 'credentials')).toEqual([key]);
    const own = `${path()}/${String(key.access)}`;
    expect((await asDemo('GET', own)).body).toEqual({ credential: key });
    expect((await asDemo('DELETE', own)).status).toBe(204);
    expect((await asDemo('GET', own)).status).toBe(404);
  });

  it('is made for no project that is not there, and not by others', async () => {
    expect((await asDemo('POST', path(), { tenant_id: 'nothing' })).status).toBe(404);
    const adminId = await cloud.idOf('users', 'admin');
    const theirs = await asDemo('GET', `/users/${adminId}/credentials/OS-EC2`);
    expect(theirs.status).toBe(403);
  });
});

describe('a consumer', () => {
  it('shows its secret once', async () => {
    const made = await cloud.asAdmin('POST', '/OS-OAUTH1/consumers', {
      consumer: { description: 'a robot', note: 'kept' },
    });
    expect(made.status).toBe(201);
    const { secret, ...rest } = at(made.body, 'consumer') as Record<string, unknown>;
    expect(secret).toEqual(hexId);
    const shown = await cloud.asAdmin('GET', `/OS-OAUTH1/consumers/${String(rest.id)}`);
    expect(shown.body).toEqual({ consumer: rest });
    expect(rest).toMatchObject({ description: 'a robot', note: 'kept' });
  });

  it('keeps the secret that it was given', async () => {
    const id = String(
      at((await cloud.asAdmin('POST', '/OS-OAUTH1/consumers', {})).body, 'consumer', 'id'),
    );
    const path = `/OS-OAUTH1/consumers/${id}`;
    const refused = await cloud.asAdmin('PATCH', path, { consumer: { secret: 'mine' } });
    expect(refused.status).toBe(400);
    const changed = await cloud.asAdmin('PATCH', path, { consumer: { description: 'new' } });
    expect(at(changed.body, 'consumer', 'description')).toBe('new');
    expect((await cloud.asAdmin('DELETE', path)).status).toBe(204);
    expect((await cloud.asAdmin('GET', path)).status).toBe(404);
  });
});
