// A cloud in one process, as `kilonova up` starts it: everything is owned here, and the hosts are this process's.
import { Assembly } from '../../src/assembly.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { writerSink } from '#actors/node/image-sink.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import type { WrittenImages } from '#test/support/written-images.ts';
import { testImageIds, testImageSource } from '#test/support/test-image.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';
import { cutEffects } from './boundaries.ts';
import { driveFiles, joinNetworks, seedNetworks } from './neighbours.ts';
import { Controller, portsOf, type ProcessOptions } from './process.ts';

export interface LoneControllerOptions extends ProcessOptions {
  readonly env: VirtualEnv;
  readonly name: string;
  readonly disk: MemoryDisk;
  readonly hosts: readonly SimulatedHost[];
  readonly images: WrittenImages;
  /** Another process has written to the journal. */
  readonly onFenced: () => void;
}

export class LoneController extends Controller {
  readonly journal: MemoryJournal;
  readonly #options: LoneControllerOptions;
  #assembly: Assembly | undefined;
  #networks: EmbeddedNetworks | undefined;

  constructor(options: LoneControllerOptions) {
    super(options.name, options.env.member(options.name), options);
    this.#options = options;
    this.journal = openMemoryJournal({ env: this.member.env, disk: options.disk });
  }

  get assembly(): Assembly {
    if (this.#assembly === undefined) throw new Error(`${this.name} has not started`);
    return this.#assembly;
  }

  get networks(): EmbeddedNetworks {
    if (this.#networks === undefined) throw new Error(`${this.name} has not started`);
    return this.#networks;
  }

  async start(): Promise<void> {
    const epoch = await this.journal.nextEpoch('process');
    const assembly = new Assembly({
      env: this.member.env,
      name: this.name,
      journal: this.watchedJournal(),
      authority: soleAuthority({ epoch, fence: 'process' }, () => this.#options.onFenced()),
      quotas: defaultQuotaLimits,
      aroundEffects: cutEffects(this.boundaries),
    });
    this.#assembly = assembly;
    this.#networks = joinNetworks(assembly);
    assembly.useImages(this.#options.images);
    await assembly.recover();
    await seedNetworks(assembly);
    await Promise.all(this.#options.hosts.map((host) => this.#addNode(host)));
    assembly.start();
    if (this.phase === 'starting') this.phase = 'serving';
  }

  protected override stop(): Promise<void> {
    return this.assembly.stop();
  }

  protected override system() {
    return this.#assembly?.system;
  }

  #addNode(host: SimulatedHost): Promise<void> {
    const { assembly, networks, member } = this;
    return assembly.addNode(
      {
        env: member.env,
        cluster: 'test',
        ...portsOf(host, this),
        imageSource: testImageSource,
        imageSink: writerSink(() => this.#options.images),
        imageIds: () => testImageIds,
        networkIds: () => networks.flatNetworkIds(),
        networkSpec: (networkId) => networks.hostNetworkSpec(networkId, undefined),
        configDrive: () => driveFiles,
      },
      {
        availabilityZone: 'nova',
        hostIp: '127.0.0.1',
        inventories: (facts) => defaultInventories(facts),
      },
    );
  }
}
