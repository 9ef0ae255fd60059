// A simulated machine: its guests, files and ports live here and go on while drivers come and go, as a host's do when
// our process restarts. Tests and the simulator also use it as the hand that pulls cables (see also faults.ts).
// Everything is in memory; with a `statePath` it is there again after the process was killed.

import type { HostNetworkSpec, HostPort } from '../network-port.ts';
import { HypervisorFault } from '../port.ts';
import type { GuestEvent, HypervisorEnv } from '../port.ts';
import { defaultBootText } from './console-text.ts';
import type { BootText } from './console-text.ts';
import { SimulatedFiles } from './disk-files.ts';
import type { SimulatedFile } from './disk-files.ts';
import { FaultPlan } from './faults.ts';
import type { SimulatedOperation } from './faults.ts';
import { GuestTable } from './guest-table.ts';
import { stopGuest } from './guest.ts';
import type { GuestStep, SimulatedGuest } from './guest.ts';
import { StateLog } from './state-log.ts';
import type { SimulatedWire } from './wire.ts';
import type { StateEntry, StateTable } from './state-log.ts';

export interface SimulatedHostOptions {
  readonly env: HypervisorEnv;
  /** Part of its paths. Default `host-1`. */
  readonly name?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly diskGiB?: number;
  /** How long a call takes, in ms. Default 0 for all: a call then ends within the present macrotask. */
  readonly latencyMs?: (operation: SimulatedOperation) => number;
  /** From the power button to the guest's end. Default 0. */
  readonly shutdownMs?: number;
  readonly bootText?: BootText;
  /** File that keeps the state over restarts of the process. */
  readonly statePath?: string;
  /** Digests already checked; hosts of one process share it, so that an image is read once and not once per host. */
  readonly checkedImages?: Map<string, SimulatedImage>;
  /** By which migrations notice that the other host is gone. */
  readonly wire?: SimulatedWire;
}

export interface SimulatedImage {
  readonly imageId: string;
  readonly format: 'qcow2' | 'raw';
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
}

/** A driver that is connected to the host. */
export interface HostConnection {
  readonly deliver: (event: GuestEvent) => void;
  /** Rejects the calls under way and ends the consoles. */
  readonly cut: (reason: string) => void;
}

export class SimulatedHost {
  readonly env: HypervisorEnv;
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly shutdownMs: number;
  readonly faults = new FaultPlan();
  readonly guests: GuestTable;
  readonly files: SimulatedFiles;
  /** By image id and digest. */
  readonly images = new Map<string, SimulatedImage>();
  readonly checkedImages: Map<string, SimulatedImage>;
  readonly wire: SimulatedWire | undefined;
  readonly networks = new Map<string, HostNetworkSpec>();
  readonly ports = new Map<string, HostPort>();
  /** What agents were last told, by guest. */
  readonly passwords = new Map<string, { readonly user: string; readonly password: string }>();
  readonly #latencyMs: ((operation: SimulatedOperation) => number) | undefined;
  readonly #bootText: BootText;
  readonly #connections = new Set<HostConnection>();
  readonly #stubborn = new Set<string>();
  readonly #clinging = new Set<string>();
  readonly #log: StateLog | undefined;
  #connected = true;
  #incarnations = 0;

  constructor(options: SimulatedHostOptions) {
    this.env = options.env;
    this.name = options.name ?? 'host-1';
    this.cpus = options.cpus ?? 16;
    this.memoryMiB = options.memoryMiB ?? 65_536;
    this.shutdownMs = options.shutdownMs ?? 0;
    this.checkedImages = options.checkedImages ?? new Map();
    this.wire = options.wire;
    this.wire?.add(this);
    this.#latencyMs = options.latencyMs;
    this.#bootText = options.bootText ?? defaultBootText;
    this.guests = new GuestTable({
      bootText: (guest) => this.bootTextOf(guest),
      changed: (id, guest) => this.keep('guest', id, guest),
    });
    this.files = new SimulatedFiles({
      root: `/simulated/${this.name}`,
      capacityBytes: (options.diskGiB ?? 1_024) * 1024 ** 3,
      changed: (directory, files) => this.keep('file', directory, files),
    });
    const state = {
      restore: (entry: StateEntry) => this.#restore(entry),
      live: () => this.#liveEntries(),
    };
    const { statePath } = options;
    this.#log = statePath === undefined ? undefined : StateLog.open(statePath, state);
  }

  /** Does `effect` as the host would: after its latency, or as the fault plan says. */
  async perform<T>(operation: SimulatedOperation, effect: () => T): Promise<T> {
    const planned = this.faults.take(operation);
    const latencyMs = this.#latencyMs?.(operation) ?? 0;
    if (planned === undefined && latencyMs === 0) {
      // Even the fastest call answers later than it is made, and its events are heard later, too.
      await Promise.resolve();
      return effect();
    }
    return this.#performSlowly(effect, { planned, latencyMs });
  }

  async #performSlowly<T>(
    effect: () => T,
    how: { readonly planned: ReturnType<FaultPlan['take']>; readonly latencyMs: number },
  ): Promise<T> {
    const { planned, latencyMs } = how;
    await this.#pass(latencyMs);
    if (planned?.kind === 'delay') await this.#pass(planned.delayMs);
    if (planned?.kind === 'hang') await planned.released;
    if (planned?.kind === 'refuse') throw planned.fault;
    const result = effect();
    if (planned?.kind === 'lose-reply') throw planned.fault;
    return result;
  }

  async #pass(ms: number): Promise<void> {
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      this.env.timers.after(ms, resolve);
    });
  }

  nextIncarnation(): number {
    this.#incarnations += 1;
    return this.#incarnations;
  }

  /** Makes a step of a guest real and tells it. */
  apply(step: GuestStep): SimulatedGuest {
    this.guests.store(step.guest);
    for (const event of step.events) this.#tell(event);
    return step.guest;
  }

  /** What one boot of this guest writes to its console. */
  bootTextOf(guest: SimulatedGuest): string {
    const addresses: string[] = [];
    for (const port of guest.mac === undefined ? [] : this.ports.values()) {
      if (port.mac === guest.mac) addresses.push(...port.fixedIps.map((ip) => ip.address));
    }
    const { name, vcpus, memoryMiB, mac } = guest;
    return this.#bootText({ name, vcpus, memoryMiB, mac, addresses });
  }

  get connected(): boolean {
    return this.#connected;
  }

  connect(connection: HostConnection): () => void {
    this.#connections.add(connection);
    return () => this.#connections.delete(connection);
  }

  #tell(event: GuestEvent): void {
    if (!this.#connected || this.faults.takesEvent()) return;
    for (const connection of this.#connections) connection.deliver(event);
  }

  /** Drivers lose the host; guests go on, and what happens meanwhile is told to nobody. */
  loseConnection(reason = 'the simulated connection was cut'): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const connection of this.#connections) {
      connection.cut(reason);
      connection.deliver({ type: 'connection.down', reason });
    }
  }

  restoreConnection(): void {
    if (this.#connected) return;
    this.#connected = true;
    for (const connection of this.#connections) connection.deliver({ type: 'connection.up' });
  }

  /** The guest turns its own power off. */
  powerOffGuest(id: string): void {
    this.apply(stopGuest(this.#domain(id), 'shutdown'));
  }

  /** The guest's process dies (kill -9 of QEMU). */
  killGuest(id: string): void {
    this.apply(stopGuest(this.#domain(id), 'failed'));
  }

  /** The guest's kernel panics, and its panic device says so. */
  crashGuest(id: string): void {
    this.apply(stopGuest(this.#domain(id), 'crashed'));
  }

  /** Whether the guest does what its power button asks; by default it does. */
  heedShutdown(id: string, heeds: boolean): void {
    if (heeds) this.#stubborn.delete(id);
    else this.#stubborn.add(id);
  }

  heedsShutdown(id: string): boolean {
    return !this.#stubborn.has(id);
  }

  /** Whether the guest lets go of a device that is to be unplugged; by default it does. */
  heedUnplug(id: string, heeds: boolean): void {
    if (heeds) this.#clinging.delete(id);
    else this.#clinging.add(id);
  }

  heedsUnplug(id: string): boolean {
    return !this.#clinging.has(id);
  }

  /** A domain that somebody else started: it carries no mark. */
  startForeignGuest(foreign: { readonly id: string; readonly name: string }): void {
    const guest: SimulatedGuest = {
      ...foreign,
      mark: undefined,
      power: 'running',
      vcpus: 1,
      memoryMiB: 64,
      mac: undefined,
      incarnation: this.nextIncarnation(),
      awaitsBoot: false,
      boots: 0,
      log: undefined,
    };
    this.apply({ guest, events: [{ type: 'guest.started', id: foreign.id, detail: 'booted' }] });
  }

  /** Power loss: no guest runs any more and nobody was told; files and ports are still there. */
  losePower(): void {
    this.loseConnection('the simulated host lost power');
    for (const guest of this.guests.all()) {
      if (guest.power !== 'off') this.guests.store({ ...guest, power: 'off' });
    }
  }

  #domain(id: string): SimulatedGuest {
    const guest = this.guests.find(id);
    if (guest !== undefined && guest.power !== 'off') return guest;
    throw new HypervisorFault('guest-not-found', `there is no simulated guest ${id}`);
  }

  /** Keeps a fact, or with undefined its end, in the state file if there is one. */
  keep(table: StateTable, key: string, value: unknown): void {
    if (this.#log === undefined) return;
    if (value === undefined) this.#log.remove(table, key);
    else this.#log.put(table, key, value);
  }

  /** Lets go of the state file; changes after this are not kept. */
  close(): void {
    this.#log?.close();
  }

  *#liveEntries(): Generator<StateEntry> {
    for (const value of this.guests.all()) yield { table: 'guest', key: value.id, value };
    for (const [key, value] of this.files.entries()) yield { table: 'file', key, value };
    for (const [key, value] of this.images) yield { table: 'image', key, value };
    for (const [key, value] of this.networks) yield { table: 'network', key, value };
    for (const [key, value] of this.ports) yield { table: 'port', key, value };
  }

  #restore({ table, key, value }: StateEntry): void {
    switch (table) {
      case 'guest':
        // A timer of the former process is gone, so any new incarnation will do.
        this.guests.restore({ ...(value as SimulatedGuest), incarnation: this.nextIncarnation() });
        return;
      case 'file':
        this.files.restore(key, value as readonly SimulatedFile[]);
        return;
      case 'image':
        this.images.set(key, value as SimulatedImage);
        this.files.restoreSpace((value as SimulatedImage).sizeBytes);
        return;
      case 'network':
        this.networks.set(key, value as HostNetworkSpec);
        return;
      case 'port':
        this.ports.set(key, value as HostPort);
        return;
    }
  }
}
