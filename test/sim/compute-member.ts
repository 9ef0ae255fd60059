// One compute member of a walk: production code over a simulated host, a disk of its own for the ledger, and the simulated
// network. It has no store; what it knows of the cloud, controllers tell it.
import { ComputeAssembly } from '../../src/compute-assembly.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import type { MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { Peer } from '#runtime/transport/port.ts';
import type { WrittenImages } from '#test/support/written-images.ts';
import { imageBytesAt } from '#test/support/test-image.ts';
import type { VirtualEnv } from '#test/support/virtual-env.ts';
import { portsOf, Process, type ProcessOptions } from './process.ts';

export interface ComputeMemberOptions extends ProcessOptions {
  readonly env: VirtualEnv;
  readonly id: string;
  readonly name: string;
  readonly host: SimulatedHost;
  /** The member's own. */
  readonly disk: MemoryDisk;
  readonly network: MemoryNetwork;
  /** As the member's settings name them. */
  readonly controllers: readonly Peer[];
  /** Whether a controller's HTTP answers. */
  readonly isServing: (controller: string) => boolean;
  readonly images: WrittenImages;
}

export class ComputeMember extends Process {
  readonly id: string;
  readonly host: SimulatedHost;
  readonly journal: MemoryJournal;
  readonly #options: ComputeMemberOptions;
  #assembly: ComputeAssembly | undefined;

  constructor(options: ComputeMemberOptions) {
    super(options.name, options.env.member(options.name), options);
    this.#options = options;
    this.id = options.id;
    this.host = options.host;
    this.journal = openMemoryJournal({ env: this.member.env, disk: options.disk });
  }

  override kill(how: 'process' | 'machine' = 'process'): void {
    if (this.isDead) return;
    super.kill();
    this.#options.network.kill(this.id, how);
  }

  async start(): Promise<void> {
    const { network, controllers } = this.#options;
    const { env } = this.member;
    const epoch = await this.journal.nextEpoch('process');
    const transport = network.join(this.id, env, epoch, { isListening: false });
    transport.setPeers(controllers);
    const { host, ...ports } = portsOf(this.host, this);
    const assembly = new ComputeAssembly({
      env,
      name: this.name,
      transport,
      journal: this.watchedJournal(),
      authority: soleAuthority({ epoch, fence: 'process' }, () => this.#options.onDeath()),
      cluster: 'test',
      host: { host, ...ports },
      fetchBytes: (url, offset) => this.#fetch(url, offset),
      sendBytes: (url, bytes) => this.#send(url, bytes),
      metadataPort: undefined,
      availabilityZone: 'nova',
      hostIp: '127.0.0.1',
      inventories: (facts) => defaultInventories(facts),
    });
    this.#assembly = assembly;
    await assembly.start();
    if (this.phase === 'starting') this.phase = 'serving';
  }

  async *#fetch(url: string, offset: number): AsyncGenerator<Uint8Array> {
    const { hostname } = new URL(url);
    await new Promise<void>((resolve) => void this.member.env.timers.soon(resolve));
    if (!this.#options.isServing(hostname)) throw new Error(`${hostname} refused the connection`);
    yield imageBytesAt(url).subarray(offset);
  }

  async #send(
    url: string,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly status: number; readonly words: string }> {
    const { hostname, pathname } = new URL(url);
    await new Promise<void>((resolve) => void this.member.env.timers.soon(resolve));
    if (!this.#options.isServing(hostname)) throw new Error(`${hostname} refused the connection`);
    const refused = await this.#options.images.upload(pathname.slice(1), bytes);
    return { status: refused === undefined ? 204 : 400, words: refused?.refused ?? '' };
  }

  protected override async stop(): Promise<void> {
    await this.#assembly?.stop();
    await this.journal.close();
  }

  protected override system() {
    return this.#assembly?.system;
  }
}
