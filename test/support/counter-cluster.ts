// Controllers of one simulated cluster with counters in them: one disk, one network, virtual time. For tests of
// membership, ownership and routing; what a cloud does on top is the simulator's matter.
import { Cluster } from '#runtime/directory/cluster.ts';
import { EntityHost } from '#runtime/directory/host.ts';
import type { ClusterRouter } from '#runtime/directory/cluster-router.ts';
import type { EffectRunner } from '#runtime/entity/effects.ts';
import { createMemoryDisk } from '#runtime/journal/memory-disk.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import {
  type MemoryClusterStore,
  openMemoryClusterStore,
} from '#runtime/membership/memory-store.ts';
import { type ActorSystem, createActorSystem } from '#runtime/system/system.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import type { Transport } from '#runtime/transport/port.ts';
import { counterDefinition } from '#test/unit/runtime/entity/counter.ts';
import { createVirtualEnv, type VirtualEnv, type VirtualMember } from './virtual-env.ts';

export interface Controller {
  readonly id: string;
  readonly cluster: Cluster;
  readonly router: ClusterRouter;
  readonly host: EntityHost;
  readonly journal: MemoryJournal;
  readonly store: MemoryClusterStore;
  readonly transport: Transport;
  readonly system: ActorSystem;
  readonly member: VirtualMember;
  /** Ids of the effects that were run here, in order. */
  readonly lights: string[];
  /** Why the store sent it away. */
  readonly expelled: string[];
  isDead: boolean;
}

const SHARDS = 8;

export class CounterCluster {
  readonly env: VirtualEnv;
  readonly network: MemoryNetwork;
  readonly controllers: Controller[] = [];
  readonly disk = createMemoryDisk();
  readonly #restoreGlobals: () => void;

  constructor(seed: number) {
    this.env = createVirtualEnv({ seed });
    this.#restoreGlobals = this.env.installGlobals();
    this.network = createMemoryNetwork({ env: this.env });
  }

  dispose(): void {
    this.#restoreGlobals();
  }

  /** Starts a controller, a new incarnation of it if it was there before. Resolves when its shards are served. */
  async start(id: string): Promise<Controller> {
    const controller = await this.env.complete(this.#make(id), `${id} to be made`);
    this.controllers.push(controller);
    await this.env.complete(controller.cluster.start(), `${id} to start`);
    controller.host.resume();
    return controller;
  }

  async #make(id: string): Promise<Controller> {
    const member = this.env.member(id);
    const { env } = member;
    const journal = openMemoryJournal({ env, disk: this.disk });
    const store = openMemoryClusterStore(this.disk, env);
    const shards = await store.initialise(SHARDS);
    const role = { role: 'controller', apiUrl: undefined, admittedAtMs: 0 } as const;
    const incarnation = await store.nextIncarnation(id);
    const transport = this.network.join(id, env, incarnation);
    await store.admit({ id, name: id, addresses: transport.addresses(), ...role });
    const expelled: string[] = [];
    const cluster = new Cluster({
      env,
      store,
      journal,
      transport,
      incarnation,
      shards,
      onExpelled: (reason) => void expelled.push(reason),
    });
    const system = createActorSystem({ env, name: `${id}-${incarnation}` });
    const authority = cluster.shards;
    const host = new EntityHost({ env, system, journal, authority, isShared: true });
    const lights: string[] = [];
    const run: EffectRunner = async (effect: { id: string }) => {
      lights.push(effect.id);
      return { type: 'counter.lit', round: Number(effect.id.split('/')[1]) } as { type: string };
    };
    host.register({ definition: counterDefinition, run });
    const router = cluster.route(host);
    await host.recover();
    const parts = { id, cluster, router, host, journal, store, transport, system, member };
    return { ...parts, lights, expelled, isDead: false };
  }

  /** kill -9. */
  kill(controller: Controller): void {
    controller.isDead = true;
    controller.member.kill();
    this.network.kill(controller.id);
    controller.journal.crash();
    controller.system.abandon();
  }

  /** The end that SIGTERM asks for. */
  async shutDown(controller: Controller): Promise<void> {
    await this.env.complete(controller.cluster.leave(), `${controller.id} to leave`);
    await this.env.complete(controller.host.stop(), `${controller.id} to stop`);
    controller.cluster.stop();
    await this.env.complete(controller.transport.close(), 'the transport to close');
    this.kill(controller);
  }

  alive(): readonly Controller[] {
    return this.controllers.filter(({ isDead }) => !isDead);
  }

  /** Per shard, the controllers that would accept a command for it now. */
  owners(): readonly (readonly string[])[] {
    return Array.from({ length: SHARDS }, (_, shard) =>
      this.alive()
        .filter(({ cluster }) => cluster.shards.isServing(shard))
        .map(({ id }) => id),
    );
  }

  /** Runs until each shard has exactly one owner, and that is where it belongs. */
  async settled(withinMs = 20_000): Promise<void> {
    await this.env.runUntil(
      () => this.owners().every((owners) => owners.length === 1),
      'each shard to have one owner',
      withinMs,
    );
  }
}
