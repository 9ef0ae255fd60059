// A controller with the real entities and a compute member with the real node, over the simulated network: servers live
// their whole lives on a host that has no store, also when the link breaks at any moment of them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Assembly } from '../../src/assembly.ts';
import { ComputeAssembly } from '../../src/compute-assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { instances, type OperationName } from '#actors/instance/protocol.ts';
import { NodeGateway } from '#actors/node/gateway.ts';
import { membersIn } from '#actors/node/members.ts';
import { RemoteNodes } from '#actors/node/remote-nodes.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { projects } from '#actors/project/protocol.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import { openMemoryJournal } from '#runtime/journal/memory.ts';
import type { MemberRecord } from '#runtime/membership/store.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import { serverRequest } from '#test/support/servers.ts';
import { WrittenImages } from '#test/support/written-images.ts';
import { testImage, testImageBytes } from '#test/support/test-image.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

const serverId = 'aaaaaaaa-0000-4000-8000-000000000001';
const projectId = 'project-1';
const records: readonly MemberRecord[] = (['controller', 'compute'] as const).map((role) => ({
  id: role,
  role,
  name: role === 'compute' ? 'host-1' : 'controller',
  addresses: [],
  apiUrl: undefined,
  admittedAtMs: 1,
  isRevoked: false,
}));

let env: VirtualEnv;
let network: MemoryNetwork;
let host: SimulatedHost;
let assembly: Assembly;
let networks: EmbeddedNetworks;
let restoreGlobals: () => void;

beforeEach(async () => {
  env = createVirtualEnv({ seed: 77 });
  restoreGlobals = env.installGlobals();
  network = createMemoryNetwork({ env });
  host = new SimulatedHost({ env, name: 'host-1' });
  const remoteNodes = await startController();
  const member = startMember();
  await env.complete(member.start(), 'the start of the member');
  await env.runUntil(() => remoteNodes.isUp('host-1'), 'the host to be up');
});
afterEach(() => restoreGlobals());

async function startController(): Promise<RemoteNodes> {
  const transport = network.join('controller', env, 1);
  const members = membersIn(() => records);
  const remoteNodes = new RemoteNodes({ env, transport, members, isController: () => false });
  const journal = openMemoryJournal({ env });
  const authority = soleAuthority({ epoch: 4 }, () => undefined);
  const quotas = defaultQuotaLimits;
  assembly = new Assembly({ env, name: 'controller', journal, authority, quotas, remoteNodes });
  const { entities, router } = assembly;
  assembly.register({ definition: networkDefinition });
  assembly.register({ definition: tenancyDefinition });
  const views = {
    networks: entities.view(networkDefinition),
    tenancies: entities.view(tenancyDefinition),
  };
  networks = embeddedNetworks({ env, router, ...views, settings: defaultNetworkSettings });
  assembly.useNetworks(networks);
  assembly.useImages(new WrittenImages());
  const gateway = new NodeGateway({
    env,
    router,
    views: entities,
    members,
    servers: entities.view(instanceDefinition),
    hosts: entities.view(hostDefinition),
    imageIds: () => new Set([testImage.id]),
    networkIds: () => networks.flatNetworkIds(),
    networkSpec: (id) => networks.hostNetworkSpec(id, undefined),
    configDrive: () => [{ path: 'openstack/latest/meta_data.json', content: new Uint8Array(2) }],
    imageUrl: (imageId) => `memory:${imageId}`,
    controllers: () => [{ id: 'controller', addresses: transport.addresses() }],
    nodes: remoteNodes,
    onStatus: (sender, isUp) => remoteNodes.told(sender, isUp),
  });
  transport.onMessage((message) => gateway.receive(message, records[1]!));
  transport.setPeers([{ id: 'compute', addresses: [] }]);
  await env.complete(assembly.recover(), 'the recovery');
  const subject = { env, router, views: entities, networks: views.networks };
  const seed = { name: 'private', projectId: 'admin', cidr: '10.87.0.0/20', mtu: 1500 };
  await env.complete(seedNetwork(subject, { ...seed, dnsServers: [] }), 'the network');
  assembly.start();
  return remoteNodes;
}

function startMember(): ComputeAssembly {
  const transport = network.join('compute', env.member('compute').env, 1, { isListening: false });
  const member = new ComputeAssembly({
    env,
    name: 'compute',
    transport,
    journal: openMemoryJournal({ env }),
    authority: soleAuthority({ epoch: 1 }, () => undefined),
    cluster: 'test',
    host: {
      host: 'host-1',
      hypervisor: new SimulatedHypervisor(host),
      storage: new SimulatedStorage(host),
      network: new SimulatedHostNetwork(host),
    },
    fetchBytes: async function* (_url, offset) {
      yield testImageBytes.subarray(offset);
    },
    sendBytes: () => Promise.reject(new Error('no image is sent in this test')),
    metadataPort: undefined,
    availabilityZone: 'nova',
    hostIp: '127.0.0.1',
    inventories: (facts) => defaultInventories(facts),
  });
  transport.setPeers([{ id: 'controller', addresses: ['memory:controller'] }]);
  return member;
}

const server = () => assembly.entities.view(instanceDefinition).get(serverId);

async function rest(): Promise<void> {
  await env.runUntil(() => server()?.operation === undefined, 'the server to come to rest');
}

async function create(): Promise<void> {
  const [usable] = networks.listUsable(projectId);
  const port = {
    portId: '44444444-0000-4000-8000-000000000001',
    existing: false,
    networkId: usable!.id,
  };
  const request = serverRequest({ networks: [port], configDrive: true });
  const usage = { cores: request.flavor.vcpus, ramMiB: request.flavor.ramMiB };
  const options = { requestId: 'req-create' };
  const reserve = { type: 'project.reserve', servers: [{ serverId, usage }], userId: 'u' } as const;
  const { router } = assembly;
  const reserved = router.ask(
    projects.ref(projectId),
    { ...reserve, servers: [...reserve.servers] },
    options,
  );
  await env.complete(reserved, 'the quota');
  const created = router.ask(
    instances.ref(serverId),
    { type: 'instance.create', request, operationId: 'create' },
    options,
  );
  await env.complete(created, 'the creation');
}

async function operate(operation: OperationName): Promise<void> {
  const actor = { userId: 'u', projectId, isAdmin: false };
  const asked = assembly.router.ask(
    instances.ref(serverId),
    { type: 'instance.operate', operation, operationId: operation, actor },
    { requestId: `req-${operation}` },
  );
  expect(await env.complete(asked, operation)).toEqual({});
}

const shown = () => ({
  vmState: server()?.vmState,
  power: server()?.powerState,
  guest: host.guests.find(serverId)?.power,
});
const active = { vmState: 'active', power: 'running', guest: 'running' };

describe('a server on a compute member', () => {
  it('lives its life', async () => {
    await create();
    await rest();
    expect(shown()).toEqual(active);
    for (const [operation, vmState] of [
      ['pause', 'paused'],
      ['unpause', 'active'],
      ['suspend', 'suspended'],
      ['resume', 'active'],
      ['reboot', 'active'],
      ['stop', 'stopped'],
      ['start', 'active'],
    ] as const) {
      await operate(operation);
      await rest();
      expect(shown().vmState).toBe(vmState);
    }
    await operate('delete');
    await env.runUntil(() => server()?.existence === 'gone', 'the server to be gone');
    expect(host.guests.find(serverId)).toBeUndefined();
    expect(host.files.guests()).toEqual([]);
  });

  it('shows what its guest does by itself', async () => {
    await create();
    await rest();
    host.killGuest(serverId);
    await env.runUntil(() => server()?.powerState === 'shutdown', 'the report', 10_000);
    expect(shown()).toEqual({ vmState: 'stopped', power: 'shutdown', guest: 'off' });
  });

  it.each([1, 3, 5, 8, 13, 21, 34, 40])(
    'is built once although the link breaks after %i ms',
    async (afterMs) => {
      network.setFaults({ delayMs: [2, 6] });
      host.faults.next('create', { kind: 'delay', delayMs: 30 });
      await create();
      await env.advance(afterMs);
      expect(server()?.operation?.name).toBe('create');
      network.breakLink('controller', 'compute');
      await rest();
      expect(shown()).toEqual(active);
      expect(host.guests.find(serverId)?.incarnation).toBe(1);
    },
  );

  it('goes on while its host is cut off, and is stopped when that is back', async () => {
    await create();
    await rest();
    network.partition([['controller'], ['compute']]);
    await env.advance(5_000);
    await operate('stop');
    await env.advance(20_000);
    expect(host.guests.find(serverId)?.power).toBe('running');
    network.healAll();
    await rest();
    expect(shown()).toMatchObject({ vmState: 'stopped', power: 'shutdown' });
  });
});
