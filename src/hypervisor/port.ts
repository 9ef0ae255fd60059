// The border between node actors and a machine that runs guests: GuestSpec in, GuestEvent out.
// It knows nothing of clusters, of Nova, or of who may run a guest; grants are the node actor's matter.
// Two adapters, libvirt/ and simulated/, pass one suite: test/contract/hypervisor. See DESIGN §6.

import type { Migrations } from './migration-port.ts';

/** Time, chance and logs, handed in by whoever builds a driver (the same shape as the runtime's Env). */
export interface HypervisorEnv {
  readonly clock: { now(): number; monotonic(): number };
  readonly timers: { after(delayMs: number, fn: () => void): () => void };
  readonly random: { float(): number; uuid(): string };
  readonly log: {
    debug(fields: object, message: string): void;
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

/** What a guest does right now, as libvirt's virDomainState tells it. `absent` guests are not listed. */
export type GuestPower = 'running' | 'paused' | 'shutdown' | 'crashed' | 'nostate';

export interface GuestDisk {
  /** Device name in the guest: `vda`, `vdb`, … or `sda` for a cdrom. */
  readonly target: string;
  readonly device: 'disk' | 'cdrom';
  readonly bus: 'virtio' | 'sata' | 'scsi' | 'ide';
  readonly format: 'qcow2' | 'raw';
  /** Absolute path on the host. */
  readonly path: string;
  readonly readonly: boolean;
  /** Order among boot devices, from 1. */
  readonly bootOrder?: number;
  readonly serial?: string;
}

export interface GuestInterface {
  /** Lower case, colon separated. */
  readonly mac: string;
  /** Linux bridge on the host. */
  readonly bridge: string;
  /** Host side device; the driver makes it with the guest and removes it with the guest. ≤ 15 characters. */
  readonly tap: string;
  readonly model: 'virtio' | 'e1000';
  readonly mtu?: number;
}

/** Written into the domain, so that whoever finds it knows whose it is and under which grant it runs (R1). */
export interface GuestMark {
  readonly cluster: string;
  readonly host: string;
  /** Run-epoch of the grant. */
  readonly runEpoch: number;
}

/** All that is needed to start a guest. Complete: a driver keeps nothing between two starts. */
export interface GuestSpec {
  /** The server's id (UUID); also the domain's UUID. */
  readonly id: string;
  /** The domain's name, unique on the host: `instance-…`. */
  readonly name: string;
  /** Free text from users; reaches the domain as escaped text only. */
  readonly title: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly machine?: string;
  /** What the guest's firmware tables say of the machine; cloud images look there for their cloud. */
  readonly firmwareTable?: {
    readonly manufacturer: string;
    readonly product: string;
    readonly version: string;
    readonly family: string;
  };
  readonly disks: readonly GuestDisk[];
  readonly interfaces: readonly GuestInterface[];
  /** The guest has a channel for QEMU's agent; whether one answers there is the guest's matter. */
  readonly hasAgentChannel?: true;
  /** The serial port's output is kept here (absolute path). */
  readonly consoleLogPath: string;
  readonly mark: GuestMark;
}

export interface GuestState {
  readonly id: string;
  readonly name: string;
  readonly power: GuestPower;
  /** It stands still because it is handed to, or comes from, another host; `power` is paused then. */
  readonly isInMigration?: true;
  /** Undefined for a domain that is not ours (no mark): never touch it (R6). */
  readonly mark: GuestMark | undefined;
}

/** Told as they happen; they may be missed while the connection is down. Relisting is the truth. */
export type GuestEvent =
  | { readonly type: 'guest.started'; readonly id: string; readonly detail: string }
  | { readonly type: 'guest.paused'; readonly id: string; readonly detail: string }
  | { readonly type: 'guest.resumed'; readonly id: string; readonly detail: string }
  | {
      readonly type: 'guest.stopped';
      readonly id: string;
      readonly detail:
        | 'shutdown'
        | 'destroyed'
        | 'crashed'
        | 'migrated'
        | 'saved'
        | 'failed'
        | 'other';
    }
  /** The connection to the hypervisor was lost or is back; after `up` the listener must relist. */
  | { readonly type: 'connection.down'; readonly reason: string }
  | { readonly type: 'connection.up' };

export interface HostInfo {
  readonly hypervisorType: 'QEMU' | 'KVM';
  /** As libvirt numbers it: 7_002_022 is 7.2.22. */
  readonly hypervisorVersion: number;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly architecture: string;
  readonly cpuModel: string;
  readonly cpuVendor: string;
  readonly cpuTopology: {
    readonly sockets: number;
    readonly cores: number;
    readonly threads: number;
  };
  readonly cpuFeatures: readonly string[];
}

/** What went wrong outside, in the driver's words. `retryable`: the same call may succeed later. */
export class HypervisorFault extends Error {
  readonly code: HypervisorFaultCode;
  readonly retryable: boolean;
  /** libvirt's own error number, where there is one (virErrorNumber). */
  readonly libvirtCode: number | undefined;

  constructor(
    code: HypervisorFaultCode,
    message: string,
    options: { retryable?: boolean; libvirtCode?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HypervisorFault';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.libvirtCode = options.libvirtCode;
  }
}

export type HypervisorFaultCode =
  | 'guest-not-found'
  | 'guest-exists'
  | 'wrong-state'
  | 'aborted'
  | 'connection-lost'
  | 'timeout'
  | 'no-space'
  | 'image-refused'
  | 'unsupported'
  | 'failed';

/**
 * One host's guests. Guests are transient: stopping one removes the domain, starting it is `create` again.
 * Every call rejects with HypervisorFault; calls for one guest are ordered by the caller (its guest actor).
 */
export interface Guests {
  hostInfo(): Promise<HostInfo>;
  /** Every domain on the host, ours or not. */
  list(): Promise<readonly GuestState[]>;
  /** Undefined when there is no such domain. */
  find(id: string): Promise<GuestState | undefined>;
  /** Starts a guest; resolves when its vCPUs run (or stand paused, if asked). Fault guest-exists if a domain has this id. */
  create(spec: GuestSpec, options?: { readonly paused?: boolean }): Promise<GuestState>;
  /** Pulls the plug. Resolves at once, without effect, if there is no such guest. */
  destroy(id: string): Promise<void>;
  /** Presses the power button; the guest may ignore it. `guest.stopped` tells when it went. */
  shutdown(id: string): Promise<void>;
  /** Asks the guest to restart itself (ACPI). */
  reboot(id: string): Promise<void>;
  /** Presses the reset button: the same domain starts its firmware anew. */
  reset(id: string): Promise<void>;
  /** Interrupts the guest's processors as a hardware fault does (NMI): a system that is set up for it dumps its memory. */
  injectNmi(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Writes memory to `path` and stops the guest. On fault no file is left and the guest is as it was. */
  save(id: string, path: string): Promise<void>;
  /** Starts a guest from a file of `save`, with this spec's devices and mark. The file is kept. */
  restore(spec: GuestSpec, path: string): Promise<GuestState>;
}

/** What a guest has used since it started, as the hypervisor counts it. Undefined where it does not count. */
export interface GuestStatistics {
  /** One for each virtual CPU. */
  readonly cpus: readonly { readonly timeNs: number | undefined }[];
  readonly memory: { readonly maximumKiB: number; readonly usedKiB: number | undefined };
  readonly disks: readonly {
    /** Device name in the guest. */
    readonly target: string;
    readonly readBytes: number | undefined;
    readonly readRequests: number | undefined;
    readonly writeBytes: number | undefined;
    readonly writeRequests: number | undefined;
  }[];
  readonly interfaces: readonly {
    readonly mac: string;
    /** On the host. */
    readonly device: string;
    readonly received: InterfaceCounts;
    readonly sent: InterfaceCounts;
  }[];
}

export interface InterfaceCounts {
  readonly bytes: number | undefined;
  readonly packets: number | undefined;
  readonly errors: number | undefined;
  readonly drops: number | undefined;
}

export interface GuestAgents {
  /**
   * Asks the guest's agent to give a user that password. Fault unsupported when the guest has no channel for an agent, or
   * none answers; failed when the agent refuses.
   */
  setPassword(
    id: string,
    login: { readonly user: string; readonly password: string },
  ): Promise<void>;
}

export interface Statistics {
  /** Fault guest-not-found. */
  statistics(id: string): Promise<GuestStatistics>;
}

/** Network interfaces of a guest that is there: what is plugged in or out while it runs. */
export interface Interfaces {
  /** Their MAC addresses, in the order in which the guest got them. Fault guest-not-found. */
  interfacesOf(id: string): Promise<readonly string[]>;
  /** Plugs one in; silent if there is one with its MAC. Fault failed when the guest has no slot left. */
  attachInterface(id: string, given: GuestInterface): Promise<void>;
  /**
   * Asks the guest to let go of one, and resolves when it has; silent if there is none. Fault timeout when the guest does
   * not in good time (it may do so later), wrong-state when it stands still and can't.
   */
  detachInterface(id: string, mac: string): Promise<void>;
}

/** A live serial console. `output` ends when the guest does. */
export interface ConsoleStream {
  readonly output: AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface Consoles {
  openConsole(id: string): Promise<ConsoleStream>;
  /** The last `maxBytes` of what the guest wrote to its serial port; empty if there is none. */
  consoleOutput(
    spec: { readonly id: string; readonly consoleLogPath: string },
    maxBytes: number,
  ): Promise<Uint8Array>;
}

export interface Hypervisor extends Guests, Consoles, Interfaces, Statistics, GuestAgents {
  readonly migrations: Migrations;
  readonly kind: 'libvirt' | 'simulated';
  /** Calls `listener` for every event until the returned function is called. */
  subscribe(listener: (event: GuestEvent) => void): () => void;
  close(): Promise<void>;
}
