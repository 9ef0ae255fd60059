// One start of a controller in a walk: production code over the shared store and the simulated hosts. It starts, serves
// or is dead; whoever asks it does so as a client would, through its own task list.
import { Assembly } from '../../src/assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { testImage, testImageSource } from '#test/support/test-image.ts';
import type { VirtualEnv, VirtualMember } from '#test/support/virtual-env.ts';
import { Boundaries, cutCalls, cutEffects, cutJournal } from './boundaries.ts';

export interface ProcessOptions {
  readonly env: VirtualEnv;
  readonly name: string;
  readonly epoch: number;
  readonly disk: MemoryDisk;
  readonly hosts: readonly SimulatedHost[];
  /** It reached the boundary at which it was to die. */
  readonly onDeath: () => void;
}

export class Process {
  readonly name: string;
  readonly member: VirtualMember;
  readonly journal: MemoryJournal;
  readonly boundaries: Boundaries;
  readonly assembly: Assembly;
  readonly networks: EmbeddedNetworks;
  phase: 'starting' | 'serving' | 'stopping' | 'dead' = 'starting';
  readonly #options: ProcessOptions;

  constructor(options: ProcessOptions) {
    const { env, name, disk, epoch, onDeath } = options;
    this.#options = options;
    this.name = name;
    this.member = env.member(name);
    this.journal = openMemoryJournal({ env: this.member.env, disk });
    this.boundaries = new Boundaries(undefined, onDeath);
    this.assembly = new Assembly({
      env: this.member.env,
      name,
      journal: cutJournal(this.journal, this.boundaries),
      authority: soleAuthority({ epoch }, () => undefined),
      quotas: defaultQuotaLimits,
      aroundEffects: cutEffects(this.boundaries),
    });
    this.networks = this.#joinNetworks();
  }

  get isDead(): boolean {
    return this.phase === 'dead';
  }

  get canAnswer(): boolean {
    return this.phase === 'serving' && !this.member.isPaused;
  }

  /** In the order of main.ts. Rejects if it can't start; whoever started it then ends it. */
  async start(): Promise<void> {
    const { assembly, member } = this;
    const { entities, router } = assembly;
    await assembly.recover();
    await seedNetwork(
      { env: member.env, router, views: entities, networks: entities.view(networkDefinition) },
      { name: 'private', projectId: 'admin', cidr: '10.87.0.0/20', mtu: 1500, dnsServers: [] },
    );
    await Promise.all(this.#options.hosts.map((host) => this.#addNode(host)));
    assembly.start();
    if (this.phase === 'starting') this.phase = 'serving';
  }

  /** kill -9: nothing of it runs any more; disk and hosts stay as they are. */
  kill(): void {
    if (this.isDead) return;
    this.phase = 'dead';
    this.boundaries.end();
    this.member.kill();
    this.journal.crash();
    this.assembly.system.abandon();
  }

  /** Ends as SIGTERM does, and then is dead. */
  async shutDown(): Promise<void> {
    this.phase = 'stopping';
    await this.assembly.stop();
    this.kill();
  }

  /** Runs `work` in the process, and hands over what came of it; nothing if the process dies before. */
  ask(
    work: () => Promise<unknown>,
    heard: (outcome: { readonly reply?: unknown; readonly error?: unknown }) => void,
  ): void {
    this.member.env.timers.soon(() => {
      work().then(
        (reply) => {
          if (!this.isDead) heard({ reply });
        },
        (error: unknown) => {
          if (!this.isDead) heard({ error });
        },
      );
    });
  }

  seen(serverId: string): InstanceState | undefined {
    return this.assembly.entities.view(instanceDefinition).get(serverId);
  }

  #addNode(host: SimulatedHost): Promise<void> {
    const { assembly, networks, member, boundaries } = this;
    const part = <T extends object>(port: T, name: string): T => cutCalls(port, name, boundaries);
    const ours = mortal(host, this);
    return assembly.addNode(
      {
        env: member.env,
        cluster: 'test',
        host: host.name,
        hypervisor: part(new SimulatedHypervisor(host), 'hypervisor'),
        storage: part(new SimulatedStorage(ours), 'storage'),
        network: part(new SimulatedHostNetwork(ours), 'network'),
        imageSource: testImageSource,
        imageIds: () => new Set([testImage.id]),
        networkIds: () => networks.flatNetworkIds(),
        networkSpec: (networkId) => networks.hostNetworkSpec(networkId, undefined),
        configDrive: () => [
          { path: 'openstack/latest/meta_data.json', content: new TextEncoder().encode('{}') },
        ],
      },
      {
        availabilityZone: 'nova',
        hostIp: '127.0.0.1',
        inventories: (facts) => defaultInventories(facts),
      },
    );
  }

  #joinNetworks(): EmbeddedNetworks {
    const { entities, router, env } = this.assembly;
    this.assembly.register({ definition: networkDefinition });
    this.assembly.register({ definition: tenancyDefinition });
    const networks = embeddedNetworks({
      env,
      router,
      networks: entities.view(networkDefinition),
      tenancies: entities.view(tenancyDefinition),
      settings: defaultNetworkSettings,
    });
    this.assembly.useNetworks(networks);
    return networks;
  }
}

/**
 * What the process does to the host by itself ends with it. What it asked of the hypervisor's daemon does not: that may
 * come true after the process's death.
 */
function mortal(host: SimulatedHost, process: Process): SimulatedHost {
  const perform: SimulatedHost['perform'] = (operation, effect) =>
    host.perform(operation, () => {
      if (process.isDead) throw new Error('who asked for this is dead');
      return effect();
    });
  return new Proxy(host, {
    get: (target, property) => {
      if (property === 'perform') return perform;
      const member = Reflect.get(target, property, target) as unknown;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
