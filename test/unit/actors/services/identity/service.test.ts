// Verifying tokens: what other services hear about a caller, at once after each change.
import { beforeEach, describe, expect, it } from 'vitest';
import type { IdentityCommand } from '#actors/services/identity/protocol.ts';
import { type EmbeddedIdentity, embeddedIdentity } from '#actors/services/identity/service.ts';
import type { IdentityState } from '#actors/services/identity/state.ts';
import type { TokenClaims } from '#actors/services/identity/token-codec.ts';
import { domain, type Fixture, fixture, project, role, user } from './identity-fixture.ts';

const keys = ['one', 'two'].map((id, at) => ({ id, secret: new Uint8Array(32).fill(at) }));
let cloud: Fixture;
let nowMs: number;
let identity: EmbeddedIdentity;
beforeEach(() => {
  cloud = fixture();
  nowMs = 10_000;
  cloud.given(
    { type: 'identity.create-domain', domain: domain('d', { name: 'Home' }) },
    { type: 'identity.create-project', project: project('top') },
    { type: 'identity.create-project', project: project('p', { parentId: 'top', name: 'lab' }) },
    { type: 'identity.create-user', user: user('u', { name: 'anna', passwordHash: 'x' }) },
    { type: 'identity.create-group', group: { id: 'g', name: 'g', domainId: 'd', extra: {} } },
    { type: 'identity.create-role', role: role('r-admin', { name: 'admin' }) },
    { type: 'identity.create-role', role: role('r-member', { name: 'member' }) },
    { type: 'identity.create-role', role: role('r-local', { name: 'local', domainId: 'd' }) },
    { type: 'identity.imply-role', priorRoleId: 'r-admin', impliedRoleId: 'r-member' },
    { type: 'identity.imply-role', priorRoleId: 'r-local', impliedRoleId: 'r-member' },
    give('r-member'),
  );
  identity = embeddedIdentity({
    view: viewOf(() => cloud.state),
    keys,
    clock: { now: () => nowMs, monotonic: () => nowMs },
  });
});

function viewOf(state: () => IdentityState) {
  return {
    get: () => state(),
    *values() {
      yield state();
    },
    size: 1,
    subscribe: () => () => undefined,
  };
}

function give(
  roleId: string,
  target: { kind: 'project' | 'domain'; id: string } = { kind: 'project', id: 'p' },
  more: { readonly inherited?: boolean; readonly group?: boolean } = {},
): Extract<IdentityCommand, { type: 'identity.assign-role' }> {
  const actor = more.group
    ? { kind: 'group' as const, id: 'g' }
    : { kind: 'user' as const, id: 'u' };
  const assignment = { actor, target, roleId, inherited: more.inherited ?? false };
  return { type: 'identity.assign-role', assignment };
}

function take(given: ReturnType<typeof give>): IdentityCommand {
  return { type: 'identity.unassign-role', assignment: given.assignment };
}

function token(fields: Partial<TokenClaims> = {}): string {
  return identity.issue({
    userId: 'u',
    methods: ['password'],
    scope: { kind: 'project', id: 'p' },
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 1000,
    auditId: 'AAAAAAAAAAAAAAAAAAAAAA',
    ...fields,
  });
}

const roles = async (text: string) => (await identity.verify(text))?.roles;

describe('verify', () => {
  it('tells who asks, for what, and with which roles', async () => {
    expect(await identity.verify(token())).toEqual({
      userId: 'u',
      userName: 'anna',
      userDomainId: 'd',
      userDomainName: 'Home',
      projectId: 'p',
      projectName: 'lab',
      projectDomainId: 'd',
      domainId: undefined,
      system: false,
      roles: ['member'],
      isAdmin: false,
    });
  });

  it('tells an unscoped caller without roles', async () => {
    const caller = await identity.verify(token({ scope: { kind: 'unscoped' } }));
    expect(caller).toMatchObject({ userId: 'u', projectId: undefined, roles: [], isAdmin: false });
  });

  it('refuses a scope without a role, and garbage', async () => {
    expect(await identity.verify(token({ scope: { kind: 'system' } }))).toBeUndefined();
    expect(await identity.verify(token({ scope: { kind: 'domain', id: 'd' } }))).toBeUndefined();
    for (const text of ['', 'x', '\u0000', token().slice(1)])
      expect(await identity.verify(text)).toBeUndefined();
  });

  it('ends with the token’s time', async () => {
    const text = token();
    nowMs += 999;
    expect(await roles(text)).toEqual(['member']);
    nowMs += 1;
    expect(await identity.verify(text)).toBeUndefined();
  });

  it.each<[string, IdentityCommand]>([
    ['the user is gone', { type: 'identity.delete-user', id: 'u' }],
    ['the user is off', { type: 'identity.update-user', id: 'u', changes: { enabled: false } }],
    [
      'the password is another',
      { type: 'identity.update-user', id: 'u', changes: { passwordHash: 'y' } },
    ],
    ['the project is gone', { type: 'identity.delete-project', id: 'p' }],
    [
      'the project is off',
      { type: 'identity.update-project', id: 'p', changes: { enabled: false } },
    ],
    ['the domain is off', { type: 'identity.update-domain', id: 'd', changes: { enabled: false } }],
    ['the last role is taken', take(give('r-member'))],
    ['the role is deleted', { type: 'identity.delete-role', id: 'r-member' }],
    [
      'the token is revoked',
      { type: 'identity.revoke-token', auditId: 'AAAAAAAAAAAAAAAAAAAAAA', expiresAtMs: 99_999 },
    ],
  ])('refuses a token that was good once %s', async (_why, command) => {
    const text = token();
    expect(await roles(text)).toEqual(['member']);
    cloud.nowMs = nowMs;
    cloud.given(command);
    expect(await identity.verify(text)).toBeUndefined();
  });

  it('takes tokens issued after a change of password', async () => {
    cloud.nowMs = nowMs;
    cloud.given({ type: 'identity.update-user', id: 'u', changes: { passwordHash: 'y' } });
    expect(await identity.verify(token())).toBeUndefined();
    expect(await roles(token({ issuedAtMs: nowMs + 1 }))).toEqual(['member']);
  });

  it('sees roles come and go under a token', async () => {
    const text = token();
    cloud.given(give('r-admin'));
    expect(await roles(text)).toEqual(['admin', 'member']);
    expect((await identity.verify(text))?.isAdmin).toBe(true);
    cloud.given(take(give('r-admin')));
    expect(await roles(text)).toEqual(['member']);
  });

  it.each([
    ['a group', give('r-admin', { kind: 'project', id: 'p' }, { group: true })],
    ['the parent project', give('r-admin', { kind: 'project', id: 'top' }, { inherited: true })],
    ['the domain', give('r-admin', { kind: 'domain', id: 'd' }, { inherited: true })],
    [
      'a group on the domain',
      give('r-admin', { kind: 'domain', id: 'd' }, { inherited: true, group: true }),
    ],
  ])('counts roles that come through %s', async (_what, given) => {
    const text = token();
    cloud.given({ type: 'identity.add-member', groupId: 'g', userId: 'u' }, given);
    expect(await roles(text)).toEqual(['admin', 'member']);
    cloud.given(take(given));
    expect(await roles(text)).toEqual(['member']);
  });

  it.each([
    ['the parent, not inherited', give('r-admin', { kind: 'project', id: 'top' })],
    [
      'the project itself, for those below',
      give('r-admin', { kind: 'project', id: 'p' }, { inherited: true }),
    ],
    [
      'a group that the user is not in',
      give('r-admin', { kind: 'project', id: 'p' }, { group: true }),
    ],
  ])('does not count roles on %s', async (_what, given) => {
    cloud.given(given);
    expect(await roles(token())).toEqual(['member']);
  });

  it('counts a domain’s own role through what it implies only', async () => {
    cloud.given(take(give('r-member')), give('r-local'));
    expect(await roles(token())).toEqual(['member']);
  });

  it('takes tokens of an older key until that is gone', async () => {
    const text = token();
    identity.rotateKeys([keys[1]!, keys[0]!]);
    expect(await roles(text)).toEqual(['member']);
    identity.rotateKeys([keys[1]!]);
    expect(await identity.verify(text)).toBeUndefined();
  });
});

describe('projectExists', () => {
  it('knows projects, and no domains', () => {
    const found = ['p', 'd', 'nil'].map((id) => identity.projectExists(id));
    expect(found).toEqual([true, false, false]);
  });
});

describe('an identity service', () => {
  it.each([
    ['no key', []],
    ['a short key', [{ id: 'k', secret: new Uint8Array(31) }]],
    ['a nameless key', [{ id: '', secret: new Uint8Array(32) }]],
  ])('does not start with %s', (_what, bad) => {
    expect(() => identity.rotateKeys(bad)).toThrow('key');
  });
});
