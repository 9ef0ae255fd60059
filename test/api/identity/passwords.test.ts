// Rules for passwords and logins: what locks a user, what ends a password, and into what it may change.
import { describe, expect, it } from 'vitest';
import { authBody, at, errorBody, identityCloud, type IdentityCloud } from './identity-cloud.ts';

const dayMs = 86_400_000;
let cloud: IdentityCloud;
let id: string;

async function start(...rules: Parameters<typeof identityCloud>): Promise<void> {
  cloud = await identityCloud(...rules);
  id = await cloud.create('users', { name: 'anna', password: 'first' });
}

async function login(password: string): Promise<number> {
  const body = authBody({ user: 'anna', password });
  return (await cloud.call('POST', '/v3/auth/tokens', { body })).status;
}

function change(from: string, to: string) {
  const body = { user: { original_password: from, password: to } };
  return cloud.call('POST', `/v3/users/${id}/password`, { body });
}

describe('wrong passwords', () => {
  const rules = { lockoutFailureAttempts: 2, lockoutDurationMs: 5_000 };

  it('lock a user for a while, even for the right one', async () => {
    await start(rules);
    expect([await login('no'), await login('no')]).toEqual([401, 401]);
    const locked = await cloud.call('POST', '/v3/auth/tokens', {
      body: authBody({ user: 'anna', password: 'first' }),
    });
    expect(locked.body).toEqual(
      errorBody(401, 'Unauthorized', 'The request you have made requires authentication.'),
    );
    expect((await change('first', 'second')).status).toBe(401);
    await cloud.env.advance(5_001);
    expect(await login('first')).toBe(201);
  });

  it('lock again after a lock that is over, from the beginning', async () => {
    await start({ ...rules, lockoutFailureAttempts: 1 });
    expect([await login('no'), await login('first')]).toEqual([401, 401]);
    await cloud.env.advance(5_001);
    expect([await login('no'), await login('first')]).toEqual([401, 401]);
  });

  it('are forgotten after a right one', async () => {
    await start(rules);
    expect([await login('no'), await login('first'), await login('no')]).toEqual([401, 201, 401]);
    expect(await login('first')).toBe(201);
  });

  it('count as well where a password is to be changed', async () => {
    await start(rules);
    await change('no', 'x');
    await change('no', 'x');
    expect(await login('first')).toBe(401);
  });

  it.each([
    ['the user is spared', { options: { ignore_lockout_failure_attempts: true } }],
    ['the rule is not in force', undefined],
  ])('lock nobody where %s', async (_what, fields) => {
    await start(fields === undefined ? {} : rules);
    if (fields !== undefined) await cloud.asAdmin('PATCH', `/users/${id}`, { user: fields });
    for (let guesses = 0; guesses < 4; guesses += 1) expect(await login('no')).toBe(401);
    expect(await login('first')).toBe(201);
  });
});

describe('a password', () => {
  it('ends after its days, and may be changed then', async () => {
    await start({ passwordExpiresDays: 2 });
    const shown = await cloud.asAdmin('GET', `/users/${id}`);
    const endMs = Date.parse(`${String(at(shown.body, 'user', 'password_expires_at'))}Z`);
    expect(endMs).toBe(cloud.env.clock.now() + 2 * dayMs);
    await cloud.env.advance(2 * dayMs);
    const refused = await cloud.call('POST', '/v3/auth/tokens', {
      body: authBody({ user: 'anna', password: 'first' }),
    });
    expect(at(refused.body, 'error', 'message')).toBe(
      `The password is expired and needs to be changed for user: ${id}.`,
    );
    expect((await change('first', 'second')).status).toBe(204);
    expect(await login('second')).toBe(201);
  });

  it('that an administrator gave is good for changing it alone, where that is the rule', async () => {
    await start({ changePasswordUponFirstUse: true });
    expect(await login('first')).toBe(401);
    expect((await change('first', 'second')).status).toBe(204);
    expect(await login('second')).toBe(201);
    await cloud.asAdmin('PATCH', `/users/${id}`, { user: { password: 'third' } });
    expect(await login('third')).toBe(401);
  });

  it('does not end for a user that is spared', async () => {
    await start({ passwordExpiresDays: 1 });
    const options = { ignore_password_expiry: true };
    await cloud.asAdmin('PATCH', `/users/${id}`, { user: { options } });
    await cloud.env.advance(3 * dayMs);
    expect(await login('first')).toBe(201);
  });

  it('is found in lists by its end', async () => {
    await start({ passwordExpiresDays: 1 });
    await cloud.env.advance(1_000);
    const token = await cloud.login({
      user: 'admin',
      password: 'secret-admin',
      scope: { system: { all: true } },
    });
    const list = async (query: string) => {
      const reply = await cloud.call('GET', `/v3/users?password_expires_at=${query}`, { token });
      return [reply.status, (at(reply.body, 'users') as unknown[] | undefined)?.length];
    };
    expect(await list('lt:2999-01-01T00:00:00Z')).toEqual([200, 1]);
    expect(await list('gt:2999-01-01T00:00:00Z')).toEqual([200, 0]);
    expect(await list('near:2999-01-01T00:00:00Z')).toEqual([400, undefined]);
    expect(await list('lt:never')).toEqual([400, undefined]);
  });

  it('of before can’t come back by the user, and can by an administrator', async () => {
    await start({ uniqueLastPasswordCount: 2 });
    const refused = await change('first', 'first');
    expect(refused.body).toEqual(
      errorBody(
        400,
        'Bad Request',
        'The new password cannot be identical to a previous password. The total number which includes the new password must be unique is 2.',
      ),
    );
    expect((await change('first', 'second')).status).toBe(204);
    expect((await change('second', 'first')).status).toBe(400);
    expect((await change('second', 'third')).status).toBe(204);
    expect((await change('third', 'first')).status).toBe(204);
    const reset = await cloud.asAdmin('PATCH', `/users/${id}`, { user: { password: 'third' } });
    expect(reset.status).toBe(200);
  });

  it('that the user chose stays for its days', async () => {
    await start({ minimumPasswordAgeDays: 2 });
    expect((await change('first', 'second')).status).toBe(204);
    expect((await change('second', 'third')).status).toBe(400);
    await cloud.env.advance(2 * dayMs);
    expect((await change('second', 'third')).status).toBe(204);
  });

  it('must match the pattern, wherever it is given', async () => {
    await start({ passwordRegex: '.{5,}', passwordRegexDescription: 'five characters' });
    expect((await change('first', 'four')).body).toEqual(
      errorBody(
        400,
        'Bad Request',
        'The password does not match the requirements: five characters.',
      ),
    );
    const user = { name: 'bob', password: 'four' };
    expect((await cloud.asAdmin('POST', '/users', { user })).status).toBe(400);
    expect((await cloud.asAdmin('PATCH', `/users/${id}`, { user })).status).toBe(400);
  });
});
