// The identity entity's rules: names, references, trees, what goes with what, and that a repeat changes nothing.
import { beforeEach, describe, expect, it } from 'vitest';
import type { IdentityCommand } from '#actors/services/identity/protocol.ts';
import type { Assignment } from '#actors/services/identity/records.ts';
import { isRevoked } from '#actors/services/identity/state.ts';
import { lookUp, valuesOf } from '#actors/services/identity/table.ts';
import { refuse } from '#runtime/message/refusal.ts';
import { domain, type Fixture, fixture, project, role, user } from './identity-fixture.ts';

let cloud: Fixture;
beforeEach(() => {
  cloud = fixture();
  cloud.given(
    { type: 'identity.create-domain', domain: domain('d') },
    { type: 'identity.create-domain', domain: domain('e') },
  );
});

const assign = (fields: Partial<Assignment> = {}): Assignment => ({
  actor: { kind: 'user', id: 'u' },
  target: { kind: 'project', id: 'p' },
  roleId: 'r',
  inherited: false,
  ...fields,
});

function chain(length: number): void {
  for (let level = 1; level <= length; level += 1)
    cloud.given({
      type: 'identity.create-project',
      project: project(`p${level}`, { parentId: level === 1 ? 'd' : `p${level - 1}` }),
    });
}

describe('a repeated command', () => {
  const first: readonly IdentityCommand[] = [
    { type: 'identity.create-project', project: project('p') },
    { type: 'identity.create-user', user: user('u') },
    { type: 'identity.create-group', group: { id: 'g', name: 'g', domainId: 'd', extra: {} } },
    { type: 'identity.create-role', role: role('r') },
    { type: 'identity.create-role', role: role('s') },
    { type: 'identity.add-member', groupId: 'g', userId: 'u' },
    { type: 'identity.imply-role', priorRoleId: 'r', impliedRoleId: 's' },
    { type: 'identity.assign-role', assignment: assign() },
    { type: 'identity.create-region', region: { id: 'n', extra: {} } },
    { type: 'identity.create-service', service: { id: 's', type: 'x', enabled: true, extra: {} } },
    {
      type: 'identity.create-endpoint',
      endpoint: {
        id: 'e',
        serviceId: 's',
        regionId: 'n',
        interface: 'public',
        url: 'http://x',
        enabled: true,
        extra: {},
      },
    },
    {
      type: 'identity.create-application-credential',
      credential: {
        id: 'c',
        name: 'c',
        userId: 'u',
        projectId: 'p',
        secretHash: 'x',
        roleIds: ['r'],
        unrestricted: false,
      },
    },
    { type: 'identity.update-user', id: 'u', changes: { enabled: false } },
    { type: 'identity.update-project', id: 'p', changes: { extra: { colour: 'red' } } },
    { type: 'identity.update-region', id: 'n', changes: { description: 'north' } },
    { type: 'identity.revoke-token', auditId: 'a', expiresAtMs: 5000 },
    { type: 'identity.delete-application-credential', id: 'c' },
    { type: 'identity.unassign-role', assignment: assign() },
    { type: 'identity.unimply-role', priorRoleId: 'r', impliedRoleId: 's' },
    { type: 'identity.remove-member', groupId: 'g', userId: 'u' },
    { type: 'identity.delete-endpoint', id: 'e' },
    { type: 'identity.delete-service', id: 's' },
    { type: 'identity.delete-region', id: 'n' },
    { type: 'identity.delete-role', id: 'r' },
    { type: 'identity.delete-group', id: 'g' },
    { type: 'identity.delete-user', id: 'u' },
    { type: 'identity.delete-project', id: 'p' },
  ];

  it('is answered as the first time, without events', () => {
    for (const command of first) {
      expect([command.type, cloud.tell(command)]).not.toEqual([command.type, []]);
      const after = cloud.state;
      expect([command.type, cloud.tell(command)]).toEqual([command.type, []]);
      expect(cloud.state).toBe(after);
    }
  });

  it('leaves nothing behind once all is deleted', () => {
    cloud.given(...first, { type: 'identity.delete-role', id: 's' });
    const { domains: _domains, revocations: _revocations, ...rest } = cloud.state;
    const { domains: _none, revocations: _nothing, ...empty } = fixture().state;
    const sizes = (state: object) =>
      Object.entries(state).map(([name, table]) => [name, (table as { size?: number }).size]);
    expect(sizes({ ...rest, names: { size: rest.names.size - 2 } })).toEqual(sizes(empty));
  });
});

describe('names', () => {
  it('of users, projects and groups are unique in a domain', () => {
    cloud.given({ type: 'identity.create-user', user: user('u', { name: 'anna' }) });
    expect(cloud.tell({ type: 'identity.create-user', user: user('v', { name: 'anna' }) })).toEqual(
      refuse('identity-name-taken', { kind: 'user', id: 'v', name: 'anna', scope: 'd' }),
    );
    cloud.given({
      type: 'identity.create-user',
      user: user('v', { name: 'anna', domainId: 'e' }),
    });
  });

  it('are free again after a change of name, and after deletion', () => {
    cloud.given(
      { type: 'identity.create-user', user: user('u', { name: 'anna' }) },
      { type: 'identity.update-user', id: 'u', changes: { name: 'berta' } },
      { type: 'identity.create-user', user: user('v', { name: 'anna' }) },
      { type: 'identity.delete-user', id: 'v' },
      { type: 'identity.update-user', id: 'u', changes: { name: 'anna' } },
    );
    expect(valuesOf(cloud.state.users)).toEqual([user('u', { name: 'anna' })]);
  });

  it('cannot be changed to a taken one', () => {
    cloud.given(
      { type: 'identity.create-role', role: role('r') },
      { type: 'identity.create-role', role: role('s') },
    );
    expect(cloud.tell({ type: 'identity.update-role', id: 's', changes: { name: 'r' } })).toEqual(
      refuse('identity-name-taken', { kind: 'role', id: 's', name: 'r', scope: '' }),
    );
  });
});

describe('projects', () => {
  it.each([
    [
      'an unknown domain',
      project('x', { domainId: 'nil', parentId: 'nil' }),
      'identity-reference-not-found',
    ],
    ['an unknown parent', project('x', { parentId: 'nil' }), 'identity-reference-not-found'],
    ['another domain as parent', project('x', { parentId: 'e' }), 'project-parent-is-other-domain'],
    [
      'a parent in another domain',
      project('x', { domainId: 'e', parentId: 'p1' }),
      'project-parent-in-other-domain',
    ],
    ['a sixth level', project('x', { parentId: 'p5' }), 'project-too-deep'],
  ])('may not have %s', (_what, wanted, refused) => {
    chain(5);
    expect(cloud.tell({ type: 'identity.create-project', project: wanted })).toMatchObject({
      refused,
    });
  });

  it('may not be made below what is off', () => {
    cloud.given(
      { type: 'identity.create-project', project: project('p1', { enabled: false }) },
      { type: 'identity.update-domain', id: 'e', changes: { enabled: false } },
    );
    const below = project('x', { parentId: 'p1' });
    expect(cloud.tell({ type: 'identity.create-project', project: below })).toEqual(
      refuse('project-branch-disabled', { id: 'p1' }),
    );
    const inside = project('x', { domainId: 'e', parentId: 'e' });
    expect(cloud.tell({ type: 'identity.create-project', project: inside })).toEqual(
      refuse('project-branch-disabled', { id: 'e' }),
    );
  });

  it('are switched off from the leaves up, and on from the top down', () => {
    chain(2);
    const turn = (id: string, enabled: boolean) =>
      cloud.tell({ type: 'identity.update-project', id, changes: { enabled } });
    expect(turn('p1', false)).toEqual(refuse('project-subtree-enabled', { id: 'p1' }));
    turn('p2', false);
    turn('p1', false);
    expect(turn('p2', true)).toEqual(refuse('project-parents-disabled', { id: 'p2' }));
    turn('p1', true);
    expect(turn('p2', true)).toHaveLength(1);
  });

  it('are deleted as leaves only, and are nobody’s default then', () => {
    chain(2);
    cloud.given({ type: 'identity.create-user', user: user('u', { defaultProjectId: 'p2' }) });
    expect(cloud.tell({ type: 'identity.delete-project', id: 'p1' })).toEqual(
      refuse('project-not-leaf', { id: 'p1' }),
    );
    cloud.given({ type: 'identity.delete-project', id: 'p2' });
    expect(lookUp(cloud.state.users, 'u')).toEqual(user('u'));
  });

  it('that are immutable change in nothing but that', () => {
    cloud.given({
      type: 'identity.create-project',
      project: project('p', { options: { immutable: true } }),
    });
    const update = (changes: object) =>
      cloud.tell({ type: 'identity.update-project', id: 'p', changes });
    const refusal = refuse('resource-immutable', { kind: 'project', id: 'p' });
    expect(update({ name: 'q' })).toEqual(refusal);
    expect(update({ name: 'q', options: { immutable: false } })).toEqual(refusal);
    expect(update({ options: { immutable: true } })).toEqual(refusal);
    expect(cloud.tell({ type: 'identity.delete-project', id: 'p' })).toEqual(
      refuse('resource-immutable-delete', { kind: 'project', id: 'p' }),
    );
    expect(update({ options: { immutable: null } })).toHaveLength(1);
    expect(update({ name: 'q' })).toHaveLength(1);
  });
});

describe('a deleted domain', () => {
  it('takes users, groups, projects, roles and all assignments in it along', () => {
    cloud.given(
      { type: 'identity.create-role', role: role('r') },
      { type: 'identity.create-role', role: role('s', { domainId: 'd' }) },
      { type: 'identity.create-group', group: { id: 'g', name: 'g', domainId: 'd', extra: {} } },
      { type: 'identity.create-user', user: user('u') },
      { type: 'identity.create-user', user: user('v', { domainId: 'e' }) },
      { type: 'identity.add-member', groupId: 'g', userId: 'v' },
    );
    chain(3);
    const actors = [
      { kind: 'user' as const, id: 'u' },
      { kind: 'user' as const, id: 'v' },
      { kind: 'group' as const, id: 'g' },
    ];
    for (const actor of actors)
      for (const target of [
        { kind: 'project' as const, id: 'p3' },
        { kind: 'domain' as const, id: 'd' },
      ])
        cloud.given({ type: 'identity.assign-role', assignment: assign({ actor, target }) });
    expect(cloud.tell({ type: 'identity.delete-domain', id: 'd' })).toEqual(
      refuse('domain-enabled', { id: 'd' }),
    );
    cloud.given(
      { type: 'identity.update-domain', id: 'd', changes: { enabled: false } },
      { type: 'identity.delete-domain', id: 'd' },
    );
    const { state } = cloud;
    expect({
      domains: valuesOf(state.domains).map(({ id }) => id),
      users: valuesOf(state.users).map(({ id }) => id),
      roles: valuesOf(state.roles).map(({ id }) => id),
      groups: state.groups.size,
      projects: state.projects.size,
      assignments: state.assignments.size,
      actorsOn: state.actorsOn.size,
      groupsOfUser: state.groupsOfUser.size,
      names: state.names.size,
    }).toEqual({
      domains: ['e'],
      users: ['v'],
      roles: ['r'],
      groups: 0,
      projects: 0,
      assignments: 0,
      actorsOn: 0,
      groupsOfUser: 0,
      names: 3,
    });
  });
});

describe('roles', () => {
  beforeEach(() => {
    cloud.given(
      { type: 'identity.create-role', role: role('r') },
      { type: 'identity.create-role', role: role('s') },
      { type: 'identity.create-role', role: role('t', { domainId: 'e' }) },
      { type: 'identity.create-role', role: role('a', { name: 'admin' }) },
      { type: 'identity.create-user', user: user('u') },
      { type: 'identity.create-project', project: project('p') },
    );
  });

  it.each([
    ['an unknown role', 'r', 'nil', 'identity-not-found'],
    ['admin', 'r', 'a', 'role-cannot-be-implied'],
    ['a role of one domain', 'r', 't', 'role-cannot-be-implied'],
    ['themselves', 'r', 'r', 'role-implies-itself'],
    ['a role that implies them', 's', 'r', 'role-implies-itself'],
  ])('cannot imply %s', (_what, priorRoleId, impliedRoleId, refused) => {
    cloud.given({ type: 'identity.imply-role', priorRoleId: 'r', impliedRoleId: 's' });
    expect(cloud.tell({ type: 'identity.imply-role', priorRoleId, impliedRoleId })).toMatchObject({
      refused,
    });
  });

  it.each([
    ['unknown roles', assign({ roleId: 'nil' }), 'identity-not-found'],
    ['unknown users', assign({ actor: { kind: 'user', id: 'nil' } }), 'identity-not-found'],
    ['unknown groups', assign({ actor: { kind: 'group', id: 'u' } }), 'identity-not-found'],
    ['unknown projects', assign({ target: { kind: 'project', id: 'nil' } }), 'identity-not-found'],
    ['unknown domains', assign({ target: { kind: 'domain', id: 'nil' } }), 'identity-not-found'],
    ['roles of another domain', assign({ roleId: 't' }), 'role-of-other-domain'],
    [
      'a domain’s roles on the system',
      assign({ roleId: 't', target: { kind: 'system', id: 'all' } }),
      'role-of-domain-on-system',
    ],
  ])('are not assigned for %s', (_what, assignment, refused) => {
    expect(cloud.tell({ type: 'identity.assign-role', assignment })).toMatchObject({ refused });
  });

  it('take their assignments and implications along', () => {
    cloud.given(
      { type: 'identity.imply-role', priorRoleId: 'r', impliedRoleId: 's' },
      { type: 'identity.assign-role', assignment: assign({ roleId: 's' }) },
      { type: 'identity.assign-role', assignment: assign({ roleId: 'r' }) },
      { type: 'identity.delete-role', id: 's' },
    );
    expect(valuesOf(cloud.state.assignments)).toEqual([[assign({ roleId: 'r' })]]);
    expect(cloud.state.implied.size).toBe(0);
  });
});

describe('voided tokens', () => {
  it('are remembered until they would have expired, and forgotten a while later', () => {
    const revoke = (auditId: string) =>
      cloud.given({ type: 'identity.revoke-token', auditId, expiresAtMs: cloud.nowMs + 1000 });
    const live: string[] = [];
    for (let second = 0; second < 50; second += 1) {
      cloud.nowMs += 100;
      revoke(`t${second}`);
      live.push(`t${second}`);
      for (const auditId of live.slice(-10)) expect(isRevoked(cloud.state, auditId)).toBe(true);
      const { current, previous } = cloud.state.revocations;
      const kept = current.expiresAtMsByAuditId.size + previous.expiresAtMsByAuditId.size;
      expect(kept).toBeLessThanOrEqual(32);
    }
    expect(isRevoked(cloud.state, 't0')).toBe(false);
  });

  it('that have expired are not worth an event', () => {
    const command = { type: 'identity.revoke-token', auditId: 'a', expiresAtMs: 1000 } as const;
    expect(cloud.tell(command)).toEqual([]);
  });
});

describe('a seed', () => {
  const seed = {
    type: 'identity.seed',
    step: 'first',
    domains: [domain('d'), domain('f')],
    projects: [],
    users: [user('u')],
    roles: [],
    implied: [],
    assignments: [],
    regions: [{ id: 'n', extra: {} }],
    services: [],
    endpoints: [],
  } as const satisfies IdentityCommand;

  it('leaves what is there as it is', () => {
    cloud.given({ type: 'identity.update-domain', id: 'd', changes: { description: 'mine' } });
    expect(cloud.tell(seed)).toEqual([
      { type: 'identity.domain-created', domain: domain('f') },
      { type: 'identity.user-created', user: user('u') },
      { type: 'identity.region-created', region: { id: 'n', extra: {} } },
      { type: 'identity.seeded', step: 'first' },
    ]);
  });

  it('does not bring back what was deleted since', () => {
    cloud.given(seed, { type: 'identity.delete-user', id: 'u' });
    expect(cloud.tell(seed)).toEqual([]);
    expect(cloud.state.users.size).toBe(0);
  });
});
