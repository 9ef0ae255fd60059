// What the events of a live migration change in an instance, beside those that every operation has. Called by evolve alone. Pure.
import { addLeftBehind, isSameWork } from './handover.ts';
import { changeMigration } from '../migrations.ts';
import type { InstanceEvent } from '../protocol.ts';
import type { InstanceState } from '../state.ts';

type Named<T extends InstanceEvent['type']> = Extract<InstanceEvent, { readonly type: T }>;

export function liveEvolved(
  state: InstanceState,
  event: Named<
    | 'instance.found-done'
    | 'instance.copy-progressed'
    | 'instance.migration-aborted'
    | 'instance.migration-forced'
    | 'instance.left-behind'
    | 'instance.tidied'
  >,
): InstanceState {
  const { operation, leftBehind = [] } = state;
  const updatedAtMs = event.atMs;
  if (event.type === 'instance.left-behind') {
    const { type: _type, atMs: _atMs, ...left } = event;
    return { ...state, leftBehind: addLeftBehind(leftBehind, left), updatedAtMs };
  }
  if (event.type === 'instance.tidied') {
    const left = leftBehind.filter((one) => !isSameWork(one, event));
    // A server that is gone kept its ports for this.
    const isKept = state.existence !== 'gone' || left.length > 0 || state.fenced.length > 0;
    const ports = isKept ? state.ports : [];
    return { ...state, leftBehind: left, ports, updatedAtMs };
  }
  if (operation === undefined) return state;
  switch (event.type) {
    case 'instance.found-done':
      return { ...state, operation: { ...operation, failure: undefined }, updatedAtMs };
    case 'instance.copy-progressed':
      return { ...state, migrations: progressed(state, event), updatedAtMs };
    case 'instance.migration-aborted':
      return { ...state, operation: { ...operation, isAborted: true }, updatedAtMs };
    default:
      return { ...state, operation: { ...operation, isForced: true }, updatedAtMs };
  }
}

function progressed(
  { migrations }: InstanceState,
  { operationId, progress, atMs }: Named<'instance.copy-progressed'>,
): InstanceState['migrations'] {
  const told = progress === undefined ? {} : { progress };
  return changeMigration(migrations, operationId, {
    status: 'running',
    ...told,
    updatedAtMs: atMs,
  });
}
