// What identity holds survives its journal: replayed from stored events, or read from a stored snapshot, it is the
// same; and trouble below is told to clients as something to try again.
import { describe, expect, it } from 'vitest';
import { identityEntity } from '#actors/services/identity/entity.ts';
import type { IdentityEvent } from '#actors/services/identity/protocol.ts';
import { initialIdentity } from '#actors/services/identity/state.ts';
import { RuntimeFault } from '#runtime/system/faults.ts';
import { at, type IdentityCloud, identityCloud, projectScope } from './identity-cloud.ts';

const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** One of each kind, some of them changed, used and deleted again. */
async function addEntries(cloud: IdentityCloud, user: string): Promise<void> {
  const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
  const idOf: IdentityCloud['idOf'] = (...args) => cloud.idOf(...args);
  const admin = await idOf('users', 'admin');
  const project = await idOf('projects', 'admin');
  const service = await create('services', { type: 'x' });
  const endpoint = await create('endpoints', {
    interface: 'public',
    url: 'http://x',
    service_id: service,
  });
  const ask = async (...args: Parameters<IdentityCloud['asAdmin']>): Promise<unknown> => {
    const reply = await cloud.asAdmin(...args);
    if (reply.status >= 300) throw new Error(`${args[1]}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  await create('credentials', { type: 'cert', blob: 'x', user_id: user });
  await ask('POST', `/users/${admin}/credentials/OS-EC2`, { tenant_id: project });
  const made = await ask('POST', '/policies', { policy: { blob: 'x', type: 'y' } });
  const policy = String(at(made, 'policy', 'id'));
  await ask('PUT', `/policies/${policy}/OS-ENDPOINT-POLICY/endpoints/${endpoint}`);
  const group = await ask('POST', '/OS-EP-FILTER/endpoint_groups', {
    endpoint_group: { name: 'g', filters: { service_id: service } },
  });
  const groupId = String(at(group, 'endpoint_group', 'id'));
  await ask('PUT', `/OS-EP-FILTER/endpoint_groups/${groupId}/projects/${project}`);
  await ask('PUT', `/OS-EP-FILTER/projects/${project}/endpoints/${endpoint}`);
  const limit = { service_id: service, resource_name: 'r' };
  await ask('POST', '/registered_limits', { registered_limits: [{ ...limit, default_limit: 1 }] });
  await ask('POST', '/limits', { limits: [{ ...limit, project_id: project, resource_limit: 2 }] });
  await ask('PUT', '/domains/default/config', { config: { ldap: { url: 'u' } } });
  await ask('PATCH', '/domains/default/config', { config: { ldap: { user: 'v' } } });
  await ask('POST', '/OS-OAUTH1/consumers', { consumer: {} });
  await ask('PUT', '/OS-FEDERATION/identity_providers/i', { identity_provider: {} });
  const urls = { auth_url: 'http://a', sp_url: 'http://b' };
  await ask('PUT', '/OS-FEDERATION/service_providers/s', { service_provider: urls });
  await ask('POST', '/OS-TRUST/trusts', {
    trust: {
      trustor_user_id: admin,
      trustee_user_id: user,
      project_id: project,
      impersonation: false,
      remaining_uses: 3,
      roles: [{ name: 'reader' }],
    },
  });
  const passwords = { original_password: 'secret-demo', password: 'other-demo' };
  await ask('POST', `/users/${await idOf('users', 'demo')}/password`, { user: passwords });
}

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
    await addEntries(cloud, user);
    const demo = await cloud.login({
      user: 'demo',
      password: 'other-demo',
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
