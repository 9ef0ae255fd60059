// Projects and domains over HTTP: bodies, errors, the tree, tags.
import { beforeEach, describe, expect, it } from 'vitest';
import {
  all,
  at,
  base,
  errorBody,
  identityCloud,
  type IdentityCloud,
  namesIn,
} from './identity-cloud.ts';

let cloud: IdentityCloud;
beforeEach(async () => {
  cloud = await identityCloud();
});
const asAdmin: IdentityCloud['asAdmin'] = (...args) => cloud.asAdmin(...args);
const create: IdentityCloud['create'] = (...args) => cloud.create(...args);
const hexId = expect.stringMatching(/^[0-9a-f]{32}$/) as unknown as string;

describe('projects', () => {
  it('are created with all fields, and shown, changed and deleted', async () => {
    const created = await asAdmin('POST', '/projects', {
      project: { name: 'lab', description: 'Lab', tags: ['a'], colour: 'red' },
    });
    const id = String(at(created.body, 'project', 'id'));
    const project = {
      id: hexId,
      name: 'lab',
      domain_id: 'default',
      parent_id: 'default',
      is_domain: false,
      description: 'Lab',
      enabled: true,
      tags: ['a'],
      options: {},
      colour: 'red',
      links: { self: `${base}/identity/v3/projects/${id}` },
    };
    expect([created.status, created.body]).toEqual([201, { project }]);
    expect((await asAdmin('GET', `/projects/${id}`)).body).toEqual({ project });
    const changed = await asAdmin('PATCH', `/projects/${id}`, {
      project: { name: 'lab2', description: null, colour: 'blue' },
    });
    const after = { ...project, name: 'lab2', description: null, colour: 'blue' };
    expect([changed.status, changed.body]).toEqual([200, { project: after }]);
    expect((await asAdmin('DELETE', `/projects/${id}`)).status).toBe(204);
    const gone = await asAdmin('GET', `/projects/${id}`);
    expect([gone.status, gone.body]).toEqual([
      404,
      errorBody(404, 'Not Found', `Could not find project: ${id}.`),
    ]);
    expect((await asAdmin('DELETE', `/projects/${id}`)).status).toBe(404);
  });

  it('have names that are unique in their domain only', async () => {
    const domainId = await create('domains', { name: 'other' });
    await create('projects', { name: 'lab' });
    await create('projects', { name: 'lab', domain_id: domainId });
    const again = await asAdmin('POST', '/projects', { project: { name: 'lab' } });
    expect(again.status).toBe(409);
    expect(at(again.body, 'error', 'message')).toMatch(
      /^Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name or same id in the same domain: name is lab, project id [0-9a-f]{32}\.$/,
    );
  });

  it.each([
    [{}, "'name' is a required property"],
    [{ name: '' }, "Invalid input for field 'name': '' is too short"],
    [{ name: 'x'.repeat(65) }, `Invalid input for field 'name': '${'x'.repeat(65)}' is too long`],
    [{ name: ' ' }, "Invalid input for field 'name': ' ' does not match '\\S+'"],
    [{ name: 7 }, "Invalid input for field 'name': 7 is not of type 'string'"],
    [
      { name: 'x', enabled: 'yes' },
      "Invalid input for field 'enabled': 'yes' is not of type 'boolean'",
    ],
    [
      { name: 'x', tags: ['a,b'] },
      "Invalid input for field 'tags/0': 'a,b' does not match '^[^,/]*$'",
    ],
    [{ name: 'x', domain_id: 'nowhere' }, 'Could not find domain: nowhere.'],
    [{ name: 'x', parent_id: 'nowhere' }, 'Could not find project: nowhere.'],
  ])('are refused for %j', async (project, message) => {
    const reply = await asAdmin('POST', '/projects', { project });
    expect([reply.status, reply.body]).toEqual([400, errorBody(400, 'Bad Request', message)]);
  });

  it('stand in a tree that tells its parents and children', async () => {
    const top = await create('projects', { name: 'top' });
    const leaf = await create('projects', { name: 'leaf', parent_id: top });
    const up = await asAdmin('GET', `/projects/${leaf}?parents_as_ids`);
    expect(at(up.body, 'project', 'parents')).toEqual({ [top]: { default: null } });
    const down = await asAdmin('GET', `/projects/${top}?subtree_as_ids`);
    expect(at(down.body, 'project', 'subtree')).toEqual({ [leaf]: null });
    const refused = await asAdmin('DELETE', `/projects/${top}`);
    expect(refused.status).toBe(403);
    const listed = await asAdmin('GET', `/projects?parent_id=${top}`);
    expect(all(at(listed.body, 'projects'), 'id')).toEqual([leaf]);
  });

  it('can act as domains', async () => {
    const id = await create('projects', { name: 'realm', is_domain: true });
    expect(at((await asAdmin('GET', `/domains/${id}`)).body, 'domain', 'name')).toBe('realm');
    const shown = at((await asAdmin('GET', `/projects/${id}`)).body, 'project');
    expect(shown).toMatchObject({ id, is_domain: true, domain_id: null, parent_id: null });
    const listed = await asAdmin('GET', '/projects?is_domain=true');
    expect(namesIn(at(listed.body, 'projects'))).toEqual(['Default', 'realm']);
  });

  it('carry tags that can be set one by one and filtered by', async () => {
    const [red, both] = [
      await create('projects', { name: 'one', tags: ['red'] }),
      await create('projects', { name: 'two' }),
    ];
    expect((await asAdmin('PUT', `/projects/${both}/tags`, { tags: ['red', 'big'] })).status).toBe(
      200,
    );
    const put = await asAdmin('PUT', `/projects/${both}/tags/new`);
    expect([put.status, put.body]).toEqual([201, undefined]);
    expect((await asAdmin('HEAD', `/projects/${both}/tags/new`)).status).toBe(204);
    expect((await asAdmin('DELETE', `/projects/${both}/tags/new`)).status).toBe(204);
    expect((await asAdmin('GET', `/projects/${both}/tags/new`)).status).toBe(404);
    const find = async (query: string) =>
      new Set(all(at((await asAdmin('GET', `/projects?${query}`)).body, 'projects'), 'id'));
    expect(await find('tags=red')).toEqual(new Set([red, both]));
    expect(await find('tags=red,big')).toEqual(new Set([both]));
    expect(await find('tags-any=big,small')).toEqual(new Set([both]));
  });
});

describe('domains', () => {
  it('are deleted only when off, with all that is in them', async () => {
    const domainId = await create('domains', { name: 'other' });
    const user = await create('users', { name: 'u', domain_id: domainId });
    const project = await create('projects', { name: 'p', domain_id: domainId });
    const group = await create('groups', { name: 'g', domain_id: domainId });
    const refused = await asAdmin('DELETE', `/domains/${domainId}`);
    expect([refused.status, at(refused.body, 'error', 'message')]).toEqual([
      403,
      'Cannot delete a domain that is enabled, please disable it first.',
    ]);
    await asAdmin('PATCH', `/domains/${domainId}`, { domain: { enabled: false } });
    expect((await asAdmin('DELETE', `/domains/${domainId}`)).status).toBe(204);
    for (const path of [
      `/domains/${domainId}`,
      `/users/${user}`,
      `/projects/${project}`,
      `/groups/${group}`,
    ])
      expect((await asAdmin('GET', path)).status).toBe(404);
  });

  it('have unique names', async () => {
    const reply = await asAdmin('POST', '/domains', { domain: { name: 'Default' } });
    expect([reply.status, at(reply.body, 'error', 'message')]).toEqual([
      409,
      'Conflict occurred attempting to store domain - it is not permitted to have two projects acting as domains with the same name: Default.',
    ]);
  });
});
