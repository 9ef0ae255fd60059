// /servers/{id}/os-instance-actions: what was done to a server, newest first; from 2.21 of deleted ones too.
import type { ActionRecord, InstanceState } from '#actors/instance/state.ts';
import { present } from '#runtime/assert.ts';
import { badRequest, notFound } from '../envelope.ts';
import { parseIsoTime } from '../formats.ts';
import { nonNegativeInteger, singleParam } from '../parameter-types.ts';
import type { PolicyTarget } from '../../policy/evaluate.ts';
import { allows, serverTarget } from '../policy.ts';
import type { ComputeCall, ComputeRoute, SchemaRange } from '../route.ts';
import { pageLimit } from './list.ts';
import { hostIdOf } from './views/host-id.ts';
import { nextLink } from './views/links.ts';
import { isoMicroseconds, isoMicrosecondsOrNull } from './views/times.ts';

const moment = singleParam({ type: 'string', format: 'date-time' });
const since258 = {
  limit: singleParam(nonNegativeInteger),
  marker: singleParam({ type: 'string' }),
  'changes-since': moment,
};
const listQuery: readonly SchemaRange[] = [
  {
    since: 58,
    until: 65,
    schema: { type: 'object', properties: since258, additionalProperties: false },
  },
  {
    since: 66,
    schema: {
      type: 'object',
      properties: { ...since258, 'changes-before': moment },
      additionalProperties: false,
    },
  },
];

const PATH = '/servers/:server_id/os-instance-actions';

export const instanceActionRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: PATH,
    query: listQuery,
    policy: 'os-instance-actions:list',
    policyTarget,
    handler: listActions,
  },
  {
    method: 'GET',
    path: `${PATH}/:request_id`,
    policy: 'os-instance-actions:show',
    policyTarget,
    handler: showAction,
  },
];

async function findServer(call: ComputeCall): Promise<InstanceState> {
  const id = call.params['server_id'] ?? '';
  await call.context.views.barrier();
  const { reads, caller } = call;
  const deleted = call.from(21) ? reads.findDeleted(id, caller) : undefined;
  const state = reads.find(id, caller) ?? deleted;
  if (state === undefined) throw notFound(`Instance ${id} could not be found.`);
  return state;
}

async function policyTarget(call: ComputeCall): Promise<PolicyTarget> {
  return serverTarget(await findServer(call));
}

async function listActions(call: ComputeCall): Promise<unknown> {
  const state = await findServer(call);
  const newestFirst = state.actions.toReversed();
  const view = (record: ActionRecord) => actionView(call, state, record);
  if (!call.from(58)) return { instanceActions: newestFirst.map(view) };
  const limit = pageLimit(call);
  const page = afterMarker(call, newestFirst).filter(changedWhen(call)).slice(0, limit);
  const last = page.at(-1);
  const collection = `${call.selfBase}/servers/${state.id}/os-instance-actions`;
  return {
    instanceActions: page.map(view),
    ...(last !== undefined && page.length === limit
      ? { links: [nextLink(collection, call.query, last.requestId)] }
      : {}),
  };
}

function afterMarker(call: ComputeCall, actions: readonly ActionRecord[]): readonly ActionRecord[] {
  const marker = call.queryValue('marker');
  if (marker === undefined) return actions;
  const at = actions.findIndex(({ requestId }) => requestId === marker);
  if (at < 0) throw badRequest(`Marker ${marker} could not be found.`);
  return actions.slice(at + 1);
}

function changedWhen(call: ComputeCall): (record: ActionRecord) => boolean {
  const momentOf = (name: string, otherwise: number): number => {
    const text = call.queryValue(name);
    return (text === undefined ? undefined : parseIsoTime(text)) ?? otherwise;
  };
  const since = momentOf('changes-since', Number.NEGATIVE_INFINITY);
  const before = momentOf('changes-before', Number.POSITIVE_INFINITY);
  if (before < since)
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  return ({ updatedAtMs }) => updatedAtMs >= since && updatedAtMs <= before;
}

function actionView(call: ComputeCall, state: InstanceState, record: ActionRecord) {
  return {
    action: record.action,
    instance_uuid: state.id,
    request_id: record.requestId,
    user_id: record.userId,
    project_id: record.projectId,
    start_time: isoMicroseconds(record.startedAtMs),
    message: record.message ?? null,
    ...(call.from(58) ? { updated_at: isoMicroseconds(record.updatedAtMs) } : {}),
  };
}

async function showAction(call: ComputeCall): Promise<unknown> {
  const state = await findServer(call);
  const id = call.params['request_id'] ?? '';
  const record = state.actions.findLast(({ requestId }) => requestId === id);
  if (record === undefined) throw notFound(`Action ${id} not found`);
  const showEvents = call.from(51) || allows(call, 'os-instance-actions:events');
  return {
    instanceAction: {
      ...actionView(call, state, record),
      ...(showEvents
        ? { events: record.events.map((event) => eventView(call, state, event)) }
        : {}),
    },
  };
}

/** Traces, hosts and details are for those whom policy names: administrators by default. */
function eventView(
  call: ComputeCall,
  state: InstanceState,
  event: ActionRecord['events'][number],
): unknown {
  const isTrusted = allows(call, 'os-instance-actions:events');
  const seesDetails = allows(call, 'os-instance-actions:events:details');
  const { projectId } = present(state.request, 'request of a server');
  const details = event.details ?? null;
  return {
    event: event.name,
    start_time: isoMicroseconds(event.startedAtMs),
    finish_time: isoMicrosecondsOrNull(event.finishedAtMs),
    result: event.result ?? null,
    ...(isTrusted ? { traceback: details } : {}),
    ...(isTrusted && call.from(62) ? { host: event.host ?? null } : {}),
    ...(call.from(62) ? { hostId: hostIdOf(projectId, event.host) } : {}),
    ...(seesDetails && call.from(84) ? { details } : {}),
  };
}
