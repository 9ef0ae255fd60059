// A whole cloud on virtual time: production code over a simulated disk and simulated hosts that outlive its process.
// `boot` starts the process, `kill` ends it as kill -9 does, at any boundary that a test names (test/sim/boundaries.ts).
import { Assembly } from '../../src/assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { OperationParameters } from '#actors/instance/parameters.ts';
import { instances, type OperationName } from '#actors/instance/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { hosts } from '#actors/topology/protocol.ts';
import { projects } from '#actors/project/protocol.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { writerSink } from '#actors/node/image-sink.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { type EmbeddedNetworks, embeddedNetworks } from '#actors/services/network/embedded.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { seedNetwork } from '#actors/services/network/seed.ts';
import { defaultNetworkSettings } from '#actors/services/network/settings.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost, type SimulatedHostOptions } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import { soleAuthority } from '#runtime/entity/authority.ts';
import type { Log } from '#runtime/env/env.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { Boundaries, cutCalls, cutEffects, cutJournal } from '#test/sim/boundaries.ts';
import { violationsOf } from '#test/sim/invariants.ts';
import { parametersFor } from './operation-parameters.ts';
import { serverRequest } from './servers.ts';
import { WrittenImages } from './written-images.ts';
import { testImageIds, testImageSource } from './test-image.ts';
import { createVirtualEnv, type VirtualEnv, type VirtualMember } from './virtual-env.ts';

export interface Running {
  readonly assembly: Assembly;
  readonly networks: EmbeddedNetworks;
  readonly journal: MemoryJournal;
  readonly member: VirtualMember;
  readonly boundaries: Boundaries;
  /** What ends with it at the other side of a connection. */
  readonly connections: (() => void)[];
  isDead: boolean;
}

/** `unknown`: the process died, or said that it does not know. */
export type Answer = 'acknowledged' | 'refused' | 'unknown';

export interface SimulatedCloudOptions {
  readonly seed: number | string;
  readonly hosts?: number;
  readonly host?: Omit<SimulatedHostOptions, 'env' | 'name' | 'statePath'>;
}

export const projectId = 'project-1';

export class SimulatedCloud {
  readonly env: VirtualEnv;
  readonly hosts: readonly SimulatedHost[];
  readonly images = new WrittenImages();
  /** What was logged as an error: holes that were found and mended. */
  readonly alarms: string[] = [];
  readonly #restoreGlobals: () => void;
  #disk: MemoryJournal['disk'] | undefined;
  #boots = 0;
  #asked = 0;
  running: Running | undefined;

  constructor(options: SimulatedCloudOptions) {
    this.env = createVirtualEnv({ seed: options.seed, log: alarmLog(this.alarms) });
    this.#restoreGlobals = this.env.installGlobals();
    this.hosts = Array.from(
      { length: options.hosts ?? 1 },
      (_, index) =>
        new SimulatedHost({ ...options.host, env: this.env, name: `host-${index + 1}` }),
    );
  }

  dispose(): void {
    this.#restoreGlobals();
  }

  /** The simulated host, which must exist: numbers start at 1. */
  host(number: number): SimulatedHost {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`there is no host ${number}`);
    return host;
  }

  /** Starts the process; it dies at its `dieAt`th boundary. Resolves when it has started, or died. */
  async boot(dieAt?: number): Promise<Running> {
    this.#boots += 1;
    const name = `process-${this.#boots}`;
    const member = this.env.member(name);
    const journal = openMemoryJournal({
      env: member.env,
      ...(this.#disk === undefined ? {} : { disk: this.#disk }),
    });
    this.#disk = journal.disk;
    const boundaries = new Boundaries(dieAt, () => this.kill());
    const assembly = new Assembly({
      env: member.env,
      name,
      journal: cutJournal(journal, boundaries),
      quotas: defaultQuotaLimits,
      authority: soleAuthority({ epoch: this.#boots }, () => undefined),
      aroundEffects: cutEffects(boundaries),
    });
    const networks = joinNetworks(assembly);
    assembly.useImages(cutCalls(this.images, 'images', boundaries));
    const running: Running = {
      assembly,
      networks,
      journal,
      member,
      boundaries,
      connections: [],
      isDead: false,
    };
    this.running = running;
    await this.#orDeath(this.#start(running));
    return running;
  }

  /** In the order of main.ts. */
  async #start(running: Running): Promise<void> {
    const { assembly, member } = running;
    const { entities } = assembly;
    await assembly.recover();
    await seedNetwork(
      {
        env: member.env,
        router: entities,
        views: entities,
        networks: entities.view(networkDefinition),
      },
      { name: 'private', projectId: 'admin', cidr: '10.87.0.0/20', mtu: 1500, dnsServers: [] },
    );
    await Promise.all(this.hosts.map((host) => this.#addNode(running, host)));
    assembly.start();
  }

  /** kill -9: nothing runs any more; disk and hosts stay as they are. */
  kill(): void {
    const { running } = this;
    if (running === undefined || running.isDead) return;
    running.isDead = true;
    running.boundaries.end();
    running.member.kill();
    running.journal.crash();
    running.assembly.system.abandon();
    for (const end of running.connections) end();
  }

  /** Ends the process as SIGTERM does. */
  async shutDown(): Promise<void> {
    const running = this.#alive();
    await this.#orDeath(running.assembly.stop());
    this.kill();
  }

  #addNode(running: Running, host: SimulatedHost): Promise<void> {
    const { assembly, networks, member, boundaries } = running;
    const cut = <T extends object>(part: T, name: string): T => cutCalls(part, name, boundaries);
    const ours = mortal(host, running);
    const hypervisor = new SimulatedHypervisor(host);
    running.connections.push(() => hypervisor.migrations.forget());
    return assembly.addNode(
      {
        env: member.env,
        cluster: 'test',
        host: host.name,
        hypervisor: cut(hypervisor, 'hypervisor'),
        storage: cut(new SimulatedStorage(ours), 'storage'),
        network: cut(new SimulatedHostNetwork(ours), 'network'),
        imageSource: testImageSource,
        imageSink: writerSink(() => cut(this.images, 'images')),
        imageIds: () => testImageIds,
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

  /** Runs until the promise settles or the process is dead; a rejection of a living process is thrown. */
  async #orDeath(promise: Promise<unknown>): Promise<void> {
    let outcome: { readonly error?: unknown } | undefined;
    promise.then(
      () => (outcome = {}),
      (error: unknown) => (outcome = { error }),
    );
    await this.env.runUntil(
      () => outcome !== undefined || this.running?.isDead === true,
      'the process to start, to stop or to die',
    );
    if (this.running?.isDead === false && outcome?.error !== undefined) throw outcome.error;
  }

  /** What POST /servers does. */
  async create(serverId: string, changes: Partial<ServerRequest> = {}): Promise<Answer> {
    const { assembly, networks } = this.#alive();
    const [network] = networks.listUsable(projectId);
    if (network === undefined) throw new Error('the cloud has no network');
    const port = { portId: portOf(serverId), existing: false, networkId: network.id };
    const request = serverRequest({ networks: [port], ...changes });
    const asked = { requestId: `req-create-${serverId}` };
    const usage = { cores: request.flavor.vcpus, ramMiB: request.flavor.ramMiB };
    return this.#answer(async () => {
      const reserved = await this.#reserve(serverId, usage);
      if (isRefusal(reserved)) return reserved;
      return assembly.entities.ask(
        instances.ref(serverId),
        { type: 'instance.create', request, operationId: `create-${serverId}` },
        asked,
      );
    });
  }

  /** What POST /servers does when it dies halfway: quota without a server. */
  reserve(serverId: string): Promise<Answer> {
    return this.#answer(() => this.#reserve(serverId, { cores: 1, ramMiB: 96 }));
  }

  #reserve(serverId: string, usage: { cores: number; ramMiB: number }): Promise<unknown> {
    return this.#alive().assembly.entities.ask(
      projects.ref(projectId),
      { type: 'project.reserve', servers: [{ serverId, usage }], userId: 'user-1' },
      { requestId: `req-create-${serverId}` },
    );
  }

  /** What an action, or DELETE, does. */
  async operate(
    serverId: string,
    operation: OperationName,
    parameters?: OperationParameters,
  ): Promise<Answer> {
    const { assembly } = this.#alive();
    this.#asked += 1;
    const operationId = `${operation}-${serverId}-${this.#asked}`;
    const actor = { userId: 'user-1', projectId, isAdmin: false };
    return this.#answer(() =>
      assembly.entities.ask(
        instances.ref(serverId),
        {
          type: 'instance.operate',
          operation,
          operationId,
          actor,
          ...(parameters === undefined ? parametersFor(operation) : { parameters }),
        },
        { requestId: `req-${operationId}` },
      ),
    );
  }

  /** The host of a server dies, and an administrator says so; its power comes back with `unfence`. */
  async fence(number: number): Promise<void> {
    this.host(number).losePower();
    await this.#force(number, true);
  }

  async unfence(number: number): Promise<void> {
    this.host(number).restoreConnection();
    await this.#force(number, false);
  }

  async #force(number: number, forcedDown: boolean): Promise<void> {
    const { assembly } = this.#alive();
    await this.#answer(() =>
      assembly.entities.ask(
        hosts.ref(this.host(number).name),
        { type: 'host.force-down', forcedDown },
        { requestId: `req-force-${number}-${forcedDown}` },
      ),
    );
  }

  async #answer(ask: () => Promise<unknown>): Promise<Answer> {
    let answer: Answer | undefined;
    ask().then(
      (given) => (answer = isRefusal(given) ? 'refused' : 'acknowledged'),
      () => (answer = 'unknown'),
    );
    await this.env.runUntil(
      () => answer !== undefined || this.running?.isDead === true,
      'an answer or death',
    );
    return answer ?? 'unknown';
  }

  /** Runs until no server has an operation under way, or the process is dead. */
  async rest(withinMs = 600_000): Promise<void> {
    const { running } = this;
    await this.env.runUntil(
      () =>
        running?.isDead === true ||
        this.servers().every((server) => server.operation === undefined),
      'all servers to come to rest',
      withinMs,
    );
  }

  /** Rest, and long enough after it for relists, settlements and audits to have passed. */
  async quiet(withinMs?: number): Promise<void> {
    await this.rest(withinMs);
    await this.env.advance(180_000);
    await this.rest(withinMs);
  }

  servers(): readonly InstanceState[] {
    return [...this.#current().assembly.entities.view(instanceDefinition).values()];
  }

  server(serverId: string): InstanceState | undefined {
    return this.#current().assembly.entities.view(instanceDefinition).get(serverId);
  }

  /** The invariants of a cloud at rest, as a list of what is broken. */
  violations(): Promise<readonly string[]> {
    const found = violationsOf(this.#current().assembly.entities, this.hosts);
    const unfinished = this.images.unfinished().map((id) => `image ${id} has no bytes`);
    return Promise.resolve([...found, ...unfinished]);
  }

  #current(): Running {
    if (this.running === undefined) throw new Error('no process was booted');
    return this.running;
  }

  #alive(): Running {
    const running = this.#current();
    if (running.isDead) throw new Error('the process is dead');
    return running;
  }
}

function alarmLog(alarms: string[]): Log {
  const nothing = (): void => undefined;
  const log: Log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (_fields, message) => void alarms.push(message),
    child: () => log,
  };
  return log;
}

/**
 * What the process does to the host by itself ends with it. What it asked of the hypervisor's daemon does not: that may
 * come true after the process's death.
 */
function mortal(host: SimulatedHost, running: Running): SimulatedHost {
  const perform: SimulatedHost['perform'] = (operation, effect) =>
    host.perform(operation, () => {
      if (running.isDead) throw new Error('who asked for this is dead');
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

function portOf(serverId: string): string {
  return `4444${serverId.slice(4)}`;
}

function joinNetworks(assembly: Assembly): EmbeddedNetworks {
  const { entities, env } = assembly;
  assembly.register({ definition: networkDefinition });
  assembly.register({ definition: tenancyDefinition });
  const networks = embeddedNetworks({
    env,
    router: entities,
    networks: entities.view(networkDefinition),
    tenancies: entities.view(tenancyDefinition),
    settings: defaultNetworkSettings,
  });
  assembly.useNetworks(networks);
  return networks;
}
