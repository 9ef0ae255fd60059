// Puts the actors of a cloud together over whatever ports it is given: real ones in main.ts, simulated ones in tests
// and in the simulator. The same code runs in all of them. No port is opened here.
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';
import type { Authority } from '#runtime/entity/authority.ts';
import type { EffectRunner } from '#runtime/entity/effects.ts';
import { EntityHost } from '#runtime/directory/host.ts';
import type { Router } from '#runtime/directory/router.ts';
import type { Env } from '#runtime/env/env.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { type ActorSystem, createActorSystem } from '#runtime/system/system.ts';
import { Auditor } from '#actors/audit/audit.ts';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { serverGroupEffects } from '#actors/group/effects.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { instanceEffects } from '#actors/instance/effects.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { Placement } from '#actors/instance/placement.ts';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import { NodeActor, type NodeActorOptions } from '#actors/node/actor.ts';
import { AllNodes } from '#actors/node/all-nodes.ts';
import type { NodeClient } from '#actors/node/client.ts';
import { LocalNodes } from '#actors/node/local-nodes.ts';
import type { Machine } from '#actors/node/machine.ts';
import { type DiskRange, NodeFault } from '#actors/node/protocol.ts';
import type { ImageWriter } from '#actors/ports/image-writer.ts';
import type { Networks } from '#actors/ports/networks.ts';
import { placementEffects } from '#actors/placement/effects.ts';
import { placementDefinition, placementNamesDefinition } from '#actors/placement/entity.ts';
import { projectEffects } from '#actors/project/effects.ts';
import { makeProjectDefinition } from '#actors/project/entity.ts';
import type { QuotaLimits } from '#actors/project/protocol.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { SchedulerActor } from '#actors/scheduler/actor.ts';
import { ConsumerIndex } from '#actors/scheduler/consumers.ts';
import type { SchedulerSettings } from '#actors/scheduler/settings.ts';
import { ViewScheduler } from '#actors/scheduler/view-scheduler.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';

export interface AssemblyOptions {
  readonly env: Env;
  readonly name: string;
  readonly journal: Journal;
  /** Which entities this process may write to: all of them, or those of its shards. */
  readonly authority: Authority;
  readonly quotas: QuotaLimits;
  /** Default: defaultSchedulerSettings. */
  readonly scheduler?: SchedulerSettings;
  /** How entities of other members are asked; without it this process is alone and has them all. */
  readonly routeThrough?: (local: EntityHost) => Router;
  /** The hosts of compute members; without it the hosts of this process are all that there are. */
  readonly remoteNodes?: NodeClient;
  /** Between an effect and its runner: tests cut here. */
  readonly aroundEffects?: (kind: string, run: EffectRunner) => EffectRunner;
}

/** A neighbour service's entities, registered beside compute's. */
export interface ServiceKind {
  readonly definition: AnyEntityDefinition;
  readonly run?: EffectRunner;
}

export class Assembly {
  readonly env: Env;
  readonly system: ActorSystem;
  /** The states of all entities, and the actors of those that are owned here. */
  readonly entities: EntityHost;
  /** Asks an entity, wherever it lives. */
  readonly router: Router;
  /** The hosts of this process. */
  readonly nodes = new LocalNodes();
  /** All hosts of the cloud, as far as they are reached from here. */
  readonly allNodes: NodeClient;
  readonly consumers: ConsumerIndex;
  readonly #options: AssemblyOptions;
  #auditor: Auditor | undefined;
  #scheduler: ViewScheduler | undefined;
  #networks: Networks | undefined;
  #images: ImageWriter | undefined;

  constructor(options: AssemblyOptions) {
    const { env, name, journal, authority, routeThrough, remoteNodes } = options;
    this.#options = options;
    this.env = env;
    this.system = createActorSystem({ env, name });
    const isShared = routeThrough !== undefined;
    this.entities = new EntityHost({ env, system: this.system, journal, authority, isShared });
    this.router = routeThrough?.(this.entities) ?? this.entities;
    this.allNodes = remoteNodes === undefined ? this.nodes : new AllNodes(this.nodes, remoteNodes);
    this.#registerCompute();
    this.consumers = new ConsumerIndex(this.entities.view(providerDefinition));
  }

  /** The choice of hosts over the states of this process; after `recover`. */
  get scheduler(): ViewScheduler {
    const { entities, consumers } = this;
    this.#scheduler ??= new ViewScheduler({
      views: entities,
      hosts: entities.view(hostDefinition),
      aggregates: entities.view(aggregatesDefinition),
      providers: entities.view(providerDefinition),
      servers: entities.view(instanceDefinition),
      groups: entities.view(serverGroupsDefinition),
      nodes: this.allNodes,
      holders: (serverId) => consumers.holders(serverId),
      monotonicMs: () => this.env.clock.monotonic(),
      ...(this.#options.scheduler === undefined ? {} : { settings: this.#options.scheduler }),
    });
    return this.#scheduler;
  }

  /** Adds a neighbour's entities; before `recover`. */
  register({ definition, run }: ServiceKind): void {
    const around = this.#options.aroundEffects ?? ((_kind: string, runner: EffectRunner) => runner);
    this.entities.register({
      definition,
      ...(run === undefined ? {} : { run: around(definition.kind, run) }),
    });
  }

  /** The network service that servers get their ports from; before `start`. */
  useNetworks(networks: Networks): void {
    this.#networks = networks;
    const servers = this.entities.view(instanceDefinition);
    this.#auditor = new Auditor({
      env: this.env,
      router: this.router,
      servers,
      consumers: this.consumers,
      hosts: this.entities.view(hostDefinition),
      providers: this.entities.view(providerDefinition),
      networks,
    });
  }

  /** The image service that takes images of servers; before `start`. */
  useImages(images: ImageWriter): void {
    this.#images = images;
  }

  /** All states are in memory afterwards; nothing runs yet. */
  recover(): Promise<{ readonly entities: number }> {
    return this.entities.recover();
  }

  /** Operations go on where they were; after this process's hosts were added, so that they can be found. */
  start(): void {
    this.entities.resume();
    if (this.router === this.entities) this.auditing(true);
  }

  /** One process of a cloud audits; in a cluster the one that leads is told so. */
  auditing(isOn: boolean): void {
    this.#auditor?.stop();
    if (isOn) this.#auditor?.start();
  }

  /** Takes up a compute host of this process: registers it and adopts its guests. */
  async addNode(
    machine: Omit<Machine, 'sourceDisk' | 'address'>,
    options: Pick<NodeActorOptions, 'availabilityZone' | 'hostIp' | 'inventories'>,
  ): Promise<void> {
    const node = new NodeActor({
      machine: {
        ...machine,
        address: options.hostIp,
        sourceDisk: (range) => this.#sourceDisk(range),
      },
      system: this.system,
      router: this.router,
      ledger: this.entities,
      ledgerStates: this.entities.view(ledgerDefinition),
      ...options,
    });
    this.nodes.add(node);
    await node.start();
  }

  /** Of a server that is moved to a host of this process, at the other end. */
  #sourceDisk(range: DiskRange): Promise<Uint8Array> {
    const move = this.entities.view(instanceDefinition).get(range.serverId)?.move;
    if (move === undefined)
      throw new NodeFault('not-found', `server ${range.serverId} is not being moved`, {
        retryable: false,
      });
    return this.allNodes.readDisk(move.source.host, range);
  }

  async audit(): Promise<void> {
    await this.#auditor?.audit();
  }

  async stop(): Promise<void> {
    this.#auditor?.stop();
    await this.entities.stop();
    await Promise.all(this.nodes.all().map((node) => node.stop()));
    await this.system.shutdown();
  }

  #registerCompute(): void {
    const { env, quotas } = this.#options;
    const { entities } = this;
    const projects = makeProjectDefinition(quotas);
    for (const definition of [
      flavorsDefinition,
      keypairsDefinition,
      hostDefinition,
      aggregatesDefinition,
      consoleTokensDefinition,
      providerDefinition,
      ledgerDefinition,
      placementNamesDefinition,
    ])
      this.register({ definition });
    this.register({
      definition: placementDefinition,
      run: (effect, context) => runPlacement(effect, context),
    });
    this.register({ definition: projects, run: (effect, context) => runSettle(effect, context) });
    this.register({
      definition: serverGroupsDefinition,
      run: (effect, context) => runGroupSettle(effect, context),
    });
    this.register({
      definition: instanceDefinition,
      run: (effect, context) => runInstance(effect, context),
    });
    const runPlacement = placementEffects({
      router: this.router,
      states: entities.view(placementDefinition),
    });
    const runGroupSettle = serverGroupEffects({
      env,
      router: this.router,
      states: entities.view(serverGroupsDefinition),
    });
    const runSettle = projectEffects({ env, router: this.router, states: entities.view(projects) });
    const runInstance = this.#instanceRunner();
  }

  /** Made at its first effect: the network service joins after the actors are registered. */
  #instanceRunner(): ReturnType<typeof instanceEffects> {
    let run: ReturnType<typeof instanceEffects> | undefined;
    return (effect, context) => {
      run ??= this.#makeInstanceRunner();
      return run(effect, context);
    };
  }

  #makeInstanceRunner(): ReturnType<typeof instanceEffects> {
    const { entities, system, consumers, allNodes: nodes } = this;
    if (this.#networks === undefined)
      throw new Error('the assembly has no network service: useNetworks comes before start');
    if (this.#images === undefined)
      throw new Error('the assembly has no image service: useImages comes before start');
    const scheduler = new SchedulerActor({ system, name: 'scheduler', scheduler: this.scheduler });
    return instanceEffects({
      env: this.env,
      log: this.env.log,
      router: this.router,
      states: entities.view(instanceDefinition),
      placement: new Placement({
        router: this.router,
        scheduler,
        consumers,
        requestOf: (serverId) => entities.view(instanceDefinition).get(serverId)?.request,
      }),
      networks: this.#networks,
      nodes,
      images: this.#images,
    });
  }
}
