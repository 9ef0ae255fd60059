// The port's Hypervisor on libvirt. Each call is one or few calls of libvirt's. Events that a call causes are told before
// the call resolves, so that a late "stopped" never speaks of a guest started since. Who may run a guest is the node
// actor's matter (DESIGN §5).

import type { Migrations } from '../migration-port.ts';
import type {
  ConsoleStream,
  GuestEvent,
  GuestInterface,
  GuestSpec,
  GuestState,
  GuestStatistics,
  HostInfo,
  Hypervisor,
  HypervisorEnv,
} from '../port.ts';
import { HypervisorFault } from '../port.ts';
import { hostArchitecture, hostInfoOf, machineOf } from './capabilities.ts';
import { Connections } from './connections.ts';
import { consoleStream, readConsoleLog, removeOldConsoleLogs } from './console.ts';
import { guestDomainXml } from './domain-xml/guest-domain.ts';
import type { GuestHost } from './domain-xml/guest-domain.ts';
import { layoutOf } from './domain-xml/layout.ts';
import { guestEventOf } from './events.ts';
import { absentIfNotFound, domainRef, GuestReader } from './guest-reader.ts';
import { virError } from './rpc/faults.ts';
import { LibvirtInterfaces } from './interfaces.ts';
import { LibvirtMigrations } from './migrations.ts';
import { readStatistics } from './statistics.ts';
import type { KeepaliveOptions } from './rpc/keepalive.ts';
import { eventMessages, procedures } from './rpc/procedures.ts';
import type { Procedure } from './rpc/procedures.ts';
import type { DomainRef } from './rpc/structures.ts';
import { parseLibvirtUri } from './rpc/uri.ts';
import { decodeXdr } from './rpc/xdr.ts';

export interface LibvirtDriverOptions {
  /** See parseLibvirtUri for the forms. */
  readonly uri: string;
  readonly env: HypervisorEnv;
  /** `kvm` only where probeKvm showed that it works. */
  readonly virtType: 'kvm' | 'qemu';
  /** See GuestHost; `root` unless told otherwise. */
  readonly guestUser?: 'root' | 'configured';
  readonly keepalive?: KeepaliveOptions;
  /** Starts, saves and other long calls at a time; 4 unless told otherwise. See LibvirtDaemon. */
  readonly workInFlight?: number;
}

export interface LibvirtDriver extends Hypervisor {
  readonly kind: 'libvirt';
  /** Resolves once connected; rejects with the last reason after `timeoutMs` (the driver goes on trying). */
  ready(timeoutMs: number): Promise<void>;
}

const flag = {
  startPaused: 1,
  saveRunning: 2,
  acpiPowerButton: 1,
  consoleForce: 1,
} as const;

const START_TIMEOUT_MS = 120_000;
const ACTION_TIMEOUT_MS = 60_000;
/** Memory goes to disk or comes from it: minutes for large guests. */
const SAVE_TIMEOUT_MS = 1_800_000;

/** Connects in the background and for ever; throws HypervisorFault unsupported at once for a URI it can't use. */
export function openLibvirtDriver(options: LibvirtDriverOptions): LibvirtDriver {
  return new Driver(options);
}

class Driver implements LibvirtDriver {
  readonly kind = 'libvirt';
  readonly migrations: Migrations;
  readonly #options: LibvirtDriverOptions;
  readonly #connections: Connections;
  readonly #reader: GuestReader;
  readonly #interfaces: LibvirtInterfaces;
  readonly #listeners = new Set<(event: GuestEvent) => void>();
  readonly #waitingForUp = new Set<() => void>();
  #architecture: string | undefined;

  constructor(options: LibvirtDriverOptions) {
    this.#options = options;
    this.#connections = new Connections({
      uri: parseLibvirtUri(options.uri),
      env: options.env,
      ...(options.keepalive === undefined ? {} : { keepalive: options.keepalive }),
      ...(options.workInFlight === undefined ? {} : { workInFlight: options.workInFlight }),
      onEvent: (procedure, payload) => this.#onMessage(procedure, payload),
      onUp: () => this.#onUp(),
      onDown: (reason) => this.#tell({ type: 'connection.down', reason }),
    });
    this.#reader = new GuestReader(this.#connections);
    this.#interfaces = new LibvirtInterfaces({
      env: options.env,
      connections: this.#connections,
      reader: this.#reader,
    });
    this.migrations = new LibvirtMigrations({
      connections: this.#connections,
      reader: this.#reader,
      domainXmlOf: (spec) => this.#destinationXml(spec),
      resume: (id) => this.resume(id),
      destroy: (id) => this.destroy(id),
    });
  }

  ready(timeoutMs: number): Promise<void> {
    if (this.#connections.isUp) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancel();
        this.#waitingForUp.delete(settle);
        const { trouble } = this.#connections;
        if (trouble === undefined) resolve();
        else reject(trouble);
      };
      const cancel = this.#options.env.timers.after(timeoutMs, settle);
      this.#waitingForUp.add(settle);
    });
  }

  subscribe(listener: (event: GuestEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#connections.close();
    for (const settle of this.#waitingForUp) settle();
  }

  async hostInfo(): Promise<HostInfo> {
    const [{ capabilities }, node, { version }] = await Promise.all([
      this.#connections.quick(procedures.connectGetCapabilities, undefined),
      this.#connections.quick(procedures.nodeGetInfo, undefined),
      this.#connections.quick(procedures.connectGetVersion, undefined),
    ]);
    const { virtType } = this.#options;
    const { cpus, memoryKiB } = node;
    return hostInfoOf(capabilities, { virtType, hypervisorVersion: version, cpus, memoryKiB });
  }

  list(): Promise<readonly GuestState[]> {
    return this.#reader.list();
  }

  find(id: string): Promise<GuestState | undefined> {
    return this.#reader.find(id);
  }

  async create(spec: GuestSpec, options: { readonly paused?: boolean } = {}): Promise<GuestState> {
    const paused = options.paused === true;
    const xml = guestDomainXml(spec, await this.#guestHost(), { consoleLog: 'new' });
    const { dom } = await this.#start(spec, () =>
      this.#connections.work(
        procedures.domainCreateXml,
        { xml, flags: paused ? flag.startPaused : 0 },
        START_TIMEOUT_MS,
      ),
    );
    // Not before: a start that is refused must not spoil the log of the guest that is in the way.
    await removeOldConsoleLogs(spec.consoleLogPath);
    return this.#started(spec, dom, paused ? 'paused' : 'running');
  }

  async restore(spec: GuestSpec, path: string): Promise<GuestState> {
    const saved = await this.#connections.work(
      procedures.domainSaveImageGetXmlDesc,
      { file: path, flags: 0 },
      ACTION_TIMEOUT_MS,
    );
    // The saved memory fits the very machine type it ran on, which an alias may not name any more.
    const machine = machineOf(saved.xml) ?? spec.machine;
    const exact = machine === undefined ? spec : { ...spec, machine };
    const xml = guestDomainXml(exact, await this.#guestHost(), {
      consoleLog: 'continued',
      layout: layoutOf(saved.xml),
    });
    const dom = await this.#start(spec, async () => {
      await this.#connections.work(
        procedures.domainRestoreFlags,
        { from: path, xml, flags: flag.saveRunning },
        SAVE_TIMEOUT_MS,
      );
      return this.#reader.lookUp(spec.id);
    });
    return this.#started(spec, dom, 'running');
  }

  async destroy(id: string): Promise<void> {
    await absentIfNotFound(() =>
      this.#connections.urgent(
        procedures.domainDestroyFlags,
        { dom: domainRef(id), flags: 0 },
        ACTION_TIMEOUT_MS,
      ),
    );
    await this.#connections.eventBarrier();
    this.#reader.forget(id);
  }

  async shutdown(id: string): Promise<void> {
    const flags = flag.acpiPowerButton;
    await this.#act(procedures.domainShutdownFlags, { dom: domainRef(id), flags });
  }

  async reboot(id: string): Promise<void> {
    const flags = flag.acpiPowerButton;
    await this.#act(procedures.domainReboot, { dom: domainRef(id), flags });
  }

  async reset(id: string): Promise<void> {
    await this.#act(procedures.domainReset, { dom: domainRef(id), flags: 0 });
  }

  async injectNmi(id: string): Promise<void> {
    await this.#act(procedures.domainInjectNmi, { dom: domainRef(id), flags: 0 });
  }

  async pause(id: string): Promise<void> {
    await this.#act(procedures.domainSuspend, { dom: domainRef(id) });
  }

  async resume(id: string): Promise<void> {
    try {
      await this.#act(procedures.domainResume, { dom: domainRef(id) });
    } catch (error) {
      // libvirt refuses to resume a running domain, though not to suspend a paused one.
      const refused = error instanceof HypervisorFault && error.code === 'wrong-state';
      if (!refused || (await this.find(id))?.power !== 'running') throw error;
    }
  }

  async save(id: string, path: string): Promise<void> {
    const args = { dom: domainRef(id), to: path, xml: undefined, flags: 0 };
    await this.#act(procedures.domainSaveFlags, args, SAVE_TIMEOUT_MS);
    this.#reader.forget(id);
  }

  async setPassword(
    id: string,
    { user, password }: { readonly user: string; readonly password: string },
  ): Promise<void> {
    try {
      await this.#connections.work(
        procedures.domainSetUserPassword,
        { dom: domainRef(id), user, password, flags: 0 },
        ACTION_TIMEOUT_MS,
      );
    } catch (error) {
      const isSilent =
        error instanceof HypervisorFault && error.libvirtCode === virError.agentUnresponsive;
      if (!isSilent) throw error;
      throw new HypervisorFault('unsupported', error.message, { cause: error });
    }
  }

  statistics(id: string): Promise<GuestStatistics> {
    return readStatistics(this.#connections, id);
  }

  interfacesOf(id: string): Promise<readonly string[]> {
    return this.#interfaces.macsOf(id);
  }

  attachInterface(id: string, given: GuestInterface): Promise<void> {
    return this.#interfaces.attach(id, given);
  }

  detachInterface(id: string, mac: string): Promise<void> {
    return this.#interfaces.detach(id, mac);
  }

  async openConsole(id: string): Promise<ConsoleStream> {
    const { stream, release } = await this.#connections.openStream(procedures.domainOpenConsole, {
      dom: domainRef(id),
      device: undefined,
      // The newest viewer wins, so that one which died unnoticed locks nobody out.
      flags: flag.consoleForce,
    });
    return consoleStream(stream, release, this.#options.env);
  }

  async consoleOutput(
    spec: { readonly id: string; readonly consoleLogPath: string },
    maxBytes: number,
  ): Promise<Uint8Array> {
    return readConsoleLog(spec.consoleLogPath, maxBytes);
  }

  /** Its memory fits the very machine type it runs on, which an alias may not name on the other host. */
  async #destinationXml(spec: GuestSpec): Promise<string> {
    const running = await this.#connections.quick(procedures.domainGetXmlDesc, {
      dom: domainRef(spec.id),
      flags: 0,
    });
    const machine = machineOf(running.xml) ?? spec.machine;
    const exact = machine === undefined ? spec : { ...spec, machine };
    return guestDomainXml(exact, await this.#guestHost(), {
      consoleLog: 'continued',
      layout: layoutOf(running.xml),
    });
  }

  async #act<A>(
    procedure: Procedure<A, void>,
    args: A,
    timeoutMs = ACTION_TIMEOUT_MS,
  ): Promise<void> {
    await this.#connections.work(procedure, args, timeoutMs);
    await this.#connections.eventBarrier();
  }

  async #guestHost(): Promise<GuestHost> {
    const { virtType, guestUser = 'root' } = this.#options;
    if (this.#architecture === undefined) {
      const reply = await this.#connections.quick(procedures.connectGetCapabilities, undefined);
      this.#architecture = hostArchitecture(reply.capabilities);
    }
    if (this.#architecture === undefined) {
      throw new HypervisorFault('failed', 'libvirt does not tell the host architecture');
    }
    return { virtType, architecture: this.#architecture, guestUser };
  }

  /** libvirt gives one number for many reasons; whether a domain is in the way is asked, not read from its words. */
  async #start<R>(spec: GuestSpec, start: () => Promise<R>): Promise<R> {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof HypervisorFault)) throw error;
      if (error.libvirtCode !== virError.operationFailed && error.code !== 'wrong-state') {
        throw error;
      }
      const there =
        (await this.find(spec.id)) !== undefined || (await this.#reader.isNameTaken(spec.name));
      if (!there) throw error;
      throw new HypervisorFault('guest-exists', error.message, { cause: error });
    }
  }

  async #started(
    spec: GuestSpec,
    dom: DomainRef,
    power: 'running' | 'paused',
  ): Promise<GuestState> {
    this.#reader.remember(spec.id, dom.id, spec.mark);
    await this.#connections.eventBarrier();
    return { id: spec.id, name: dom.name, power, mark: spec.mark };
  }

  #onUp(): void {
    this.#reader.forgetAll();
    for (const settle of this.#waitingForUp) settle();
    this.#tell({ type: 'connection.up' });
  }

  #onMessage(procedure: number, payload: Uint8Array): void {
    try {
      if (procedure === eventMessages.domainDeviceRemoved.number) this.#interfaces.heard(payload);
      if (procedure !== eventMessages.domainLifecycle.number) return;
      const event = guestEventOf(decodeXdr(eventMessages.domainLifecycle.body, payload));
      if (event !== undefined) this.#tell(event);
    } catch (error) {
      this.#options.env.log.warn({ error }, 'libvirt sent a malformed event');
    }
  }

  #tell(event: GuestEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.env.log.error({ error, event }, 'a listener of guest events failed');
      }
    }
  }
}
