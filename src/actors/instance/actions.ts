// The record of what was done to a server, as `GET /servers/{id}/os-instance-actions` tells it. Pure and bounded.
import type { OperationTable } from './operations/table.ts';
import { type ActionRecord, type InstanceFault, MAX_ACTIONS } from './state.ts';

interface Started {
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
  readonly atMs: number;
}

export function beginAction(
  actions: readonly ActionRecord[],
  table: OperationTable,
  started: Started,
  host?: string,
): readonly ActionRecord[] {
  const record: ActionRecord = {
    action: table.action,
    requestId: started.requestId,
    userId: started.userId,
    projectId: started.projectId,
    startedAtMs: started.atMs,
    updatedAtMs: started.atMs,
    message: undefined,
    events: [
      {
        name: table.actionEvent,
        startedAtMs: started.atMs,
        finishedAtMs: undefined,
        result: undefined,
        host,
        details: undefined,
      },
    ],
  };
  return [...actions.slice(1 - MAX_ACTIONS), record];
}

export function endAction(
  actions: readonly ActionRecord[],
  requestId: string,
  atMs: number,
  host: string | undefined,
): readonly ActionRecord[] {
  return changeLast(actions, requestId, (record) => ({
    ...record,
    updatedAtMs: atMs,
    events: record.events.map((event) => ({
      ...event,
      finishedAtMs: atMs,
      result: 'Success',
      host: host ?? event.host,
    })),
  }));
}

export function failAction(
  actions: readonly ActionRecord[],
  requestId: string,
  atMs: number,
  fault: InstanceFault | undefined,
): readonly ActionRecord[] {
  return changeLast(actions, requestId, (record) => ({
    ...record,
    updatedAtMs: atMs,
    message: 'Error',
    events: record.events.map((event) => ({
      ...event,
      finishedAtMs: atMs,
      result: 'Error',
      ...(fault === undefined ? {} : { code: fault.code }),
      details:
        fault === undefined
          ? 'Given up for a later request.'
          : `${fault.message}\n${fault.details}`.trim(),
    })),
  }));
}

function changeLast(
  actions: readonly ActionRecord[],
  requestId: string,
  change: (record: ActionRecord) => ActionRecord,
): readonly ActionRecord[] {
  const index = actions.findLastIndex((record) => record.requestId === requestId);
  return index < 0
    ? actions
    : actions.map((record, at) => (at === index ? change(record) : record));
}
