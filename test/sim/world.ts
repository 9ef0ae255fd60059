// The world of a walk: a store, a network, hosts, and processes that come and go, all on one virtual clock. It is where
// things go wrong (nemeses.ts) and where users ask (users.ts); it decides nothing by itself, but that the supervisor of
// a dead process starts it again.
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { SimulatedGuest } from '#hypervisor/simulated/guest.ts';
import { SimulatedHost, type SimulatedHostOptions } from '#hypervisor/simulated/host.ts';
import type { StateTable } from '#hypervisor/simulated/state-log.ts';
import { SimulatedWire } from '#hypervisor/simulated/wire.ts';
import type { Cancel, Log } from '#runtime/env/env.ts';
import { createMemoryDisk, type MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { shardOf } from '#runtime/directory/shards.ts';
import type { EntityKey, JournalEntry } from '#runtime/journal/port.ts';
import { fenceOf } from '#runtime/membership/store.ts';
import { openMemoryClusterStore } from '#runtime/membership/memory-store.ts';
import { noFaults } from '#runtime/transport/memory/faults.ts';
import { createMemoryNetwork, type MemoryNetwork } from '#runtime/transport/memory/network.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { WrittenImages } from '#test/support/written-images.ts';
import { chosen } from './acts.ts';
import { ClusterController, SHARDS } from './cluster-controller.ts';
import { ComputeMember } from './compute-member.ts';
import { LoneController } from './lone-controller.ts';
import { Controller, type Process, STORE_MS, type Watch } from './process.ts';
import { Witness } from './witness.ts';

export interface WorldOptions {
  readonly seed: string;
  /** 0 or 1: one process has everything. */
  readonly controllers: number;
  readonly hosts: number;
  readonly shutdownMs: number;
  /** Chance that a call of a host takes time. */
  readonly slowChance: number;
  readonly isPunctual: boolean;
  /** Told what happens, in words. */
  readonly onNote: (text: string) => void;
}

export const DISK_BYTES = 1_024 * 1024 ** 3;
/** systemd's RestartSec after a start that failed. */
const RESTART_MS = 2_000;
const HEALING_MS = 100;

/** What is started anew whenever its process has died. */
interface Seat {
  readonly id: string;
  readonly host: SimulatedHost | undefined;
  /** A compute member's own. */
  readonly disk: MemoryDisk;
  starts: number;
  process: Process | undefined;
  cancelStart: Cancel | undefined;
}

class WatchedHost extends SimulatedHost {
  readonly #watch: (host: SimulatedHost, guest: SimulatedGuest | undefined) => void;

  constructor(options: SimulatedHostOptions, watch: WatchedHost['keepWatch']) {
    super(options);
    this.#watch = watch;
  }

  get keepWatch(): (host: SimulatedHost, guest: SimulatedGuest | undefined) => void {
    return this.#watch;
  }

  override keep(table: StateTable, key: string, value: unknown): void {
    super.keep(table, key, value);
    if (table === 'guest') this.#watch(this, value as SimulatedGuest | undefined);
  }
}

export class World {
  readonly env: VirtualEnv;
  readonly hosts: readonly SimulatedHost[];
  readonly network: MemoryNetwork;
  readonly disk: MemoryDisk = createMemoryDisk();
  readonly witness: Witness;
  readonly images = new WrittenImages();
  /** What guests' memory goes over. */
  readonly wire = new SimulatedWire();
  /** What was logged as an error: holes that were found and mended. */
  readonly alarms: string[] = [];
  /** Bugs that production code found in itself. */
  readonly crashes: string[] = [];
  readonly #options: WorldOptions;
  readonly #seats: readonly Seat[];
  readonly #restoreGlobals: () => void;
  readonly #endings = new Set<() => void>();

  constructor(options: WorldOptions) {
    const { seed, hosts, shutdownMs, slowChance } = options;
    this.#options = options;
    this.env = createVirtualEnv({ seed, log: this.#log() });
    this.#restoreGlobals = this.env.installGlobals();
    this.network = createMemoryNetwork({ env: this.env });
    const slow = this.env.random.fork('host latency');
    const latencyMs = (): number => (slow.chance(slowChance) ? slow.below(30) : 0);
    this.hosts = Array.from({ length: hosts }, (_, index) =>
      this.#makeHost(index, latencyMs, shutdownMs),
    );
    this.witness = new Witness({
      hosts: this.hosts,
      nowMs: () => this.nowMs,
      newestEpoch: (key) => this.#newestEpoch(key),
      isPunctual: options.isPunctual,
    });
    this.#seats = this.#makeSeats();
    this.onEntry((entry) => this.witness.hearEntry(entry));
  }

  /** Hears what is stored anywhere, at once. */
  onEntry(listener: (entry: JournalEntry) => void): void {
    for (const disk of new Set([this.disk, ...this.#seats.map(({ disk }) => disk)]))
      disk.subscribe(listener);
  }

  get isCluster(): boolean {
    return this.#options.controllers > 1;
  }

  #makeSeats(): readonly Seat[] {
    const seat = (id: string, disk: MemoryDisk, host?: SimulatedHost): Seat => ({
      id,
      host,
      disk,
      starts: 0,
      process: undefined,
      cancelStart: undefined,
    });
    if (!this.isCluster) return [seat('cloud', this.disk)];
    const controllers = Array.from({ length: this.#options.controllers }, (_, index) =>
      seat(`controller-${index + 1}`, this.disk),
    );
    const computes = this.hosts.map((host) =>
      seat(`compute-${host.name}`, createMemoryDisk(), host),
    );
    return [...controllers, ...computes];
  }

  #makeHost(index: number, latencyMs: () => number, shutdownMs: number): SimulatedHost {
    const { env } = this;
    const { wire } = this;
    const name = `host-${index + 1}`;
    const options = { env, name, diskGiB: 1_024, latencyMs, shutdownMs, wire };
    return new WatchedHost(options, (host, guest) => this.witness.hearGuest(host, guest));
  }

  #newestEpoch(key: EntityKey): number {
    if (key.startsWith('ledger/') && this.isCluster) return 0;
    return this.disk.epochOf(this.isCluster ? fenceOf(shardOf(key, SHARDS)) : 'process');
  }

  /** The cluster's table is made, and everything starts. */
  async begin(): Promise<void> {
    if (this.isCluster) await this.#found();
    for (const seat of this.#seats) this.#start(seat);
  }

  async #found(): Promise<void> {
    const store = openMemoryClusterStore(this.disk, this.env);
    await this.env.complete(store.initialise(SHARDS), 'the table');
    for (const { id, host } of this.#seats) {
      if (host === undefined) continue;
      const { name } = host;
      const about = { role: 'compute', addresses: [], apiUrl: undefined, admittedAtMs: 0 } as const;
      await this.env.complete(store.admit({ id, name, ...about }), 'the members');
    }
  }

  /** Nothing of it is kept, or ten thousand walks would not fit into memory. */
  dispose(): void {
    for (const process of this.processes()) process.kill();
    this.#restoreGlobals();
  }

  note(text: string): void {
    this.env.trace(text);
    this.#options.onNote(text);
  }

  get nowMs(): number {
    return this.env.clock.monotonic();
  }

  /** Those that are not dead. */
  processes(): readonly Process[] {
    return this.#seats.flatMap(({ process }) =>
      process === undefined || process.isDead ? [] : [process],
    );
  }

  controllers(): readonly Controller[] {
    return this.processes().filter((process) => process instanceof Controller);
  }

  /** Of all members, also of those that are dead. */
  memberIds(): readonly string[] {
    return this.#seats.map(({ id }) => id);
  }

  /** A controller that takes requests, counting round; undefined if there is none. */
  serving(number: number): Controller | undefined {
    return chosen(
      this.controllers().filter(({ phase }) => phase === 'serving'),
      number,
    );
  }

  seen(via: number, serverId: string): InstanceState | undefined {
    return this.serving(via)?.seen(serverId);
  }

  servers(): readonly InstanceState[] {
    const controller = this.serving(0);
    return controller === undefined
      ? []
      : [...controller.assembly.entities.view(instanceDefinition).values()];
  }

  host(number: number): SimulatedHost {
    const host = chosen(this.hosts, number);
    if (host === undefined) throw new Error('the world has no host');
    return host;
  }

  kill(process: Process, backMs: number): void {
    process.kill();
    this.#startIn(this.#seatOf(process), backMs);
  }

  /** SIGTERM; started again when it has ended, or was cut off like systemd does. */
  shutDown(process: Process, backMs: number): void {
    const end = (): void => {
      if (process.isDead) return;
      cancel();
      this.kill(process, backMs);
    };
    const cancel = this.env.timers.after(90_000, end);
    process.ask(
      () => process.shutDown(),
      ({ error }) => {
        if (error !== undefined) this.#foundBug(`${process.name} could not stop`, error);
        end();
      },
    );
  }

  pause(process: Process, forMs: number): void {
    const { id } = this.#seatOf(process);
    process.member.pause();
    if (this.isCluster) this.network.pause(id);
    this.endLater(forMs, () => {
      process.member.resume();
      if (this.isCluster && !process.isDead) this.network.resume(id);
    });
  }

  /** The machine goes dark with all its guests, and with the process that minds it. */
  losePower(host: SimulatedHost, forMs: number): void {
    host.losePower();
    const seat = this.#seats.find((one) => one.host === host);
    if (seat?.process instanceof ComputeMember) {
      seat.process.kill('machine');
      seat.cancelStart?.();
    }
    this.endLater(forMs, () => {
      host.restoreConnection();
      if (seat?.process?.isDead === true) this.#start(seat);
    });
  }

  /** What the stores have lost of what they had. */
  losses(): readonly string[] {
    const disks = new Set([this.disk, ...this.#seats.map(({ disk }) => disk)]);
    const keys = [...this.witness.streams()];
    const kinds = new Set(keys.map((key) => key.slice(0, key.indexOf('/'))));
    const rows = [...disks].flatMap((disk) =>
      [...kinds].flatMap((kind) => disk.keys(kind, undefined, 10_000)),
    );
    const versions = new Map(rows.map(({ key, version }) => [key, version]));
    return keys.flatMap((key) => this.witness.lossOf(key, versions.get(key) ?? 0) ?? []);
  }

  /** Calls `end` after a time, or when the world heals, whichever comes first. */
  endLater(afterMs: number, end: () => void): void {
    const once = (): void => {
      cancel();
      if (this.#endings.delete(once)) end();
    };
    const cancel = this.env.timers.after(afterMs, once);
    this.#endings.add(once);
  }

  /** Nothing is wrong any more; what is dead is started. */
  async heal(): Promise<void> {
    for (const end of this.#endings) end();
    this.network.healAll();
    this.network.setFaults(noFaults);
    this.wire.heal();
    for (const host of this.hosts) {
      host.faults.clear();
      host.files.resize(DISK_BYTES);
      host.restoreConnection();
    }
    for (const process of this.processes()) {
      process.boundaries.disarm();
      process.setStore({ maxLatencyMs: STORE_MS });
    }
    for (const seat of this.#seats) if (seat.process?.isDead !== false) this.#start(seat);
    // What was told to end while it stood still ends now, and is started again.
    await this.env.advance(HEALING_MS);
    await this.env.runUntil(
      () => this.isWhole(),
      'every process to serve, and each shard to have one owner',
      150_000,
    );
  }

  /** Whether every process serves, and every shard is served by exactly one controller. */
  isWhole(): boolean {
    if (this.#seats.some(({ process }) => process?.phase !== 'serving')) return false;
    if (!this.isCluster) return true;
    const clusters = this.controllers().map(
      (controller) => (controller as ClusterController).cluster.shards,
    );
    return Array.from({ length: SHARDS }, (_, shard) => shard).every(
      (shard) => clusters.filter((shards) => shards.isServing(shard)).length === 1,
    );
  }

  /** Runs until the journal shows no operation under way. */
  async rest(withinMs: number): Promise<void> {
    await this.env.runUntil(
      () => this.witness.underWay === 0,
      'all servers to come to rest',
      withinMs,
    );
  }

  #seatOf(process: Process): Seat {
    const seat = this.#seats.find((one) => one.process === process);
    if (seat === undefined) throw new Error(`${process.name} is of an earlier start`);
    return seat;
  }

  #startIn(seat: Seat, afterMs: number): void {
    seat.cancelStart?.();
    seat.cancelStart = this.env.timers.after(afterMs, () => this.#start(seat));
  }

  #start(seat: Seat): void {
    seat.cancelStart?.();
    seat.cancelStart = undefined;
    seat.starts += 1;
    const process = this.#make(seat, `${seat.id}.${seat.starts}`);
    process.setStore({ maxLatencyMs: STORE_MS });
    seat.process = process;
    this.note(`${process.name} starts`);
    process.ask(
      () => process.start(),
      ({ error }) => {
        if (error !== undefined) this.#end(process, `can't start: ${wordsOf(error)}`);
      },
    );
  }

  #make(seat: Seat, name: string): Process {
    const { env, network, images, hosts } = this;
    const { id, host, disk } = seat;
    const watch = this.#watch();
    const onDeath = (): void => {
      const made = seat.process;
      if (made !== undefined) this.#end(made, `dies at ${made.boundaries.names.at(-1) ?? 'once'}`);
    };
    const onExpelled = (reason: string): void => {
      if (seat.process?.name === name) this.#end(seat.process, `was expelled: ${reason}`);
    };
    if (host !== undefined) {
      const controllers = this.#seats
        .filter((one) => one.host === undefined)
        .map((one) => ({ id: one.id, addresses: [`memory:${one.id}`] }));
      const isServing = (controller: string): boolean =>
        this.#seats.some((one) => one.id === controller && one.process?.phase === 'serving');
      const about = { id, name, host, disk, controllers, watch };
      return new ComputeMember({ env, network, images, ...about, isServing, onDeath });
    }
    if (this.isCluster)
      return new ClusterController({
        env,
        id,
        name,
        disk,
        network,
        images,
        watch,
        onDeath,
        onExpelled,
      });
    const onFenced = (): void => onExpelled('fenced');
    return new LoneController({ env, name, disk, images, hosts, watch, onDeath, onFenced });
  }

  #watch(): Watch {
    return {
      conflict: ({ name }, request) => {
        if (this.disk.rollbacks === 0) this.witness.hearConflict(name, request);
      },
      bootAsked: (host, { id }) => this.witness.hearBootAsked(host, id),
    };
  }

  /** The process ends by itself; its supervisor starts it again. */
  #end(process: Process, why: string): void {
    if (process.isDead) return;
    this.note(`${process.name} ${why}`);
    this.kill(process, RESTART_MS);
  }

  #foundBug(what: string, error: unknown): void {
    if (this.crashes.length < 20) this.crashes.push(`crash: ${what}: ${wordsOf(error)}`);
  }

  /** Errors are alarms; a crash that nobody provoked is a bug. */
  #log(): Log {
    const nothing = (): void => undefined;
    const log: Log = {
      debug: nothing,
      info: nothing,
      warn: (fields) => this.#hearCrash(fields),
      error: (fields, message) => {
        this.alarms.push(message);
        this.#hearCrash(fields);
      },
      child: () => log,
    };
    return log;
  }

  #hearCrash(fields: object): void {
    const { kind, path, err } = fields as {
      readonly kind?: unknown;
      readonly path?: string;
      readonly err?: unknown;
    };
    if (kind !== 'restarting' && kind !== 'failed') return;
    if (!wordsOf(err).includes(POISON)) this.#foundBug(path ?? 'an actor', err);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** In every message that is meant to break whoever reads it. */
export const POISON = 'poison';
