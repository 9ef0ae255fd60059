import { describe, expect, it } from 'vitest';
import { projects } from '#actors/project/protocol.ts';
import { PROJECT } from '../service.ts';
import { type ServerCloud, serverBody, serverCloud } from '../server-cloud.ts';
import { fault, resourceService, type ResourceService } from './resource-service.ts';

const path = '/os-server-groups';

async function create(service: ResourceService, group: object, minor?: number, as = 'anna') {
  return service.call('POST', path, {
    as,
    body: { server_group: { name: 'g', ...group } },
    ...(minor === undefined ? {} : { minor }),
  });
}
const idOf = ({ body }: { readonly body: unknown }): string =>
  (body as { server_group: { id: string } }).server_group.id;

describe('a server group', () => {
  it('has exactly the fields of each microversion', async () => {
    const service = resourceService();
    const old = await create(service, { policies: ['affinity'] });
    expect(old.status).toBe(200);
    const id = idOf(old);
    const base = { id, name: 'g', members: [] };
    const list = { ...base, policies: ['affinity'], metadata: {} };
    expect(old.body).toEqual({ server_group: list });
    const owner = { project_id: PROJECT, user_id: 'user-anna' };
    const show = async (minor: number) => {
      const { status, body } = await service.call('GET', `${path}/${id}`, { as: 'rita', minor });
      return { status, body };
    };
    expect(await show(12)).toEqual({ status: 200, body: { server_group: list } });
    expect(await show(13)).toEqual({ status: 200, body: { server_group: { ...list, ...owner } } });
    expect(await show(64)).toEqual({
      status: 200,
      body: { server_group: { ...base, policy: 'affinity', rules: {}, ...owner } },
    });
    const made = await create(
      service,
      { policy: 'anti-affinity', rules: { max_server_per_host: '3' } },
      64,
    );
    expect(made.body).toMatchObject({
      server_group: { policy: 'anti-affinity', rules: { max_server_per_host: 3 } },
    });
  });

  it.each([
    ['a soft policy before 2.15', { policies: ['soft-affinity'] }, 14],
    ['no policy', { policies: [] }, 1],
    ['two policies', { policies: ['affinity', 'anti-affinity'] }, 1],
    ['the old list from 2.64 on', { policies: ['affinity'] }, 64],
    ['a policy that is none', { policy: 'legacy' }, 64],
    ['an empty name', { name: '', policies: ['affinity'] }, 1],
    ['a rule that is none', { policy: 'anti-affinity', rules: { max: 1 } }, 64],
    ['no room on a host', { policy: 'anti-affinity', rules: { max_server_per_host: 0 } }, 64],
    ['rules of another policy', { policy: 'affinity', rules: { max_server_per_host: 2 } }, 64],
  ])('%s is 400', async (_what, group, minor) => {
    const service = resourceService();
    expect(await create(service, group, minor)).toMatchObject({ status: 400 });
    expect(service.cluster.events).toEqual([]);
  });

  it('of another policy than anti-affinity has no rules, in Nova’s words', async () => {
    const service = resourceService();
    const rules = { max_server_per_host: 2 };
    expect(await create(service, { policy: 'soft-affinity', rules }, 64)).toMatchObject({
      body: fault('badRequest', 400, 'Only anti-affinity policy supports rules.'),
    });
  });

  it('is gone after DELETE, and unknown ones are 404', async () => {
    const service = resourceService();
    const id = idOf(await create(service, { policies: ['affinity'] }));
    expect(await service.call('DELETE', `${path}/${id}`, { as: 'anna' })).toMatchObject({
      status: 204,
      body: undefined,
    });
    const missing = fault('itemNotFound', 404, `Instance group ${id} could not be found.`);
    for (const method of ['GET', 'DELETE'] as const)
      expect(await service.call(method, `${path}/${id}`, { as: 'anna' })).toMatchObject({
        status: 404,
        body: missing,
      });
  });

  it('is for members to make, and its project’s to see', async () => {
    const service = resourceService();
    expect(await create(service, { policies: ['affinity'] }, 1, 'rita')).toMatchObject({
      status: 403,
    });
    const id = idOf(await create(service, { policies: ['affinity'] }));
    for (const method of ['GET', 'DELETE'] as const)
      expect(await service.call(method, `${path}/${id}`, { as: 'otto' })).toMatchObject({
        status: 403,
      });
    expect(await service.call('GET', `${path}/${id}`, { as: 'admin' })).toMatchObject({
      status: 200,
    });
  });
});

it('the list is the project’s, for administrators everyone’s, and comes in pages', async () => {
  const service = resourceService();
  const ids: string[] = [];
  for (const name of ['one', 'two', 'three'])
    ids.push(idOf(await create(service, { name, policies: ['affinity'] })));
  const other = idOf(await create(service, { policies: ['affinity'] }, 1, 'otto'));
  const list = async (query: string, as = 'anna') => {
    const { body } = await service.call('GET', `${path}${query}`, { as });
    return (body as { server_groups: { id: string }[] }).server_groups.map(({ id }) => id);
  };
  expect(await list('')).toEqual(ids);
  expect(await list('?limit=1&offset=1')).toEqual(ids.slice(1, 2));
  expect(await list('?all_projects=True')).toEqual(ids);
  expect(await list('?all_projects=True', 'admin')).toEqual([...ids, other]);
  expect(await service.call('GET', `${path}?sort=up`, { as: 'anna', minor: 75 })).toMatchObject({
    status: 400,
  });
});

it('quota of groups is kept when many are made at once, and shown', async () => {
  const service = resourceService();
  await service.cluster.router.ask(
    projects.ref(PROJECT),
    { type: 'project.set-limits', limits: { server_groups: 2 }, force: false },
    { requestId: 'req-limits' },
  );
  const replies = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => create(service, { name, policies: ['affinity'] })),
  );
  expect(replies.map(({ status }) => String(status)).sort()).toEqual(['200', '200', '403', '403']);
  expect(replies.find(({ status }) => status === 403)?.body).toEqual(
    fault('forbidden', 403, 'Quota exceeded, too many server groups.'),
  );
  const { body } = await service.call('GET', '/limits', { as: 'anna' });
  expect(body).toMatchObject({ limits: { absolute: { totalServerGroupsUsed: 2 } } });
  const detail = await service.call('GET', `/os-quota-sets/${PROJECT}/detail`, { as: 'anna' });
  expect(detail.body).toMatchObject({ quota_set: { server_groups: { in_use: 2, limit: 2 } } });
});

describe('a server that is created in a group', () => {
  const groupOf = async (cloud: ServerCloud): Promise<string> => {
    const body = { server_group: { name: 'g', policies: ['anti-affinity'] } };
    return String((await cloud.call('POST', path, body)).body.server_group.id);
  };
  const inGroup = (group: string, extra: object = {}) => ({
    ...serverBody({ ...extra }),
    'os:scheduler_hints': { group },
  });

  it('is its member, which both show', async () => {
    const cloud = await serverCloud();
    const group = await groupOf(cloud);
    const created = await cloud.call('POST', '/servers', inGroup(group.toUpperCase()));
    expect(created.status).toBe(202);
    const { id } = created.body.server;
    const shown = await cloud.get(`${path}/${group}`);
    expect(shown.body.server_group.members).toEqual([id]);
    const server = await cloud.get(`/servers/${id}`, { version: '2.71' });
    expect(server.body.server.server_groups).toEqual([group]);
    const plain = await cloud.boot();
    const other = await cloud.get(`/servers/${plain}`, { version: '2.71' });
    expect(other.body.server.server_groups).toEqual([]);
    await cloud.call('DELETE', `${path}/${group}`);
    const after = await cloud.get(`/servers/${id}`, { version: '2.71' });
    expect(after.body.server.server_groups).toEqual([]);
  });

  it('needs a group of its own project', async () => {
    const cloud = await serverCloud();
    const group = await groupOf(cloud);
    const none = '70a599e0-31e7-49b7-b260-868f441e8620';
    expect(await cloud.call('POST', '/servers', inGroup(none))).toMatchObject({
      status: 400,
      body: fault('badRequest', 400, `Instance group ${none} could not be found.`),
    });
    const foreign = await cloud.call('POST', '/servers', inGroup(group, { networks: undefined }), {
      as: 'otto',
    });
    expect(foreign.body).toEqual(
      fault('badRequest', 400, `Instance group ${group} could not be found.`),
    );
  });

  it('counts against the quota of members: exactly the allowed number wins, and no other quota leaks', async () => {
    const cloud = await serverCloud({ server_group_members: 2 });
    const group = await groupOf(cloud);
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => cloud.call('POST', '/servers', inGroup(group))),
    );
    expect(replies.map(({ status }) => String(status)).sort()).toEqual([
      '202',
      '202',
      '403',
      '403',
      '403',
    ]);
    expect(replies.find(({ status }) => status === 403)?.body).toEqual(
      fault('forbidden', 403, 'Quota exceeded, too many servers in group'),
    );
    expect(cloud.context.projects.get(PROJECT)?.used.instances).toBe(2);
    const members = (await cloud.get(`${path}/${group}`)).body.server_group.members;
    expect(members).toHaveLength(2);
  });
});
