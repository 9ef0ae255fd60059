// A whole cloud on virtual time: production code over a simulated disk and simulated hosts that outlive its process.
// `boot` starts the process, `kill` ends it as kill -9 does, at any boundary that a test names.
import { Assembly, type AssemblyOptions } from '../../src/assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import { instances, type OperationName } from '#actors/instance/protocol.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import { bucketEntries } from '#actors/domain/bucket-map.ts';
import type { ServerRequest } from '#actors/domain/server.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { projects } from '#actors/project/protocol.ts';
import { defaultQuotaLimits } from '#actors/project/core.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import { defaultInventories } from '#actors/scheduler/inventories.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import type { Env } from '#runtime/env/env.ts';
import { type MemoryJournal, openMemoryJournal } from '#runtime/journal/memory.ts';
import type { Journal } from '#runtime/journal/port.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { FakeNetworks } from './fake-networks.ts';
import { serverRequest } from './servers.ts';
import { testImageSource } from './test-image.ts';
import { createVirtualEnv, type VirtualEnv, type VirtualMember } from './virtual-env.ts';

/** Counts the moments at which a process may die, and dies at one of them. */
export class Boundaries {
  passed = 0;
  readonly names: string[] = [];
  readonly #dieAt: number | undefined;
  readonly #die: () => void;

  constructor(dieAt: number | undefined, die: () => void) {
    this.#dieAt = dieAt;
    this.#die = die;
  }

  /** True when this is the moment: the caller must not go on. */
  pass(name: string): boolean {
    this.passed += 1;
    this.names.push(name);
    if (this.passed !== this.#dieAt) return false;
    this.#die();
    return true;
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export interface Running {
  readonly assembly: Assembly;
  readonly journal: MemoryJournal;
  readonly member: VirtualMember;
  readonly boundaries: Boundaries;
  isDead: boolean;
}

export class SimulatedCloud {
  readonly env: VirtualEnv;
  readonly hosts: readonly SimulatedHost[];
  readonly networks = new FakeNetworks();
  readonly #restoreGlobals: () => void;
  #disk: MemoryJournal['disk'] | undefined;
  #boots = 0;
  running: Running | undefined;

  constructor(options: { readonly seed: number; readonly hosts?: number }) {
    this.env = createVirtualEnv({ seed: options.seed });
    this.#restoreGlobals = this.env.installGlobals();
    this.hosts = Array.from(
      { length: options.hosts ?? 1 },
      (_, index) => new SimulatedHost({ env: this.env, name: `host-${index + 1}` }),
    );
  }

  dispose(): void {
    this.#restoreGlobals();
  }

  /** Starts the process; it dies at its `dieAt`th boundary. Resolves when it has recovered, or died. */
  async boot(dieAt?: number): Promise<Running> {
    this.#boots += 1;
    const member = this.env.member(`process-${this.#boots}`);
    const journal = openMemoryJournal({
      env: member.env,
      ...(this.#disk === undefined ? {} : { disk: this.#disk }),
    });
    this.#disk = journal.disk;
    const boundaries = new Boundaries(dieAt, () => this.kill());
    const options: AssemblyOptions = {
      env: member.env,
      name: `process-${this.#boots}`,
      journal: cutJournal(journal, boundaries),
      epoch: this.#boots,
      quotas: defaultQuotaLimits,
      onFenced: () => undefined,
      aroundEffects: (kind, run) => async (effect: { id: string }, context) => {
        if (boundaries.pass(`${kind} effect ${effect.id} starts`)) return never();
        const command = await run(effect as never, context);
        if (boundaries.pass(`${kind} effect ${effect.id} ends`)) return never();
        return command;
      },
    };
    const assembly = new Assembly(options);
    assembly.useNetworks(this.networks);
    this.running = { assembly, journal, member, boundaries, isDead: false };
    const { running } = this;
    await this.#orDeath(assembly.recover());
    const nodes = this.hosts.map((host) => this.#addNode(running, host));
    await this.#orDeath(Promise.all(nodes));
    if (!running.isDead) assembly.start();
    return running;
  }

  /** kill -9: nothing runs any more; disk and hosts stay as they are. */
  kill(): void {
    const { running } = this;
    if (running === undefined || running.isDead) return;
    running.isDead = true;
    running.member.kill();
    running.journal.crash();
    running.assembly.system.abandon();
  }

  #addNode(running: Running, host: SimulatedHost): Promise<void> {
    const env: Env = running.member.env;
    const cut = <T extends object>(part: T, name: string): T =>
      cutCalls(part, name, running.boundaries);
    return running.assembly.addNode(
      {
        env,
        cluster: 'test',
        host: host.name,
        hypervisor: cut(new SimulatedHypervisor(host), 'hypervisor'),
        storage: cut(new SimulatedStorage(host), 'storage'),
        network: cut(new SimulatedHostNetwork(host), 'network'),
        imageSource: testImageSource,
        networkSpec: (networkId) => this.networks.hostSpec(networkId),
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

  /** Runs until the promise settles or the process is dead. */
  async #orDeath(promise: Promise<unknown>): Promise<void> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.env.runUntil(
      () => isSettled || this.running?.isDead === true,
      'the process to start or to die',
    );
  }

  /** What POST /servers does. True if it was acknowledged before the process died. */
  async create(serverId: string, changes: Partial<ServerRequest> = {}): Promise<boolean> {
    const request = serverRequest({ networks: [this.networks.request(serverId)], ...changes });
    const { assembly } = this.#alive();
    const asked = { requestId: `req-create-${serverId}` };
    return this.#acknowledged(async () => {
      const usage = { cores: request.flavor.vcpus, ramMiB: request.flavor.ramMiB };
      await assembly.entities.ask(
        projects.ref(request.projectId),
        { type: 'project.reserve', servers: [{ serverId, usage }] },
        asked,
      );
      return assembly.entities.ask(
        instances.ref(serverId),
        { type: 'instance.create', request, operationId: `create-${serverId}` },
        asked,
      );
    });
  }

  /** What an action, or DELETE, does. */
  async operate(serverId: string, operation: OperationName): Promise<boolean> {
    const { assembly } = this.#alive();
    const actor = { userId: 'user-1', projectId: 'project-1', isAdmin: false };
    const operationId = `${operation}-${serverId}-${this.#boots}`;
    return this.#acknowledged(() =>
      assembly.entities.ask(
        instances.ref(serverId),
        { type: 'instance.operate', operation, operationId, actor },
        { requestId: `req-${operationId}` },
      ),
    );
  }

  async #acknowledged(ask: () => Promise<unknown>): Promise<boolean> {
    let outcome: 'open' | 'yes' | 'no' = 'open';
    ask().then(
      (answer) => {
        outcome = isRefusal(answer) ? 'no' : 'yes';
      },
      () => {
        outcome = 'no';
      },
    );
    await this.env.runUntil(() => outcome !== 'open' || this.running?.isDead === true, 'an answer');
    return (outcome as string) === 'yes';
  }

  /** Runs until no server has an operation under way, or the process is dead. */
  async rest(withinMs = 600_000): Promise<void> {
    const { running } = this;
    await this.env.runUntil(
      () =>
        running?.isDead === true ||
        [...this.servers()].every((server) => server.operation === undefined),
      'all servers to come to rest',
      withinMs,
    );
  }

  servers(): readonly InstanceState[] {
    return [...this.#current().assembly.entities.view(instanceDefinition).values()];
  }

  server(serverId: string): InstanceState | undefined {
    return this.#current().assembly.entities.view(instanceDefinition).get(serverId);
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

  /** Invariants I1, I3–I6 of a cloud at rest, as a list of what is broken. */
  async violations(): Promise<readonly string[]> {
    const { entities } = this.#current().assembly;
    const broken: string[] = [];
    const live = this.servers().filter((server) => server.existence === 'exists');
    const granted = live.filter((server) => server.grant !== undefined);
    const ids = (list: readonly { readonly id: string }[]): string =>
      list
        .map(({ id }) => id)
        .sort()
        .join(' ');
    const same = (what: string, found: readonly string[], wanted: string): void => {
      const list = [...found].sort().join(' ');
      if (list !== wanted) broken.push(`${what}: found [${list}], wanted [${wanted}]`);
    };
    same(
      'claims = placed servers',
      [...entities.view(providerDefinition).values()].flatMap((provider) =>
        [...bucketEntries(provider.allocations)].map(([id]) => id),
      ),
      ids(granted),
    );
    same(
      'quota = live servers',
      [...entities.view(projectDefinition).values()].flatMap((project) =>
        [...bucketEntries(project.servers)].map(([id]) => id),
      ),
      ids(live),
    );
    same(
      'guests = running servers',
      this.hosts.flatMap((host) => guestsOf(host)),
      ids(granted.filter(({ vmState }) => vmState === 'active' || vmState === 'paused')),
    );
    same('ports = placed servers', this.networks.serversWithPorts(), ids(granted));
    const disks = await this.env.complete(
      Promise.all(this.hosts.map((host) => new SimulatedStorage(host).listGuests())),
      'the list of disks',
    );
    same('disks = placed servers', disks.flat(), ids(granted));
    return broken;
  }
}

function guestsOf(host: SimulatedHost): readonly string[] {
  return [...host.guests.all()].filter((guest) => guest.power !== 'off').map((guest) => guest.id);
}

/** An append may be lost before it is durable, or its answer after. */
function cutJournal(journal: Journal, boundaries: Boundaries): Journal {
  return new Proxy(journal, {
    get: (target, property) => {
      const member = Reflect.get(target, property, target) as unknown;
      if (typeof member !== 'function') return member;
      if (property !== 'append') return member.bind(target) as unknown;
      return async (request: Parameters<Journal['append']>[0]) => {
        const name = `${request.key} ${request.events.map((event) => event.type).join('+')}`;
        if (boundaries.pass(`before ${name}`)) return never();
        const result = await target.append(request);
        if (boundaries.pass(`after ${name}`)) return never();
        return result;
      };
    },
  });
}

/** Every asynchronous call of a port may be the last: before it takes effect, or after. */
function cutCalls<T extends object>(part: T, name: string, boundaries: Boundaries): T {
  return new Proxy(part, {
    get: (target, property) => {
      const member = Reflect.get(target, property, target) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]): unknown => {
        const isRead = [
          'find',
          'list',
          'subscribe',
          'paths',
          'diskPath',
          'hostInfo',
          'capacity',
          'listGuests',
        ].includes(String(property));
        if (!isRead && boundaries.pass(`before ${name}.${String(property)}`)) return never();
        const result = (member as (...all: readonly unknown[]) => unknown).apply(target, [...args]);
        if (isRead || !(result instanceof Promise)) return result;
        return result.then((value: unknown) =>
          boundaries.pass(`after ${name}.${String(property)}`) ? never() : value,
        );
      };
    },
  });
}
