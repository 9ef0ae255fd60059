// The port Networks as compute, hosts and metadata use it.
import { beforeEach, describe, expect, it } from 'vitest';
import type { PortRequest } from '#actors/ports/networks.ts';
import { embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { networks, type SubnetRecord } from '#actors/services/network/protocol.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { defaultPools, prefixOf } from '#actors/services/network/subnet-plan.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { networkProjects } from '#actors/services/network/tenancy-protocol.ts';
import { isRefusal, refuse } from '#runtime/message/refusal.ts';
import { pureCluster } from '#test/support/pure-cluster.ts';
import { createVirtualEnv } from '#test/support/virtual-env.ts';

const SERVER = '99999999-0000-4000-8000-000000000001';
const OTHER = '99999999-0000-4000-8000-000000000002';

function service({ portQuota = 500, overlapping = false } = {}) {
  const cluster = pureCluster([networkDefinition, tenancyDefinition], () => 1_000);
  const env = createVirtualEnv({ seed: 'embedded-networks' });
  const { router, views } = cluster;
  const view = cluster.view(networkDefinition);
  const options = {
    env,
    router,
    networks: view,
    tenancies: cluster.view(tenancyDefinition),
    settings: {
      ...defaultNetworkSettings,
      dnsServers: ['9.9.9.9'],
      overlapping,
      quotas: { ...defaultNetworkSettings.quotas, port: portQuota },
    },
  };
  return { ...options, cluster, views, port: embeddedNetworks(options) };
}

type Service = ReturnType<typeof service>;
let cloud: Service;

let numbers = 0;
const newId = (): string => {
  numbers += 1;
  return `00000000-0000-4000-8000-${String(numbers).padStart(12, '0')}`;
};

async function addNetwork(
  name: string,
  cidrs: readonly string[],
  more: { shared?: boolean; external?: boolean; gateway?: string | null; projectId?: string } = {},
): Promise<string> {
  const id = newId();
  const { router } = cloud;
  const asked = { requestId: 'req-1' };
  const attributes = {
    name,
    description: '',
    projectId: more.projectId ?? 'red',
    adminUp: true,
    shared: more.shared ?? false,
    external: more.external ?? false,
    portSecurity: true,
    mtu: 1450,
    providerType: 'local',
  };
  await router.ask(
    networks.ref(id),
    { type: 'network.create', attributes, changeId: newId() },
    asked,
  );
  for (const cidr of cidrs) {
    const prefix = prefixOf(cidr);
    const gateway = more.gateway === undefined ? cidr.replace(/\d+\/\d+$/, '1') : more.gateway;
    const subnet: SubnetRecord = {
      id: newId(),
      name: '',
      description: '',
      projectId: 'red',
      version: prefix.version,
      cidr,
      ...(gateway === null ? {} : { gateway }),
      dhcp: true,
      pools: [...defaultPools(prefix, gateway ?? undefined)],
      dnsServers: [],
      hostRoutes: [{ destination: '10.200.0.0/16', nexthop: '10.0.0.9' }],
    };
    const command = { type: 'network.create-subnet' as const, subnet, changeId: newId() };
    const answer = await router.ask(networks.ref(id), command, asked);
    if (isRefusal(answer)) throw new Error(answer.refused);
  }
  return id;
}

/** A port of the user's own; its id. */
async function addPort(networkId: string): Promise<string> {
  const portId = newId();
  const command = {
    type: 'network.create-port' as const,
    portId,
    projectId: 'red',
    attributes: {
      name: '',
      description: '',
      adminUp: true,
      deviceId: '',
      deviceOwner: '',
      securityGroups: [],
      portSecurity: true,
      addressPairs: [],
      vnicType: 'normal',
      host: '',
      profile: '{}',
    },
    ownedByDevice: false,
    tags: [],
    macs: [`fa:16:3e:00:00:${String(numbers % 90).padStart(2, '0')}`],
    changeId: newId(),
  };
  await cloud.router.ask(networks.ref(networkId), command, { requestId: 'req-1' });
  return portId;
}

function wanted(networkId: string, more: Partial<PortRequest> = {}): PortRequest {
  return {
    portId: newId(),
    existing: false,
    networkId,
    fixedIp: undefined,
    tag: undefined,
    ...more,
  };
}

function allocate(requests: readonly PortRequest[], more: object = {}) {
  return cloud.port.allocate({
    serverId: SERVER,
    projectId: 'red',
    hostname: 'vm',
    requests,
    securityGroups: [],
    requestId: 'req-1',
    ...more,
  });
}

beforeEach(() => {
  cloud = service();
});

describe('allocate', () => {
  it('gives every request a port, with all that a guest needs', async () => {
    const first = await addNetwork('first', ['10.0.0.0/24']);
    const second = await addNetwork('second', ['10.1.0.0/24']);
    const mine = await addPort(second);
    const requests = [
      wanted(first, { tag: 'front', fixedIp: '10.0.0.50' }),
      wanted(second, { portId: mine, existing: true }),
    ];
    const bound = await allocate(requests);
    const subnet = cloud.port.index.network(first)?.subnets[0];
    expect(bound).toEqual([
      {
        portId: requests[0]?.portId,
        networkId: first,
        networkName: 'first',
        mac: expect.stringMatching(/^fa:16:3e:/),
        mtu: 1450,
        bridge: `kbr${first.slice(0, 11)}`,
        fixedIps: [
          {
            subnetId: subnet?.id,
            address: '10.0.0.50',
            version: 4,
            cidr: '10.0.0.0/24',
            gateway: '10.0.0.1',
            dnsServers: ['9.9.9.9'],
          },
        ],
        ownedByServer: true,
        tag: 'front',
      },
      expect.objectContaining({
        portId: mine,
        networkId: second,
        ownedByServer: false,
        tag: undefined,
      }),
    ]);
    expect(await allocate(requests)).toEqual(bound);
    expect(cloud.port.findPort(mine)).toEqual({
      id: mine,
      networkId: second,
      projectId: 'red',
      deviceId: SERVER,
      hasAddress: true,
    });
    expect([...cloud.port.serversWithPorts()]).toEqual([SERVER]);
  });

  it('puts the named security groups on new ports, or the default one', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    await allocate([wanted(network)]);
    expect(cloud.port.securityGroupNames(SERVER)).toEqual(['default']);
    const group = { id: newId(), name: 'web', description: '', stateful: true, isDefault: false };
    const create = {
      type: 'network-project.create-group' as const,
      group,
      rules: [],
      groupQuota: -1,
      ruleQuota: -1,
    };
    const ask = (id: string) =>
      cloud.router.ask(
        networkProjects.ref('red'),
        { ...create, group: { ...group, id }, changeId: newId() },
        { requestId: 'req-1' },
      );
    await ask(group.id);
    await allocate([wanted(network)], {
      serverId: OTHER,
      securityGroups: ['web', 'default', 'web'],
    });
    expect(cloud.port.securityGroupNames(OTHER)).toEqual(['web', 'default']);
    expect(await allocate([wanted(network)], { securityGroups: ['none'] })).toEqual(
      refuse('group-not-found', { groupId: 'none' }),
    );
    await ask(newId());
    expect(await allocate([wanted(network)], { securityGroups: ['web'] })).toEqual(
      refuse('group-ambiguous', { groupId: 'web' }),
    );
    const byId = await allocate([wanted(network)], { securityGroups: [group.id] });
    expect(isRefusal(byId)).toBe(false);
  });

  it('refused once, leaves nothing: new ports are gone, the own ones free', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    const mine = await addPort(network);
    const refused = await allocate([
      wanted(network, { portId: mine, existing: true }),
      wanted(network),
      wanted(network, { fixedIp: '10.0.0.1' }),
    ]);
    expect(refused).toMatchObject({ refused: 'address-in-use' });
    expect(cloud.port.index.count('port', 'red')).toBe(1);
    expect(cloud.port.findPort(mine)?.deviceId).toBe('');
  });

  it.each([
    ['network-not-found', () => wanted(newId())],
    ['port-not-found', (id: string) => wanted(id, { existing: true })],
    ['address-not-on-network', (id: string) => wanted(id, { fixedIp: '10.9.9.9' })],
    ['address-in-use', (id: string) => wanted(id, { fixedIp: '10.0.0.1' })],
  ])('is refused with %s', async (refused, request) => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    expect(await allocate([request(network)])).toMatchObject({ refused });
  });

  it('a port of another server is in use', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    const mine = await addPort(network);
    const request = wanted(network, { portId: mine, existing: true });
    await allocate([request]);
    expect(await allocate([request], { serverId: OTHER })).toEqual(
      refuse('port-in-use', { portId: mine, networkId: network, deviceId: SERVER }),
    );
    expect(cloud.port.findPort(mine)?.deviceId).toBe(SERVER);
  });

  it('a full network, and a full quota, are said so', async () => {
    cloud = service({ portQuota: 1 });
    const network = await addNetwork('n', ['10.0.0.0/30']);
    await allocate([wanted(network)]);
    expect(await allocate([wanted(network)], { serverId: OTHER })).toEqual(
      refuse('port-quota', { resource: 'port', quota: 1, used: 1 }),
    );
    cloud = service();
    const small = await addNetwork('n', ['10.0.0.0/30']);
    await allocate([wanted(small)]);
    expect(await allocate([wanted(small)], { serverId: OTHER })).toEqual(
      refuse('no-addresses', { networkId: small }),
    );
  });

  it("networks with overlapping addresses are not in use at once, and never with the hosts' own", async () => {
    const first = await addNetwork('first', ['10.0.0.0/16']);
    const second = await addNetwork('second', ['192.168.0.0/24', '10.0.3.0/24']);
    await allocate([wanted(first)]);
    expect(await allocate([wanted(second)], { serverId: OTHER })).toEqual(
      refuse('network-overlap', { networkId: second, cidr: '10.0.3.0/24' }),
    );
    expect(cloud.port.index.portsOfDevice(OTHER)).toEqual([]);
    await cloud.port.release(SERVER, 'req-1');
    expect(isRefusal(await allocate([wanted(second)], { serverId: OTHER }))).toBe(false);
    expect(await allocate([wanted(first)])).toMatchObject({ refused: 'network-overlap' });
    const { env, router, views } = cloud;
    await seedNetwork(
      { env, router, views, networks: cloud.networks },
      { name: 'private', projectId: 'admin', cidr: '10.87.0.0/20', mtu: 1500, dnsServers: [] },
    );
    const third = await addNetwork('third', ['10.87.3.0/24']);
    expect(await allocate([wanted(third)], { serverId: newId() })).toMatchObject({
      refused: 'network-overlap',
    });
  });

  it('networks with the same addresses are in use at once where hosts keep them apart', async () => {
    cloud = service({ overlapping: true });
    const first = await addNetwork('first', ['10.100.0.0/28']);
    const second = await addNetwork('second', ['10.100.0.0/28']);
    const answers = await Promise.all([
      allocate([wanted(first)]),
      allocate([wanted(second)], { serverId: OTHER }),
    ]);
    expect(answers.map((answer) => isRefusal(answer))).toEqual([false, false]);
  });

  it('of two that overlap and come at once, not both get in', async () => {
    const first = await addNetwork('first', ['10.0.0.0/24']);
    const second = await addNetwork('second', ['10.0.0.0/24']);
    const answers = await Promise.all([
      allocate([wanted(first)]),
      allocate([wanted(second)], { serverId: OTHER }),
    ]);
    expect(answers.filter((answer) => !isRefusal(answer)).length).toBeLessThan(2);
  });
});

describe('bind and release', () => {
  it('reach the ports on all networks, and only those of the server', async () => {
    const first = await addNetwork('first', ['10.0.0.0/24']);
    const second = await addNetwork('second', ['10.1.0.0/24']);
    const mine = await addPort(first);
    await allocate([wanted(first, { portId: mine, existing: true }), wanted(second)]);
    await allocate([wanted(first)], { serverId: OTHER });
    await cloud.port.bind(SERVER, 'host-1', 'req-2');
    const hosts = (serverId: string): readonly string[] =>
      cloud.port.index.portsOfDevice(serverId).map(({ port }) => port.host);
    expect([hosts(SERVER), hosts(OTHER)]).toEqual([['host-1', 'host-1'], ['']]);
    await cloud.port.release(SERVER, 'req-3');
    await cloud.port.release(SERVER, 'req-3');
    expect(cloud.port.index.portsOfDevice(SERVER)).toEqual([]);
    expect(cloud.port.findPort(mine)).toMatchObject({ deviceId: '', hasAddress: true });
    expect(cloud.port.index.count('port', 'red')).toBe(2);
  });
});

describe('what others read', () => {
  it('usable networks have subnets and are own or shared', async () => {
    const own = await addNetwork('own', ['10.0.0.0/24']);
    const shared = await addNetwork('shared', ['10.1.0.0/24'], { projectId: 'blue', shared: true });
    await addNetwork('empty', []);
    await addNetwork('hidden', ['10.2.0.0/24'], { projectId: 'blue' });
    await addNetwork('external', ['10.3.0.0/24'], { shared: true, external: true });
    expect(cloud.port.listUsable('red').map(({ id }) => id)).toEqual([own, shared]);
    expect(cloud.port.findNetwork(own)).toEqual({
      id: own,
      name: 'own',
      projectId: 'red',
      shared: false,
      external: false,
      subnetIds: [cloud.port.index.network(own)?.subnets[0]?.id],
    });
    expect(cloud.port.findNetwork('nothing')).toBeUndefined();
    expect(cloud.port.findPort('nothing')).toBeUndefined();
  });

  it('a guest is known by its address together with the gateway that it came through', async () => {
    const first = await addNetwork('first', ['10.0.0.0/24']);
    const second = await addNetwork('second', ['10.1.0.0/24']);
    await allocate([wanted(first, { fixedIp: '10.0.0.5' })]);
    await allocate([wanted(second, { fixedIp: '10.1.0.5' })], { serverId: OTHER });
    await addPort(first);
    const at = (local: string, remote: string) => cloud.port.guestAt(local, remote);
    expect(at('10.0.0.1', '10.0.0.5')).toBe(SERVER);
    expect(at('10.1.0.1', '10.1.0.5')).toBe(OTHER);
    expect(at('10.1.0.1', '10.0.0.5')).toBeUndefined();
    expect(at('10.0.0.9', '10.0.0.5')).toBeUndefined();
    expect(at('10.0.0.1', '10.0.0.2')).toBeUndefined();
    expect(at('10.0.0.1', '10.0.0.77')).toBeUndefined();
    expect(at('10.0.0.1', 'nonsense')).toBeUndefined();
    expect(cloud.port.serverAt(first, '10.0.0.5')).toBe(SERVER);
    expect(cloud.port.serverAt(second, '10.0.0.5')).toBeUndefined();
    expect(cloud.port.serverAt('nothing', '10.0.0.5')).toBeUndefined();
  });

  it('a guest of a network without gateway comes through the metadata address itself', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24'], { gateway: null });
    await allocate([wanted(network, { fixedIp: '10.0.0.5' })]);
    expect(cloud.port.guestAt('169.254.169.254', '10.0.0.5')).toBe(SERVER);
    expect(cloud.port.guestAt('10.0.0.1', '10.0.0.5')).toBeUndefined();
  });

  it('a host is told of the bridge, IPv4 and a gateway that can be on it', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    const plan = cloud.port.hostNetworkSpec(network, 8775);
    expect(plan).toEqual({
      id: network,
      bridge: `kbr${network.slice(0, 11)}`,
      mtu: 1450,
      subnets: [
        {
          id: plan?.subnets[0]?.id,
          cidr: '10.0.0.0/24',
          gateway: '10.0.0.1',
          dhcp: true,
          dnsServers: ['9.9.9.9'],
          hostRoutes: [{ destination: '10.200.0.0/16', nexthop: '10.0.0.9' }],
        },
      ],
      masquerade: false,
      metadataPort: 8775,
    });
    expect(plan?.bridge.length).toBeLessThanOrEqual(15);
    const outside = await addNetwork('o', ['10.4.0.0/24'], { gateway: '10.9.0.1' });
    expect(cloud.port.hostNetworkSpec(outside, undefined)?.subnets[0]?.gateway).toBeUndefined();
    const v6 = await addNetwork('v6', ['fd00::/64'], { gateway: null });
    expect(cloud.port.hostNetworkSpec(v6, undefined)?.subnets).toEqual([]);
    expect(cloud.port.hostNetworkSpec('nothing', undefined)).toBeUndefined();
  });

  it('metadata is told of every network of a server', async () => {
    const network = await addNetwork('n', ['10.0.0.0/24']);
    const request = wanted(network, { fixedIp: '10.0.0.5' });
    await allocate([request]);
    expect(cloud.port.instanceNetworks(SERVER)).toEqual([
      {
        portId: request.portId,
        networkId: network,
        device: `tap${request.portId.slice(0, 11)}`,
        mac: expect.stringMatching(/^fa:16:3e:/),
        mtu: 1450,
        addresses: [
          {
            version: 4,
            address: '10.0.0.5',
            cidr: '10.0.0.0/24',
            gateway: '10.0.0.1',
            dhcp: true,
            addressMode: undefined,
            dnsServers: ['9.9.9.9'],
            hostRoutes: [{ destination: '10.200.0.0/16', nexthop: '10.0.0.9' }],
          },
        ],
      },
    ]);
    expect(cloud.port.instanceNetworks(OTHER)).toEqual([]);
  });
});

describe('seedNetwork', () => {
  const seed = {
    name: 'private',
    projectId: 'admin',
    cidr: '10.87.0.5/20',
    mtu: 1500,
    dnsServers: ['1.1.1.1'],
  };
  const run = () => {
    const { env, router, views } = cloud;
    return seedNetwork({ env, router, views, networks: cloud.networks }, seed);
  };

  it('makes one shared flat network with a subnet, once', async () => {
    const id = await run();
    expect(cloud.port.index.network(id ?? '')).toMatchObject({
      attributes: {
        name: 'private',
        shared: true,
        providerType: 'flat',
        mtu: 1500,
        projectId: 'admin',
      },
      subnets: [
        {
          name: 'private-subnet',
          cidr: '10.87.0.0/20',
          gateway: '10.87.0.1',
          dhcp: true,
          dnsServers: ['1.1.1.1'],
          pools: [{ start: '10.87.0.2', end: '10.87.15.254' }],
        },
      ],
    });
    expect(cloud.port.hostNetworkSpec(id ?? '', undefined)?.masquerade).toBe(true);
    expect(await run()).toBe(id);
    expect(cloud.port.index.count('network', 'admin')).toBe(1);
    expect(cloud.port.flatNetworkIds()).toEqual([id]);
  });

  it('mends one that was cut short, and leaves a deleted one deleted', async () => {
    const id = (await run()) ?? '';
    const subnetId = cloud.port.index.network(id)?.subnets[0]?.id ?? '';
    const ask = (command: object) =>
      cloud.router.ask(networks.ref(id), { ...command, changeId: newId() } as never, {
        requestId: 'r',
      });
    await ask({ type: 'network.delete-subnet', subnetId });
    expect(await run()).toBe(id);
    expect(cloud.port.index.network(id)?.subnets).toEqual([]);
    await ask({ type: 'network.delete' });
    expect(await run()).toBeUndefined();
    cloud = service();
    const cut = { ...cloud.router };
    cut.ask = (ref, command, options) =>
      command.type === 'network.create-subnet'
        ? Promise.reject(new Error('the process ends'))
        : cloud.router.ask(ref, command, options);
    const { env, views } = cloud;
    const context = { env, router: cut, views, networks: cloud.networks };
    await expect(seedNetwork(context, seed)).rejects.toThrow('the process ends');
    const mended = (await run()) ?? '';
    expect(cloud.port.index.network(mended)?.subnets).toHaveLength(1);
  });

  it('says in words what is wrong with a prefix', async () => {
    const { env, router, views } = cloud;
    const context = { env, router, views, networks: cloud.networks };
    for (const cidr of ['nonsense', '10.0.0.0/31', 'fd00::/64'])
      await expect(seedNetwork(context, { ...seed, cidr })).rejects.toThrow(/no IPv4 prefix/);
  });
});

it('an index made over a full view knows what one that followed along knows', async () => {
  const first = await addNetwork('first', ['10.0.0.0/24']);
  await addNetwork('second', ['10.1.0.0/24']);
  const mine = await addPort(first);
  for (let count = 0; count < 40; count += 1)
    await allocate([wanted(first)], { serverId: newId() });
  await allocate([wanted(first, { portId: mine, existing: true })]);
  await cloud.port.release(OTHER, 'req-1');
  const late = embeddedNetworks(cloud);
  for (const each of [cloud.port, late]) {
    expect(each.index.count('network', 'red')).toBe(2);
    expect(each.index.count('subnet', 'red')).toBe(2);
    expect(each.index.count('port', 'red')).toBe(41);
    expect(each.index.portsOfDevice(SERVER).map(({ port }) => port.id)).toEqual([mine]);
    // The port that a user made and attached is no business of housekeeping.
    expect([...each.index.servers()].length).toBe(40);
  }
});
