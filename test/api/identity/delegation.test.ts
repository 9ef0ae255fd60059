// Tokens by keys in EC2's form, by OAuth's access tokens, by one-time passwords: how they are got, and what ends them.
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSignedRequest, signatureOf } from '#api/identity/credentials/ec2-signature.ts';
import { oauthSignature } from '#api/identity/delegation/oauth-signature.ts';
import { totpAt } from '#api/identity/proofs/totp.ts';
import {
  all,
  at,
  authBody,
  base,
  errorBody,
  identityCloud,
  type IdentityCloud,
  projectScope,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
let demoId: string;
let project: string;
beforeEach(async () => {
  cloud = await identityCloud();
  demoId = await cloud.idOf('users', 'demo');
  project = await cloud.idOf('projects', 'demo');
});

const isGood = async (token: string) =>
  (
    await cloud.call('GET', '/v3/auth/tokens', {
      token: cloud.admin,
      headers: { 'x-subject-token': token },
    })
  ).status === 200;

describe('a key in EC2’s form', () => {
  let key: { access: string; secret: string };
  beforeEach(async () => {
    const made = await cloud.asAdmin('POST', `/users/${demoId}/credentials/OS-EC2`, {
      tenant_id: project,
    });
    key = at(made.body, 'credential') as typeof key;
  });

  const signed = (params: object = {}) => {
    const request = {
      access: key.access,
      host: 'cloud.test',
      verb: 'GET',
      path: '/',
      params: { SignatureVersion: '2', Action: 'DescribeInstances', ...params },
    };
    return { ...request, signature: signatureOf(key.secret, readSignedRequest(request)) };
  };
  const redeem = (credentials: object, token = cloud.admin) =>
    cloud.call('POST', '/v3/ec2tokens', { token, body: { credentials } });

  it('gives a service a token of its user, for its project', async () => {
    const reply = await redeem(signed());
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      token: { methods: ['ec2credential'], user: { id: demoId }, project: { id: project } },
    });
    const token = String(reply.headers['x-subject-token']);
    expect(await isGood(token)).toBe(true);
    const again = { auth: { identity: { methods: ['token'], token: { id: token } } } };
    expect((await cloud.call('POST', '/v3/auth/tokens', { body: again })).status).toBe(401);
  });

  it.each([
    ['another signature', () => ({ ...signed(), signature: 'x' })],
    ['no signature', () => ({ ...signed(), signature: undefined })],
    ['other parameters than those signed', () => ({ ...signed(), path: '/other' })],
    ['an old time', () => signed({ Timestamp: '2001-01-01T00:00:00Z' })],
    ['a time that is none', () => signed({ Timestamp: 'never' })],
    ['nothing', () => ({})],
  ])('gives nothing for %s', async (_what, credentials) => {
    expect((await redeem(credentials())).status).toBe(401);
  });

  it('is redeemed by services and administrators alone', async () => {
    const scope = projectScope('demo');
    const token = await cloud.login({ user: 'demo', password: 'secret-demo', scope });
    expect((await redeem(signed(), token)).status).toBe(403);
  });

  it('acts in no trust but one that its user is the trustee of', async () => {
    const adminId = await cloud.idOf('users', 'admin');
    const admins = await cloud.idOf('projects', 'admin');
    const trust = await cloud.asAdmin('POST', '/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: adminId,
        trustee_user_id: adminId,
        project_id: admins,
        impersonation: true,
        roles: [{ name: 'admin' }],
      },
    });
    const blob = { ...key, access: 'mine', trust_id: at(trust.body, 'trust', 'id') };
    await cloud.create('credentials', {
      type: 'ec2',
      user_id: demoId,
      project_id: project,
      blob: JSON.stringify(blob),
    });
    key = { ...key, access: 'mine' };
    expect((await redeem(signed())).status).toBe(401);
  });
});

describe('a consumer', () => {
  let consumer: { id: string; secret: string };
  beforeEach(async () => {
    const made = await cloud.asAdmin('POST', '/OS-OAUTH1/consumers', { consumer: {} });
    consumer = at(made.body, 'consumer') as typeof consumer;
  });

  interface Signing {
    readonly token?: { readonly id: string; readonly secret: string };
    readonly verifier?: string;
    readonly atMs?: number;
    readonly secret?: string;
  }

  function header(path: string, signing: Signing): string {
    const params: Record<string, string> = {
      oauth_consumer_key: consumer.id,
      oauth_nonce: 'n',
      oauth_signature_method: 'HMAC-SHA1',
      oauth_timestamp: String(Math.floor((signing.atMs ?? cloud.env.clock.now()) / 1000)),
      ...(signing.token === undefined ? {} : { oauth_token: signing.token.id }),
      ...(signing.verifier === undefined ? {} : { oauth_verifier: signing.verifier }),
    };
    const url = `${base}/identity${path}`;
    const secret = signing.secret ?? consumer.secret;
    const tokenSecret = signing.token?.secret ?? '';
    const signature = oauthSignature({ method: 'POST', url, params }, secret, tokenSecret);
    const whole = { ...params, oauth_signature: signature?.toString('base64') ?? '' };
    return `OAuth ${Object.entries(whole)
      .map(([name, value]) => `${name}="${encodeURIComponent(value)}"`)
      .join(', ')}`;
  }

  /** Answers of OAuth are forms, so this doesn't parse JSON. */
  async function post(path: string, signing: Signing = {}, body?: object) {
    const reply = await cloud.app.inject({
      method: 'POST',
      url: `/identity${path}`,
      headers: {
        host: 'cloud.test:8774',
        authorization: header(path, signing),
        'requested-project-id': project,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    const form = new URLSearchParams(reply.body);
    return {
      status: reply.statusCode,
      headers: reply.headers,
      body: reply.body,
      token: { id: form.get('oauth_token') ?? '', secret: form.get('oauth_token_secret') ?? '' },
    };
  }

  async function authorize(id: string, roles: readonly object[]) {
    const reply = await cloud.asAdmin('PUT', `/OS-OAUTH1/authorize/${id}`, { roles });
    return { status: reply.status, verifier: String(at(reply.body, 'token', 'oauth_verifier')) };
  }

  async function accessToken(): Promise<{ id: string; secret: string }> {
    const adminId = await cloud.idOf('users', 'admin');
    const admin = await cloud.idOf('roles', 'admin');
    await cloud.asAdmin('PUT', `/projects/${project}/users/${adminId}/roles/${admin}`);
    const asked = await post('/v3/OS-OAUTH1/request_token');
    const { verifier } = await authorize(asked.token.id, [{ name: 'reader' }]);
    const got = await post('/v3/OS-OAUTH1/access_token', { token: asked.token, verifier });
    expect(got.status).toBe(201);
    return got.token;
  }

  const login = (token: { id: string; secret: string }, more: Signing = {}) =>
    post(
      '/v3/auth/tokens',
      { token, ...more },
      {
        auth: { identity: { methods: ['oauth1'], oauth1: {} } },
      },
    );

  it('gets a token with what the user agreed to, until the user takes it back', async () => {
    const access = await accessToken();
    const reply = await login(access);
    expect(reply.status).toBe(201);
    const { token } = JSON.parse(reply.body) as { token: Record<string, unknown> };
    expect(token).toMatchObject({
      methods: ['oauth1'],
      project: { id: project },
      'OS-OAUTH1': { access_token_id: access.id, consumer_id: consumer.id },
    });
    expect(all(token.roles, 'name')).toEqual(['reader']);
    const issued = String(reply.headers['x-subject-token']);
    expect(await isGood(issued)).toBe(true);
    const adminId = await cloud.idOf('users', 'admin');
    const path = `/users/${adminId}/OS-OAUTH1/access_tokens`;
    const listed = await cloud.asAdmin('GET', path);
    expect(all(at(listed.body, 'access_tokens'), 'id')).toEqual([access.id]);
    const roles = await cloud.asAdmin('GET', `${path}/${access.id}/roles`);
    expect(all(at(roles.body, 'roles'), 'name')).toEqual(['reader']);
    expect((await cloud.asAdmin('DELETE', `${path}/${access.id}`)).status).toBe(204);
    expect(await isGood(issued)).toBe(false);
    expect((await login(access)).status).toBe(404);
  });

  it('exchanges a request token once, with the verifier, after a user agreed', async () => {
    const { token } = await post('/v3/OS-OAUTH1/request_token');
    const exchange = async (verifier: string) =>
      (await post('/v3/OS-OAUTH1/access_token', { token, verifier })).status;
    expect(await exchange('none')).toBe(401);
    const adminId = await cloud.idOf('users', 'admin');
    const member = await cloud.idOf('roles', 'member');
    expect((await authorize(token.id, [{ name: 'member' }])).status).toBe(401);
    await cloud.asAdmin('PUT', `/projects/${project}/users/${adminId}/roles/${member}`);
    const { verifier } = await authorize(token.id, [{ name: 'member' }]);
    expect(await exchange('other')).toBe(401);
    expect(await exchange(verifier)).toBe(201);
    expect(await exchange(verifier)).toBe(404);
  });

  it.each([
    ['another secret', { secret: 'other' }],
    ['an old time', { atMs: 0 }],
  ])('is not heard with %s', async (_what, signing) => {
    const reply = await post('/v3/OS-OAUTH1/request_token', signing);
    expect([reply.status, JSON.parse(reply.body)]).toEqual([
      401,
      errorBody(401, 'Unauthorized', 'Invalid signature'),
    ]);
  });

  it('waits for no request token for ever', async () => {
    const { token } = await post('/v3/OS-OAUTH1/request_token');
    await cloud.env.advance(9 * 3_600_000);
    const admin = await cloud.login({
      user: 'admin',
      password: 'secret-admin',
      scope: projectScope('admin'),
    });
    const path = `/v3/OS-OAUTH1/authorize/${token.id}`;
    const late = await cloud.call('PUT', path, { token: admin, body: { roles: [] } });
    expect(late.status).toBe(401);
    await post('/v3/OS-OAUTH1/request_token');
    const gone = await cloud.call('PUT', path, { token: admin, body: { roles: [] } });
    expect(gone.status).toBe(404);
  });
});

describe('several factors', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const now = () => totpAt(secret, Math.floor(cloud.env.clock.now() / 30_000));
  beforeEach(async () => {
    await cloud.create('credentials', { type: 'totp', user_id: demoId, blob: secret });
  });

  const login = (identity: object) =>
    cloud.call('POST', '/v3/auth/tokens', { body: { auth: { identity } } });
  const both = (passcode: string) => ({
    methods: ['password', 'totp'],
    password: { user: { id: demoId, password: 'secret-demo' } },
    totp: { user: { id: demoId, passcode } },
  });

  it('are asked for together where the user’s rules say so', async () => {
    const options = {
      multi_factor_auth_enabled: true,
      multi_factor_auth_rules: [['password', 'totp'], ['unknown']],
    };
    await cloud.asAdmin('PATCH', `/users/${demoId}`, { user: { options } });
    const alone = await cloud.call('POST', '/v3/auth/tokens', {
      body: authBody({ user: 'demo', password: 'secret-demo' }),
    });
    expect([alone.status, at(alone.body, 'error', 'required_auth_methods')]).toEqual([
      401,
      [['password', 'totp']],
    ]);
    const reply = await login(both(now()));
    expect([reply.status, at(reply.body, 'token', 'methods')]).toEqual([201, ['password', 'totp']]);
    expect((await login(both('000000'))).status).toBe(401);
  });

  it('may be one alone; a password of the step before is good, of the one before that is not', async () => {
    const passcode = now();
    const alone = { methods: ['totp'], totp: { user: { id: demoId, passcode } } };
    expect((await login(alone)).status).toBe(201);
    await cloud.env.advance(30_000);
    expect((await login(alone)).status).toBe(201);
    await cloud.env.advance(30_000);
    expect((await login(alone)).status).toBe(401);
  });
});

it('a credential in EC2’s form is found by the digest of its access key', async () => {
  const id = await cloud.create('credentials', {
    type: 'ec2',
    user_id: demoId,
    project_id: project,
    blob: '{"access": "abc", "secret": "x"}',
  });
  expect(id).toBe(createHash('sha256').update('abc').digest('hex'));
});
