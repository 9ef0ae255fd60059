// What an instance does with a command: which events, or why not. Pure; the tables in operations/ hold the rules.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { unreachable } from '../domain/unreachable.ts';
import { grantEvents } from './grants.ts';
import {
  abortMigration,
  copyProgress,
  forceMigration,
  incomingLeft,
  leftBehindBy,
  sourceLeft,
  tidied,
} from './live/commands.ts';
import { neededParameters } from './parameters.ts';
import { fencedGrant, grantOver } from './fenced.ts';
import { nextUndo, operations, stepAt } from './operations/all.ts';
import { mayBeGivenUp } from './operations/table.ts';
import { restState } from './rest-state.ts';
import type { InstanceCommand, InstanceEvent, instanceCommands } from './protocol.ts';
import type { InstanceState, RunningOperation } from './state.ts';

type Outcome = Accepted<InstanceEvent, unknown> | Refusal;
type Named<T extends keyof typeof instanceCommands> = CommandNamed<typeof instanceCommands, T>;

const done = {};
const nothing: Outcome = accept<InstanceEvent, unknown>([], done);

export function decide(state: InstanceState, command: InstanceCommand, facts: Facts): Outcome {
  if (command.type === 'instance.create') return create(state, command, facts);
  if (command.type === 'instance.abandon') return abandon(state, facts);
  if (command.type === 'instance.operate' && wasDone(state, command, facts)) return nothing;
  if (command.type === 'instance.image-discarded') return imageDiscarded(state, command, facts);
  if (command.type === 'instance.port-released') return portReleased(state, command, facts);
  if (command.type === 'instance.tidied') return tidied(state, command, facts);
  if (command.type === 'instance.observed' || command.type === 'instance.left') {
    const over = ofFenced(state, command, facts);
    if (over !== undefined) return over;
  }
  if (state.existence !== 'exists') return refuse('instance-not-found', { id: state.id });
  switch (command.type) {
    case 'instance.operate':
      return operate(state, command, facts);
    case 'instance.rename':
      return changed(
        state,
        command,
        (atMs) => {
          const { type: _type, actor: _actor, ...changes } = command;
          return { type: 'instance.renamed', ...changes, atMs };
        },
        facts,
      );
    case 'instance.change-metadata':
      return changeMetadata(state, command, facts);
    case 'instance.change-tags':
      return changed(
        state,
        command,
        (atMs) => ({ type: 'instance.tags-changed', tags: command.tags, atMs }),
        facts,
      );
    case 'instance.lock':
      return lock(state, command, facts);
    case 'instance.save-password':
      return state.savedPassword === undefined
        ? savedPassword(state, command.password, facts)
        : nothing;
    case 'instance.clear-password':
      return savedPassword(state, '', facts);
    case 'instance.reset-state':
      return reset(state, command, facts);
    case 'instance.step-done':
      return stepDone(state, command, facts);
    case 'instance.step-undone':
      return stepUndone(state, command, facts);
    case 'instance.step-failed':
      return stepFailed(state, command, facts);
    case 'instance.observed':
      return observed(state, command, facts);
    case 'instance.left':
      return nothing;
    case 'instance.copy-progress':
      return copyProgress(state, command, facts);
    case 'instance.abort-migration':
      return abortMigration(state, command, facts);
    case 'instance.force-migration':
      return forceMigration(state, command, facts);
    default:
      return unreachable(command);
  }
}

function create(state: InstanceState, command: Named<'instance.create'>, facts: Facts): Outcome {
  if (state.actions[0]?.requestId === facts.requestId) return nothing;
  if (state.existence === 'gone') return refuse('instance-not-found', { id: state.id });
  if (state.existence === 'exists') return refuse('instance-exists', { id: state.id });
  const { request, operationId } = command;
  return accept(
    [
      {
        type: 'instance.requested',
        request,
        operationId,
        requestId: facts.requestId,
        atMs: facts.nowMs,
      },
    ],
    done,
  );
}

/** Also of a server that is gone. */
function imageDiscarded(
  { unfinishedImage, leftImages }: InstanceState,
  { imageId }: Named<'instance.image-discarded'>,
  { nowMs }: Facts,
): Outcome {
  if (unfinishedImage !== imageId && leftImages?.includes(imageId) !== true) return nothing;
  return accept([{ type: 'instance.image-discarded', imageId, atMs: nowMs }], done);
}

/** Also of a server that is gone. */
function portReleased(
  { loosePorts = [] }: InstanceState,
  { portId }: Named<'instance.port-released'>,
  { nowMs }: Facts,
): Outcome {
  if (!loosePorts.some((port) => port.portId === portId)) return nothing;
  return accept([{ type: 'instance.port-released', portId, atMs: nowMs }], done);
}

function abandon(state: InstanceState, facts: Facts): Outcome {
  if (state.existence === 'none')
    return accept([{ type: 'instance.abandoned', atMs: facts.nowMs }], { exists: false });
  return accept<InstanceEvent, unknown>([], { exists: state.existence === 'exists' });
}

function operate(state: InstanceState, command: Named<'instance.operate'>, facts: Facts): Outcome {
  const { operation: name, operationId, actor, parameters } = command;
  const running = state.operation;
  const table = operations[name];
  const needed = neededParameters[name];
  if (needed !== undefined && parameters?.[needed] === undefined)
    throw new Error(`operation ${name} was not told its ${needed}`);
  if (running?.id === operationId) return nothing;
  if (name === 'delete' && running?.name === 'delete') return nothing;
  if (state.locked && !actor.isAdmin) return refuse('instance-locked', { id: state.id });
  if (table.vmStates !== 'any' && !table.vmStates.includes(state.vmState)) {
    return wrongState(state, table.action, 'vm_state', state.vmState);
  }
  if (
    state.taskState !== undefined &&
    table.interrupts !== 'any' &&
    !table.interrupts.includes(state.taskState)
  ) {
    return wrongState(state, table.action, 'task_state', state.taskState);
  }
  if (isLeaving(state) && name !== 'shelve-offload' && name !== 'delete')
    return wrongState(state, table.action, 'vm_state', state.vmState);
  // Given back and taken again at once, nobody could say whose it is.
  const attached = name === 'attach-interface' ? parameters?.attach?.port.portId : undefined;
  if (state.loosePorts?.some(({ portId }) => portId === attached) === true)
    return wrongState(state, table.action, 'task_state', 'networking');
  const mayMeetMove = table.needsMove === true || name === 'delete';
  if (mayMeetMove ? !hasMoveFor(state, name) : state.move !== undefined)
    return wrongState(state, table.action, 'vm_state', state.vmState);
  // Its guest may stand still there by an earlier one, until the host answers.
  if (name === 'live-migrate' && state.leftBehind?.some(({ work }) => work === 'keep') === true)
    return refuse('instance-not-ready', { id: state.id });
  const isFenced = name === 'evacuate' && state.fenced.length > 0;
  const needsHost = name !== 'delete' && table.worksWithoutHost !== true;
  if (needsHost && state.grant === undefined && !isFenced)
    return refuse('instance-not-ready', { id: state.id });
  const events: InstanceEvent[] = [];
  if (running !== undefined)
    events.push({
      type: 'instance.operation-ended',
      operationId: running.id,
      succeeded: false,
      atMs: facts.nowMs,
    });
  events.push({
    type: 'instance.operation-started',
    operation: name,
    operationId,
    requestId: facts.requestId,
    userId: actor.userId,
    projectId: actor.projectId,
    ...(parameters === undefined ? {} : { parameters }),
    atMs: facts.nowMs,
  });
  return accept(events, done);
}

/**
 * What keeps a move removes the source's disks: the destination must be where the guest may run then, and once that has
 * begun, even if it failed, nothing can be taken back.
 */
function hasMoveFor({ grant, move }: InstanceState, name: RunningOperation['name']): boolean {
  if (name === 'delete') return true;
  if (name === 'confirm-resize') return move !== undefined && grant?.side === 'destination';
  return move !== undefined && move.isKept !== true;
}

/** An offload that came to nothing so far is done again, by itself. */
function isLeaving({ shelved }: InstanceState): boolean {
  return shelved?.isLeaving === true;
}

/** A request may arrive again after it has ended: what was done for it once is not done again. */
function wasDone(
  { actions }: InstanceState,
  { operation }: Named<'instance.operate'>,
  { requestId }: Facts,
): boolean {
  const { action } = operations[operation];
  return actions.some((one) => one.requestId === requestId && one.action === action);
}

function wrongState(
  state: InstanceState,
  action: string,
  attribute: string,
  value: string,
): Refusal {
  return refuse('instance-wrong-state', { id: state.id, action, attribute, state: value });
}

/** Small changes that every state allows, unless the server is locked. */
function changed(
  state: InstanceState,
  command: { readonly actor: { readonly isAdmin: boolean } },
  event: (atMs: number) => InstanceEvent,
  facts: Facts,
): Outcome {
  if (state.locked && !command.actor.isAdmin) return refuse('instance-locked', { id: state.id });
  return accept([event(facts.nowMs)], done);
}

function changeMetadata(
  state: InstanceState,
  command: Named<'instance.change-metadata'>,
  facts: Facts,
): Outcome {
  if (state.locked && !command.actor.isAdmin) return refuse('instance-locked', { id: state.id });
  const before = command.replace ? {} : (state.request?.metadata ?? {});
  const kept = Object.entries(before).filter(([key]) => !command.remove.includes(key));
  const metadata = { ...Object.fromEntries(kept), ...command.set };
  return accept([{ type: 'instance.metadata-changed', metadata, atMs: facts.nowMs }], { metadata });
}

function lock(state: InstanceState, command: Named<'instance.lock'>, facts: Facts): Outcome {
  if (!command.locked && state.lockedByAdmin && !command.actor.isAdmin)
    return refuse('instance-locked', { id: state.id });
  return accept(
    [
      {
        type: 'instance.lock-changed',
        locked: command.locked,
        byAdmin: command.locked && command.actor.isAdmin,
        ...(command.reason === undefined ? {} : { reason: command.reason }),
        atMs: facts.nowMs,
      },
    ],
    done,
  );
}

function savedPassword(
  { savedPassword: before = '' }: InstanceState,
  password: string,
  { nowMs: atMs }: Facts,
): Outcome {
  if (before === password) return nothing;
  return accept([{ type: 'instance.password-saved', password, atMs }], done);
}

/** Locks do not count: administrators ask. What runs and leaves nothing behind is given up. */
function reset(
  state: InstanceState,
  command: Named<'instance.reset-state'>,
  facts: Facts,
): Outcome {
  const { operation, taskState = '', vmState, move } = state;
  const action = 'os-resetState';
  if (operation !== undefined && !mayBeGivenUp(operations[operation.name]))
    return wrongState(state, action, 'task_state', taskState);
  if (move !== undefined || isLeaving(state)) return wrongState(state, action, 'vm_state', vmState);
  const wasOffloaded = state.shelved !== undefined && state.vmState !== 'shelved_offloaded';
  if (command.vmState === 'active' && state.grant === undefined && !wasOffloaded)
    return refuse('instance-not-ready', { id: state.id });
  const atMs = facts.nowMs;
  const events: InstanceEvent[] = [];
  if (operation !== undefined) {
    const operationId = operation.id;
    events.push({ type: 'instance.operation-ended', operationId, succeeded: false, atMs });
  }
  events.push({ type: 'instance.state-reset', vmState: command.vmState, atMs });
  return accept(events, done);
}

/** The operation that a report is about, or undefined if it comes too late: another step, try or operation runs now. */
function current(
  state: InstanceState,
  report: { operationId: string; step: string; attempt: number },
): RunningOperation | undefined {
  const { operation } = state;
  if (
    operation === undefined ||
    operation.id !== report.operationId ||
    operation.attempt !== report.attempt
  )
    return undefined;
  return stepAt(operation.name, operation.step).name === report.step ? operation : undefined;
}

const late = (report: { operationId: string; step: string }): Refusal =>
  refuse('instance-late-report', { operationId: report.operationId, step: report.step });

function stepDone(
  state: InstanceState,
  report: Named<'instance.step-done'>,
  facts: Facts,
): Outcome {
  const operation = current(state, report);
  if (operation === undefined) return late(report);
  const finished = stepAt(operation.name, operation.step);
  if (operation.failure !== undefined && finished.isFinal !== true) return late(report);
  const { operationId, step, result } = report;
  const atMs = facts.nowMs;
  const events: InstanceEvent[] = [];
  if (operation.failure !== undefined)
    events.push({ type: 'instance.found-done', operationId, step, atMs });
  events.push(...leftBehindBy(result, atMs));
  events.push({ type: 'instance.step-completed', operationId, step, result, atMs });
  events.push(...grantEvents(state, finished, { operationId, result, atMs, isUndo: false }));
  if (operation.step + 1 === operations[operation.name].steps.length) {
    events.push({ type: 'instance.operation-ended', operationId, succeeded: true, atMs });
    events.push(...followUp(state, operation, atMs));
  }
  return accept(events, done);
}

/** With no time between a shelve and its offload nobody sees the one without the other. */
function followUp(
  { request }: InstanceState,
  { id, name, parameters }: RunningOperation,
  atMs: number,
): readonly InstanceEvent[] {
  if (name !== 'shelve' || parameters.offloadAfterMs !== 0 || request === undefined) return [];
  const operationId = `${id}/offload`;
  const { userId, projectId } = request;
  const requestId = `req-${operationId}`;
  const operation = 'shelve-offload';
  const type = 'instance.operation-started';
  return [{ type, operation, operationId, requestId, userId, projectId, atMs }];
}

function stepFailed(
  state: InstanceState,
  report: Named<'instance.step-failed'>,
  facts: Facts,
): Outcome {
  const operation = current(state, report);
  if (operation === undefined) return late(report);
  const { operationId, step, fault } = report;
  const atMs = facts.nowMs;
  if (operation.failure !== undefined) {
    return accept(
      [
        ...incomingLeft(state, atMs),
        { type: 'instance.undo-given-up', operationId, step, fault, atMs },
        { type: 'instance.operation-ended', operationId, succeeded: false, atMs },
      ],
      done,
    );
  }
  const table = operations[operation.name];
  if (stepAt(operation.name, operation.step).failure === 'leave-behind')
    return goOn(state, operation, { step, atMs });
  const retry =
    report.retryable &&
    stepAt(operation.name, operation.step).retryFrom !== undefined &&
    operation.attempt < table.attempts;
  const events: InstanceEvent[] = [
    { type: 'instance.operation-failed', operationId, step, fault, retry, atMs },
  ];
  // It has cut a live migration short, perhaps.
  if (operation.name === 'delete') events.unshift(...incomingLeft(state, atMs));
  if (nextUndo(operation.name, operation.step) === undefined) {
    events.push({ type: 'instance.operation-ended', operationId, succeeded: false, atMs });
  }
  return accept(events, done);
}

function stepUndone(
  state: InstanceState,
  report: Named<'instance.step-undone'>,
  facts: Facts,
): Outcome {
  const operation = current(state, report);
  if (operation?.failure === undefined) return late(report);
  const { operationId, step } = report;
  const atMs = facts.nowMs;
  const undone = stepAt(operation.name, operation.step);
  const { result = {} } = report;
  const ending = { operationId, result, atMs, isUndo: true };
  const events: InstanceEvent[] = [...leftBehindBy(result, atMs)];
  events.push(...grantEvents(state, undone, ending));
  events.push({ type: 'instance.undone', operationId, step, atMs });
  const startsAnew =
    operation.failure.retry &&
    operations[operation.name].steps.some((one) => one.retryFrom === undone.name);
  if (!startsAnew && nextUndo(operation.name, operation.step - 1) === undefined) {
    events.push({ type: 'instance.operation-ended', operationId, succeeded: false, atMs });
  }
  return accept(events, done);
}

/** What the step was to do at a host that does not answer is done later; nobody waits for it. */
function goOn(
  state: InstanceState,
  operation: RunningOperation,
  { step, atMs }: { readonly step: string; readonly atMs: number },
): Outcome {
  const { id: operationId, name } = operation;
  const events: InstanceEvent[] = [
    ...sourceLeft(state, atMs),
    { type: 'instance.step-completed', operationId, step, result: {}, atMs },
  ];
  if (operation.step + 1 === operations[name].steps.length)
    events.push({ type: 'instance.operation-ended', operationId, succeeded: true, atMs });
  return accept(events, done);
}

/** A host that was fenced is back: it is told that its grant is over, until it says that nothing of it is left. */
function ofFenced(
  state: InstanceState,
  command: Named<'instance.observed'> | Named<'instance.left'>,
  facts: Facts,
): Outcome | undefined {
  const { host, runEpoch } = command;
  if (fencedGrant(state, command) === undefined) return undefined;
  if (command.type === 'instance.observed') return grantOver(state, command);
  const event = {
    type: 'instance.fenced-host-returned',
    host,
    runEpoch,
    atMs: facts.nowMs,
  } as const;
  return accept<InstanceEvent, unknown>([event], done);
}

/** While an operation runs, its own reports decide; what a host sees in between is of no account. */
function observed(
  state: InstanceState,
  command: Named<'instance.observed'>,
  facts: Facts,
): Outcome {
  const { grant } = state;
  if (grant === undefined || grant.host !== command.host || grant.runEpoch !== command.runEpoch) {
    return refuse('instance-late-report', { host: command.host, runEpoch: command.runEpoch });
  }
  const isKnown =
    state.powerState === command.power && restState(state.vmState, command.power) === state.vmState;
  if (state.operation !== undefined || isKnown) return nothing;
  return accept(
    [
      {
        type: 'instance.power-changed',
        power: command.power,
        reason: command.reason,
        atMs: facts.nowMs,
      },
    ],
    done,
  );
}
