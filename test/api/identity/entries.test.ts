// Policies, endpoint groups, limits, settings of domains, federation's records: kept, changed, found and refused.
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
beforeEach(async () => {
  cloud = await identityCloud();
});
const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
const statusOf = async (...args: Parameters<IdentityCloud['asAdmin']>) =>
  (await asAdmin(...args)).status;

async function endpoint(service: string, fields: object = {}): Promise<string> {
  return cloud.create('endpoints', {
    interface: 'public',
    url: 'http://x',
    service_id: service,
    ...fields,
  });
}

describe('a policy', () => {
  it('is found for an endpoint by the nearest association', async () => {
    const service = await cloud.create('services', { type: 'x' });
    const id = await endpoint(service, { region: 'RegionOne' });
    const policies = [];
    for (const blob of ['of the service', 'of the region', 'of the endpoint']) {
      const made = await asAdmin('POST', '/policies', { policy: { blob, type: 'text' } });
      policies.push(String(at(made.body, 'policy', 'id')));
    }
    const places = [
      `services/${service}`,
      `services/${service}/regions/RegionOne`,
      `endpoints/${id}`,
    ];
    const effective = `/endpoints/${id}/OS-ENDPOINT-POLICY/policy`;
    expect(await statusOf('GET', effective)).toBe(404);
    for (const [index, place] of places.entries()) {
      const path = `/policies/${policies[index]}/OS-ENDPOINT-POLICY/${place}`;
      expect(await statusOf('GET', path)).toBe(404);
      expect(await statusOf('PUT', path)).toBe(204);
      expect(await statusOf('GET', path)).toBe(204);
      expect(at((await asAdmin('GET', effective)).body, 'policy', 'id')).toBe(policies[index]);
    }
    const listed = await asAdmin('GET', `/policies/${policies[0]}/OS-ENDPOINT-POLICY/endpoints`);
    expect(all(at(listed.body, 'endpoints'), 'id')).toEqual([id]);
    await asAdmin('DELETE', `/policies/${policies[2]}`);
    expect(at((await asAdmin('GET', effective)).body, 'policy', 'id')).toBe(policies[1]);
  });

  it('is for administrators', async () => {
    const scope = projectScope('demo');
    const token = await cloud.login({ user: 'demo', password: 'secret-demo', scope });
    expect((await cloud.call('GET', '/v3/policies', { token })).status).toBe(403);
  });
});

describe('an endpoint group', () => {
  it('cuts the catalogue of the projects that have it', async () => {
    const service = await cloud.create('services', { type: 'special' });
    await endpoint(service);
    await endpoint(service, { interface: 'internal' });
    const made = await asAdmin('POST', '/OS-EP-FILTER/endpoint_groups', {
      endpoint_group: { name: 'g', filters: { service_id: service, interface: 'public' } },
    });
    const group = String(at(made.body, 'endpoint_group', 'id'));
    const project = await cloud.idOf('projects', 'admin');
    const pair = `/OS-EP-FILTER/endpoint_groups/${group}/projects/${project}`;
    expect(await statusOf('GET', pair)).toBe(404);
    expect(await statusOf('PUT', pair)).toBe(204);
    expect((await asAdmin('GET', pair)).body).toMatchObject({
      project_endpoint_group: { endpoint_group_id: group, project_id: project },
    });
    const catalog = (await asAdmin('GET', '/auth/catalog')).body;
    const shown = at(catalog, 'catalog') as { type: string; endpoints: unknown[] }[];
    expect(shown.filter(({ endpoints }) => endpoints.length > 0)).toMatchObject([
      { type: 'special', endpoints: [{ interface: 'public' }] },
    ]);
    const lists = async (path: string, collection: string) =>
      all(at((await asAdmin('GET', `/OS-EP-FILTER${path}`)).body, collection), 'id');
    expect(await lists(`/endpoint_groups/${group}/projects`, 'projects')).toEqual([project]);
    expect(await lists(`/projects/${project}/endpoint_groups`, 'endpoint_groups')).toEqual([group]);
    expect(await lists(`/endpoint_groups/${group}/endpoints`, 'endpoints')).toHaveLength(1);
    expect(await lists(`/projects/${project}/endpoints`, 'endpoints')).toHaveLength(1);
    expect(await statusOf('DELETE', `/OS-EP-FILTER/endpoint_groups/${group}`)).toBe(204);
    expect(await lists(`/projects/${project}/endpoint_groups`, 'endpoint_groups')).toEqual([]);
  });

  it.each([
    ['no filter', {}],
    ['an unknown filter', { color: 'red' }],
  ])('is refused with %s', async (_what, filters) => {
    const body = { endpoint_group: { name: 'g', filters } };
    expect(await statusOf('POST', '/OS-EP-FILTER/endpoint_groups', body)).toBe(400);
  });
});

describe('one endpoint of a project', () => {
  it('is given, asked for, listed from both sides, and taken', async () => {
    const id = await endpoint(await cloud.create('services', { type: 'x' }));
    const project = await cloud.idOf('projects', 'demo');
    const path = `/OS-EP-FILTER/projects/${project}/endpoints/${id}`;
    expect(await statusOf('HEAD', path)).toBe(404);
    expect(await statusOf('PUT', path)).toBe(204);
    expect(await statusOf('HEAD', path)).toBe(204);
    const projects = await asAdmin('GET', `/OS-EP-FILTER/endpoints/${id}/projects`);
    expect(all(at(projects.body, 'projects'), 'id')).toEqual([project]);
    expect(await statusOf('DELETE', path)).toBe(204);
    expect(await statusOf('DELETE', path)).toBe(404);
  });
});

describe('limits', () => {
  let service: string;
  let project: string;
  beforeEach(async () => {
    service = await cloud.create('services', { type: 'compute2' });
    project = await cloud.idOf('projects', 'demo');
  });
  const registered = (fields: object = {}) => ({
    registered_limits: [
      { service_id: service, resource_name: 'servers', default_limit: 10, ...fields },
    ],
  });
  const limit = (fields: object = {}) => ({
    limits: [
      {
        project_id: project,
        service_id: service,
        resource_name: 'servers',
        resource_limit: 5,
        ...fields,
      },
    ],
  });

  it('stand on registered ones, which stay as long as they do', async () => {
    expect(await statusOf('POST', '/limits', limit())).toBe(403);
    const made = await asAdmin('POST', '/registered_limits', registered());
    const id = String(at(made.body, 'registered_limits', 0, 'id'));
    expect([made.status, made.body]).toEqual([
      201,
      {
        registered_limits: [
          {
            id,
            service_id: service,
            region_id: null,
            resource_name: 'servers',
            default_limit: 10,
            description: null,
            links: { self: expect.stringContaining(`/v3/registered_limits/${id}`) as unknown },
          },
        ],
      },
    ]);
    const own = await asAdmin('POST', '/limits', limit());
    expect(own.body).toMatchObject({
      limits: [{ project_id: project, domain_id: null, resource_limit: 5 }],
    });
    expect((await asAdmin('DELETE', `/registered_limits/${id}`)).body).toEqual(
      errorBody(
        403,
        'Forbidden',
        `Unable to update or delete registered limit ${id} because there are project limits associated with it.`,
      ),
    );
    const limitId = String(at(own.body, 'limits', 0, 'id'));
    const changed = await asAdmin('PATCH', `/limits/${limitId}`, { limit: { resource_limit: 7 } });
    expect(at(changed.body, 'limit', 'resource_limit')).toBe(7);
    expect(await statusOf('DELETE', `/limits/${limitId}`)).toBe(204);
    expect(await statusOf('DELETE', `/registered_limits/${id}`)).toBe(204);
  });

  it('are made all or none', async () => {
    await asAdmin('POST', '/registered_limits', registered());
    const twice = { limits: [...limit().limits, ...limit().limits] };
    expect(await statusOf('POST', '/limits', twice)).toBe(409);
    const mixed = { limits: [...limit().limits, ...limit({ resource_name: 'other' }).limits] };
    expect(await statusOf('POST', '/limits', mixed)).toBe(403);
    const listed = await asAdmin('GET', `/limits?project_id=${project}`);
    expect(at(listed.body, 'limits')).toEqual([]);
    expect(await statusOf('POST', '/registered_limits', registered())).toBe(409);
  });

  it.each([
    ['an unknown service', { service_id: 'nothing' }, 400],
    ['an unknown region', { region_id: 'nowhere' }, 400],
    ['less than no bound', { default_limit: -2 }, 400],
    ['a text for a figure', { default_limit: '10' }, 400],
    ['an unknown field', { color: 'red' }, 400],
  ])('are refused with %s', async (_what, fields, status) => {
    expect(await statusOf('POST', '/registered_limits', registered(fields))).toBe(status);
  });

  it('of a project are listed for a token of it, and the model is told to all', async () => {
    await asAdmin('POST', '/registered_limits', registered());
    await asAdmin('POST', '/limits', limit());
    const admins = await cloud.idOf('projects', 'admin');
    await asAdmin('POST', '/limits', limit({ project_id: admins }));
    const scope = projectScope('demo');
    const token = await cloud.login({ user: 'demo', password: 'secret-demo', scope });
    const listed = await cloud.call('GET', '/v3/limits', { token });
    expect(all(at(listed.body, 'limits'), 'project_id')).toEqual([project]);
    const system = await cloud.login({
      user: 'admin',
      password: 'secret-admin',
      scope: { system: { all: true } },
    });
    const whole = await cloud.call('GET', '/v3/limits', { token: system });
    expect(all(at(whole.body, 'limits'), 'project_id')).toHaveLength(2);
    const model = await cloud.call('GET', '/v3/limits/model', { token });
    expect(at(model.body, 'model', 'name')).toBe('flat');
    await asAdmin('DELETE', `/projects/${project}`);
    expect(
      all(at((await cloud.call('GET', '/v3/limits', { token: system })).body, 'limits'), 'id'),
    ).toHaveLength(1);
  });
});

describe('settings of a domain', () => {
  const config = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://x', password: 'hidden' } };
  let path: string;
  beforeEach(async () => {
    path = `/domains/${await cloud.create('domains', { name: 'd' })}/config`;
  });

  it('are kept by group and option, secrets unseen', async () => {
    expect(await statusOf('GET', path)).toBe(404);
    const made = await asAdmin('PUT', path, { config });
    const seen = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://x' } };
    expect([made.status, made.body]).toEqual([201, { config: seen }]);
    expect(await statusOf('PUT', path, { config })).toBe(200);
    expect((await asAdmin('GET', `${path}/ldap`)).body).toEqual({ config: { ldap: seen.ldap } });
    expect((await asAdmin('GET', `${path}/ldap/url`)).body).toEqual({
      config: { url: 'ldap://x' },
    });
    const change = { config: { url: 'ldap://y' } };
    expect(at((await asAdmin('PATCH', `${path}/ldap/url`, change)).body, 'config', 'ldap')).toEqual(
      {
        url: 'ldap://y',
      },
    );
    expect(await statusOf('DELETE', `${path}/identity/driver`)).toBe(204);
    expect(await statusOf('GET', `${path}/identity/driver`)).toBe(404);
    expect(await statusOf('GET', `${path}/identity`)).toBe(404);
    expect(await statusOf('DELETE', path)).toBe(204);
    expect(await statusOf('GET', path)).toBe(404);
  });

  it.each([
    ['an unknown group', { other: { x: 1 } }],
    ['an unknown option', { ldap: { color: 'red' } }],
    ['a group that is no map', { ldap: 'x' }],
    ['nothing', {}],
  ])('are refused with %s', async (_what, wrong) => {
    expect(await statusOf('PUT', path, { config: wrong })).toBe(403);
  });

  it('have defaults', async () => {
    const whole = await asAdmin('GET', '/domains/config/default');
    expect(at(whole.body, 'config', 'identity')).toEqual({ driver: 'sql', list_limit: null });
    const one = await asAdmin('GET', '/domains/config/ldap/url/default');
    expect(one.body).toEqual({ config: { url: 'ldap://localhost' } });
    expect(await statusOf('GET', '/domains/config/ldap/password/default')).toBe(403);
  });
});

describe('records of federation', () => {
  it('are made under ids that their makers choose', async () => {
    const provider = '/OS-FEDERATION/identity_providers/acme';
    const made = await asAdmin('PUT', provider, { identity_provider: { remote_ids: ['r'] } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      identity_provider: { id: 'acme', enabled: false, remote_ids: ['r'], description: null },
    });
    expect(await statusOf('PUT', provider, { identity_provider: {} })).toBe(409);
    const change = { identity_provider: { enabled: true, remote_ids: null } };
    expect((await asAdmin('PATCH', provider, change)).body).toMatchObject({
      identity_provider: { enabled: true, remote_ids: [] },
    });
    expect(await statusOf('DELETE', provider)).toBe(204);
    expect(await statusOf('GET', provider)).toBe(404);
    const other = '/OS-FEDERATION/service_providers/far';
    const fields = { auth_url: 'https://far/auth', sp_url: 'https://far/sp' };
    expect((await asAdmin('PUT', other, { service_provider: fields })).body).toMatchObject({
      service_provider: { id: 'far', ...fields, relay_state_prefix: 'ss:mem:' },
    });
    expect(
      await statusOf('PUT', '/OS-FEDERATION/service_providers/x', { service_provider: {} }),
    ).toBe(400);
  });
});
