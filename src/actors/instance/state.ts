// What an instance remembers, and what must always be true of it. Pure; read by views, changed by evolve alone.
import type { Flavor, ServerImage, ServerPort, ServerRequest } from '../domain/server.ts';
import type { PowerState, TaskState, VmState } from '../domain/states.ts';
import { type MigrationRecord, MAX_MIGRATIONS } from './migrations.ts';
import type { Handover, LeftBehind } from './live/handover.ts';
import type { OperationParameters } from './parameters.ts';
import type { OperationName } from './protocol.ts';

export interface InstanceFault {
  readonly code: number;
  readonly message: string;
  readonly details: string;
  readonly atMs: number;
}

/** One permission to run the guest on one host (DESIGN §5). */
export interface Grant {
  readonly host: string;
  /** The hypervisor's hostname. */
  readonly node: string;
  readonly providerId: string;
  readonly availabilityZone: string;
  readonly runEpoch: number;
  /** Names what is held for it at the provider. */
  readonly claimId: string;
  /** Of the file system that holds the guest's disks, once the host has told it. */
  readonly storageId: string | undefined;
  /** Which end of the move under way it is; undefined while there is none, or its first step is not done. */
  readonly side: MoveSide | undefined;
}

export type MoveSide = 'source' | 'destination';

/**
 * Both ends of a move, from the moment that the destination is claimed until what is held at the other end is given back
 * (confirm, revert, or undo): until then both claims stand, and the source keeps the disks as they were.
 */
export interface Move {
  /** The migration record that it belongs to. */
  readonly migrationId: string;
  /** The source's last grant: standing, or over with the disks kept there. */
  readonly source: Grant;
  readonly destination: Omit<Grant, 'runEpoch' | 'side'>;
  readonly oldFlavor: Flavor;
  readonly newFlavor: Flavor;
  /** Where the server stood before. */
  readonly fromVmState: VmState;
  /** Confirmed by itself after this long; undefined for never. */
  readonly confirmAfterMs: number | undefined;
  /** The guest goes on running meanwhile. */
  readonly isLive?: true;
  /** It stands still at the source, and is whole at the destination. */
  readonly handover?: Handover;
  /** A confirm has begun: the source's disks may be gone, so that it can only be done again, never taken back. */
  readonly isKept?: true;
}

export interface LoosePort {
  readonly portId: string;
  readonly networkId: string;
}

export interface Shelved {
  /** Of the server's disk. */
  readonly imageId: string;
  /** The image in full, once the server is made from it: from then on whatever builds it does so from this. */
  readonly image?: ServerImage;
  /** Its host lets it go then; undefined for never, or when an administrator says so. */
  readonly offloadAtMs?: number | undefined;
  /** An offload has begun: what the host still has of it nobody knows, so that nothing else can be done but a delete. */
  readonly isLeaving?: true;
  /** Its last grant, from the host's word that it is over until what was held under it is given back. */
  readonly left?: Grant | undefined;
}

export interface RunningOperation {
  readonly id: string;
  readonly name: OperationName;
  readonly requestId: string;
  readonly startedAtMs: number;
  /** Index into the operation table's steps: the one under way. */
  readonly step: number;
  /** Counts tries of the current step, from 1. */
  readonly attempt: number;
  /** Where the guest stood before, for operations that restore it on failure. */
  readonly fromVmState: VmState;
  readonly parameters: OperationParameters;
  /** Of a rebuild: what the server was asked to be before. */
  readonly requestBefore?: ServerRequest | undefined;
  /** Set once a step has failed: steps are being undone, from `step` downwards. */
  readonly failure: (InstanceFault & { readonly retry: boolean }) | undefined;
  /** A step could not be taken back: something of it is left, and the server may not go on as before. */
  readonly isUndoGivenUp: boolean;
  /** The guest is to stand still, so that its copy ends. */
  readonly isForced?: true;
  /** It fails because an administrator gave it up. */
  readonly isAborted?: true;
  /** What the migration's record says in the end, if not what the table says. */
  readonly failureStatus?: string;
  /** Hosts that failed this operation, with the reason: not tried again. */
  readonly excludedHosts: readonly { readonly host: string; readonly reason: string }[];
}

/** What `GET /servers/{id}/os-instance-actions` tells. */
export interface ActionRecord {
  readonly action: string;
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** `Error` for a failed one, as Nova says it. */
  readonly message: string | undefined;
  readonly events: readonly {
    readonly name: string;
    readonly startedAtMs: number;
    readonly finishedAtMs: number | undefined;
    readonly result: 'Success' | 'Error' | undefined;
    /** Of the fault, for whoever waits for the operation. */
    readonly code?: number;
    readonly host: string | undefined;
    /** For administrators. */
    readonly details: string | undefined;
  }[];
}

export interface InstanceState {
  readonly id: string;
  /** `none`: never created; `gone`: deleted, or abandoned before it was created. */
  readonly existence: 'none' | 'exists' | 'gone';
  /** Undefined only while existence is `none` or for an abandoned id. */
  readonly request: ServerRequest | undefined;
  readonly vmState: VmState;
  readonly taskState: TaskState | undefined;
  readonly powerState: PowerState;
  readonly grant: Grant | undefined;
  /** Of the last grant; never goes down. */
  readonly runEpoch: number;
  readonly ports: readonly ServerPort[];
  readonly move: Move | undefined;
  /** Hosts that were fenced and have not come back since; bounded by MAX_FENCED. */
  readonly fenced: readonly Grant[];
  /** What is still to be done at hosts that did not answer; bounded by MAX_LEFT_BEHIND. */
  readonly leftBehind?: readonly LeftBehind[];
  /** Oldest first; bounded by MAX_MIGRATIONS. */
  readonly migrations: readonly MigrationRecord[];
  readonly operation: RunningOperation | undefined;
  readonly fault: InstanceFault | undefined;
  /** A rebuild has begun to replace the root disk and has not ended well: whatever starts the guest makes it anew. */
  readonly needsRebuild?: boolean;
  /** While it is soft-deleted: when it is deleted for good. */
  readonly reclaimAtMs?: number | undefined;
  /** An image of the server that an operation makes, or has left without bytes: then it is to be removed. */
  readonly unfinishedImage?: string | undefined;
  /** Such images of earlier operations, and those of shelves that are over, that are still to be removed; bounded by MAX_LEFT_IMAGES. */
  readonly leftImages?: readonly string[];
  /** As the guest posted it. */
  readonly savedPassword?: string | undefined;
  /** Ports that are to be given back to the network service: at most as many as the server has had. */
  readonly loosePorts?: readonly LoosePort[] | undefined;
  /** From the end of a shelve until the server is made from its image, or started again where it is. */
  readonly shelved?: Shelved | undefined;
  /** Its root disk has all its content in itself, and stands on no image. */
  readonly hasWholeDisk?: boolean;
  readonly locked: boolean;
  readonly lockedByAdmin: boolean;
  readonly lockedReason: string | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly launchedAtMs: number | undefined;
  readonly terminatedAtMs: number | undefined;
  /** Oldest first; bounded by MAX_ACTIONS. */
  readonly actions: readonly ActionRecord[];
}

/** Older ones are forgotten; the journal still has them. */
export const MAX_ACTIONS = 100;

const noMigrations: readonly MigrationRecord[] = [];
const noGrants: readonly Grant[] = [];
/** Older ones are forgotten: such a host is told that its report comes too late. */
export const MAX_FENCED = 16;
/** While the image service is away; of more than this the oldest, which may never have been registered, is forgotten. */
export const MAX_LEFT_IMAGES = 32;

export function initialInstance(id: string): InstanceState {
  return {
    id,
    existence: 'none',
    request: undefined,
    vmState: 'building',
    taskState: undefined,
    powerState: 'nostate',
    grant: undefined,
    runEpoch: 0,
    ports: [],
    move: undefined,
    fenced: noGrants,
    migrations: noMigrations,
    operation: undefined,
    fault: undefined,
    locked: false,
    lockedByAdmin: false,
    lockedReason: undefined,
    createdAtMs: 0,
    updatedAtMs: 0,
    launchedAtMs: undefined,
    terminatedAtMs: undefined,
    actions: [],
  };
}

export function instanceInvariants(state: InstanceState): readonly string[] {
  const broken: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) broken.push(what);
  };
  must(
    state.grant === undefined || state.grant.runEpoch === state.runEpoch,
    'the standing grant is the newest one',
  );
  must(state.existence !== 'exists' || state.request !== undefined, 'a server has a request');
  must(
    (state.taskState === undefined) === (state.operation === undefined),
    'a task_state is shown exactly while an operation runs',
  );
  must(
    state.existence !== 'gone' || state.operation === undefined,
    'nothing is done to a server that is gone',
  );
  must(
    state.existence !== 'gone' || state.grant === undefined,
    'a server that is gone has no grant',
  );
  must(
    state.existence !== 'exists' || state.vmState !== 'building' || state.operation !== undefined,
    'a building server is being built',
  );
  must(
    state.vmState !== 'error' || state.fault !== undefined || state.operation !== undefined,
    'a server in error says why',
  );
  const runs =
    state.vmState === 'active' || state.vmState === 'paused' || state.vmState === 'suspended';
  must(
    !runs || state.grant !== undefined || state.operation !== undefined,
    'a server that runs has a grant',
  );
  must(
    state.move === undefined ||
      state.operation !== undefined ||
      state.vmState === 'resized' ||
      state.vmState === 'error',
    'both ends of a move are held only until it is kept or taken back',
  );
  must(
    state.vmState !== 'resized' || state.existence !== 'exists' || state.move !== undefined,
    'a resized server knows both ends of its move',
  );
  must(
    state.vmState !== 'shelved_offloaded' ||
      state.operation !== undefined ||
      state.existence !== 'exists' ||
      (state.grant === undefined && state.shelved !== undefined),
    'a server that is shelved and offloaded has an image and no grant',
  );
  must(state.migrations.length <= MAX_MIGRATIONS, 'migration records are bounded');
  return broken;
}
