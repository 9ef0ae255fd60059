// One simulated host with all that a node's actors work with, on virtual time; the cluster around it is pure.
import { instanceDefinition } from '#actors/instance/entity.ts';
import { NodeActor } from '#actors/node/actor.ts';
import { GuestExecutor, type Grants } from '#actors/node/guest.ts';
import {
  isOver,
  isStaleOwner,
  ledgerDefinition,
  newestEpoch,
  openGrant,
} from '#actors/node/ledger.ts';
import type { Machine } from '#actors/node/machine.ts';
import {
  type GuestPlan,
  NodeFault,
  type NodeOrder,
  type NodeReport,
} from '#actors/node/protocol.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import type { Router } from '#runtime/directory/router.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { type ActorSystem, createActorSystem } from '#runtime/system/system.ts';
import { type PureCluster, pureCluster } from '#test/support/pure-cluster.ts';
import { testFlavor } from '#test/support/servers.ts';
import { otherImage, testImage, testImageSource } from '#test/support/test-image.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';

export const serverId = 'aaaaaaaa-0000-4000-8000-000000000001';
export const portId = '44444444-0000-4000-8000-000000000001';
export const networkId = '33333333-3333-4333-8333-333333333333';
const subnetId = '55555555-5555-4555-8555-555555555555';

export const plan: GuestPlan = {
  serverId,
  projectId: 'project-1',
  userId: 'user-1',
  name: 'vm1',
  hostname: 'vm1',
  flavor: { ...testFlavor, ephemeralGiB: 1, swapMiB: 64 },
  image: testImage,
  ports: [
    {
      portId,
      networkId,
      networkName: 'private',
      mac: 'fa:16:3e:00:00:01',
      mtu: 1500,
      bridge: 'kbr-test',
      fixedIps: [
        {
          subnetId,
          address: '10.87.0.5',
          version: 4,
          cidr: '10.87.0.0/20',
          gateway: '10.87.0.1',
          dnsServers: [],
        },
      ],
      ownedByServer: true,
    },
  ],
  configDrive: true,
  availabilityZone: 'nova',
};

type OrderType = NodeOrder['type'];

export class NodeWorld {
  readonly env: VirtualEnv = createVirtualEnv({ seed: 9 });
  readonly host: SimulatedHost;
  readonly machine: Machine;
  readonly cluster: PureCluster;
  readonly system: ActorSystem;
  readonly #restoreGlobals: () => void;
  #orders = 0;
  networkIds: readonly string[] = [networkId];

  constructor(options: { readonly shutdownMs?: number } = {}) {
    const { env } = this;
    this.#restoreGlobals = env.installGlobals();
    this.host = new SimulatedHost({ env, name: 'host-1', ...options });
    this.system = createActorSystem({ env, name: 'test' });
    const kinds = [ledgerDefinition, instanceDefinition, hostDefinition, providerDefinition];
    this.cluster = pureCluster(kinds, () => env.clock.now());
    this.machine = {
      env,
      address: '127.0.0.1',
      cluster: 'test',
      host: 'host-1',
      hypervisor: new SimulatedHypervisor(this.host),
      storage: new SimulatedStorage(this.host),
      network: new SimulatedHostNetwork(this.host),
      imageSource: testImageSource,
      imageSink: (upload) => this.imageSink(upload),
      imageIds: () => new Set([testImage.id]),
      networkIds: () => this.networkIds,
      networkSpec: (id) => (this.networkIds.includes(id) ? specOf(id) : undefined),
      sourceDisk: () => Promise.reject(new Error('nothing is moved here')),
      configDrive: () => [{ path: 'openstack/latest/meta_data.json', content: new Uint8Array(2) }],
    };
  }

  dispose(): void {
    this.#restoreGlobals();
  }

  executor(): GuestExecutor {
    return new GuestExecutor(this.machine, this.grants(), serverId);
  }

  /** The host's ledger, as the node actor keeps it. */
  grants(): Grants {
    const ask = async (command: { type: string; [field: string]: unknown }) => {
      const ref = { kind: 'ledger', id: 'host-1' };
      return this.cluster.router.ask(ref, command, { requestId: 'req-1' });
    };
    const refusedIn = (answer: unknown): void => {
      if (!isRefusal(answer)) return;
      const code = answer.refused === 'stale-owner' ? 'stale-owner' : 'stale-grant';
      throw new NodeFault(code, 'it is over', { retryable: false });
    };
    const state = () => this.ledger();
    return {
      admit: async ({ serverId: id, runEpoch, ownerEpoch }) => {
        const owner = ownerEpoch === undefined ? {} : { ownerEpoch };
        if (openGrant(state(), id) !== runEpoch && !isOver(state(), id, runEpoch))
          await this.machine.storage.closeRuns(id, runEpoch - 1);
        refusedIn(await ask({ type: 'ledger.admit', serverId: id, runEpoch, ...owner }));
      },
      heed: async ({ serverId: id, ownerEpoch }) => {
        if (ownerEpoch !== undefined)
          refusedIn(await ask({ type: 'ledger.heed', serverId: id, ownerEpoch }));
      },
      isStaleOwner: ({ serverId: id, ownerEpoch }) => isStaleOwner(state(), id, ownerEpoch),
      close: async (id, runEpoch, keepsFiles) => {
        await this.machine.storage.closeRuns(id, runEpoch);
        const kept = keepsFiles === true ? { keepsFiles } : {};
        await ask({ type: 'ledger.close', serverId: id, runEpoch, ...kept });
      },
      isAdmitted: (id, runEpoch) => openGrant(state(), id) === runEpoch,
      isKnown: (id) => newestEpoch(state(), id) > 0,
      expect: () => undefined,
      isOver: (id, runEpoch) => isOver(state(), id, runEpoch),
      isSuperseded: (id, runEpoch) => newestEpoch(state(), id) > runEpoch,
    };
  }

  ledger() {
    return this.cluster.view(ledgerDefinition).get('host-1') ?? ledgerDefinition.initial('host-1');
  }

  open(): number | undefined {
    return openGrant(this.ledger(), serverId);
  }

  /** Bytes of the images that were given away, by id; tests may refuse them. */
  readonly given = new Map<string, number>();
  imageSink: Machine['imageSink'] = async ({ imageId, bytes }) => {
    let length = 0;
    for await (const chunk of bytes) length += chunk.length;
    this.given.set(imageId, length);
  };

  /** An order of this kind under run-epoch 1, each with a name of its own. */
  order(type: OrderType, changes: Partial<NodeOrder> = {}): NodeOrder {
    this.#orders += 1;
    return {
      type,
      orderId: `order-${this.#orders}`,
      serverId,
      runEpoch: 1,
      requestId: 'req-1',
      plan,
      hard: false,
      graceMs: 60_000,
      keepsExtraDisks: false,
      isOff: false,
      isRunning: true,
      imageId: 'image-1',
      image: otherImage,
      ...changes,
    } as NodeOrder;
  }

  async perform(type: OrderType, changes: Partial<NodeOrder> = {}): Promise<NodeReport> {
    const done = this.executor().perform(this.order(type, changes), new AbortController().signal);
    return this.env.complete(done, type);
  }

  /** Undefined if the order is done; else its fault's code. */
  async faultOf(type: OrderType, changes: Partial<NodeOrder> = {}): Promise<string | undefined> {
    try {
      await this.perform(type, changes);
      return undefined;
    } catch (error) {
      return error instanceof NodeFault ? error.code : String(error);
    }
  }

  node(parts: { readonly router?: Router } = {}): NodeActor {
    return new NodeActor({
      machine: this.machine,
      system: this.system,
      router: parts.router ?? this.cluster.router,
      ledger: this.cluster.router,
      ledgerStates: this.cluster.view(ledgerDefinition),
      availabilityZone: 'nova',
      hostIp: '127.0.0.1',
      inventories: (facts) => defaultInventories(facts),
    });
  }

  guest(): { readonly power: string; readonly runEpoch: number | undefined } | undefined {
    const guest = this.host.guests.find(serverId);
    if (guest === undefined || guest.power === 'off') return undefined;
    return { power: guest.power, runEpoch: guest.mark?.runEpoch };
  }

  /** All that the host has of the server. */
  left(): readonly string[] {
    return [
      ...(this.guest() === undefined ? [] : ['guest']),
      ...(this.host.files.guests().includes(serverId) ? ['files'] : []),
      ...(this.host.ports.has(portId) ? ['tap'] : []),
      ...(this.open() === undefined ? [] : ['grant']),
    ];
  }

  hasSavedMemory(): boolean {
    return this.host.files.find(serverId, 'memory.save') !== undefined;
  }

  /** Somebody's domain with the server's id and another mark. */
  async startGuest(mark: GuestSpec['mark'], id = serverId): Promise<void> {
    const { storage, hypervisor } = this.machine;
    await storage.createBlank({ guestId: id, name: 'other', sizeBytes: 1_024 });
    const path = storage.diskPath({ guestId: id, name: 'other' });
    const disk = { target: 'vda', device: 'disk', bus: 'virtio', format: 'qcow2' } as const;
    await hypervisor.create({
      id,
      name: `other-${id.slice(0, 4)}`,
      title: '',
      vcpus: 1,
      memoryMiB: 64,
      disks: [{ ...disk, path, readonly: false }],
      interfaces: [],
      consoleLogPath: storage.paths(id).consoleLog,
      mark,
    });
  }
}

export function specOf(id: string) {
  const subnet = {
    id: subnetId,
    cidr: '10.87.0.0/20',
    gateway: '10.87.0.1',
    dhcp: true,
    dnsServers: [],
    hostRoutes: [],
  };
  return {
    id,
    bridge: 'kbr-test',
    mtu: 1500,
    subnets: [subnet],
    masquerade: true,
    metadataPort: undefined,
  };
}
