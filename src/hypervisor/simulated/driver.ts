// The Hypervisor port on a simulated host: same calls, same faults, same event orders as libvirt/.
// It keeps nothing but its connection: what it tells and does is the host's (host.ts), so another driver sees the same.

import type {
  ConsoleStream,
  GuestEvent,
  GuestInterface,
  GuestSpec,
  GuestState,
  GuestStatistics,
  HostInfo,
  Hypervisor,
} from '../port.ts';
import { HypervisorFault } from '../port.ts';
import type { SimulatedConsole } from './console-stream.ts';
import type { SimulatedOperation } from './faults.ts';
import {
  createGuest,
  failedSave,
  macsOf,
  pauseGuest,
  interruptGuest,
  rebootGuest,
  restoreGuest,
  resumeGuest,
  saveGuest,
  stopGuest,
  toGuestState,
  withMacs,
} from './guest.ts';
import type { SimulatedGuest } from './guest.ts';
import { statisticsOf } from './statistics.ts';
import type { SimulatedHost } from './host.ts';
import { SimulatedMigrations } from './migrations.ts';

/** As many slots as a q35 machine has for devices that come while it runs, about. */
const MAX_INTERFACES = 16;

export class SimulatedHypervisor implements Hypervisor {
  readonly kind = 'simulated';
  readonly migrations: SimulatedMigrations;
  readonly #host: SimulatedHost;
  readonly #listeners = new Set<(event: GuestEvent) => void>();
  readonly #consoles = new Set<SimulatedConsole>();
  readonly #disconnect: () => void;
  readonly #underWay = new Set<(fault: HypervisorFault) => void>();
  #closed = false;

  constructor(host: SimulatedHost) {
    this.#host = host;
    this.migrations = new SimulatedMigrations({
      host,
      call: (operation, effect) => this.#call(operation, effect),
      checkStart: (spec) => this.#checkStart(spec),
    });
    this.#disconnect = host.connect({
      deliver: (event) => this.#deliver(event),
      cut: (reason) => this.#cutOff(reason),
    });
  }

  hostInfo(): Promise<HostInfo> {
    return this.#call('hostInfo', () => describeHost(this.#host));
  }

  list(): Promise<readonly GuestState[]> {
    return this.#call('list', () =>
      [...this.#host.guests.all()].flatMap((guest) => toGuestState(guest) ?? []),
    );
  }

  find(id: string): Promise<GuestState | undefined> {
    return this.#call('find', () => {
      const guest = this.#host.guests.find(id);
      return guest === undefined ? undefined : toGuestState(guest);
    });
  }

  create(spec: GuestSpec, options: { readonly paused?: boolean } = {}): Promise<GuestState> {
    return this.#call('create', () => {
      this.#checkStart(spec);
      const incarnation = this.#host.nextIncarnation();
      return this.#started(createGuest(spec, incarnation, options.paused ?? false));
    });
  }

  destroy(id: string): Promise<void> {
    return this.#call('destroy', () => {
      const guest = this.#host.guests.find(id);
      if (guest === undefined || guest.power === 'off') return;
      this.#host.apply(stopGuest(guest, 'destroyed'));
    });
  }

  shutdown(id: string): Promise<void> {
    return this.#call('shutdown', () => {
      const { incarnation } = this.#domain(id);
      this.#host.env.timers.after(this.#host.shutdownMs, () => this.#heed(id, incarnation));
    });
  }

  reboot(id: string): Promise<void> {
    return this.#call('reboot', () => this.#reboot(this.#domain(id)));
  }

  reset(id: string): Promise<void> {
    return this.#call('reset', () => this.#reboot(this.#domain(id)));
  }

  injectNmi(id: string): Promise<void> {
    return this.#call('injectNmi', () => {
      const guest = this.#domain(id);
      this.#host.apply(interruptGuest(guest, this.#host.bootTextOf(guest)));
    });
  }

  pause(id: string): Promise<void> {
    return this.#call('pause', () => void this.#host.apply(pauseGuest(this.#domain(id))));
  }

  resume(id: string): Promise<void> {
    return this.#call('resume', () => void this.#host.apply(resumeGuest(this.#domain(id))));
  }

  save(id: string, path: string): Promise<void> {
    return this.#call('save', () => {
      const guest = this.#domain(id);
      const { directory, name } = this.#host.files.split(path);
      try {
        this.#host.files.put(directory, { name, bytes: guest.memoryMiB * 1024 ** 2 });
      } catch (error) {
        this.#host.apply(failedSave(guest));
        throw error;
      }
      this.#host.apply(saveGuest(guest));
    });
  }

  restore(spec: GuestSpec, path: string): Promise<GuestState> {
    return this.#call('restore', () => {
      this.#checkStart(spec);
      if (!this.#host.files.has(path)) {
        throw new HypervisorFault('failed', `there is no saved memory at ${path}`);
      }
      const before = this.#host.guests.find(spec.id);
      return this.#started(restoreGuest(spec, this.#host.nextIncarnation(), before));
    });
  }

  setPassword(
    id: string,
    login: { readonly user: string; readonly password: string },
  ): Promise<void> {
    return this.#call('setPassword', () => {
      const guest = this.#domain(id);
      if (guest.hasAgent !== true || guest.power !== 'running')
        throw new HypervisorFault('unsupported', `no agent answers in guest ${id}`);
      this.#host.passwords.set(id, login);
    });
  }

  statistics(id: string): Promise<GuestStatistics> {
    return this.#call('statistics', () => statisticsOf(this.#domain(id)));
  }

  interfacesOf(id: string): Promise<readonly string[]> {
    return this.#call('interfacesOf', () => macsOf(this.#domain(id)));
  }

  attachInterface(id: string, { mac }: GuestInterface): Promise<void> {
    return this.#call('attachInterface', () => {
      const guest = this.#domain(id);
      const macs = macsOf(guest);
      if (macs.includes(mac)) return;
      if (macs.length >= MAX_INTERFACES)
        throw new HypervisorFault('failed', `guest ${id} has no slot left for an interface`);
      this.#host.apply({ guest: withMacs(guest, [...macs, mac]), events: [] });
    });
  }

  detachInterface(id: string, mac: string): Promise<void> {
    return this.#call('detachInterface', () => {
      const guest = this.#host.guests.find(id);
      const macs = guest === undefined || guest.power === 'off' ? [] : macsOf(guest);
      if (guest === undefined || !macs.includes(mac)) return;
      if (guest.power === 'paused')
        throw new HypervisorFault('wrong-state', `guest ${id} stands still and can't let go of it`);
      if (!this.#host.heedsUnplug(id))
        throw new HypervisorFault('timeout', `guest ${id} has not let go of its interface ${mac}`, {
          retryable: true,
        });
      const left = macs.filter((one) => one !== mac);
      this.#host.apply({ guest: withMacs(guest, left), events: [] });
    });
  }

  openConsole(id: string): Promise<ConsoleStream> {
    return this.#call('openConsole', () => {
      const console = this.#host.guests.openConsole(this.#domain(id).id);
      this.#consoles.add(console);
      console.onEnd(() => this.#consoles.delete(console));
      return console;
    });
  }

  consoleOutput(
    spec: { readonly id: string; readonly consoleLogPath: string },
    maxBytes: number,
  ): Promise<Uint8Array> {
    return this.#call('consoleOutput', () => {
      const guest = this.#host.guests.find(spec.id);
      if (guest === undefined || maxBytes <= 0) return new Uint8Array();
      return new TextEncoder().encode(this.#host.guests.consoleText(guest)).slice(-maxBytes);
    });
  }

  subscribe(listener: (event: GuestEvent) => void): () => void {
    // A wrapper of its own, so that subscribing one function twice gives two subscriptions.
    const subscription = (event: GuestEvent): void => listener(event);
    this.#listeners.add(subscription);
    return () => this.#listeners.delete(subscription);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
    this.#listeners.clear();
    this.#cutOff('the driver was closed');
  }

  async #call<T>(operation: SimulatedOperation, effect: () => T): Promise<T> {
    if (this.#closed) throw lostFault('the driver is closed');
    if (!this.#host.connected) throw lostFault(`the connection to ${this.#host.name} is down`);
    const lost = Promise.withResolvers<never>();
    this.#underWay.add(lost.reject);
    try {
      return await Promise.race([this.#host.perform(operation, effect), lost.promise]);
    } finally {
      this.#underWay.delete(lost.reject);
    }
  }

  #deliver(event: GuestEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #cutOff(reason: string): void {
    for (const reject of this.#underWay) reject(lostFault(reason));
    for (const console of this.#consoles) console.end();
    this.migrations.forget();
  }

  #domain(id: string): SimulatedGuest {
    const guest = this.#host.guests.find(id);
    if (guest !== undefined && guest.power !== 'off') return guest;
    throw new HypervisorFault('guest-not-found', `there is no guest ${id} on ${this.#host.name}`);
  }

  #checkStart(spec: GuestSpec): void {
    const known = this.#host.guests.find(spec.id);
    if (known !== undefined && known.power !== 'off') {
      throw new HypervisorFault('guest-exists', `guest ${spec.id} exists already`);
    }
    if (this.#host.guests.hasName(spec.name)) {
      throw new HypervisorFault('guest-exists', `a guest named ${spec.name} exists already`);
    }
    for (const disk of spec.disks) {
      if (this.#host.files.has(disk.path)) continue;
      throw new HypervisorFault('failed', `there is no disk file ${disk.path}`);
    }
    if (!this.#host.files.hasPlace(spec.consoleLogPath))
      throw new HypervisorFault('failed', `there is no directory of ${spec.consoleLogPath}`);
  }

  #started(step: Parameters<SimulatedHost['apply']>[0]): GuestState {
    const { id, name, mark, power } = this.#host.apply(step);
    return { id, name, mark, power: power === 'paused' ? 'paused' : 'running' };
  }

  #reboot(guest: SimulatedGuest): void {
    this.#host.apply(rebootGuest(guest, this.#host.bootTextOf(guest)));
  }

  /** The guest reacts to its power button, if it is still the same run, runs, and cares. */
  #heed(id: string, incarnation: number): void {
    const guest = this.#host.guests.find(id);
    const reacts = guest?.incarnation === incarnation && guest.power === 'running';
    if (reacts && this.#host.heedsShutdown(id)) this.#host.apply(stopGuest(guest, 'shutdown'));
  }
}

function lostFault(reason: string): HypervisorFault {
  return new HypervisorFault('connection-lost', reason, { retryable: true });
}

function describeHost(host: SimulatedHost): HostInfo {
  return {
    // The type whose rules it plays, by which clients choose hosts; the vendor of the CPU tells that it is made up.
    hypervisorType: 'QEMU',
    hypervisorVersion: 1_000_001,
    cpus: host.cpus,
    memoryMiB: host.memoryMiB,
    architecture: 'x86_64',
    cpuModel: 'qemu64',
    cpuVendor: 'simulated',
    cpuTopology: { sockets: 1, cores: host.cpus, threads: 1 },
    cpuFeatures: [],
  };
}
