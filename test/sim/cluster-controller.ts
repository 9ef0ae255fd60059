// One controller of a cluster in a walk: production code over the shared store and the simulated network. The order of
// its start and end is that of production.
import { Assembly } from '../../src/assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { NodeGateway } from '#actors/node/gateway.ts';
import { membersIn } from '#actors/node/members.ts';
import { RemoteNodes } from '#actors/node/remote-nodes.ts';
import { isRelayType } from '#actors/node/wire.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import { hostDefinition } from '#actors/topology/entity.ts';
import { Cluster } from '#runtime/directory/cluster.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import {
  type MemoryClusterStore,
  openMemoryClusterStore,
} from '#runtime/membership/memory-store.ts';
import type { MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { Transport } from '#runtime/transport/port.ts';
import type { WrittenImages } from '#test/support/written-images.ts';
import { testImageIds } from '#test/support/test-image.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';
import { cutEffects } from './boundaries.ts';
import { driveFiles, joinNetworks, seedNetworks } from './neighbours.ts';
import { Controller, type ProcessOptions, STORE_MS, type StoreFaults } from './process.ts';

export interface ClusterControllerOptions extends ProcessOptions {
  readonly env: VirtualEnv;
  /** The member's; `name` is that of this start of it. */
  readonly id: string;
  readonly name: string;
  readonly disk: MemoryDisk;
  readonly network: MemoryNetwork;
  readonly images: WrittenImages;
  readonly onExpelled: (reason: string) => void;
}

/** Few, so that a table is small; many enough that every controller owns some. */
export const SHARDS = 6;

interface Parts {
  readonly transport: Transport;
  readonly cluster: Cluster;
  readonly assembly: Assembly;
  readonly networks: EmbeddedNetworks;
  readonly nodes: RemoteNodes;
}

export class ClusterController extends Controller {
  readonly id: string;
  readonly journal: MemoryJournal;
  readonly #store: MemoryClusterStore;
  readonly #options: ClusterControllerOptions;
  #parts: Parts | undefined;

  constructor(options: ClusterControllerOptions) {
    super(options.name, options.env.member(options.name), options);
    this.#options = options;
    this.id = options.id;
    const { env } = this.member;
    this.journal = openMemoryJournal({ env, disk: options.disk });
    this.#store = openMemoryClusterStore(options.disk, env);
  }

  get assembly(): Assembly {
    return this.#started.assembly;
  }

  get networks(): EmbeddedNetworks {
    return this.#started.networks;
  }

  get cluster(): Cluster {
    return this.#started.cluster;
  }

  get #started(): Parts {
    if (this.#parts === undefined) throw new Error(`${this.name} has not started`);
    return this.#parts;
  }

  override setStore(faults: StoreFaults): void {
    super.setStore(faults);
    this.#store.setFaults(faults.isJournalOnly === true ? { maxLatencyMs: STORE_MS } : faults);
  }

  override kill(): void {
    if (this.isDead) return;
    super.kill();
    this.#options.network.kill(this.id);
  }

  async start(): Promise<void> {
    const shards = await this.#store.initialise(SHARDS);
    const incarnation = await this.#store.nextIncarnation(this.id);
    const transport = this.#options.network.join(this.id, this.member.env, incarnation);
    await this.#store.admit({
      id: this.id,
      name: this.id,
      role: 'controller',
      addresses: transport.addresses(),
      apiUrl: `http://${this.id}`,
      admittedAtMs: 0,
    });
    const parts = this.#assemble(transport, { shards, incarnation });
    this.#parts = parts;
    const { assembly, cluster } = parts;
    await assembly.recover();
    await cluster.start();
    assembly.start();
    cluster.onLead((leads) => {
      assembly.auditing(leads);
      if (leads) this.#seed(assembly);
    });
    if (this.phase === 'starting') this.phase = 'serving';
  }

  #assemble(
    transport: Transport,
    { shards, incarnation }: { readonly shards: number; readonly incarnation: number },
  ): Parts {
    const { env } = this.member;
    const journal = this.watchedJournal();
    const cluster: Cluster = new Cluster({
      env,
      store: this.#store,
      journal,
      transport,
      incarnation,
      shards,
      onExpelled: (reason) => this.#options.onExpelled(reason),
      onOther: (message, sender) =>
        isRelayType(message.type)
          ? nodes.receive(message, sender)
          : gateway.receive(message, sender),
    });
    const members = membersIn(() => cluster.membership.table.members);
    const isController = (id: string): boolean =>
      cluster.membership.record(id)?.role === 'controller';
    const nodes = new RemoteNodes({ env, transport, members, isController });
    const assembly = new Assembly({
      env,
      name: this.name,
      journal,
      authority: cluster.shards,
      quotas: defaultQuotaLimits,
      routeThrough: (local) => cluster.route(local),
      remoteNodes: nodes,
      aroundEffects: cutEffects(this.boundaries),
    });
    const networks = joinNetworks(assembly);
    assembly.useImages(this.#options.images);
    const gateway = new NodeGateway({
      env,
      router: assembly.router,
      views: assembly.entities,
      members,
      servers: assembly.entities.view(instanceDefinition),
      hosts: assembly.entities.view(hostDefinition),
      imageIds: () => testImageIds,
      networkIds: () => networks.flatNetworkIds(),
      networkSpec: (networkId) => networks.hostNetworkSpec(networkId, undefined),
      configDrive: () => driveFiles,
      imageUrl: (imageId) => `http://${this.id}/${imageId}`,
      imageUploadUrl: (imageId) => `http://${this.id}/${imageId}`,
      controllers: () =>
        cluster.membership.table.members
          .filter(({ role, isRevoked }) => role === 'controller' && !isRevoked)
          .map(({ id, addresses }) => ({ id, addresses })),
      nodes,
      onStatus: (sender, isUp) => nodes.told(sender, isUp),
    });
    return { transport, cluster, assembly, networks, nodes };
  }

  /** Until it works, for as long as this is the one that leads. */
  #seed(assembly: Assembly): void {
    seedNetworks(assembly).catch(() => {
      this.member.env.timers.after(1_000, () => {
        if (this.cluster.leads) this.#seed(assembly);
      });
    });
  }

  protected override async stop(): Promise<void> {
    const { cluster, assembly, transport, nodes } = this.#started;
    await cluster.leave();
    await assembly.stop();
    cluster.stop();
    nodes.stop();
    await transport.close();
    await this.journal.close();
  }

  protected override system() {
    return this.#parts?.assembly.system;
  }
}
