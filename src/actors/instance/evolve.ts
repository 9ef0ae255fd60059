// How each event changes an instance. The one place that sets vm_state, task_state and power_state. Total and pure.
import { unreachable } from '../domain/unreachable.ts';
import type { ServerRequest } from '../domain/server.ts';
import type { PowerState, VmState } from '../domain/states.ts';
import { beginAction, endAction, failAction } from './actions.ts';
import { portReleased, portsAfterFailure, portsAfterStep } from './interfaces.ts';
import { liveEvolved } from './live/events.ts';
import {
  cutShortPlacement,
  diskPlace,
  moveOver,
  noParameters,
  recordBegun,
  recordEnded,
  sideGranted,
  stepMoved,
} from './moves.ts';
import { nextUndo, operations, stepAt } from './operations/all.ts';
import { type EffectName, givesDisk } from './operations/table.ts';
import type { OperationParameters } from './parameters.ts';
import { rebuiltRequest } from './rebuild.ts';
import { restState } from './rest-state.ts';
import {
  shelvingBegun,
  shelvingEnded,
  shelvingFailed,
  shelvingReleased,
  shelvingReset,
  shelvingStepped,
} from './shelving.ts';
import type { InstanceEvent } from './protocol.ts';
import { type InstanceState, MAX_FENCED, MAX_LEFT_IMAGES, type RunningOperation } from './state.ts';

type Named<T extends InstanceEvent['type']> = Extract<InstanceEvent, { readonly type: T }>;

export function evolve(state: InstanceState, event: InstanceEvent): InstanceState {
  switch (event.type) {
    case 'instance.requested':
      return requested(state, event);
    case 'instance.operation-started':
      return operationStarted(state, event);
    case 'instance.step-completed':
      return stepCompleted(state, event);
    case 'instance.granted':
      return granted(state, event);
    case 'instance.released-by-host':
      return releasedByHost(state, event.atMs);
    case 'instance.fenced':
      return fenced(state, event.atMs);
    case 'instance.fenced-host-returned':
      return {
        ...state,
        fenced: state.fenced.filter(
          ({ host, runEpoch }) => host !== event.host || runEpoch !== event.runEpoch,
        ),
        updatedAtMs: event.atMs,
      };
    case 'instance.operation-failed':
      return operationFailed(state, event);
    case 'instance.undone':
      return undone(state, event);
    case 'instance.undo-given-up':
      return undoGivenUp(state, event);
    case 'instance.operation-ended':
      return operationEnded(state, event);
    case 'instance.found-done':
    case 'instance.copy-progressed':
    case 'instance.migration-aborted':
    case 'instance.migration-forced':
    case 'instance.left-behind':
    case 'instance.tidied':
      return liveEvolved(state, event);
    case 'instance.power-changed':
      return powerChanged(state, event);
    case 'instance.renamed':
      return renamed(state, event);
    case 'instance.metadata-changed':
      return withRequest(state, { metadata: event.metadata }, event.atMs);
    case 'instance.tags-changed':
      return withRequest(state, { tags: event.tags }, event.atMs);
    case 'instance.lock-changed':
      return {
        ...state,
        locked: event.locked,
        lockedByAdmin: event.byAdmin,
        lockedReason: event.locked ? event.reason : undefined,
        updatedAtMs: event.atMs,
      };
    case 'instance.state-reset':
      return stateReset(state, event);
    case 'instance.image-discarded':
      return imageDiscarded(state, event.imageId);
    case 'instance.password-saved':
      return { ...state, savedPassword: event.password === '' ? undefined : event.password };
    case 'instance.port-released':
      return { ...state, ...portReleased(state, event.portId) };
    case 'instance.abandoned':
      return { ...state, existence: 'gone', vmState: 'deleted', terminatedAtMs: event.atMs };
    default:
      return unreachable(event);
  }
}

/** A guest that is handed over stands still for a moment only. */
function releasedByHost(state: InstanceState, atMs: number): InstanceState {
  const powerState = state.move?.isLive === true ? state.powerState : 'nostate';
  return {
    ...state,
    ...shelvingReleased(state),
    grant: undefined,
    powerState,
    updatedAtMs: atMs,
  };
}

function fenced(state: InstanceState, atMs: number): InstanceState {
  const { grant } = state;
  if (grant === undefined) return state;
  return {
    ...state,
    grant: undefined,
    fenced: [...state.fenced.slice(1 - MAX_FENCED), grant],
    powerState: 'nostate',
    updatedAtMs: atMs,
  };
}

function requested(state: InstanceState, event: Named<'instance.requested'>): InstanceState {
  const { request, operationId, requestId, atMs } = event;
  const started = {
    operationId,
    requestId,
    userId: request.userId,
    projectId: request.projectId,
    atMs,
  };
  return {
    ...state,
    existence: 'exists',
    request,
    vmState: 'building',
    taskState: stepAt('create', 0).taskState,
    operation: newOperation('create', started, 'building'),
    createdAtMs: atMs,
    updatedAtMs: atMs,
    actions: beginAction([], operations.create, started),
  };
}

function operationStarted(
  state: InstanceState,
  event: Named<'instance.operation-started'>,
): InstanceState {
  const { request } = state;
  const rebuild = event.parameters?.rebuild;
  return {
    ...state,
    ...recordBegun(state, operations[event.operation], event),
    ...shelvingBegun(state, event),
    request: requestedBy(event, request),
    ...(event.parameters?.snapshot === undefined
      ? {}
      : imageBegun(state, event.parameters.snapshot.id)),
    taskState: stepAt(event.operation, 0).taskState,
    operation: {
      ...newOperation(event.operation, event, state.vmState),
      ...(rebuild === undefined ? {} : { requestBefore: request }),
    },
    updatedAtMs: event.atMs,
    actions: beginAction(state.actions, operations[event.operation], event, state.grant?.host),
  };
}

/** An earlier one that was left without bytes, and is not removed yet, stays to be removed. */
function imageBegun(
  { unfinishedImage, leftImages = [] }: InstanceState,
  imageId: string,
): Pick<InstanceState, 'unfinishedImage' | 'leftImages'> {
  return unfinishedImage === undefined || unfinishedImage === imageId
    ? { unfinishedImage: imageId }
    : {
        unfinishedImage: imageId,
        leftImages: [...leftImages.slice(1 - MAX_LEFT_IMAGES), unfinishedImage],
      };
}

function imageDiscarded(state: InstanceState, imageId: string): InstanceState {
  if (state.unfinishedImage === imageId) return { ...state, unfinishedImage: undefined };
  const { leftImages = [], ...others } = state;
  const left = leftImages.filter((id) => id !== imageId);
  return left.length === 0 ? others : { ...others, leftImages: left };
}

/** What the server is asked to be from the operation's start on. */
function requestedBy(
  { parameters = noParameters }: Named<'instance.operation-started'>,
  request: ServerRequest | undefined,
): ServerRequest | undefined {
  const { rebuild, availabilityZone: zone } = parameters;
  if (request === undefined) return request;
  if (rebuild !== undefined) return rebuiltRequest(request, rebuild);
  if (zone === undefined) return request;
  const { availabilityZone: _, ...others } = request;
  return zone === null ? others : { ...others, availabilityZone: zone };
}

function newOperation(
  name: RunningOperation['name'],
  event: {
    readonly operationId: string;
    readonly requestId: string;
    readonly parameters?: OperationParameters;
    readonly atMs: number;
  },
  fromVmState: VmState,
): RunningOperation {
  return {
    id: event.operationId,
    name,
    requestId: event.requestId,
    startedAtMs: event.atMs,
    step: 0,
    attempt: 1,
    fromVmState,
    parameters: event.parameters ?? noParameters,
    failure: undefined,
    isUndoGivenUp: false,
    excludedHosts: [],
  };
}

function stepCompleted(
  state: InstanceState,
  event: Named<'instance.step-completed'>,
): InstanceState {
  const { operation } = state;
  if (operation === undefined) return state;
  const powerState = event.result.power ?? state.powerState;
  const table = operations[operation.name];
  const step = operation.step + 1;
  const [done, next] = [stepAt(operation.name, operation.step), table.steps[step]];
  const moved = {
    ...stepMoved(state, operation, { table, step: done, next }, event),
    ...portsAfterStep(state, operation, done, event.result),
  };
  if (next === undefined) return { ...state, ...moved, powerState, updatedAtMs: event.atMs };
  return {
    ...state,
    ...moved,
    ...shelvingStepped(state, operation),
    ...(done.effect === 'upload-snapshot' && operation.name !== 'shelve'
      ? { unfinishedImage: undefined }
      : {}),
    powerState,
    taskState: next.taskState,
    operation: { ...operation, step },
    updatedAtMs: event.atMs,
  };
}

function granted(state: InstanceState, event: Named<'instance.granted'>): InstanceState {
  const { host, node, providerId, availabilityZone, runEpoch, ports, side, atMs } = event;
  const claimId = event.claimId ?? `${event.operationId}/${state.operation?.attempt ?? 1}`;
  const where = { host, node, providerId, availabilityZone, claimId, storageId: undefined };
  return {
    ...state,
    ...sideGranted(state, event, { ...where, runEpoch, side }),
    runEpoch,
    ports,
    updatedAtMs: atMs,
  };
}

function operationFailed(
  state: InstanceState,
  event: Named<'instance.operation-failed'>,
): InstanceState {
  const { operation } = state;
  if (operation === undefined) return state;
  const failure = { ...event.fault, atMs: event.atMs, retry: event.retry };
  const failed =
    state.grant === undefined ? [] : [{ host: state.grant.host, reason: event.fault.message }];
  const excludedHosts = [...operation.excludedHosts, ...failed];
  const step = nextUndo(operation.name, operation.step) ?? operation.step;
  const { failureStatus } = stepAt(operation.name, operation.step);
  const told = failureStatus === undefined ? {} : { failureStatus };
  return {
    ...state,
    operation: { ...operation, ...told, failure, excludedHosts, step },
    updatedAtMs: event.atMs,
  };
}

function undone(state: InstanceState, event: Named<'instance.undone'>): InstanceState {
  const { operation } = state;
  if (operation === undefined) return state;
  const { steps } = operations[operation.name];
  const done = stepAt(operation.name, operation.step).undo;
  const ports = done === 'release-placement' ? [] : state.ports;
  const moved = movedByUndo(state, done);
  const startsAnew =
    operation.failure?.retry === true && steps.some((one) => one.retryFrom === event.step);
  if (startsAnew) {
    return {
      ...state,
      ...moved,
      ports,
      taskState: stepAt(operation.name, operation.step).taskState,
      operation: { ...operation, failure: undefined, attempt: operation.attempt + 1 },
      updatedAtMs: event.atMs,
    };
  }
  const step = nextUndo(operation.name, operation.step - 1) ?? operation.step;
  return {
    ...state,
    ...moved,
    ports,
    operation: { ...operation, step },
    updatedAtMs: event.atMs,
  };
}

function movedByUndo(
  state: InstanceState,
  done: EffectName | undefined,
): Partial<Pick<InstanceState, 'grant' | 'move'>> {
  if (done === 'release-move') return undoneMove(state);
  const cutShort = done === 'release-interrupted' ? cutShortPlacement(state) : undefined;
  return cutShort === undefined ? {} : { grant: { ...cutShort.grant, claimId: cutShort.renewed } };
}

/** A placement on the server's own host that came to nothing may have taken the place of its claim: that is renewed. */
function undoneMove(state: InstanceState): Partial<InstanceState> {
  const { grant, move, operation } = state;
  if (move !== undefined) return moveOver(state, false);
  if (grant === undefined || operation?.parameters.sameHost !== true) return {};
  return { grant: { ...grant, claimId: `${operation.id}/${operation.attempt}/back` } };
}

function undoGivenUp(state: InstanceState, event: Named<'instance.undo-given-up'>): InstanceState {
  const { operation } = state;
  if (operation?.failure === undefined) return state;
  const details =
    `${operation.failure.details}\nTaking back ${event.step} failed: ${event.fault.message}`.trim();
  const message = withPlace(operation.failure.message, state);
  return {
    ...state,
    operation: {
      ...operation,
      failure: { ...operation.failure, message, details },
      isUndoGivenUp: true,
    },
    updatedAtMs: event.atMs,
  };
}

function operationEnded(
  state: InstanceState,
  event: Named<'instance.operation-ended'>,
): InstanceState {
  const { operation } = state;
  if (operation === undefined) return state;
  const table = operations[operation.name];
  const base = {
    ...state,
    ...recordEnded(state, operation, table, event),
    ...(event.succeeded ? {} : portsAfterFailure(state, operation)),
    operation: undefined,
    taskState: undefined,
    updatedAtMs: event.atMs,
  };
  if (event.succeeded) {
    const actions = endAction(state.actions, operation.requestId, event.atMs, state.grant?.host);
    const { vmState, power } = outcomeOf(table, state, operation.fromVmState);
    const shelving = shelvingEnded(state, operation, { vmState, atMs: event.atMs });
    const ended = { ...base, actions, fault: undefined, vmState, ...shelving };
    if (operation.name === 'delete') return deleted(ended, event.atMs);
    const needsRebuild = state.needsRebuild === true && !givesDisk(table);
    const launchedAtMs = operation.name === 'rebuild' ? event.atMs : state.launchedAtMs;
    const { reclaimAfterMs } = operation.parameters;
    const reclaimAtMs = reclaimAfterMs === undefined ? undefined : event.atMs + reclaimAfterMs;
    return launched({ ...ended, launchedAtMs, needsRebuild, reclaimAtMs }, power, event.atMs);
  }
  const { failure } = operation;
  const actions = failAction(state.actions, operation.requestId, event.atMs, failure);
  if (failure === undefined) return { ...base, actions };
  const step = table.steps[operation.step];
  if ((step?.failure ?? table.failure) === 'restore' && !operation.isUndoGivenUp)
    return {
      ...base,
      ...shelvingFailed(state, event.atMs),
      actions,
      vmState: operation.fromVmState,
    };
  const message = operation.isUndoGivenUp ? failure.message : withPlace(failure.message, state);
  const { requestBefore } = operation;
  const isUntouched = requestBefore !== undefined && state.needsRebuild !== true;
  return {
    ...base,
    ...(isUntouched ? { request: requestBefore } : {}),
    actions,
    vmState: 'error',
    fault: { ...withoutRetry(failure), message },
  };
}

/** A guest that was down before a move is down after it. */
function outcomeOf(
  { success, followsPower }: (typeof operations)[RunningOperation['name']],
  { powerState }: InstanceState,
  fromVmState: VmState,
): { readonly vmState: VmState; readonly power: PowerState } {
  if (success.keeps?.includes(fromVmState) === true)
    return { vmState: fromVmState, power: powerState };
  if (followsPower !== true || powerState === 'running') return success;
  return {
    vmState: success.vmState === 'active' ? 'stopped' : success.vmState,
    power: powerState === 'nostate' ? 'shutdown' : powerState,
  };
}

const MAX_MESSAGE = 1_000;

/** A server in error after a move says on which host its disk is. */
function withPlace(message: string, state: InstanceState): string {
  const place = diskPlace(state);
  return place === undefined ? message : `${message.slice(0, MAX_MESSAGE)} ${place}`;
}

function withoutRetry(
  failure: NonNullable<RunningOperation['failure']>,
): NonNullable<InstanceState['fault']> {
  const { code, message, details, atMs } = failure;
  return { code, message, details, atMs };
}

function deleted(state: InstanceState, atMs: number): InstanceState {
  return {
    ...state,
    existence: 'gone',
    powerState: 'nostate',
    // A host that was fenced and comes back is still to take them from its networks.
    ports: state.fenced.length === 0 && (state.leftBehind ?? []).length === 0 ? [] : state.ports,
    move: undefined,
    terminatedAtMs: atMs,
  };
}

function launched(state: InstanceState, powerState: PowerState, atMs: number): InstanceState {
  const launchedAtMs = state.launchedAtMs ?? (powerState === 'running' ? atMs : undefined);
  return { ...state, powerState, launchedAtMs };
}

/** What an administrator says counts until the host is looked at again. */
function stateReset(state: InstanceState, event: Named<'instance.state-reset'>): InstanceState {
  const { vmState, atMs } = event;
  const message = 'An administrator has set the state to error.';
  const fault = vmState === 'error' ? { code: 500, message, details: '', atMs } : undefined;
  const reset = shelvingReset(state, vmState);
  return { ...state, ...reset, fault, reclaimAtMs: undefined, updatedAtMs: atMs };
}

/** The hypervisor's word on a resting server (Nova: _sync_instance_power_state). */
function powerChanged(state: InstanceState, event: Named<'instance.power-changed'>): InstanceState {
  return {
    ...state,
    powerState: event.power,
    vmState: restState(state.vmState, event.power),
    updatedAtMs: event.atMs,
  };
}

function renamed(state: InstanceState, event: Named<'instance.renamed'>): InstanceState {
  const { type: _type, atMs, description, availabilityZone: zone, ...changes } = event;
  const zoned = zone === undefined ? {} : { availabilityZone: zone ?? undefined };
  const described = description === undefined ? {} : { description: description ?? undefined };
  return withRequest(state, { ...changes, ...described, ...zoned }, atMs);
}

function withRequest(
  state: InstanceState,
  changes: { [K in keyof ServerRequest]?: ServerRequest[K] | undefined },
  atMs: number,
): InstanceState {
  if (state.request === undefined) return state;
  return {
    ...state,
    request: { ...state.request, ...changes } as ServerRequest,
    updatedAtMs: atMs,
  };
}
