// What every process of a walk has in common: it starts, serves, and dies at any moment, its disk and its host outliving
// it. Whoever asks it for something does so as a client would, through its own task list.
import type { Assembly } from '../../src/assembly.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { Machine } from '#actors/node/machine.ts';
import type { EmbeddedNetworks } from '#actors/services/network/embedded.ts';
import type { GuestSpec, GuestState } from '#hypervisor/port.ts';
import { SimulatedHypervisor } from '#hypervisor/simulated/driver.ts';
import type { SimulatedHost } from '#hypervisor/simulated/host.ts';
import { SimulatedHostNetwork } from '#hypervisor/simulated/network.ts';
import { SimulatedStorage } from '#hypervisor/simulated/storage.ts';
import type { MemoryJournal } from '#runtime/journal/memory.ts';
import type { AppendRequest, Journal } from '#runtime/journal/port.ts';
import type { ActorSystem } from '#runtime/system/system.ts';
import type { VirtualMember } from '#test/support/virtual-env.ts';
import { Boundaries, cutCalls, cutJournal } from './boundaries.ts';

export interface Heard {
  readonly reply?: unknown;
  readonly error?: unknown;
}

/** A store's usual latency. */
export const STORE_MS = 3;

/** How a store misbehaves; of journals and cluster stores alike. */
export interface StoreFaults {
  readonly minLatencyMs?: number;
  readonly maxLatencyMs?: number;
  readonly isUnavailable?: boolean;
  readonly isFull?: boolean;
  readonly lostReplyChance?: number;
  readonly lostWriteChance?: number;
  readonly lateWriteChance?: number;
  /** The table of members and shards is as it always is. */
  readonly isJournalOnly?: boolean;
}

/** Hears what processes ask for, at once. */
export interface Watch {
  /** An append of the owner was refused: the stream is further than its owner knew, and no answer was lost. */
  conflict(process: Process, request: AppendRequest): void;
  /** A guest is to be started, but not from memory. */
  bootAsked(host: SimulatedHost, spec: GuestSpec): void;
}

export interface ProcessOptions {
  /** It reached the boundary at which it was to die. */
  readonly onDeath: () => void;
  readonly watch: Watch;
}

export abstract class Process {
  readonly name: string;
  readonly member: VirtualMember;
  readonly boundaries: Boundaries;
  readonly watch: Watch;
  phase: 'starting' | 'serving' | 'stopping' | 'dead' = 'starting';
  readonly #connections = new Set<() => void>();
  #knowsItsWrites = true;

  constructor(name: string, member: VirtualMember, { onDeath, watch }: ProcessOptions) {
    this.name = name;
    this.member = member;
    this.watch = watch;
    this.boundaries = new Boundaries(undefined, onDeath);
  }

  get isDead(): boolean {
    return this.phase === 'dead';
  }

  abstract readonly journal: MemoryJournal;

  /** What ends with the process at the other side of a connection. */
  onConnectionsEnd(end: () => void): void {
    this.#connections.add(end);
  }

  /** In the order of production; rejects if it can't start. Whoever started it then ends it. */
  abstract start(): Promise<void>;
  protected abstract stop(): Promise<void>;
  /** Its actors; undefined while there are none. */
  protected abstract system(): ActorSystem | undefined;

  setStore(faults: StoreFaults): void {
    const { isUnavailable, isFull, lostReplyChance, lostWriteChance, lateWriteChance } = faults;
    const wrong = [isUnavailable, isFull, lostReplyChance, lostWriteChance, lateWriteChance];
    if (wrong.some((one) => one !== undefined)) this.#knowsItsWrites = false;
    this.journal.setFaults(faults);
  }

  /** As the process uses it: it may die at each append, and is watched. */
  protected watchedJournal(): Journal {
    return cutJournal(this.journal, this.boundaries, (request) => {
      if (this.#knowsItsWrites) this.watch.conflict(this, request);
    });
  }

  /** kill -9: nothing of it runs any more. */
  kill(): void {
    if (this.isDead) return;
    this.phase = 'dead';
    this.boundaries.end();
    this.member.kill();
    this.journal.crash();
    this.system()?.abandon();
    for (const end of this.#connections) end();
  }

  /** Ends as SIGTERM does, and then is dead. */
  async shutDown(): Promise<void> {
    this.phase = 'stopping';
    await this.stop();
  }

  /** Runs `work` in the process, and hands over what came of it; nothing if the process dies before. */
  ask(work: () => Promise<unknown>, heard: (outcome: Heard) => void): void {
    const tell = (outcome: Heard): void => {
      if (!this.isDead) heard(outcome);
    };
    this.member.env.timers.soon(() => {
      work().then(
        (reply) => tell({ reply }),
        (error: unknown) => tell({ error }),
      );
    });
  }
}

/** A process that takes users' requests. */
export abstract class Controller extends Process {
  abstract readonly assembly: Assembly;
  abstract readonly networks: EmbeddedNetworks;

  seen(serverId: string): InstanceState | undefined {
    return this.phase === 'starting'
      ? undefined
      : this.assembly.entities.view(instanceDefinition).get(serverId);
  }

  protected override system(): ActorSystem | undefined {
    return this.assembly.system;
  }
}

/** The ports of a host for a process: calls may be its last, and answers reach it only while it runs. */
export function portsOf(
  host: SimulatedHost,
  process: Process,
): Pick<Machine, 'host' | 'hypervisor' | 'storage' | 'network'> {
  const ours = mortal(host, process);
  const hypervisor = new WatchedHypervisor(host, process.watch);
  process.onConnectionsEnd(() => hypervisor.migrations.forget());
  const port = <T extends object>(part: T, name: string): T =>
    delivered(cutCalls(part, name, process.boundaries), process);
  return {
    host: host.name,
    hypervisor: port(hypervisor, 'hypervisor'),
    storage: port(new SimulatedStorage(ours), 'storage'),
    network: port(new SimulatedHostNetwork(ours), 'network'),
  };
}

class WatchedHypervisor extends SimulatedHypervisor {
  readonly #host: SimulatedHost;
  readonly #watch: Watch;

  constructor(host: SimulatedHost, watch: Watch) {
    super(host);
    this.#host = host;
    this.#watch = watch;
  }

  override create(...asked: Parameters<SimulatedHypervisor['create']>): Promise<GuestState> {
    this.#watch.bootAsked(this.#host, asked[0]);
    return super.create(...asked);
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

type Call = (...args: readonly unknown[]) => unknown;

/** Answers and events come in through the process's task list: a process that stands still gets them later. */
function delivered<T extends object>(part: T, process: Process): T {
  const { member } = process;
  const soon = (fn: () => void): void => void member.env.timers.soon(fn);
  return new Proxy(part, {
    get: (target, property) => {
      const method = Reflect.get(target, property, target) as unknown;
      if (property === 'migrations') return delivered(method as object, process);
      if (typeof method !== 'function') return method;
      const call: Call = (...args) => (method as Call).apply(target, [...args]);
      if (property === 'subscribe')
        return (listener: (event: unknown) => void) =>
          call((event: unknown) => soon(() => listener(event)));
      return (...args: readonly unknown[]): unknown => {
        const answer = call(...args);
        if (!(answer instanceof Promise)) return answer;
        return new Promise((resolve, reject) => {
          answer.then(
            (value) => soon(() => resolve(value)),
            (error: unknown) => soon(() => reject(error)),
          );
        });
      };
    },
  });
}
