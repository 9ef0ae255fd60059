// What identity holds survives its journal: replayed from stored events, or read from a stored snapshot, it is the
// same; and trouble below is told to clients as something to try again.
import { describe, expect, it } from 'vitest';
import { identityEntity } from '#actors/services/identity/entity.ts';
import type { IdentityEvent } from '#actors/services/identity/protocol.ts';
import { initialIdentity } from '#actors/services/identity/state.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import { at, type IdentityCloud, identityCloud, projectScope } from './identity-cloud.ts';

const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('identity', () => {
  it('is the same after a replay of its events and from its snapshot', async () => {
    const cloud = await identityCloud();
    const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
    const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
    const domain = await create('domains', { name: 'other', __proto__x: { a: [1, null] } });
    const project = await create('projects', { name: 'lab', tags: ['a'], domain_id: domain });
    const user = await create('users', { name: 'anna', domain_id: domain, password: 'pw' });
    const group = await create('groups', { name: 'staff', domain_id: domain });
    const role = await create('roles', { name: 'painter', domain_id: domain });
    await asAdmin('PUT', `/groups/${group}/users/${user}`);
    await asAdmin('PUT', `/projects/${project}/groups/${group}/roles/${role}`);
    await asAdmin('PATCH', `/users/${user}`, {
      user: { default_project_id: project, email: null },
    });
    await asAdmin('PATCH', `/users/${user}`, {
      user: { default_project_id: null, enabled: false },
    });
    await asAdmin('PUT', '/regions/north', { region: { description: 'cold' } });
    const demo = await cloud.login({
      user: 'demo',
      password: 'secret-demo',
      scope: projectScope('demo'),
    });
    await cloud.call('DELETE', '/v3/auth/tokens', {
      token: demo,
      headers: { 'x-subject-token': demo },
    });
    await asAdmin('DELETE', `/groups/${group}`);
    const state = cloud.identity.state();
    const replayed = cloud.cluster.events.reduce(
      (folded, { event }) => identityEntity.evolve(folded, stored(event) as IdentityEvent),
      initialIdentity(),
    );
    expect(replayed).toEqual(state);
    expect(stored(state)).toEqual(state);
  });

  it.each([
    ['overloaded', 503, '1'],
    ['timeout', 503, '1'],
    ['crashed', 500, undefined],
  ] as const)(
    'answers a write that the runtime says is %s with %i',
    async (code, status, retry) => {
      const cloud = await identityCloud();
      cloud.cluster.router.ask = () => Promise.reject(new RuntimeFault(code, 'inside'));
      const reply = await cloud.asAdmin('POST', '/projects', { project: { name: 'lab' } });
      expect([reply.status, reply.headers['retry-after']]).toEqual([status, retry]);
      expect(at(reply.body, 'error', 'message')).not.toContain('inside');
    },
  );
});
