// What an instance does with the commands of a live migration: how far its copy is, abort and force, and the end of what was left
// to be done at a host that did not answer. Pure; called by decide alone.
import { accept, type Accepted, type Facts } from '#runtime/entity/definition.ts';
import type { CommandNamed } from '#runtime/message/protocol.ts';
import { refuse, type Refusal } from '#runtime/message/refusal.ts';
import { isSameWork } from './handover.ts';
import { nextUndo, stepAt } from '../operations/all.ts';
import type { InstanceEvent, instanceCommands } from '../protocol.ts';
import type { InstanceState, RunningOperation } from '../state.ts';

type Named<T extends keyof typeof instanceCommands> = CommandNamed<typeof instanceCommands, T>;
type Outcome = Accepted<InstanceEvent, unknown> | Refusal;
type Result = NonNullable<Named<'instance.step-undone'>['result']>;

const nothing = accept<InstanceEvent, unknown>([], {});

export function copyProgress(
  { operation }: InstanceState,
  { operationId, progress }: Named<'instance.copy-progress'>,
  { nowMs: atMs }: Facts,
): Outcome {
  if (operation?.id !== operationId || !isCopying(operation) || operation.failure !== undefined)
    return refuse('instance-late-report', { operationId });
  const told = progress === undefined ? {} : { progress };
  return accept([{ type: 'instance.copy-progressed', operationId, ...told, atMs }], {});
}

const beforeHandover: ReadonlySet<string> = new Set(['place-move', 'prepare-move', 'copy-guest']);

/** Until the copy is on record; then the guest is handed over at once. */
export function abortMigration(
  state: InstanceState,
  { migrationId }: Named<'instance.abort-migration'>,
  { nowMs: atMs }: Facts,
): Outcome {
  const operation = liveMigration(state, migrationId);
  if (operation === undefined) return refuse('migration-not-found', { migration: migrationId });
  if (operation.isAborted === true) return nothing;
  const step = stepAt(operation.name, operation.step);
  if (operation.failure !== undefined || !beforeHandover.has(step.effect))
    return refuse('migration-wrong-state', { migration: migrationId, state: 'post-migrating' });
  const { id: operationId } = operation;
  const fault = { code: 409, message: 'The live migration was aborted.', details: '' };
  const failed = { operationId, step: step.name, fault, retry: false, atMs };
  const events: InstanceEvent[] = [
    { type: 'instance.migration-aborted', operationId, atMs },
    { type: 'instance.operation-failed', ...failed },
  ];
  if (nextUndo(operation.name, operation.step) === undefined)
    events.push({ type: 'instance.operation-ended', operationId, succeeded: false, atMs });
  return accept(events, {});
}

export function forceMigration(
  state: InstanceState,
  { migrationId }: Named<'instance.force-migration'>,
  { nowMs: atMs }: Facts,
): Outcome {
  const operation = liveMigration(state, migrationId);
  if (operation === undefined) return refuse('migration-not-found', { migration: migrationId });
  if (operation.isForced === true) return nothing;
  if (operation.failure !== undefined || !isCopying(operation))
    return refuse('migration-wrong-state', { migration: migrationId, state: 'post-migrating' });
  return accept([{ type: 'instance.migration-forced', operationId: operation.id, atMs }], {});
}

/** Also of a server that is gone. */
export function tidied(
  { leftBehind = [] }: InstanceState,
  { host, runEpoch, migrationId, work }: Named<'instance.tidied'>,
  { nowMs: atMs }: Facts,
): Outcome {
  const key = { host, runEpoch, migrationId, work };
  if (!leftBehind.some((one) => isSameWork(one, key))) return nothing;
  return accept([{ type: 'instance.tidied', ...key, atMs }], {});
}

function liveMigration(
  { operation }: InstanceState,
  migrationId: string,
): RunningOperation | undefined {
  return operation?.name === 'live-migrate' && operation.id === migrationId ? operation : undefined;
}

function isCopying({ name, step }: RunningOperation): boolean {
  return name === 'live-migrate' && stepAt(name, step).effect === 'copy-guest';
}

/** What a step says is still to be done elsewhere. */
export function leftBehindBy({ leftBehind = [] }: Result, atMs: number): readonly InstanceEvent[] {
  return leftBehind.map((one) => ({ type: 'instance.left-behind', ...one, atMs }));
}

/** The guest runs at the destination; what its source still has of it goes when that answers. */
export function sourceLeft({ move }: InstanceState, atMs: number): readonly InstanceEvent[] {
  if (move === undefined) return [];
  const { host, runEpoch, availabilityZone, providerId, claimId } = move.source;
  const { storageId } = move.destination;
  const spared = storageId === undefined ? {} : { spareStorage: storageId };
  const { migrationId } = move;
  const at = { host, runEpoch, migrationId, availabilityZone };
  const about = { ...at, providerId, claimId, isPaused: false };
  return [{ type: 'instance.left-behind', work: 'clean', ...about, ...spared, atMs }];
}

/** A live migration whose undo is given up: its destination, if it was never granted, waits no more when it answers. */
export function incomingLeft(
  { move, grant }: InstanceState,
  atMs: number,
): readonly InstanceEvent[] {
  if (move?.isLive !== true || grant === undefined || grant.side !== undefined) return [];
  const { host, availabilityZone, providerId, claimId } = move.destination;
  const { runEpoch, storageId } = move.source;
  const spared = storageId === undefined ? {} : { spareStorage: storageId };
  const { migrationId } = move;
  const at = { host, runEpoch: runEpoch + 1, migrationId, availabilityZone };
  const about = { ...at, providerId, claimId };
  return [
    { type: 'instance.left-behind', work: 'decline', ...about, isPaused: false, ...spared, atMs },
  ];
}
