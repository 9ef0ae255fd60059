// Handing a running guest from one host to another, phase by phase: each call goes to one host, and what one host says is
// carried to the other by the caller. Between perform and finish the guest stands still on both, and nothing but
// the caller decides where it goes on: that is where the grant is given (DESIGN §5). `migrations` of the Hypervisor
// port; the suite is test/contract/hypervisor/migration-contract.ts.
//
//   source:       begin             perform                    confirm
//   destination:          prepare             finish
//   the guest:    runs there ------ copied | stands still | runs here
//
// A host forgets a migration with the connection that it was made over, so that a caller that died leaves a guest that
// runs on the source (before perform has ended) or stands still there (after it), and on the destination nothing or an
// incoming guest that never runs by itself.

import type { GuestMark, GuestSpec, GuestState } from './port.ts';

export interface MigrationSettings {
  /** Targets (`vda`) of disks whose content is copied; empty when both hosts see the same files. */
  readonly copiedDisks: readonly string[];
  /** Slow the guest's processors down when it changes memory faster than it is copied. */
  readonly autoConverge: boolean;
  /** Of the copy; undefined for as fast as it goes. */
  readonly bandwidthMiBps?: number;
}

/** What the source offers. Opaque text: good for this guest and this try. */
export interface MigrationOffer {
  readonly domain: string;
  readonly cookie: string;
  /** Somebody had paused the guest before; it is handed over paused. */
  readonly isPaused: boolean;
}

/** Where the destination waits for it. */
export interface MigrationInvitation {
  readonly cookie: string;
  readonly uri: string;
}

export interface MigrationProgress {
  readonly elapsedMs: number;
  readonly memoryTotalBytes: number;
  readonly memoryProcessedBytes: number;
  readonly memoryRemainingBytes: number;
  readonly diskTotalBytes: number;
  readonly diskProcessedBytes: number;
  readonly diskRemainingBytes: number;
  /** How often memory was gone through. */
  readonly rounds: number;
  /** How much the guest's processors are slowed down, in percent. */
  readonly slowedPercent: number;
}

/** Calls reject with HypervisorFault. A phase that failed is given up with the two cancels, in any order. */
export interface Migrations {
  /**
   * On the source: `spec` is the guest as it is to be on the destination, its mark included. It goes on, and no other
   * call changes it until the migration is over. Faults guest-not-found; wrong-state if one is under way already.
   */
  begin(spec: GuestSpec, settings: MigrationSettings): Promise<MigrationOffer>;
  /**
   * On the destination, whose `address` the source reaches: an incoming guest stands still and waits. Fault guest-exists
   * if a guest has this id.
   */
  prepare(
    spec: GuestSpec,
    order: {
      readonly offer: MigrationOffer;
      readonly settings: MigrationSettings;
      readonly address: string;
    },
  ): Promise<MigrationInvitation>;
  /**
   * On the source: copies everything. Resolves with what finish needs when the guest stands still here for good. Fault
   * aborted after `abort`; on any fault that is no lost connection the guest goes on here.
   */
  perform(
    spec: GuestSpec,
    order: {
      readonly offer: MigrationOffer;
      readonly invitation: MigrationInvitation;
      readonly settings: MigrationSettings;
    },
  ): Promise<{ readonly cookie: string }>;
  /** On the destination, under its grant and never without: the guest goes on here. A guest that runs here already is no fault. */
  finish(
    spec: GuestSpec,
    order: {
      readonly cookie: string;
      readonly isPaused: boolean;
      readonly settings: MigrationSettings;
    },
  ): Promise<GuestState>;
  /** On the source, after the guest was seen to run on the destination: what stands still here is taken away. Silent if nothing is. */
  confirm(id: string): Promise<void>;
  /**
   * On the source: the guest goes on here as before. Never after the destination was told to finish, unless its copy is
   * known to be gone. With `mark` it goes on under another grant: the mark is changed before anything runs.
   */
  cancelOutgoing(id: string, mark?: GuestMark): Promise<void>;
  /** On the destination: takes the incoming guest away. Silent if there is none; wrong-state if the guest runs here. */
  cancelIncoming(id: string): Promise<void>;
  /** On the source, while it copies; undefined when it does not. */
  progress(id: string): Promise<MigrationProgress | undefined>;
  /** On the source, while it copies: perform ends with fault aborted. Fault wrong-state when it does not copy. */
  abort(id: string): Promise<void>;
  /** On the source, while it copies: lets the guest stand still, so that the rest is copied at once. */
  force(id: string): Promise<void>;
}
