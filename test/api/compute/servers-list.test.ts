// GET /servers and /servers/detail: whose servers, which, in which order, by pages.
import { describe, expect, it } from 'vitest';
import {
  HOST,
  IMAGE,
  serverBody,
  serverCloud,
  type CallOptions,
  type Reply,
} from './server-cloud.ts';
import { OTHER_PROJECT, PROJECT } from './service.ts';

const cloud = await serverCloud();
const names = ['alpha', 'beta', 'gamma', 'delta'] as const;
type Name = (typeof names)[number];
const ids = {} as Record<Name, string>;
for (const [index, name] of names.entries()) {
  await cloud.env.advance(1_000);
  ids[name] = await cloud.bootActive(
    {
      name,
      tags: index < 2 ? ['odd', name] : [name],
      key_name: name === 'beta' ? 'key' : undefined,
      networks: [{ uuid: 'aaaaaaaa-0000-4000-8000-000000000001', fixed_ip: `10.0.0.${index + 1}` }],
      config_drive: name === 'gamma',
    },
    { version: '2.52' },
  );
}
await cloud.env.advance(1_000);
const others = await cloud.bootActive({ name: 'others', networks: [] }, { as: 'otto' });
await cloud.call('POST', `/servers/${ids.beta}/action`, { 'os-stop': null });
await cloud.settle(ids.beta);
await cloud.call('POST', `/servers/${ids.gamma}/action`, { lock: null });
await cloud.call('POST', `/servers/${ids.delta}/action`, { pause: null });
await cloud.env.advance(1_000);
const gone = await cloud.bootActive({ name: 'gone' });
await cloud.call('DELETE', `/servers/${gone}`);
await cloud.settle(gone);

const namesIn = (reply: Reply): readonly string[] => {
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
  return reply.body.servers.map((server: { name: string }) => server.name);
};
const list = async (query: string, options: CallOptions = {}): Promise<readonly string[]> =>
  namesIn(await cloud.get(`/servers${query}`, options));
const refusal = async (query: string, options: CallOptions = {}) => {
  const reply = await cloud.get(`/servers${query}`, options);
  const [fault] = Object.values<{ message: string }>(reply.body);
  return [reply.status, fault?.message];
};
const latest = '2.90';

describe('a list', () => {
  it('is of the caller’s project, newest first', async () => {
    expect([
      await list(''),
      await list('', { as: 'otto' }),
      await list('', { as: 'rita' }),
    ]).toEqual([
      ['delta', 'gamma', 'beta', 'alpha'],
      ['others'],
      ['delta', 'gamma', 'beta', 'alpha'],
    ]);
  });

  it('without detail has id, name and links alone', async () => {
    const { body } = await cloud.get('/servers?name=alpha');
    expect(body).toEqual({
      servers: [
        {
          id: ids.alpha,
          name: 'alpha',
          links: [
            { rel: 'self', href: `http://cloud:8774/compute/v2.1/servers/${ids.alpha}` },
            { rel: 'bookmark', href: `http://cloud:8774/compute/servers/${ids.alpha}` },
          ],
        },
      ],
    });
  });

  it.each(['2.1', '2.47', '2.79', '2.96', '2.104'])(
    'with detail shows each server as it is shown alone at %s, but for its groups',
    async (version) => {
      for (const as of ['anna', 'admin']) {
        const { body } = await cloud.get('/servers/detail', { version, as });
        for (const server of body.servers) {
          const alone = (await cloud.get(`/servers/${server.id}`, { version, as })).body.server;
          delete alone.server_groups;
          expect(server).toEqual(alone);
        }
        expect(body.servers).toHaveLength(4);
      }
    },
  );

  it('shows every change at once', async () => {
    const fresh = await serverCloud();
    const statuses = async (): Promise<readonly string[]> =>
      (await fresh.get('/servers/detail')).body.servers.map(
        (server: Record<string, string | null>) =>
          `${server['status']}/${server['OS-EXT-STS:task_state']}`,
      );
    const seen = [await statuses()];
    const id = await fresh.boot();
    seen.push(await statuses());
    await fresh.settle(id);
    seen.push(await statuses());
    await fresh.call('POST', `/servers/${id}/action`, { 'os-stop': null });
    seen.push(await statuses());
    await fresh.settle(id);
    seen.push(await statuses());
    await fresh.call('DELETE', `/servers/${id}`);
    await fresh.settle(id);
    seen.push(await statuses());
    expect(seen).toEqual([
      [],
      ['BUILD/scheduling'],
      ['ACTIVE/null'],
      ['ACTIVE/powering-off'],
      ['SHUTOFF/null'],
      [],
    ]);
  });

  it('is forbidden without a rôle', async () => {
    expect((await cloud.get('/servers', { as: 'nobody' })).status).toBe(403);
  });
});

describe('a filter', () => {
  it.each<[string, string, readonly string[]]>([
    ['?name=ta', '2.1', ['delta', 'beta']],
    ['?name=^GAMMA$', '2.1', ['gamma']],
    ['?name=^(alpha|beta)$', '2.1', ['beta', 'alpha']],
    ['?status=ACTIVE', '2.1', ['delta', 'gamma', 'alpha']],
    ['?status=shutoff', '2.1', ['beta']],
    ['?status=ACTIVE&status=SHUTOFF', '2.1', ['delta', 'gamma', 'beta', 'alpha']],
    [`?image=${IMAGE}`, '2.1', ['delta', 'gamma', 'beta', 'alpha']],
    [`?image=${others}`, '2.1', []],
    ['?flavor=42', '2.1', ['delta', 'gamma', 'beta', 'alpha']],
    ['?flavor=1', '2.1', []],
    ['?ip=10.0.0.3', '2.1', ['gamma']],
    ['?ip6=fe80', '2.5', []],
    ['?tags=odd', '2.26', ['beta', 'alpha']],
    ['?tags=odd,alpha', '2.26', ['alpha']],
    ['?tags-any=alpha,delta', '2.26', ['delta', 'alpha']],
    ['?not-tags=odd,alpha', '2.26', ['delta', 'gamma', 'beta']],
    ['?not-tags-any=odd,delta', '2.26', ['gamma']],
    ['?tags=odd', '2.25', ['delta', 'gamma', 'beta', 'alpha']],
    ['?locked=true', '2.73', ['gamma']],
    ['?locked=0', '2.73', ['delta', 'beta', 'alpha']],
    ['?key_name=key', latest, ['beta']],
    ['?config_drive=true', latest, ['gamma']],
    ['?hostname=^beta', latest, ['beta']],
    ['?vm_state=stopped', latest, ['beta']],
    ['?task_state=pausing', latest, ['delta']],
    ['?power_state=4', latest, ['beta']],
    ['?availability_zone=nova', latest, ['delta', 'gamma', 'beta', 'alpha']],
    ['?user_id=user-anna', latest, ['delta', 'gamma', 'beta', 'alpha']],
    ['?created_at=00:00:02', latest, ['beta']],
    ['?key_name=nope', '2.82', ['delta', 'gamma', 'beta', 'alpha']],
    ['?host=nowhere', '2.1', ['delta', 'gamma', 'beta', 'alpha']],
    ['?color=red', '2.74', ['delta', 'gamma', 'beta', 'alpha']],
    ['?metadata=x', '2.1', ['delta', 'gamma', 'beta', 'alpha']],
  ])('%s at %s gives members %j', async (query, version, expected) => {
    expect(await list(query, { version })).toEqual(expected);
  });

  it.each<[string, readonly string[]]>([
    [`?host=${HOST}&all_tenants=1`, ['others', 'delta', 'gamma', 'beta', 'alpha']],
    ['?host=nowhere', []],
    ['?node=^compute1', ['delta', 'gamma', 'beta', 'alpha']],
    ['?all_tenants=1', ['others', 'delta', 'gamma', 'beta', 'alpha']],
    ['?all_tenants', ['others', 'delta', 'gamma', 'beta', 'alpha']],
    ['?all_tenants=0', ['delta', 'gamma', 'beta', 'alpha']],
    [`?all_tenants=1&tenant_id=${OTHER_PROJECT}`, ['others']],
    [`?all_tenants=1&project_id=${PROJECT}`, ['delta', 'gamma', 'beta', 'alpha']],
    [`?tenant_id=${OTHER_PROJECT}`, ['delta', 'gamma', 'beta', 'alpha']],
    [`?uuid=${ids.beta}`, ['beta']],
    ['?user_id=user-otto', []],
    ['?deleted=true', ['gone']],
    ['?deleted=nonsense', ['delta', 'gamma', 'beta', 'alpha']],
    ['?status=DELETED', ['gone']],
    ['?locked_by=owner', ['gamma']],
  ])('%s gives administrators %j', async (query, expected) => {
    expect(await list(query, { as: 'admin' })).toEqual(expected);
  });

  it('by time of change tells of deleted servers too', async () => {
    const since = new Date(cloud.state(gone).updatedAtMs).toISOString();
    const { body } = await cloud.get(`/servers/detail?changes-since=${since}`);
    expect(body.servers).toEqual([
      expect.objectContaining({ id: gone, status: 'DELETED', addresses: {} }),
    ]);
    expect([
      await list(`?changes-before=2026-01-01T00:00:01Z`, { version: '2.66' }),
      await list(`?changes-before=2026-01-01T00:00:01Z`, { version: '2.65' }),
      await list(`?changes-since=2026-01-01T00:00:02Z&changes-before=2026-01-01T00:00:05.500`, {
        version: '2.66',
      }),
    ]).toEqual([['alpha'], ['delta', 'gamma', 'beta', 'alpha'], ['delta', 'gamma', 'beta']]);
  });

  it('changed before the moment that is shown of it are in', async () => {
    const { updatedAtMs } = cloud.state(ids.alpha);
    const shown = new Date(updatedAtMs - (updatedAtMs % 1_000)).toISOString();
    expect(await list(`?changes-before=${shown}`, { version: '2.66' })).toContain('alpha');
  });

  it.each<[string, string, string, number, string]>([
    ['?status=NONSENSE', '2.38', 'anna', 400, 'Invalid status value'],
    ['?status=DELETED', '2.1', 'anna', 403, 'Only administrators may list deleted instances'],
    [
      '?all_tenants=1',
      '2.1',
      'anna',
      403,
      "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed.",
    ],
    [
      '/detail?all_tenants=1',
      '2.1',
      'anna',
      403,
      "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
    ],
    [
      '?all_tenants=perhaps',
      '2.1',
      'admin',
      400,
      "Invalid input received: Unrecognized value 'perhaps', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
    ],
    ['?metadata=x', '2.1', 'admin', 400, 'Invalid filter field: metadata.'],
    ['?_private=x', '2.1', 'admin', 400, 'Invalid filter field: _private.'],
    ['?color=red', '2.75', 'anna', 400, "'color' does not match any of the regexes: '^_'"],
    [
      '?name=(',
      '2.1',
      'anna',
      400,
      "Invalid input for query parameters name. Value: (. '(' is not a 'regex'",
    ],
    [
      '?changes-since=yesterday',
      '2.1',
      'anna',
      400,
      "Invalid input for query parameters changes-since. Value: yesterday. 'yesterday' is not a 'date-time'",
    ],
    [
      '?changes-since=2026-01-02&changes-before=2026-01-01',
      '2.66',
      'anna',
      400,
      'The value of changes-since must be less than or equal to changes-before.',
    ],
  ])('%s at %s by %s is refused with %d', async (query, version, as, status, words) => {
    expect(await refusal(query, { version, as })).toEqual([status, words]);
  });

  it('for an unknown status gives nothing until 2.37', async () => {
    expect(await list('?status=NONSENSE', { version: '2.37' })).toEqual([]);
  });
});

describe('an order', () => {
  it.each<[string, readonly string[]]>([
    ['?sort_key=display_name&sort_dir=asc', ['alpha', 'beta', 'delta', 'gamma']],
    ['?sort_key=display_name', ['gamma', 'delta', 'beta', 'alpha']],
    [
      '?sort_key=vm_state&sort_dir=desc&sort_key=display_name&sort_dir=asc',
      ['beta', 'alpha', 'delta', 'gamma'],
    ],
    ['?sort_key=created_at&sort_dir=asc', ['alpha', 'beta', 'gamma', 'delta']],
    ['?sort_key=key_name&sort_dir=desc&sort_key=display_name', ['beta', 'gamma', 'delta', 'alpha']],
    ['?sort_key=memory_mb&sort_dir=asc', ['alpha', 'beta', 'gamma', 'delta']],
  ])('%s', async (query, expected) => {
    expect(await list(query)).toEqual(expected);
  });

  it('by lock is new in 2.73', async () => {
    expect(await list('?sort_key=locked&sort_dir=desc', { version: '2.73' })).toEqual([
      'gamma',
      'delta',
      'beta',
      'alpha',
    ]);
  });

  it.each<[string, string, string, number, string]>([
    ['?sort_key=host', '2.1', 'anna', 403, 'Only administrators can sort servers by host'],
    [
      '?sort_dir=asc&sort_dir=desc',
      '2.1',
      'anna',
      400,
      'Invalid input received: Sort direction size exceeds sort key size',
    ],
    [
      '?sort_dir=up',
      '2.1',
      'anna',
      400,
      'Invalid input received: Unknown sort direction, must be one of: asc, desc',
    ],
  ])('%s at %s by %s is refused with %d', async (query, version, as, status, words) => {
    expect(await refusal(query, { version, as })).toEqual([status, words]);
  });

  it.each([
    ['?sort_key=nonsense', '2.1'],
    ['?sort_key=memory_mb', '2.75'],
  ])('%s at %s is a 400', async (query, version) => {
    expect((await refusal(query, { version }))[0]).toBe(400);
  });
});

describe('a page', () => {
  it('has a link to the next one only when it is full', async () => {
    const { body } = await cloud.get('/servers?limit=3&name=a');
    expect([body.servers.length, body.servers_links]).toEqual([
      3,
      [
        {
          rel: 'next',
          href: `http://cloud:8774/compute/v2.1/servers?limit=3&name=a&marker=${ids.beta}`,
        },
      ],
    ]);
    const rest = await cloud.get('/servers?limit=3&name=a&marker=' + ids.beta);
    expect([namesIn(rest), rest.body.servers_links]).toEqual([['alpha'], undefined]);
  });

  it.each(['', '&sort_key=display_name&sort_dir=asc', '&status=ACTIVE&status=SHUTOFF'])(
    'by page, every server comes once (%s)',
    async (query) => {
      const seen: string[] = [];
      let url: string | undefined = `/servers/detail?limit=1${query}`;
      while (url !== undefined && seen.length < 10) {
        const reply: Reply = await cloud.get(url);
        seen.push(...namesIn(reply));
        const next: string | undefined = reply.body.servers_links?.[0]?.href;
        url = next?.replace('http://cloud:8774/compute/v2.1', '');
      }
      expect(seen.toSorted()).toEqual(names.toSorted());
    },
  );

  it('of nothing has nothing', async () => {
    expect((await cloud.get('/servers?limit=0')).body).toEqual({ servers: [] });
  });

  it('goes on where a server of the last page is gone by now', async () => {
    const fresh = await serverCloud();
    const first = await fresh.bootActive({ name: 'one' });
    await fresh.env.advance(10);
    const marker = await fresh.bootActive({ name: 'two' });
    await fresh.call('DELETE', `/servers/${marker}`);
    await fresh.settle(marker);
    const reply = await fresh.get(`/servers?marker=${marker}`);
    expect(reply.body.servers.map(({ id }: { id: string }) => id)).toEqual([first]);
  });

  it.each<[string, string]>([
    [
      '?limit=-1',
      "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'",
    ],
    [
      '?limit=a',
      "Invalid input for query parameters limit. Value: a. 'a' does not match '^[0-9]*$'",
    ],
    ['?marker=unknown', 'marker [unknown] not found'],
    [`?marker=${others}`, `marker [${others}] not found`],
  ])('%s is a 400', async (query, words) => {
    expect(await refusal(query)).toEqual([400, words]);
  });

  it('never has more than a thousand', async () => {
    const many = await serverCloud();
    await many.call('POST', '/servers', serverBody({ min_count: 1_001, networks: [] }));
    const { body } = await many.get('/servers?limit=5000');
    expect([body.servers.length, body.servers_links?.length]).toEqual([1_000, 1]);
  });
});
