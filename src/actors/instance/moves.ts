// What a move leaves in an instance's state, event by event: both ends while they are held, the flavor of the end that is
// granted, and the record of it. Called by evolve alone. Pure.
import { addMigration, changeMigration, migrationOf, statusAt } from './migrations.ts';
import type { Handover } from './live/handover.ts';
import type { OperationTable, Step } from './operations/table.ts';
import type { OperationParameters } from './parameters.ts';
import type { InstanceEvent } from './protocol.ts';
import type { Grant, InstanceState, Move, RunningOperation } from './state.ts';

type Named<T extends InstanceEvent['type']> = Extract<InstanceEvent, { readonly type: T }>;
type Changes = Partial<Pick<InstanceState, 'move' | 'migrations' | 'grant' | 'request'>>;

/** The record of a move begins with the operation. */
export function recordBegun(
  state: InstanceState,
  table: OperationTable,
  event: Named<'instance.operation-started'>,
): Changes {
  const { migration } = table;
  if (migration === undefined) return {};
  const { operationId, userId, projectId, atMs } = event;
  const status = statusAt(table.steps[0]);
  if (migration.type === undefined) {
    const changes = { ...status, updatedAtMs: atMs };
    const { move } = state;
    return {
      ...(move === undefined || table.keepsMove !== true
        ? {}
        : { move: { ...move, isKept: true } }),
      migrations: changeMigration(state.migrations, move?.migrationId, changes),
    };
  }
  const { grant } = state;
  const oldFlavorId = state.request?.flavor.id ?? '';
  const record = {
    id: operationId,
    type: migration.type,
    status: 'accepted',
    ...status,
    source: grant === undefined ? undefined : { host: grant.host, node: grant.node },
    destination: undefined,
    oldFlavorId,
    newFlavorId: event.parameters?.flavor?.id ?? oldFlavorId,
    userId,
    projectId,
    createdAtMs: atMs,
    updatedAtMs: atMs,
  };
  return { migrations: addMigration(state.migrations, record) };
}

/** A step is done: the destination is known, an end is given back, or the record says the next thing. */
export function stepMoved(
  state: InstanceState,
  operation: RunningOperation,
  at: { readonly table: OperationTable; readonly step: Step; readonly next: Step | undefined },
  event: Named<'instance.step-completed'>,
): Changes {
  const { table, step, next } = at;
  const id = migrationOf(table, operation.id, state.move);
  if (step.effect === 'place-move') return placed(state, operation, { ...event, next });
  const migrations =
    id === undefined
      ? state.migrations
      : changeMigration(state.migrations, id, { ...statusAt(next), updatedAtMs: event.atMs });
  if (step.effect === 'release-move') return { migrations, ...moveOver(state, false) };
  if (step.effect === 'release-source' || step.effect === 'clean-handed-over')
    return { migrations, ...moveOver(state, true) };
  if (event.result.handover !== undefined)
    return { migrations, ...copied(state, event.result.handover) };
  return { migrations, ...withStorage(state, event.result) };
}

function placed(
  state: InstanceState,
  operation: RunningOperation,
  event: Named<'instance.step-completed'> & { readonly next: Step | undefined },
): Changes {
  const { grant, request } = state;
  const { host, node, providerId, availabilityZone = 'nova' } = event.result;
  if (grant === undefined || request === undefined) return {};
  if (host === undefined || node === undefined || providerId === undefined) return {};
  const claimId = `${operation.id}/${operation.attempt}`;
  const destination = { host, node, providerId, availabilityZone, claimId, storageId: undefined };
  const move: Move = {
    migrationId: operation.id,
    source: grant,
    destination,
    oldFlavor: request.flavor,
    newFlavor: operation.parameters.flavor ?? request.flavor,
    fromVmState: operation.fromVmState,
    confirmAfterMs: operation.parameters.confirmAfterMs,
    ...(operation.name === 'live-migrate' ? { isLive: true } : {}),
  };
  const changes = { ...statusAt(event.next), destination: { host, node }, updatedAtMs: event.atMs };
  return { move, migrations: changeMigration(state.migrations, operation.id, changes) };
}

/** Kept before any of it is used: from here on the destination can go on whoever carries it there. */
function copied({ move }: InstanceState, handover: Handover): Changes {
  if (move === undefined) return {};
  const destination = { ...move.destination, storageId: handover.destinationStorageId };
  return { move: { ...move, handover, destination } };
}

/** The host of the standing grant tells where its disks are. */
function withStorage(
  { grant, move }: InstanceState,
  { host, storageId }: Named<'instance.step-completed'>['result'],
): Changes {
  if (grant === undefined || storageId === undefined) return {};
  if (grant.host !== host || grant.storageId === storageId) return {};
  const told = { ...grant, storageId };
  return move !== undefined && move.source.runEpoch === grant.runEpoch
    ? { grant: told, move: { ...move, source: told } }
    : { grant: told };
}

/** The grant of one end of a move goes with its flavor. */
export function sideGranted(
  state: InstanceState,
  event: Named<'instance.granted'>,
  grant: Grant,
): Changes {
  const { move, request } = state;
  if (move === undefined || request === undefined || event.side === undefined) return { grant };
  const { storageId } = event.side === 'source' ? move.source : move.destination;
  const flavor = event.side === 'source' ? move.oldFlavor : move.newFlavor;
  return { grant: { ...grant, storageId }, request: { ...request, flavor } };
}

/** What is held at the other end is given back: from here on there is one end. On one host one claim stands for both. */
export function moveOver({ grant, move }: InstanceState, isKept: boolean): Changes {
  if (move === undefined) return {};
  if (grant === undefined) return { move: undefined };
  const claimId = isOneHost(move) ? oneHostClaim(move, isKept) : grant.claimId;
  return { move: undefined, grant: { ...grant, side: undefined, claimId } };
}

export function isOneHost({ source, destination }: Move): boolean {
  return source.host === destination.host;
}

/** On one host the claim for both ends is replaced, in the end, by one for the end that stays. */
export function oneHostClaim({ destination }: Move, isKept: boolean): string {
  return `${destination.claimId}/${isKept ? 'kept' : 'back'}`;
}

/**
 * While a server is deleted that was being moved: the move's claims, if its placement was not on record. On the server's
 * own host they may have taken the place of its claim: that is renewed under a name that only this delete gives.
 */
export function cutShortPlacement({
  migrations,
  move,
  grant,
  operation,
}: InstanceState):
  | { readonly grant: Grant; readonly claimId: string; readonly renewed: string }
  | undefined {
  const last = migrations.at(-1);
  if (last === undefined || last.type === 'evacuation' || last.destination !== undefined)
    return undefined;
  if (operation === undefined || move !== undefined || grant === undefined) return undefined;
  const renewed = `${operation.id}/${operation.attempt}/back`;
  return { grant, claimId: `${last.id}/1`, renewed };
}

/** The record in the end of the operation. */
export function recordEnded(
  state: InstanceState,
  operation: RunningOperation,
  table: OperationTable,
  event: Named<'instance.operation-ended'>,
): Changes {
  const id = recordOf(state, operation, table);
  if (id === undefined || table.migration === undefined) return {};
  const { succeeded, failed } = table.migration;
  const ofFailure = operation.isAborted === true ? 'cancelled' : operation.failureStatus;
  const status = event.succeeded ? succeeded : (ofFailure ?? failed);
  return {
    migrations: changeMigration(state.migrations, id, { status, updatedAtMs: event.atMs }),
  };
}

/** A confirm or revert has ended the move by then: its record is the newest that is being ended. */
function recordOf(
  state: InstanceState,
  operation: RunningOperation,
  table: OperationTable,
): string | undefined {
  const id = migrationOf(table, operation.id, state.move);
  if (id !== undefined || table.migration === undefined) return id;
  const during = table.steps.map(({ migrationStatus }) => migrationStatus);
  return state.migrations.findLast(({ status }) => during.includes(status))?.id;
}

/** For messages: on which host the disk of a server in trouble is. */
export function diskPlace({ grant, move }: InstanceState): string | undefined {
  if (move === undefined) return undefined;
  if (grant?.side === 'destination')
    return `The disk as it was before the move is on host ${move.source.host}; what was copied of it is on host ${move.destination.host}.`;
  return `The server's disk is on host ${move.source.host}.`;
}

export const noParameters: OperationParameters = {};
