// The world of a walk: a store, hosts, and controllers that come and go, all on one virtual clock. It is where things
// go wrong (nemeses.ts) and where users ask (users.ts); it decides nothing by itself, but that a dead controller's
// supervisor starts it again.
import { instanceDefinition } from '#actors/instance/entity.ts';
import type { InstanceState } from '#actors/instance/state.ts';
import type { SimulatedGuest } from '#hypervisor/simulated/guest.ts';
import { SimulatedHost, type SimulatedHostOptions } from '#hypervisor/simulated/host.ts';
import type { StateTable } from '#hypervisor/simulated/state-log.ts';
import type { Cancel, Log } from '#runtime/env/env.ts';
import { createMemoryDisk, type MemoryDisk } from '#runtime/journal/memory-disk.ts';
import { createVirtualEnv, type VirtualEnv } from '#test/support/virtual-env.ts';
import { chosen } from './acts.ts';
import { Boundaries } from './boundaries.ts';
import { Process } from './process.ts';
import { Witness } from './witness.ts';

export interface WorldOptions {
  readonly seed: string;
  readonly controllers: number;
  readonly hosts: number;
  readonly shutdownMs: number;
  /** Chance that a call of a host takes time. */
  readonly slowChance: number;
  /** Told what happens, in words. */
  readonly onNote: (text: string) => void;
}

export const DISK_BYTES = 1_024 * 1024 ** 3;
/** systemd's RestartSec after a start that failed. */
const RESTART_MS = 2_000;
/** A store's usual latency. */
export const STORE_MS = 3;

interface Seat {
  readonly number: number;
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
  readonly witness: Witness;
  /** What was logged as an error: holes that were found and mended. */
  readonly alarms: string[] = [];
  /** Bugs that production code found in itself. */
  readonly crashes: string[] = [];
  readonly #options: WorldOptions;
  readonly #disk: MemoryDisk = createMemoryDisk();
  readonly #seats: readonly Seat[];
  readonly #restoreGlobals: () => void;
  readonly #endings = new Set<() => void>();
  #starts = 0;

  constructor(options: WorldOptions) {
    const { seed, hosts, controllers, shutdownMs, slowChance } = options;
    this.#options = options;
    this.env = createVirtualEnv({ seed, log: this.#log() });
    this.#restoreGlobals = this.env.installGlobals();
    const slow = this.env.random.fork('host latency');
    const latencyMs = (): number => (slow.chance(slowChance) ? slow.below(30) : 0);
    this.hosts = Array.from({ length: hosts }, (_, index) =>
      this.#makeHost(index, latencyMs, shutdownMs),
    );
    this.witness = new Witness(this.hosts);
    this.#disk.subscribe((entry) => this.witness.hearEntry(entry));
    this.#seats = Array.from({ length: controllers }, (_, index) => ({
      number: index + 1,
      starts: 0,
      process: undefined,
      cancelStart: undefined,
    }));
  }

  /** All controllers start. */
  begin(): void {
    for (const seat of this.#seats) this.#start(seat);
  }

  #makeHost(index: number, latencyMs: () => number, shutdownMs: number): SimulatedHost {
    const options = {
      env: this.env,
      name: `host-${index + 1}`,
      diskGiB: 1_024,
      latencyMs,
      shutdownMs,
    };
    return new WatchedHost(options, (host, guest) => this.witness.hearGuest(host, guest));
  }

  dispose(): void {
    this.#restoreGlobals();
  }

  note(text: string): void {
    this.env.trace(text);
    this.#options.onNote(text);
  }

  get disk(): MemoryDisk {
    return this.#disk;
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

  /** A controller that takes requests, counting round; undefined if there is none. */
  serving(number: number): Process | undefined {
    return chosen(
      this.processes().filter(({ phase }) => phase === 'serving'),
      number,
    );
  }

  seen(via: number, serverId: string): InstanceState | undefined {
    return this.serving(via)?.seen(serverId);
  }

  servers(): readonly InstanceState[] {
    const [process] = this.processes();
    return process === undefined
      ? []
      : [...process.assembly.entities.view(instanceDefinition).values()];
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

  /** SIGTERM; started again when it has ended. */
  shutDown(process: Process, backMs: number): void {
    const seat = this.#seatOf(process);
    process.member.env.timers.soon(() => {
      process.shutDown().then(
        () => this.#startIn(seat, backMs),
        (error: unknown) => this.crashes.push(`${process.name} could not stop: ${String(error)}`),
      );
    });
  }

  /** Undoes `start` after a time, or when the world heals, whichever comes first. */
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
    for (const end of [...this.#endings]) end();
    for (const host of this.hosts) {
      host.faults.clear();
      host.files.resize(DISK_BYTES);
      host.restoreConnection();
    }
    for (const process of this.processes()) {
      process.boundaries.disarm();
      process.journal.setFaults({ maxLatencyMs: STORE_MS });
    }
    for (const seat of this.#seats) if (seat.process?.isDead !== false) this.#start(seat);
    const isServing = (): boolean =>
      this.#seats.every(({ process }) => process?.phase === 'serving');
    await this.env.runUntil(isServing, 'all controllers to serve', 60_000);
  }

  /** Runs until no server has an operation under way. */
  async rest(withinMs: number): Promise<void> {
    await this.env.runUntil(
      () => this.servers().every(({ operation }) => operation === undefined),
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
    this.#starts += 1;
    const process: Process = new Process({
      env: this.env,
      name: `controller-${seat.number}.${seat.starts}`,
      epoch: this.#starts,
      disk: this.#disk,
      hosts: this.hosts,
      onDeath: () => {
        this.note(`${process.name} dies at ${process.boundaries.names.at(-1) ?? 'a boundary'}`);
        this.kill(process, RESTART_MS);
      },
    });
    process.journal.setFaults({ maxLatencyMs: STORE_MS });
    seat.process = process;
    this.note(`${process.name} starts`);
    process.member.env.timers.soon(() => {
      process.start().catch((error: unknown) => {
        if (process.isDead) return;
        this.note(
          `${process.name} can't start: ${error instanceof Error ? error.message : 'no reason'}`,
        );
        this.kill(process, RESTART_MS);
      });
    });
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
    const reason = err instanceof Error ? err.message : String(err);
    if (!reason.includes(POISON) && this.crashes.length < 20)
      this.crashes.push(`crash: ${path ?? 'an actor'}: ${reason}`);
  }
}

/** In every message that is meant to break whoever reads it. */
export const POISON = 'poison';
