// A policy file in force: calls, single fields and options follow what it says, and what it does not name stays as it is.
import { beforeAll, describe, expect, it } from 'vitest';
import { computePlugin } from '#api/compute/plugin.ts';
import { readPolicy } from '#api/policy/enforcer.ts';
import { buildServer } from '#api/server.ts';
import { present } from '#runtime/assert.ts';
import { type ServerCloud, serverBody, serverCloud } from './server-cloud.ts';

const policy = `
context_is_admin: "role:admin or role:operator"
"os_compute_api:servers:create": "!"
"os_compute_api:servers:delete": "user_id:%(user_id)s"
"os_compute_api:servers:show:flavor-extra-specs": "rule:context_is_admin"
"os_compute_api:servers:show:host_status:unknown-only": "@"
"os_compute_api:os-extended-server-attributes": "role:member"
"os_compute_api:servers:detail:get_all_tenants": "role:member"
"os_compute_api:servers:allow_all_filters": "role:member"
"os_compute_api:limits:other_project": "role:member"
"os_compute_api:os-keypairs:index": "role:member"
`;

describe('under a policy file', () => {
  let cloud: ServerCloud;
  let app: ReturnType<typeof buildServer>;
  let id: string;

  async function ask(method: 'GET' | 'POST' | 'DELETE', path: string, as = 'anna', body?: object) {
    const reply = await app.inject({
      method,
      url: `/compute/v2.1${path}`,
      headers: {
        'x-auth-token': as,
        'openstack-api-version': 'compute 2.87',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { status: reply.statusCode, body: reply.body === '' ? undefined : reply.json() };
  }

  beforeAll(async () => {
    cloud = await serverCloud();
    id = await cloud.bootActive({ name: 'annas' });
    const context = { ...cloud.context, policy: present(readPolicy(policy).enforcer, 'policy') };
    app = buildServer(context, [{ prefix: '/compute', plugin: computePlugin(context) }]);
  });

  it('a call that it forbids is refused to all, administrators included', async () => {
    const words = "Policy doesn't allow os_compute_api:servers:create to be performed.";
    const refused = { status: 403, body: { forbidden: { code: 403, message: words } } };
    expect(await ask('POST', '/servers', 'anna', serverBody())).toEqual(refused);
    expect(await ask('POST', '/servers', 'admin', serverBody())).toEqual(refused);
  });

  it('a server is deleted by its own user, and by nobody else in its project', async () => {
    expect((await ask('DELETE', `/servers/${id}`, 'rita')).status).toBe(403);
    expect((await ask('DELETE', `/servers/${id}`, 'otto')).status).toBe(404);
    expect(cloud.state(id).taskState).toBeUndefined();
  });

  it('members see hosts, and readers do not', async () => {
    const { body } = await ask('GET', `/servers/${id}`);
    expect(body.server['OS-EXT-SRV-ATTR:host']).toBe('compute1');
    const reader = await ask('GET', `/servers/${id}`, 'rita');
    expect(reader.body.server).not.toHaveProperty('OS-EXT-SRV-ATTR:host');
    const list = await ask('GET', '/servers/detail', 'rita');
    expect(list.body.servers[0]).not.toHaveProperty('OS-EXT-SRV-ATTR:host');
  });

  it('extra specs of flavors are for administrators in views of servers', async () => {
    const { body } = await ask('GET', `/servers/${id}`);
    expect(body.server.flavor).not.toHaveProperty('extra_specs');
    const boss = await ask('GET', `/servers/${id}`, 'admin');
    expect(boss.body.server.flavor.extra_specs).toEqual({});
  });

  it('a host that answers is no news to those who are told of silent ones only', async () => {
    expect((await ask('GET', `/servers/${id}`)).body.server).not.toHaveProperty('host_status');
    expect((await ask('GET', '/servers/detail')).body.servers[0]).not.toHaveProperty('host_status');
    const boss = await ask('GET', '/servers/detail?all_tenants=1', 'admin');
    expect(boss.body.servers[0].host_status).toBe('UP');
  });

  it('members of other projects list all servers, and filter by host', async () => {
    const list = (query: string) =>
      ask('GET', `/servers/detail?all_tenants=1&host=${query}`, 'otto');
    expect((await list('compute1')).body.servers).toMatchObject([{ id }]);
    expect((await list('compute9')).body.servers).toEqual([]);
    expect((await ask('GET', '/servers?all_tenants=1', 'otto')).status).toBe(403);
  });

  it('members ask for limits and key pairs of others', async () => {
    expect((await ask('GET', '/limits?tenant_id=22222222222222222222222222222222')).status).toBe(
      200,
    );
    expect((await ask('GET', '/os-keypairs?user_id=user-otto')).status).toBe(200);
    expect((await ask('GET', '/os-keypairs/one?user_id=user-otto')).status).toBe(403);
  });

  it('what it does not name stays as it is', async () => {
    expect((await ask('GET', '/os-services')).status).toBe(403);
    expect((await ask('GET', '/os-services', 'admin')).status).toBe(200);
  });
});
