// Orders that an instance gives to the node actor of its host, and what the node reports back.
import type { Flavor, ServerImage, ServerPort } from '../domain/server.ts';
import type {
  MigrationInvitation,
  MigrationOffer,
  MigrationProgress,
  MigrationSettings,
} from '#hypervisor/migration-port.ts';
import type { GuestSpec } from '#hypervisor/port.ts';
import type { DiskFile } from '#hypervisor/storage-port.ts';
import type { PowerState } from '../domain/states.ts';

export type HostName = string;

/** All that a host needs to make the guest, whatever it remembers: the record is the instance's journal. */
export interface GuestPlan {
  readonly serverId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string;
  readonly hostname: string;
  readonly flavor: Flavor;
  readonly image: ServerImage | undefined;
  readonly ports: readonly ServerPort[];
  readonly configDrive: boolean;
  readonly availabilityZone: string;
  /** The root disk has all its content in itself: the image that it was made from is not to be kept. */
  readonly hasWholeDisk?: true;
}

interface Order {
  /** Names this piece of work: a repeat joins or finds it, never does it twice. */
  readonly orderId: string;
  readonly serverId: string;
  /** Of the grant that this order acts under. */
  readonly runEpoch: number;
  /**
   * Of the asking controller, as owner of the instance: the host refuses lower ones than it has seen, so that an owner that
   * was thought dead can't order anything after its successor has. Undefined where there is but one process.
   */
  readonly ownerEpoch?: number;
  readonly requestId: string;
}

export type NodeOrder =
  /** Disks, network and guest from nothing. */
  | (Order & {
      readonly type: 'node.build';
      readonly plan: GuestPlan;
      /** Of an evacuated server: whether the guest is started; and the report says on which storage its disks are. */
      readonly starts?: boolean;
    })
  /** Ends with no guest, no disk, no tap, no lease, and a tombstone for the run-epoch. */
  | (Order & {
      readonly type: 'node.destroy';
      readonly plan: GuestPlan;
      /** Files on this storage stay: the other end of a move uses them. */
      readonly spareStorage?: string;
    })
  /** Ends the guest and the grant, and keeps the disks: for another host, or another size. */
  | (Order & { readonly type: 'node.leave'; readonly plan: GuestPlan; readonly graceMs: number })
  /** Tells which disks there are, and where. Changes nothing. */
  | (Order & { readonly type: 'node.survey' })
  /** Takes the disks over from the other end of a move, in the plan's sizes. The guest is not started. */
  | (Order & {
      readonly type: 'node.receive';
      readonly plan: GuestPlan;
      readonly disks: readonly DiskFile[];
      readonly sourceStorageId: string;
    })
  /** The disks as they were before a move, and the guest if it ran. */
  | (Order & {
      readonly type: 'node.take-back';
      readonly plan: GuestPlan;
      readonly starts: boolean;
    })
  /** A move is kept: what this host still has of its beginning goes, but for files on that storage. */
  | (Order & {
      readonly type: 'node.forget';
      readonly plan: GuestPlan;
      readonly spareStorage: string | undefined;
    })
  /**
   * Of a live migration's destination, under the run-epoch that it is to have and is not granted yet: disks, ports and the
   * guest as it is to be here. Nothing is started.
   */
  | (Order & {
      readonly type: 'node.expect';
      readonly plan: GuestPlan;
      readonly sourceStorageId: string | undefined;
      /** Undefined: disks are copied where the hosts share no storage. */
      readonly copiesDisks: boolean | undefined;
    })
  /** The source offers its guest. */
  | (Order & {
      readonly type: 'node.offer';
      readonly spec: GuestSpec;
      readonly settings: MigrationSettings;
    })
  /** The destination, still without a grant, waits for it: an incoming guest stands still there. */
  | (Order & {
      readonly type: 'node.invite';
      readonly plan: GuestPlan;
      readonly offer: MigrationOffer;
      readonly settings: MigrationSettings;
    })
  /** The source copies it, and stands still in the end. */
  | (Order & {
      readonly type: 'node.copy';
      readonly spec: GuestSpec;
      readonly offer: MigrationOffer;
      readonly invitation: MigrationInvitation;
      readonly settings: MigrationSettings;
    })
  /** The source's guest stands still, and its grant is over by the source's word. */
  | (Order & {
      readonly type: 'node.hand-over';
      /** A guest that goes on here again is paused first. */
      readonly pauses: boolean;
    })
  /** The destination goes on, under its grant. */
  | (Order & {
      readonly type: 'node.take-over';
      readonly plan: GuestPlan;
      readonly cookie: string;
      readonly isPaused: boolean;
      readonly settings: MigrationSettings;
    })
  /** The copy is given up: the source's guest goes on. */
  | (Order & {
      readonly type: 'node.keep';
      readonly plan: GuestPlan;
      /** Somebody had paused it before. */
      readonly isPaused: boolean;
      /** Started anew if it is not there any more. */
      readonly starts: boolean;
    })
  /** The destination waits no more. With `closes` its grant is over, unless it has taken the guest over. */
  | (Order & {
      readonly type: 'node.decline';
      readonly plan: GuestPlan;
      readonly spareStorage: string | undefined;
      readonly closes: boolean;
    })
  /** What the source has handed over is taken away, but for files on that storage. */
  | (Order & {
      readonly type: 'node.clean';
      readonly plan: GuestPlan;
      readonly spareStorage: string | undefined;
    })
  /** How far the source's copy is; at once, whatever else is done for the guest. */
  | (Order & { readonly type: 'node.copy-progress' })
  /** The source's guest stands still, so that its copy ends; at once, too. */
  | (Order & { readonly type: 'node.force-copy' })
  | (Order & { readonly type: 'node.start'; readonly plan: GuestPlan })
  | (Order & { readonly type: 'node.stop'; readonly plan: GuestPlan; readonly graceMs: number })
  | (Order & {
      readonly type: 'node.reboot';
      readonly plan: GuestPlan;
      readonly hard: boolean;
      readonly graceMs: number;
    })
  /** Once, and never again for the same order: the guest's own system dumps its memory, if it is set up for it. */
  | (Order & { readonly type: 'node.crash-dump' })
  | (Order & { readonly type: 'node.pause' })
  | (Order & { readonly type: 'node.unpause' })
  | (Order & { readonly type: 'node.suspend' })
  | (Order & { readonly type: 'node.resume'; readonly plan: GuestPlan })
  /** An image that the server is to be made from later is on this host. */
  | (Order & { readonly type: 'node.fetch-image'; readonly image: ServerImage })
  /** New disks in the place of the old ones; then the guest starts, unless it is to stay off. */
  | (Order & {
      readonly type: 'node.rebuild';
      readonly plan: GuestPlan;
      /** The ephemeral disks and the swap disk stay as they are. */
      readonly keepsExtraDisks: boolean;
      readonly isOff: boolean;
    })
  /** The guest starts from a disk of this image, and has its own root disk as the second one. */
  | (Order & {
      readonly type: 'node.rescue';
      readonly plan: GuestPlan;
      readonly image: ServerImage;
      readonly graceMs: number;
    })
  | (Order & { readonly type: 'node.unrescue'; readonly plan: GuestPlan })
  /** A copy of the root disk as it is at one moment, whole in itself. */
  | (Order & {
      readonly type: 'node.snapshot';
      /** The guest is to run afterwards. */
      readonly isRunning: boolean;
    })
  /** That copy goes to the image service. */
  | (Order & { readonly type: 'node.upload-snapshot'; readonly imageId: string })
  /** It goes from the host. */
  | (Order & { readonly type: 'node.drop-snapshot' })
  /** The guest's agent gives a user that password. */
  | (Order & {
      readonly type: 'node.set-password';
      readonly user: string;
      readonly password: string;
    })
  /** That port of the plan is on the host, and in the guest if there is one. */
  | (Order & {
      readonly type: 'node.attach-interface';
      readonly plan: GuestPlan;
      readonly portId: string;
    })
  /** That port of the plan is in no guest any more, and not on the host. */
  | (Order & {
      readonly type: 'node.detach-interface';
      readonly plan: GuestPlan;
      readonly portId: string;
    });

export interface NodeReport {
  readonly power: PowerState;
  /** The guest does not run here and never will under this run-epoch. */
  readonly stopped: boolean;
  /** Of the file system that holds the guest's disks; told by orders that make or look at disks. */
  readonly storageId?: string;
  /** For node.survey. */
  readonly disks?: readonly DiskFile[];
  /** What one end of a live migration tells the other. */
  readonly handover?: HandoverReport;
}

export interface HandoverReport {
  /** node.expect: the guest as it is to be there, and the targets of its disks that are to be copied. */
  readonly spec?: GuestSpec;
  readonly copiedDisks?: readonly string[];
  /** node.offer, which names this try. */
  readonly offer?: MigrationOffer;
  readonly tryId?: string;
  /** node.invite. */
  readonly invitation?: MigrationInvitation;
  /** node.copy. */
  readonly cookie?: string;
  /** node.copy-progress. */
  readonly progress?: MigrationProgress;
}

/** Bytes of a disk's file, from an offset on. */
export interface DiskRange {
  readonly serverId: string;
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * stale-owner: another controller owns the instance by now, and it has given orders already. image-service: it did not take
 * an image now.
 */
export type NodeFaultCode =
  | 'stale-grant'
  | 'stale-owner'
  | 'host-unreachable'
  | 'no-space'
  | 'image-refused'
  | 'image-service'
  | 'hypervisor'
  | 'network'
  | 'timeout'
  | 'not-found'
  | 'no-agent';

/** Trouble on a host, in words for people. */
export class NodeFault extends Error {
  readonly code: NodeFaultCode;
  readonly retryable: boolean;

  constructor(
    code: NodeFaultCode,
    message: string,
    options: { retryable: boolean; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NodeFault';
    this.code = code;
    this.retryable = options.retryable;
  }
}
