import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, call, type NetworkCloud, networkCloud, projects } from './network-cloud.ts';

let cloud: NetworkCloud;
const as = (who: string, line: string, body?: unknown): Promise<Answer> =>
  call(cloud.app, who, line, body === undefined ? {} : { body });

interface Made {
  readonly id: string;
  readonly [name: string]: unknown;
}

async function groups(who: string, query = ''): Promise<readonly Made[]> {
  const answer = await as(who, `GET /security-groups${query}`);
  expect(answer.status).toBe(200);
  return answer.body['security_groups'] as unknown as Made[];
}

async function createGroup(who: string, body: object): Promise<Made> {
  const answer = await as(who, 'POST /security-groups', { security_group: body });
  expect([answer.status, answer.error.message]).toEqual([201, '']);
  return answer.body['security_group'] as unknown as Made;
}

beforeEach(() => {
  cloud = networkCloud();
});

describe('the default group', () => {
  it('is there when a project looks for the first time, with its four rules', async () => {
    const [group, ...more] = await groups('red');
    expect(more).toEqual([]);
    expect(group).toMatchObject({
      name: 'default',
      description: 'Default security group',
      stateful: true,
      project_id: projects.red,
      tenant_id: projects.red,
      tags: [],
      revision_number: 1,
    });
    const rules = ((group?.['security_group_rules'] ?? []) as Made[]).map((rule) => [
      rule['direction'],
      rule['ethertype'],
      rule['protocol'],
      rule['remote_group_id'],
      rule['remote_ip_prefix'],
    ]);
    expect(rules).toEqual([
      ['egress', 'IPv4', null, null, null],
      ['ingress', 'IPv4', null, group?.id, null],
      ['egress', 'IPv6', null, null, null],
      ['ingress', 'IPv6', null, group?.id, null],
    ]);
    expect(await groups('red')).toEqual([group]);
  });

  it('is made for the project that an administrator asks for, if there is such', async () => {
    expect(await groups('admin', `?tenant_id=${projects.blue}&name=default`)).toHaveLength(1);
    expect(await groups('admin', '?tenant_id=nobody')).toEqual([]);
    expect(await groups('red', `?tenant_id=${projects.blue}`)).toEqual([]);
  });

  it('has no second, keeps its name, and only administrators remove it', async () => {
    const [group] = await groups('red');
    const twin = await as('red', 'POST /security-groups', { security_group: { name: 'Default' } });
    expect([twin.status, twin.error.type]).toEqual([409, 'SecurityGroupDefaultAlreadyExists']);
    const path = `/security-groups/${group?.id}`;
    const renamed = await as('red', `PUT ${path}`, { security_group: { name: 'x' } });
    expect([renamed.status, renamed.error.type]).toEqual([409, 'SecurityGroupCannotUpdateDefault']);
    const described = await as('red', `PUT ${path}`, { security_group: { description: 'd' } });
    expect(described.status).toBe(200);
    const removed = await as('red', `DELETE ${path}`);
    expect([removed.status, removed.error.type]).toEqual([409, 'SecurityGroupCannotRemoveDefault']);
    expect((await as('admin', `DELETE ${path}`)).status).toBe(204);
    expect((await groups('red'))[0]?.id).not.toBe(group?.id);
  });
});

describe('groups', () => {
  it('are made with rules that let everything out, and change', async () => {
    const group = await createGroup('red', { name: 'g', description: 'd' });
    expect(group['security_group_rules']).toMatchObject([
      { direction: 'egress', ethertype: 'IPv4' },
      { direction: 'egress', ethertype: 'IPv6' },
    ]);
    const path = `/security-groups/${group.id}`;
    const answer = await as('red', `PUT ${path}`, {
      security_group: { name: 'h', stateful: false },
    });
    expect(answer.body['security_group']).toMatchObject({
      name: 'h',
      description: 'd',
      stateful: false,
    });
    expect((await as('red', `GET ${path}`)).body).toEqual(answer.body);
    const again = await as('red', `PUT ${path}`, { security_group: { name: 'default' } });
    expect([again.status, again.error.type]).toEqual([409, 'SecurityGroupDefaultAlreadyExists']);
    expect((await as('red', `DELETE ${path}`)).status).toBe(204);
    expect((await as('red', `GET ${path}`)).error).toEqual({
      type: 'SecurityGroupNotFound',
      message: `Security group ${group.id} does not exist`,
      detail: '',
    });
  });

  it('of others are not found', async () => {
    const group = await createGroup('red', { name: 'g' });
    const path = `/security-groups/${group.id}`;
    for (const line of [`GET ${path}`, `DELETE ${path}`])
      expect((await as('blue', line)).status).toBe(404);
    expect((await as('blue', `PUT ${path}`, { security_group: { name: 'x' } })).status).toBe(404);
    expect((await as('admin', `GET ${path}`)).status).toBe(200);
    expect((await as('red-reader', `DELETE ${path}`)).status).toBe(403);
  });

  it('that ports use stay', async () => {
    const group = await createGroup('red', { name: 'g' });
    const network = (await as('red', 'POST /networks', { network: {} })).body[
      'network'
    ] as unknown as Made;
    const port = { network_id: network.id, security_groups: [group.id] };
    const made = (await as('red', 'POST /ports', { port })).body['port'] as unknown as Made;
    const refused = await as('red', `DELETE /security-groups/${group.id}`);
    expect([refused.status, refused.error.type]).toEqual([409, 'SecurityGroupInUse']);
    await as('red', `PUT /ports/${made.id}`, { port: { security_groups: [] } });
    expect((await as('red', `DELETE /security-groups/${group.id}`)).status).toBe(204);
  });

  it('are limited by quota, the default group is not', async () => {
    cloud = networkCloud({ security_group: 1, security_group_rule: 3 });
    expect(await groups('red')).toHaveLength(1);
    const over = await as('red', 'POST /security-groups', { security_group: { name: 'g' } });
    expect([over.status, over.error.message]).toEqual([
      409,
      "Quota exceeded for resources: ['security_group'].",
    ]);
  });
});

describe('rules', () => {
  let groupId: string;
  beforeEach(async () => {
    groupId = (await createGroup('red', { name: 'g' })).id;
  });
  const create = (rule: object, who = 'red'): Promise<Answer> =>
    as(who, 'POST /security-group-rules', {
      security_group_rule: { security_group_id: groupId, direction: 'ingress', ...rule },
    });

  it('are made, shown, listed and deleted', async () => {
    const answer = await create({
      protocol: 'TCP',
      port_range_min: 22,
      port_range_max: '80',
      remote_ip_prefix: '10.0.0.5/8',
      description: 'd',
    });
    const rule = answer.body['security_group_rule'] as unknown as Made;
    expect([answer.status, rule]).toEqual([
      201,
      {
        id: rule.id,
        description: 'd',
        tenant_id: projects.red,
        project_id: projects.red,
        security_group_id: groupId,
        direction: 'ingress',
        ethertype: 'IPv4',
        protocol: 'tcp',
        port_range_min: 22,
        port_range_max: 80,
        remote_ip_prefix: '10.0.0.5/8',
        normalized_cidr: '10.0.0.0/8',
        remote_group_id: null,
        remote_address_group_id: null,
        tags: [],
        created_at: '2026-01-31T12:00:00Z',
        updated_at: '2026-01-31T12:00:00Z',
        revision_number: 0,
      },
    ]);
    const path = `/security-group-rules/${rule.id}`;
    expect((await as('red', `GET ${path}`)).body).toEqual({ security_group_rule: rule });
    const listed = await as(
      'red',
      `GET /security-group-rules?security_group_id=${groupId}&protocol=tcp`,
    );
    expect(listed.body).toEqual({ security_group_rules: [rule] });
    expect((await as('blue', `GET ${path}`)).status).toBe(404);
    expect((await as('blue', `DELETE ${path}`)).status).toBe(404);
    expect((await as('red', `DELETE ${path}`)).status).toBe(204);
    expect((await as('red', `GET ${path}`)).error.type).toBe('SecurityGroupRuleNotFound');
  });

  it.each([
    [{ protocol: 17 }, { protocol: '17' }],
    [{ protocol: 'icmp', ethertype: 'IPv6' }, { protocol: 'ipv6-icmp' }],
    [{ protocol: 1, ethertype: 'IPv6' }, { protocol: '58' }],
    [
      { protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
      { port_range_min: 8, port_range_max: 0 },
    ],
    [
      { protocol: 'icmp', port_range_min: 11 },
      { port_range_min: 11, port_range_max: null },
    ],
    [
      { protocol: 'udp', port_range_min: 1, port_range_max: 65535 },
      { port_range_min: null, port_range_max: null },
    ],
    [{ remote_ip_prefix: '10.0.0.5' }, { remote_ip_prefix: '10.0.0.5/32' }],
    [{ remote_ip_prefix: 'fd00::/8', ethertype: 'ipv6' }, { ethertype: 'IPv6' }],
    [{ remote_ip_prefix: '' }, { remote_ip_prefix: null }],
  ])('%j is kept as %j', async (rule, kept) => {
    const answer = await create(rule);
    expect([answer.status, answer.body['security_group_rule']]).toEqual([
      201,
      expect.objectContaining(kept),
    ]);
  });

  it.each([
    [{ protocol: 'bad_protocol_name' }, 400, 'SecurityGroupRuleInvalidProtocol', 'not supported'],
    [{ protocol: 256 }, 400, 'SecurityGroupRuleInvalidProtocol', 'not supported'],
    [
      { ethertype: 'bad' },
      400,
      'SecurityGroupRuleInvalidEtherType',
      "ethertype 'bad' not supported",
    ],
    [{ direction: 'up' }, 400, 'HTTPBadRequest', "up is not in ['ingress', 'egress']"],
    [{ remote_ip_prefix: '192.168.1./24' }, 400, 'InvalidCIDR', 'Invalid CIDR 192.168.1./24'],
    [{ remote_ip_prefix: '256' }, 400, 'InvalidCIDR', 'Invalid CIDR 256'],
    [
      { remote_ip_prefix: 'fd00::/8' },
      400,
      'SecurityGroupRuleParameterConflict',
      'Conflicting value ethertype IPv4',
    ],
    [
      { port_range_min: 5, port_range_max: 6 },
      400,
      'SecurityGroupProtocolRequiredWithPorts',
      'Must also specify protocol',
    ],
    [
      { protocol: 'tcp', port_range_min: -16, port_range_max: 80 },
      400,
      'SecurityGroupInvalidPortValue',
      'Invalid value for port -16',
    ],
    [
      { protocol: 'tcp', port_range_min: 80, port_range_max: 65536 },
      400,
      'SecurityGroupInvalidPortValue',
      'Invalid value for port 65536',
    ],
    [
      { protocol: 'tcp', port_range_min: 0, port_range_max: 9 },
      400,
      'SecurityGroupInvalidPortValue',
      'Invalid value for port 0',
    ],
    [
      { protocol: 'tcp', port_range_min: 80, port_range_max: 79 },
      400,
      'SecurityGroupInvalidPortRange',
      'port_range_min must be <= port_range_max',
    ],
    [
      { protocol: 'tcp', port_range_max: 6 },
      400,
      'SecurityGroupInvalidPortRange',
      'port_range_min must be',
    ],
    [
      { protocol: 'icmp', port_range_min: 1, port_range_max: 256 },
      400,
      'SecurityGroupInvalidIcmpValue',
      'Invalid value for ICMP code',
    ],
    [
      { protocol: 'icmp', port_range_min: 300, port_range_max: 1 },
      400,
      'SecurityGroupInvalidIcmpValue',
      'Invalid value for ICMP type',
    ],
    [
      { protocol: 'icmp', port_range_max: 6 },
      400,
      'SecurityGroupMissingIcmpType',
      'ICMP type (port-range-min) is missing',
    ],
    [
      { protocol: 'ah', port_range_min: 1, port_range_max: 2 },
      400,
      'SecurityGroupInvalidProtocolForPort',
      'Ports cannot be specified for protocol 51',
    ],
    [
      { protocol: 'ipv6-icmp' },
      400,
      'SecurityGroupEthertypeConflictWithProtocol',
      'Invalid ethertype IPv4 for protocol ipv6-icmp',
    ],
    [
      { security_group_id: '11111111-1111-4111-8111-111111111111' },
      404,
      'SecurityGroupNotFound',
      'does not exist',
    ],
    [
      { remote_group_id: 'bad_group_id' },
      404,
      'SecurityGroupNotFound',
      'bad_group_id does not exist',
    ],
    [
      { direction: undefined },
      400,
      'HTTPBadRequest',
      "Required attribute 'direction' not specified",
    ],
    [{ remote_address_group_id: 'x' }, 400, 'HTTPBadRequest', 'x is not in [None]'],
  ])('%j is refused with %i %s', async (rule, status, type, words) => {
    const answer = await create(rule);
    expect([answer.status, answer.error]).toEqual([
      status,
      { type, message: expect.stringContaining(words), detail: '' },
    ]);
  });

  it('a prefix and a group at once are refused, and a group of others', async () => {
    const both = await create({ remote_group_id: groupId, remote_ip_prefix: '10.0.0.0/8' });
    expect([both.status, both.error.type]).toEqual([400, 'SecurityGroupMultipleRemoteEntites']);
    const theirs = await createGroup('blue', { name: 'b' });
    expect((await create({ remote_group_id: theirs.id })).status).toBe(404);
    expect((await create({}, 'blue')).status).toBe(404);
    expect((await create({ remote_group_id: groupId })).status).toBe(201);
  });

  it('the same twice is a conflict, whatever it is called', async () => {
    const first = await create({ protocol: 'tcp', port_range_min: 66, port_range_max: 67 });
    const rule = first.body['security_group_rule'] as unknown as Made;
    const second = await create({
      protocol: '6',
      port_range_min: 66,
      port_range_max: 67,
      remote_ip_prefix: '0.0.0.0/0',
    });
    expect([second.status, second.error]).toEqual([
      409,
      {
        type: 'SecurityGroupRuleExists',
        message: `Security group rule already exists. Rule id is ${rule.id}.`,
        detail: '',
      },
    ]);
    const same = { security_group_id: groupId, direction: 'ingress', protocol: 'udp' };
    const twice = await as('red', 'POST /security-group-rules', {
      security_group_rules: [same, same],
    });
    expect([twice.status, twice.error.type]).toEqual([409, 'DuplicateSecurityGroupRuleInPost']);
  });

  it('several at once are for one group', async () => {
    const rule = (protocol: string, id = groupId) => ({
      security_group_id: id,
      direction: 'ingress',
      protocol,
    });
    const both = await as('red', 'POST /security-group-rules', {
      security_group_rules: [rule('tcp'), rule('udp')],
    });
    expect([
      both.status,
      (both.body['security_group_rules'] as unknown as Made[]).map((each) => each['protocol']),
    ]).toEqual([201, ['tcp', 'udp']]);
    const other = await createGroup('red', { name: 'h' });
    const mixed = await as('red', 'POST /security-group-rules', {
      security_group_rules: [rule('ah'), rule('ah', other.id)],
    });
    expect([mixed.status, mixed.error.type]).toEqual([400, 'SecurityGroupNotSingleGroupRules']);
  });
});
