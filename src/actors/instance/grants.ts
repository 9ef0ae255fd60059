// Which grants begin and end with a step (DESIGN §5): the table says what changes, here is what that is in this state. A
// grant is given only when none stands, and taken away only with the word of its host, which is what the step's report
// stands for (R3). Pure.
import type { EffectName, GrantChange, Step } from './operations/table.ts';
import type { InstanceEvent } from './protocol.ts';
import type { Grant, InstanceState } from './state.ts';

type Granted = Extract<InstanceEvent, { readonly type: 'instance.granted' }>;
type Result = Extract<InstanceEvent, { readonly type: 'instance.step-completed' }>['result'];

interface Report {
  readonly operationId: string;
  readonly result: Result;
  readonly atMs: number;
}

const ofEffect: Readonly<Partial<Record<EffectName, GrantChange>>> = {
  place: 'place',
  'destroy-guest': 'release',
};

/** What the end of a step, or of its undo, changes. */
export function grantEvents(
  state: InstanceState,
  step: Step,
  report: Report & { readonly isUndo: boolean },
): readonly InstanceEvent[] {
  const change = report.isUndo
    ? (step.undoGrants ?? (step.undo === undefined ? undefined : ofEffect[step.undo]))
    : (step.grants ?? ofEffect[step.effect]);
  switch (change) {
    case 'place':
      return [placed(state, report)];
    case 'fence':
      return fenced(state, report);
    case 'release':
      return released(state, report);
    case 'to-destination':
      return [...released(state, report), toDestination(state, report)];
    case 'to-source':
      return toSource(state, report);
    default:
      return [];
  }
}

/** With no grant left there is nothing to prove: it was done before. */
function fenced({ id, grant }: InstanceState, { result, atMs }: Report): readonly InstanceEvent[] {
  if (grant === undefined) return [];
  if (result.fenced === undefined) throw new Error(`instance ${id}: no proof of a fence`);
  const { host, runEpoch } = grant;
  return [{ type: 'instance.fenced', host, runEpoch, ...result.fenced, atMs }];
}

function released({ grant }: InstanceState, { atMs }: Report): readonly InstanceEvent[] {
  if (grant === undefined) return [];
  const { host, runEpoch } = grant;
  return [{ type: 'instance.released-by-host', host, runEpoch, atMs }];
}

/** Undo takes the old grant back before a retry gets here. */
function placed(state: InstanceState, { operationId, result, atMs }: Report): Granted {
  const { host, node, providerId, availabilityZone, ports } = result;
  if (host === undefined || node === undefined || providerId === undefined)
    throw new Error('a placement names host, node and provider');
  if (state.grant !== undefined)
    throw new Error(`instance ${state.id} is still granted to ${state.grant.host}`);
  return {
    type: 'instance.granted',
    operationId,
    host,
    node,
    providerId,
    availabilityZone: availabilityZone ?? 'nova',
    runEpoch: state.runEpoch + 1,
    ports: ports ?? [...state.ports],
    atMs,
  };
}

function toDestination(state: InstanceState, report: Report): Granted {
  return sideGrant(state, present(state).destination, 'destination', report);
}

/** Nothing changes when the source has it already: the step was done before. */
function toSource(state: InstanceState, report: Report): readonly InstanceEvent[] {
  if (state.grant?.side === 'source') return [];
  const { source } = present(state);
  return [...released(state, report), sideGrant(state, source, 'source', report)];
}

function sideGrant(
  state: InstanceState,
  { host, node, providerId, availabilityZone, claimId }: Omit<Grant, 'runEpoch' | 'side'>,
  side: NonNullable<Grant['side']>,
  { operationId, atMs }: Report,
): Granted {
  return {
    type: 'instance.granted',
    operationId,
    host,
    node,
    providerId,
    availabilityZone,
    runEpoch: state.runEpoch + 1,
    ports: [...state.ports],
    claimId,
    side,
    atMs,
  };
}

function present({ id, move }: InstanceState): NonNullable<InstanceState['move']> {
  if (move === undefined) throw new Error(`instance ${id} is not being moved`);
  return move;
}
