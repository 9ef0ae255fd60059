// Trusts: who may make them, what tokens from them are worth, and what ends them.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  authBody,
  errorBody,
  identityCloud,
  type IdentityCloud,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
let trustor: { id: string; token: string };
let trustee: { id: string; token: string };
let project: string;

beforeEach(async () => {
  cloud = await identityCloud();
  project = await cloud.create('projects', { name: 'shared' });
  trustor = await person('giver');
  trustee = await person('taker', false);
});

async function person(name: string, isMember = true): Promise<{ id: string; token: string }> {
  const id = await cloud.create('users', { name, password: `secret-${name}` });
  const member = await cloud.idOf('roles', 'member');
  if (isMember) await cloud.asAdmin('PUT', `/projects/${project}/users/${id}/roles/${member}`);
  const scope = isMember ? { project: { id: project } } : undefined;
  const token = await cloud.login({ user: name, password: `secret-${name}`, scope });
  return { id, token };
}

const call: IdentityCloud['call'] = (method, path, options) =>
  cloud.call(method, `/v3${path}`, options);

function wanted(fields: object = {}): { readonly trust: object } {
  return {
    trust: {
      trustor_user_id: trustor.id,
      trustee_user_id: trustee.id,
      project_id: project,
      impersonation: true,
      roles: [{ name: 'member' }],
      ...fields,
    },
  };
}

async function make(fields: object = {}): Promise<string> {
  const reply = await call('POST', '/OS-TRUST/trusts', {
    token: trustor.token,
    body: wanted(fields),
  });
  expect(reply.status).toBe(201);
  return String(at(reply.body, 'trust', 'id'));
}

function redeem(id: string, user = 'taker') {
  const scope = { 'OS-TRUST:trust': { id } };
  return call('POST', '/auth/tokens', {
    body: authBody({ user, password: `secret-${user}`, scope }),
  });
}

describe('a trust', () => {
  it('is shown with its roles to both sides, and to no one else', async () => {
    const id = await make();
    const shown = await call('GET', `/OS-TRUST/trusts/${id}`, { token: trustee.token });
    expect(shown.status).toBe(200);
    expect(shown.body).toMatchObject({
      trust: {
        id,
        trustor_user_id: trustor.id,
        trustee_user_id: trustee.id,
        project_id: project,
        impersonation: true,
        expires_at: null,
        remaining_uses: null,
        redelegation_count: 0,
      },
    });
    expect(all(at(shown.body, 'trust', 'roles'), 'name')).toEqual(['member']);
    const stranger = await person('stranger');
    const refused = await call('GET', `/OS-TRUST/trusts/${id}`, { token: stranger.token });
    expect(refused.status).toBe(403);
  });

  it('is listed by each side, and as a whole by administrators alone', async () => {
    const id = await make();
    const lists = async (query: string, token: string) =>
      all(at((await call('GET', `/OS-TRUST/trusts${query}`, { token })).body, 'trusts'), 'id');
    expect(await lists(`?trustor_user_id=${trustor.id}`, trustor.token)).toEqual([id]);
    expect(await lists(`?trustee_user_id=${trustee.id}`, trustee.token)).toEqual([id]);
    expect(await lists(`?trustor_user_id=${trustee.id}`, trustee.token)).toEqual([]);
    expect(await lists('', cloud.admin)).toEqual([id]);
    const others = await call('GET', `/OS-TRUST/trusts?trustor_user_id=${trustor.id}`, {
      token: trustee.token,
    });
    expect(others.status).toBe(403);
    expect((await call('GET', '/OS-TRUST/trusts', { token: trustor.token })).status).toBe(403);
  });

  it('gives the trustee a token in the trustor’s name where it impersonates', async () => {
    const reply = await redeem(await make());
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({
      token: {
        user: { id: trustor.id },
        project: { id: project },
        'OS-TRUST:trust': {
          impersonation: true,
          trustor_user: { id: trustor.id },
          trustee_user: { id: trustee.id },
        },
      },
    });
    expect(all(at(reply.body, 'token', 'roles'), 'name')).toEqual(['member', 'reader']);
  });

  it('gives the trustee a token in the own name where it does not', async () => {
    const reply = await redeem(await make({ impersonation: false }));
    expect(at(reply.body, 'token', 'user', 'id')).toBe(trustee.id);
  });

  it('is good for no one but the trustee', async () => {
    const reply = await redeem(await make(), 'giver');
    expect([reply.status, reply.body]).toEqual([
      403,
      errorBody(403, 'Forbidden', 'User is not a trustee.'),
    ]);
  });

  it('is used up after as many tokens as it says', async () => {
    const id = await make({ remaining_uses: 2 });
    expect((await redeem(id)).status).toBe(201);
    expect((await redeem(id)).status).toBe(201);
    expect((await redeem(id)).status).toBe(404);
  });

  it('bounds the life of its tokens by its own end', async () => {
    const end = new Date(cloud.env.clock.now() + 60_000).toISOString();
    const reply = await redeem(await make({ expires_at: end }));
    const expiry = Date.parse(String(at(reply.body, 'token', 'expires_at')));
    expect(expiry).toBeLessThanOrEqual(Date.parse(end));
  });

  it.each([
    ['a role that the trustor lacks', { roles: [{ name: 'admin' }] }, 404],
    ['no role', { roles: [] }, 403],
    ['an unknown trustee', { trustee_user_id: 'nobody' }, 404],
    ['an end that is no time', { expires_at: 'bad.123Z' }, 400],
    ['an end that is past', { expires_at: '2001-01-01T00:00:00Z' }, 400],
    ['no number of uses', { remaining_uses: 0 }, 400],
    ['another trustor', { trustor_user_id: 'someone' }, 403],
    ['uses and redelegation', { remaining_uses: 1, allow_redelegation: true }, 400],
  ])('is refused with %s', async (_what, fields, status) => {
    const body = wanted(fields);
    const reply = await call('POST', '/OS-TRUST/trusts', { token: trustor.token, body });
    expect(reply.status).toBe(status);
  });
});

describe('a token of a trust', () => {
  const redeemed = async (id: string) => String((await redeem(id)).headers['x-subject-token']);
  const isGood = async (token: string) =>
    (
      await call('GET', '/auth/tokens', {
        token: cloud.admin,
        headers: { 'x-subject-token': token },
      })
    ).status === 200;

  it.each([
    [
      'the trust is deleted',
      (id: string) => call('DELETE', `/OS-TRUST/trusts/${id}`, { token: trustor.token }),
    ],
    [
      'the trustor is switched off',
      () => cloud.asAdmin('PATCH', `/users/${trustor.id}`, { user: { enabled: false } }),
    ],
    [
      'the trustee is switched off',
      () => cloud.asAdmin('PATCH', `/users/${trustee.id}`, { user: { enabled: false } }),
    ],
    ['the trustor is deleted', () => cloud.asAdmin('DELETE', `/users/${trustor.id}`)],
    ['the project is deleted', () => cloud.asAdmin('DELETE', `/projects/${project}`)],
    [
      'the trustor loses the role',
      async () => {
        const member = await cloud.idOf('roles', 'member');
        return cloud.asAdmin('DELETE', `/projects/${project}/users/${trustor.id}/roles/${member}`);
      },
    ],
  ])('is void at once when %s', async (_what, end) => {
    const id = await make();
    const token = await redeemed(id);
    expect(await isGood(token)).toBe(true);
    const { status } = await end(id);
    expect([200, 204]).toContain(status);
    expect(await isGood(token)).toBe(false);
  });

  it('leads to no other token', async () => {
    const token = await redeemed(await make());
    const reply = await call('POST', '/auth/tokens', {
      body: { auth: { identity: { methods: ['token'], token: { id: token } } } },
    });
    expect(reply.status).toBe(403);
  });

  it('passes the trust on where that is allowed, never for more', async () => {
    const third = await person('third', false);
    const first = await make({ allow_redelegation: true, roles: [{ name: 'reader' }] });
    const token = await redeemed(first);
    const body = (fields: object) =>
      wanted({ trustee_user_id: third.id, roles: [{ name: 'reader' }], ...fields });
    const more = await call('POST', '/OS-TRUST/trusts', {
      token,
      body: body({ roles: [{ name: 'member' }] }),
    });
    expect(more.status).toBe(403);
    const passed = await call('POST', '/OS-TRUST/trusts', { token, body: body({}) });
    expect(passed.body).toMatchObject({
      trust: { redelegated_trust_id: first, redelegation_count: 0 },
    });
    const last = await redeem(String(at(passed.body, 'trust', 'id')), 'third');
    expect(at(last.body, 'token', 'user', 'id')).toBe(trustor.id);
    const lastToken = String(last.headers['x-subject-token']);
    expect(await isGood(lastToken)).toBe(true);
    await call('DELETE', `/OS-TRUST/trusts/${first}`, { token: trustor.token });
    expect(await isGood(lastToken)).toBe(false);
  });
});
