// The form of an operation: one table says from where it may start, what is done in which order, how each step is
// undone, how long it may take, and where it ends. decide, evolve, todo, docs/states.md and the path tests read it.
import type { PowerState, TaskState, VmState } from '../../domain/states.ts';
import type { MigrationType } from '../migrations.ts';
import type { OperationName } from '../protocol.ts';

/** What effects.ts knows how to do. */
export type EffectName =
  | 'place'
  | 'release-placement'
  | 'build-guest'
  | 'destroy-guest'
  | 'release-all'
  | 'start-guest'
  | 'stop-guest'
  | 'power-off-guest'
  | 'reboot-guest'
  | 'reset-guest'
  | 'pause-guest'
  | 'unpause-guest'
  | 'suspend-guest'
  | 'resume-guest'
  | 'fetch-image'
  | 'rebuild-guest'
  | 'rescue-guest'
  | 'unrescue-guest'
  /** Images of servers: snapshot-effects.ts. */
  | 'register-image'
  | 'snapshot-guest'
  | 'upload-snapshot'
  | 'drop-snapshot'
  | 'rotate-backups'
  /** One port of a server: interfaces.ts. */
  | 'take-port'
  | 'change-addresses'
  | 'set-password'
  | 'attach-interface'
  | 'detach-interface'
  /** Shelving: shelve-effects.ts. */
  | 'restart-guest'
  | 'release-offloaded'
  | 'place-unshelved'
  | 'release-unshelved'
  /** Both ends of a move: move-effects.ts. */
  | 'place-move'
  | 'release-move'
  | 'prepare-move'
  | 'leave-host'
  | 'leave-destination'
  | 'receive-disks'
  | 'finish-move'
  | 'return-guest'
  | 'clean-source'
  | 'release-source'
  | 'release-interrupted'
  /** A guest that goes on running meanwhile: live/effects.ts. */
  | 'copy-guest'
  | 'keep-guest'
  | 'hand-over-guest'
  | 'take-over-guest'
  | 'decline-guest'
  | 'clean-handed-over'
  /** Away from a dead host. */
  | 'prove-fenced'
  | 'place-evacuated'
  | 'release-evacuated'
  | 'release-fenced';

/**
 * What the end of a step says of grants (DESIGN §5). `place`: the host that it found gets one; `release`: the standing one
 * is over, by its host's word; `fence`: it is over by proof that its host can't run it; `to-destination`, `to-source`: that too, and the move's other end gets the next one.
 */
export type GrantChange = 'place' | 'release' | 'fence' | 'to-destination' | 'to-source';

export interface Step {
  /** Unique within the operation. */
  readonly name: string;
  readonly effect: EffectName;
  /** Shown while the step is under way. */
  readonly taskState: TaskState;
  /** After this long the step has failed, whatever it is still doing. */
  readonly deadlineMs: number;
  /** Takes back what the step did, or may have done; also run for the step that failed. */
  readonly undo?: EffectName;
  readonly grants?: GrantChange;
  /** The same for the end of its undo. */
  readonly undoGrants?: GrantChange;
  /**
   * Where a failure of this step leaves the server, if not where the table says; `leave-behind`: it goes on, and what was
   * to be done is done when the host answers again.
   */
  readonly failure?: 'restore' | 'leave-behind';
  /** Once it is done, neither it nor what was before it is ever taken back; and it may be found done when it is to be taken back. */
  readonly isFinal?: true;
  /** What the migration's record says in the end if this step has failed, if not what the table says. */
  readonly failureStatus?: string;
  /** What the migration's record says while the step is under way; undefined leaves it. */
  readonly migrationStatus?: string;
  /** On a retryable failure, steps are undone down to this one, and it starts anew elsewhere. */
  readonly retryFrom?: string;
}

export interface OperationTable {
  readonly name: OperationName;
  /** As the instance's actions list tells it. */
  readonly action: string;
  /** Nova's name for the one event of the action. */
  readonly actionEvent: string;
  readonly vmStates: readonly VmState[] | 'any';
  /** Task states besides none in which it may start; what was under way is given up. */
  readonly interrupts: readonly TaskState[] | 'any';
  readonly steps: readonly Step[];
  readonly success: {
    readonly vmState: VmState;
    readonly power: PowerState;
    /** vm_states that it leaves as they were; power is then what the host reported. */
    readonly keeps?: readonly VmState[];
  };
  /** `restore`: back to the vm_state before, the hypervisor's word decides the rest; `error`: vm_state error, with the fault. */
  readonly failure: 'restore' | 'error';
  /** Tries in all where a step says retryFrom. */
  readonly attempts: number;
  /**
   * The record that it writes: a new one of that type, or without a type the one of the move that it ends; and what that
   * says in the end.
   */
  readonly migration?: {
    readonly type?: MigrationType;
    readonly succeeded: string;
    readonly failed: string;
  };
  /** Only while both ends of a move are held. */
  readonly needsMove?: true;
  /** From its beginning on the move can not be taken back: what the source has is being removed. */
  readonly keepsMove?: true;
  /** Also without a standing grant. */
  readonly worksWithoutHost?: true;
  /** Ends `stopped` instead, for a server whose guest does not run. */
  readonly followsPower?: true;
}

/** Where an operation ends that went well. */
export function endOf({ success }: OperationTable, fromVmState: VmState): VmState {
  return success.keeps?.includes(fromVmState) === true ? fromVmState : success.vmState;
}

/**
 * Whether an administrator may give an operation up by os-resetState: one that only asks something of the guest leaves
 * nothing behind. All others hold or give back what somebody must account for; their deadlines end them.
 */
export function mayBeGivenUp({ steps }: OperationTable): boolean {
  return steps.every(({ effect }) => harmless.has(effect));
}

const harmless: ReadonlySet<EffectName> = new Set([
  'start-guest',
  'stop-guest',
  'power-off-guest',
  'reboot-guest',
  'reset-guest',
  'pause-guest',
  'unpause-guest',
  'suspend-guest',
  'resume-guest',
  'register-image',
  'snapshot-guest',
  'upload-snapshot',
  'drop-snapshot',
  'rotate-backups',
  'set-password',
]);

/** Operations that leave the server with a root disk, whatever there was of one before. */
export function givesDisk({ steps }: OperationTable): boolean {
  return steps.some(({ effect }) => makesDisk(effect) || effect === 'build-guest');
}

/** Work that gives a server its root disk, if that is wanting. */
export function makesDisk(effect: string): boolean {
  return diskMakers.has(effect);
}

const diskMakers: ReadonlySet<string> = new Set<EffectName>([
  'rebuild-guest',
  'start-guest',
  'reset-guest',
  'unrescue-guest',
]);
