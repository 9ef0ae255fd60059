// Security groups of a running server, through every layer: on its ports, in its views, in its list of groups.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
let id = '';
const WITHIN_MS = 10_000;

interface Named {
  readonly name: string;
}

beforeAll(async () => {
  cloud = await WholeCloud.start();
  const { demo } = cloud;
  id = await cloud.bootServer(WITHIN_MS);
  for (const name of ['web', 'twin', 'twin'])
    await demo.ask('POST', '/network/v2.0/security-groups', { security_group: { name } });
});

afterAll(async () => {
  await cloud?.stop();
});

const act = (action: object, version?: string) =>
  cloud.demo.call('POST', `/compute/v2.1/servers/${id}/action`, action, version);
const names = (rows: readonly Named[]) => rows.map(({ name }) => name).sort();

async function shown(): Promise<Record<string, readonly string[]>> {
  const { demo } = cloud;
  const path = '/compute/v2.1/servers';
  const one = await demo.get<{ server: { security_groups: Named[] } }>(`${path}/${id}`);
  const all = await demo.get<{ servers: { security_groups: Named[] }[] }>(`${path}/detail`);
  const own = await demo.get<{ security_groups: Named[] }>(`${path}/${id}/os-security-groups`);
  return {
    one: names(one.server.security_groups),
    list: names(all.servers[0]?.security_groups ?? []),
    own: names(own.security_groups),
  };
}

describe('security groups of a server', () => {
  it('are those of its ports, and change with them', async () => {
    expect(await shown()).toEqual({ one: ['default'], list: ['default'], own: ['default'] });
    expect((await act({ addSecurityGroup: { name: 'web' } })).status).toBe(202);
    expect((await act({ addSecurityGroup: { name: 'web' } })).status).toBe(202);
    const both = ['default', 'web'];
    expect(await shown()).toEqual({ one: both, list: both, own: both });
    expect((await act({ removeSecurityGroup: { name: 'default' } })).status).toBe(202);
    expect(await shown()).toEqual({ one: ['web'], list: ['web'], own: ['web'] });
    expect(await act({ removeSecurityGroup: { name: 'default' } })).toMatchObject({
      status: 400,
      body: {
        badRequest: { message: expect.stringContaining('is not associated with the instance') },
      },
    });
  });

  it('are left out of a server that has none', async () => {
    await act({ removeSecurityGroup: { name: 'web' } });
    const { server } = await cloud.demo.get<{ server: object }>(`/compute/v2.1/servers/${id}`);
    expect(server).not.toHaveProperty('security_groups');
    expect((await act({ addSecurityGroup: { name: 'web' } })).status).toBe(202);
  });

  it('are named by one name of the project', async () => {
    expect(await act({ addSecurityGroup: { name: 'none' } })).toMatchObject({
      status: 404,
      body: {
        itemNotFound: { message: "Unable to find security_group with name or id 'none'" },
      },
    });
    expect((await act({ addSecurityGroup: { name: 'twin' } })).status).toBe(409);
    expect((await act({ addSecurityGroup: {} })).status).toBe(400);
  });
});
