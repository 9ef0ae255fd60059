// What must be under way while an instance is in a state: the current step, or its undo, and its deadline.
// Level-triggered: computed anew from the state after a crash or a move, with the same ids.
import type { Effect } from '#runtime/entity/definition.ts';
import { leftBehindId } from './live/handover.ts';
import { stepAt } from './operations/all.ts';
import type { EffectName } from './operations/table.ts';
import type { InstanceState, LoosePort } from './state.ts';

export interface InstanceEffect extends Effect {
  readonly kind:
    | EffectName
    | 'deadline'
    | 'auto-confirm'
    | 'auto-offload'
    | 'discard-image'
    | 'reclaim'
    | 'release-port'
    | 'tidy-up'
    | 'force-copy';
  readonly operationId: string;
  readonly step: string;
  readonly attempt: number;
  readonly requestId: string;
  /** True when it takes a step back. */
  readonly undo: boolean;
  /** For release-port. */
  readonly portId?: string;
  readonly deadlineMs: number;
  /** Of `discard-image`. */
  readonly imageId?: string;
}

/** Undoing a step may take this long before it is left to a later delete. */
const UNDO_DEADLINE_MS = 60_000;

const nothing: readonly InstanceEffect[] = [];

/** A move that nobody confirms or takes back is confirmed by itself, where the settings say so. */
function confirmLater({ move, vmState }: InstanceState): readonly InstanceEffect[] {
  if (move?.confirmAfterMs === undefined || vmState !== 'resized') return nothing;
  const operationId = `${move.migrationId}/auto-confirm`;
  return [
    {
      id: operationId,
      kind: 'auto-confirm',
      afterMs: move.confirmAfterMs,
      operationId,
      step: 'confirm',
      attempt: 1,
      requestId: `req-${operationId}`,
      undo: false,
      deadlineMs: move.confirmAfterMs,
    },
  ];
}

export function todo(state: InstanceState): readonly InstanceEffect[] {
  const later = [reclaimOf(state), offloadOf(state)].filter((effect) => effect !== undefined);
  const others = [...later, ...discardsOf(state)];
  const { loosePorts = [] } = state;
  const live = [...forceOf(state), ...leftOf(state)];
  if (others.length + loosePorts.length + live.length === 0) return ofOperation(state);
  return [...ofOperation(state), ...others, ...loosePorts.map(releaseOf), ...live];
}

function releaseOf({ portId }: LoosePort): InstanceEffect {
  const id = `release-port/${portId}`;
  return { ...ofNoOperation, id, kind: 'release-port', requestId: `req-${id}`, portId };
}

/** Shelved servers are offloaded when their time has come, whoever owns them by then. */
function offloadOf({ id, shelved, operation, vmState }: InstanceState): InstanceEffect | undefined {
  const { offloadAtMs } = shelved ?? {};
  if (offloadAtMs === undefined || operation !== undefined || vmState !== 'shelved')
    return undefined;
  const name = `offload/${offloadAtMs}`;
  return { ...ofNoOperation, id: name, kind: 'auto-offload', requestId: `req-${name}-${id}` };
}

/** Beside the copy that it is about. */
function forceOf({ operation }: InstanceState): readonly InstanceEffect[] {
  if (operation?.isForced !== true || operation.failure !== undefined) return nothing;
  const { id: operationId, name, step, requestId } = operation;
  if (stepAt(name, step).effect !== 'copy-guest') return nothing;
  const id = `${operationId}/force`;
  return [{ ...ofNoOperation, id, kind: 'force-copy', operationId, requestId }];
}

/** What hosts that did not answer have to do still, also for a server that is gone. */
function leftOf({ leftBehind }: InstanceState): readonly InstanceEffect[] {
  if (leftBehind === undefined) return nothing;
  return leftBehind.map((one) => {
    const id = leftBehindId(one);
    return { ...ofNoOperation, id, kind: 'tidy-up', requestId: `req-${id}` };
  });
}

/** Soft-deleted servers are deleted for good when their time is over, whoever owns them by then. */
function reclaimOf(state: InstanceState): InstanceEffect | undefined {
  const { reclaimAtMs, operation, vmState } = state;
  if (reclaimAtMs === undefined || operation !== undefined || vmState !== 'soft-delete')
    return undefined;
  return {
    ...ofNoOperation,
    id: `reclaim/${reclaimAtMs}`,
    kind: 'reclaim',
    requestId: 'req-reclaim',
  };
}

const ofNoOperation = {
  operationId: '',
  step: '',
  attempt: 1,
  undo: false,
  deadlineMs: 0,
} as const;

/** No operation works on them any more: images without bytes are of no use to anybody. */
function discardsOf(state: InstanceState): readonly InstanceEffect[] {
  const { unfinishedImage, leftImages = [], operation } = state;
  if (unfinishedImage === undefined && leftImages.length === 0) return nothing;
  const isWanted = operation?.parameters.snapshot?.id === unfinishedImage;
  const over = unfinishedImage === undefined || isWanted ? [] : [unfinishedImage];
  return [...leftImages, ...over].map((imageId) => ({
    ...ofNoOperation,
    id: `discard/${imageId}`,
    kind: 'discard-image',
    requestId: `discard-${imageId}`,
    imageId,
  }));
}

function ofOperation(state: InstanceState): readonly InstanceEffect[] {
  const { operation } = state;
  if (operation === undefined) return confirmLater(state);
  const step = stepAt(operation.name, operation.step);
  const undo = operation.failure !== undefined;
  const kind = undo ? step.undo : step.effect;
  if (kind === undefined) return nothing;
  const deadlineMs = undo ? UNDO_DEADLINE_MS : step.deadlineMs;
  const id = `${operation.id}/${operation.attempt}/${undo ? 'undo-' : ''}${step.name}`;
  const shared = {
    operationId: operation.id,
    step: step.name,
    attempt: operation.attempt,
    requestId: operation.requestId,
    undo,
    deadlineMs,
  };
  return [
    { id, kind, ...shared },
    { id: `${id}/deadline`, kind: 'deadline', afterMs: deadlineMs, ...shared },
  ];
}
