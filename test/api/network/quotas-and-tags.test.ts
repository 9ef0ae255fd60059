import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type NetworkCloud, networkCloud, projects } from './network-cloud.ts';

let cloud: NetworkCloud;
const as = (who: string, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });

const defaults = {
  network: 100,
  subnet: 100,
  port: 500,
  security_group: 10,
  security_group_rule: 100,
  router: 10,
  floatingip: 50,
};

beforeEach(() => {
  cloud = networkCloud();
});

describe('quotas', () => {
  const path = `/quotas/${projects.red}`;

  it('are the defaults until an administrator changes them, and after a reset', async () => {
    expect((await as('red', `GET ${path}`)).body).toEqual({ quota: defaults });
    const changed = await as('admin', `PUT ${path}`, { quota: { network: 0, port: '-1' } });
    const now = { ...defaults, network: 0, port: -1 };
    expect([changed.status, changed.body]).toEqual([200, { quota: now }]);
    expect((await as('red', `GET ${path}/default`)).body).toEqual({ quota: defaults });
    const ids = { tenant_id: projects.red, project_id: projects.red };
    expect((await as('admin', 'GET /quotas')).body).toEqual({ quotas: [{ ...now, ...ids }] });
    expect((await as('red', 'POST /networks', { network: {} })).error.type).toBe('OverQuota');
    expect((await as('admin', `DELETE ${path}`)).status).toBe(204);
    expect((await as('red', `GET ${path}`)).body).toEqual({ quota: defaults });
    expect((await as('admin', `DELETE ${path}`)).error.type).toBe('TenantQuotaNotFound');
  });

  it('tell what is used', async () => {
    await as('red', 'POST /networks', { network: {} });
    const { body } = await as('red', `GET ${path}/details.json`);
    expect(body['quota']).toEqual({
      network: { limit: 100, used: 1, reserved: 0 },
      subnet: { limit: 100, used: 0, reserved: 0 },
      port: { limit: 500, used: 0, reserved: 0 },
      security_group: { limit: 10, used: 1, reserved: 0 },
      security_group_rule: { limit: 100, used: 4, reserved: 0 },
      router: { limit: 10, used: 0, reserved: 0 },
      floatingip: { limit: 50, used: 0, reserved: 0 },
    });
  });

  it("are not for others' eyes and hands", async () => {
    expect((await as('blue', `GET ${path}`)).status).toBe(403);
    expect((await as('red', `PUT ${path}`, { quota: { network: 5 } })).status).toBe(403);
    expect((await as('red', `DELETE ${path}`)).status).toBe(403);
    expect((await as('red', 'GET /quotas')).status).toBe(403);
    expect((await as('red', 'GET /quotas/tenant')).body).toEqual({
      tenant: { tenant_id: projects.red, project_id: projects.red },
    });
  });

  it.each([
    [{}, "Unable to find 'quota' in request body"],
    [{ quota: { colour: 5 } }, "Unrecognized attribute(s) 'colour'"],
    [{ quota: { network: -2 } }, "Invalid input for network. Reason: '-2'"],
    [{ quota: { network: 'x' } }, "'x' is not an integer"],
  ])('%j is refused', async (body, words) => {
    const answer = await as('admin', `PUT ${path}`, body);
    expect([answer.status, answer.error.message]).toEqual([400, expect.stringContaining(words)]);
  });
});

describe('tags', () => {
  async function resources(): Promise<readonly string[]> {
    const made = async (kind: string, body: object): Promise<string> => {
      const answer = await as('red', `POST /${kind.replaceAll('_', '-')}s`, { [kind]: body });
      return (answer.body[kind] as unknown as { id: string }).id;
    };
    const network = await made('network', {});
    const subnet = await made('subnet', { network_id: network, cidr: '10.0.0.0/24' });
    const port = await made('port', { network_id: network });
    const group = await made('security_group', { name: 'g' });
    return [
      `/networks/${network}`,
      `/subnets/${subnet}`,
      `/ports/${port}`,
      `/security-groups/${group}`,
    ];
  }

  it('of all kinds come and go, one by one and all at once', async () => {
    for (const path of await resources()) {
      const put = await as('red', `PUT ${path}/tags/a`);
      expect([put.status, put.text]).toEqual([201, '']);
      expect((await as('red', `PUT ${path}/tags/a`)).status).toBe(201);
      expect((await as('red', `GET ${path}/tags/a`)).status).toBe(204);
      expect((await as('red', `GET ${path}/tags/b`)).error.type).toBe('TagNotFound');
      expect((await as('red', `PUT ${path}/tags`, { tags: ['b', 'c', 'b'] })).body).toEqual({
        tags: ['b', 'c'],
      });
      expect((await as('red', `DELETE ${path}/tags/b`)).status).toBe(204);
      expect((await as('red', `DELETE ${path}/tags/b`)).status).toBe(404);
      expect((await as('red', `GET ${path}/tags`)).body).toEqual({ tags: ['c'] });
      const shown = Object.values((await as('red', `GET ${path}`)).body) as unknown as [
        { tags: string[] },
      ];
      expect(shown[0].tags).toEqual(['c']);
      expect((await as('red', `DELETE ${path}/tags`)).status).toBe(204);
      expect((await as('red', `GET ${path}/tags`)).body).toEqual({ tags: [] });
      expect((await as('blue', `GET ${path}/tags`)).status).toBe(404);
      expect((await as('red-reader', `PUT ${path}/tags/x`)).status).toBe(403);
    }
  });

  it('are text of 1 to 255 characters, at most 50', async () => {
    const [path = ''] = await resources();
    const many = Array.from({ length: 51 }, (_, index) => `t${index}`);
    for (const body of [
      {},
      { tags: 'a' },
      { tags: [5] },
      { tags: [''] },
      { tags: ['a,b'] },
      { tags: ['x'.repeat(256)] },
      { tags: many },
    ])
      expect((await as('red', `PUT ${path}/tags`, body)).status).toBe(400);
    expect((await as('red', `PUT ${path}/tags`, { tags: many.slice(1) })).status).toBe(200);
    expect((await as('red', `PUT ${path}/tags/more`)).status).toBe(400);
  });
});

it('administrators see how many addresses are left', async () => {
  const networkId = await cloud.seed();
  await as('red', 'POST /ports', { port: { network_id: networkId } });
  const { body } = await as('admin', `GET /network-ip-availabilities/${networkId}`);
  expect(body['network_ip_availability']).toMatchObject({
    network_name: 'private',
    total_ips: 4093,
    used_ips: 1,
    subnet_ip_availability: [{ subnet_name: 'private-subnet', cidr: '10.87.0.0/20', used_ips: 1 }],
  });
  expect(
    (await as('admin', 'GET /network-ip-availabilities')).body['network_ip_availabilities'],
  ).toHaveLength(1);
  expect((await as('red', 'GET /network-ip-availabilities')).status).toBe(403);
  expect((await as('admin', 'GET /network-ip-availabilities/x')).status).toBe(404);
});
