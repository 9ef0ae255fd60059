// Security groups at create and on a server, in the old form.
import { describe, expect, it } from 'vitest';
import { embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import type { SecurityGroupRecord } from '#api/compute/context.ts';
import { embeddedSecurityGroups } from '#api/compute/servers/embedded-security-groups.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';
import { serverBody, serverCloud } from './server-cloud.ts';
import { PROJECT } from './service.ts';

const rule = {
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: undefined,
  portMin: undefined,
  portMax: undefined,
  remoteGroupId: undefined,
  remotePrefix: undefined,
} as const;
const group = (id: string, name: string): SecurityGroupRecord => ({
  id,
  name,
  description: `${name} servers`,
  projectId: PROJECT,
  rules: [],
});
const web: SecurityGroupRecord = {
  ...group('g-web', 'web'),
  rules: [
    { ...rule, id: 'r1', protocol: 'tcp', portMin: 80, portMax: 443, remotePrefix: '10.0.0.0/8' },
    { ...rule, id: 'r2', protocol: 'udp', remoteGroupId: 'g-db' },
    { ...rule, id: 'r3', protocol: 'icmp', ethertype: 'IPv6' },
    { ...rule, id: 'r4' },
    { ...rule, id: 'r5', direction: 'egress' },
  ],
};
const all = [web, group('g-db', 'db'), group('g-t1', 'twin'), group('g-t2', 'twin')];
const find = (id: string) => all.find((one) => one.id === id);
const cloud = await serverCloud(
  {},
  {
    find,
    named: (projectId, nameOrId) => {
      const byId = find(nameOrId);
      if (byId !== undefined) return [byId];
      return all.filter((one) => one.projectId === projectId && one.name === nameOrId);
    },
    ofServer: () => [web, group('g-db', 'db')],
    namesOf: () => undefined,
    change: () => Promise.reject(new Error('no group is changed here')),
  },
);
const create = (names: readonly string[]) =>
  cloud.call('POST', '/servers', serverBody({ security_groups: names.map((name) => ({ name })) }));

describe('security groups at create', () => {
  it('are kept by name, by id where the name is not enough', async () => {
    const reply = await create(['default', 'web', 'g-db', 'g-t1']);
    expect(cloud.state(reply.body.server.id).request?.securityGroups).toEqual([
      'default',
      'web',
      'db',
      'g-t1',
    ]);
  });

  it.each([
    ['nope', 400, `Security group nope not found for project ${PROJECT}.`],
    ['twin', 409, "Multiple security groups found matching 'twin'. Use an ID to be more specific."],
  ])('%s is refused with %d', async (name, status, words) => {
    const reply = await create([name]);
    expect([reply.status, reply.text]).toEqual([status, expect.stringContaining(words)]);
  });
});

describe('GET /servers/{id}/os-security-groups', () => {
  it('lists groups by name with their incoming rules', async () => {
    const id = await cloud.bootActive();
    const { body } = await cloud.get(`/servers/${id}/os-security-groups`);
    const base = { parent_group_id: 'g-web', group: {}, ip_range: {} };
    const tenant = { tenant_id: PROJECT };
    expect(body).toEqual({
      security_groups: [
        { id: 'g-db', name: 'db', description: 'db servers', ...tenant, rules: [] },
        {
          id: 'g-web',
          name: 'web',
          description: 'web servers',
          ...tenant,
          rules: [
            {
              ...base,
              id: 'r1',
              ip_protocol: 'tcp',
              from_port: 80,
              to_port: 443,
              ip_range: { cidr: '10.0.0.0/8' },
            },
            {
              ...base,
              id: 'r2',
              ip_protocol: 'udp',
              from_port: 1,
              to_port: 65_535,
              group: { name: 'db', ...tenant },
            },
            {
              ...base,
              id: 'r3',
              ip_protocol: 'icmp',
              from_port: -1,
              to_port: -1,
              ip_range: { cidr: '::/0' },
            },
            {
              ...base,
              id: 'r4',
              ip_protocol: null,
              from_port: null,
              to_port: null,
              ip_range: { cidr: '0.0.0.0/0' },
            },
          ],
        },
      ],
    });
  });
});

describe('the embedded network service', () => {
  it('tells compute of a project’s groups and their rules', async () => {
    const env = createVirtualEnv({ seed: 1 });
    const cluster = pureCluster([networkDefinition, tenancyDefinition], () => env.clock.now());
    const networks = embeddedNetworks({
      env,
      router: cluster.router,
      networks: cluster.view(networkDefinition),
      tenancies: cluster.view(tenancyDefinition),
      settings: defaultNetworkSettings,
    });
    const { id } = await networks.groups.ensureDefault(PROJECT, 'req-1');
    const groups = embeddedSecurityGroups(networks);
    expect(groups.named(PROJECT, 'default')).toEqual([
      {
        id,
        name: 'default',
        description: 'Default security group',
        projectId: PROJECT,
        rules: expect.arrayContaining([
          expect.objectContaining({ direction: 'ingress', remoteGroupId: id }),
        ]),
      },
    ]);
    expect([groups.named('other', id), groups.find(id)?.name, groups.ofServer('none')]).toEqual([
      [],
      'default',
      [],
    ]);
  });
});
