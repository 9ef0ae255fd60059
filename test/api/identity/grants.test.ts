// Roles, what they imply, and who has them where.
import { beforeEach, describe, expect, it } from 'vitest';
import { all, at, base, identityCloud, type IdentityCloud } from './identity-cloud.ts';

let cloud: IdentityCloud;
beforeEach(async () => {
  cloud = await identityCloud();
});
const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
const idOf: IdentityCloud['idOf'] = (...args) => cloud.idOf(...args);

describe('grants', () => {
  it.each([
    ['projects', (ids: Ids) => `/projects/${ids.project}/users/${ids.user}`],
    ['domains', (ids: Ids) => `/domains/default/users/${ids.user}`],
    ['the system', (ids: Ids) => `/system/users/${ids.user}`],
    ['projects for groups', (ids: Ids) => `/projects/${ids.project}/groups/${ids.group}`],
    ['domains for groups', (ids: Ids) => `/domains/default/groups/${ids.group}`],
    ['the system for groups', (ids: Ids) => `/system/groups/${ids.group}`],
  ])('on %s are given, listed, checked and taken', async (_place, path) => {
    const ids = await grantIds();
    const roles = `${path(ids)}/roles`;
    expect((await asAdmin('HEAD', `${roles}/${ids.role}`)).status).toBe(404);
    expect((await asAdmin('PUT', `${roles}/${ids.role}`)).status).toBe(204);
    expect((await asAdmin('PUT', `${roles}/${ids.role}`)).status).toBe(204);
    expect((await asAdmin('HEAD', `${roles}/${ids.role}`)).status).toBe(204);
    expect(all(at((await asAdmin('GET', roles)).body, 'roles'), 'id')).toEqual([ids.role]);
    expect((await asAdmin('DELETE', `${roles}/${ids.role}`)).status).toBe(204);
    expect((await asAdmin('DELETE', `${roles}/${ids.role}`)).status).toBe(404);
  });

  it('that are inherited reach the projects below, and not the target', async () => {
    const ids = await grantIds();
    const leaf = await create('projects', { name: 'leaf', parent_id: ids.project });
    const path = `/OS-INHERIT/projects/${ids.project}/users/${ids.user}/roles/${ids.role}/inherited_to_projects`;
    expect((await asAdmin('PUT', path)).status).toBe(204);
    expect((await asAdmin('HEAD', path)).status).toBe(204);
    const effective = async (project: string) =>
      at(
        (
          await asAdmin(
            'GET',
            `/role_assignments?effective&user.id=${ids.user}&scope.project.id=${project}`,
          )
        ).body,
        'role_assignments',
      );
    expect(await effective(ids.project)).toEqual([]);
    expect(await effective(leaf)).toEqual([
      {
        role: { id: ids.role },
        scope: { project: { id: leaf }, 'OS-INHERIT:inherited_to': 'projects' },
        user: { id: ids.user },
        links: { assignment: `${base}/identity/v3${path}` },
      },
    ]);
  });

  it('to unknown users, roles and projects are 404', async () => {
    const ids = await grantIds();
    for (const path of [
      `/projects/nil/users/${ids.user}/roles/${ids.role}`,
      `/projects/${ids.project}/users/nil/roles/${ids.role}`,
      `/projects/${ids.project}/users/${ids.user}/roles/nil`,
      `/domains/nil/users/${ids.user}/roles/${ids.role}`,
    ])
      expect([path, (await asAdmin('PUT', path)).status]).toEqual([path, 404]);
  });

  it('are listed with names, through groups and implied roles', async () => {
    const ids = await grantIds();
    const [member, reader] = [await idOf('roles', 'member'), await idOf('roles', 'reader')];
    await asAdmin('PUT', `/groups/${ids.group}/users/${ids.user}`);
    await asAdmin('PUT', `/projects/${ids.project}/groups/${ids.group}/roles/${member}`);
    const { body } = await asAdmin(
      'GET',
      `/role_assignments?effective&include_names&scope.project.id=${ids.project}`,
    );
    const place = { id: ids.project, name: 'lab', domain: { id: 'default', name: 'Default' } };
    const user = { id: ids.user, name: 'u', domain: { id: 'default', name: 'Default' } };
    const v3 = `${base}/identity/v3`;
    const links = {
      assignment: `${v3}/projects/${ids.project}/groups/${ids.group}/roles/${member}`,
      membership: `${v3}/groups/${ids.group}/users/${ids.user}`,
    };
    expect(at(body, 'role_assignments')).toEqual([
      { scope: { project: place }, user, role: { id: member, name: 'member' }, links },
      {
        scope: { project: place },
        user,
        role: { id: reader, name: 'reader' },
        links: { ...links, prior_role: `${v3}/prior_roles/${member}/implies/${reader}` },
      },
    ]);
  });

  it.each([
    'scope.domain.id=default&scope.project.id=x',
    'user.id=x&group.id=y',
    'effective&group.id=x',
    'include_subtree',
  ])('cannot be listed by %s', async (query) => {
    expect((await asAdmin('GET', `/role_assignments?${query}`)).status).toBe(400);
  });
});

interface Ids {
  readonly project: string;
  readonly user: string;
  readonly group: string;
  readonly role: string;
}
async function grantIds(): Promise<Ids> {
  return {
    project: await create('projects', { name: 'lab' }),
    user: await create('users', { name: 'u' }),
    group: await create('groups', { name: 'g' }),
    role: await create('roles', { name: 'painter' }),
  };
}

describe('roles', () => {
  it('imply others', async () => {
    const [one, two] = [
      await create('roles', { name: 'one' }),
      await create('roles', { name: 'two' }),
    ];
    const path = `/roles/${one}/implies/${two}`;
    expect((await asAdmin('GET', path)).status).toBe(404);
    const v3 = `${base}/identity/v3`;
    const brief = (id: string, name: string) => ({
      id,
      name,
      links: { self: `${v3}/roles/${id}` },
    });
    const put = await asAdmin('PUT', path);
    expect([put.status, put.body]).toEqual([
      201,
      {
        role_inference: { prior_role: brief(one, 'one'), implies: brief(two, 'two') },
        links: { self: `${v3}${path}` },
      },
    ]);
    expect((await asAdmin('HEAD', path)).status).toBe(204);
    expect(
      at((await asAdmin('GET', `/roles/${one}/implies`)).body, 'role_inference', 'implies'),
    ).toEqual([brief(two, 'two')]);
    expect(
      (await asAdmin('PUT', `/roles/${one}/implies/${await idOf('roles', 'admin')}`)).status,
    ).toBe(403);
    expect((await asAdmin('PUT', `/roles/${two}/implies/${one}`)).status).toBe(403);
    expect((await asAdmin('DELETE', path)).status).toBe(204);
  });

  it('of the cloud cannot be deleted or renamed until they are made mutable', async () => {
    const id = await idOf('roles', 'reader');
    const rename = () => asAdmin('PATCH', `/roles/${id}`, { role: { name: 'leser' } });
    const refused = await rename();
    expect([refused.status, at(refused.body, 'error', 'message')]).toEqual([
      403,
      `Unable to update immutable role resource: ${id}. Set resource option "immutable" to false first.`,
    ]);
    expect((await asAdmin('DELETE', `/roles/${id}`)).status).toBe(403);
    await asAdmin('PATCH', `/roles/${id}`, { role: { options: { immutable: null } } });
    expect(at((await rename()).body, 'role', 'name')).toBe('leser');
  });
});
