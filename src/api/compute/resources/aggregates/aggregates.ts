// /os-aggregates: groups of hosts with metadata, and the availability zones that they make. Administrators only.
// What only one entity can know (names, zones of hosts) it refuses itself; that hosts exist, and that no server changes
// its zone because an aggregate's zone is renamed, is checked here.
import { aggregateOf } from '#actors/topology/aggregates-lookup.ts';
import {
  type Aggregate,
  type AggregateCommand,
  aggregates,
  ALL_AGGREGATES,
  ZONE_KEY,
} from '#actors/topology/aggregates-protocol.ts';
import { isRefusal, refuse } from '#runtime/message/refusal.ts';
import { badRequest, conflict, notFound, refusalFault } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { registeredHosts } from '../hosts/service-rows.ts';
import { momentOf, momentOrNull } from '../moments.ts';
import {
  addHost,
  createAggregate,
  removeHost,
  setMetadata,
  updateAggregate,
} from './aggregate-schemas.ts';

import { cacheImages, cacheImagesBody } from './image-cache.ts';

const policy = <N extends string>(name: N) => `os-aggregates:${name}` as const;

export const aggregateRoutes: readonly ComputeRoute[] = [
  { method: 'GET', path: '/os-aggregates', policy: policy('index'), handler: list },
  {
    method: 'POST',
    path: '/os-aggregates',
    policy: policy('create'),
    body: createAggregate,
    handler: create,
  },
  {
    method: 'GET',
    path: '/os-aggregates/:id',
    policy: policy('show'),
    handler: async (call) => ({ aggregate: view(call, await find(call)) }),
  },
  {
    method: 'PUT',
    path: '/os-aggregates/:id',
    policy: policy('update'),
    body: updateAggregate,
    handler: update,
  },
  {
    method: 'DELETE',
    path: '/os-aggregates/:id',
    policy: policy('delete'),
    handler: (call) => tell(call, { type: 'aggregate.delete', number: numberOf(call) }),
  },
  {
    method: 'POST',
    path: '/os-aggregates/:id/images',
    since: 81,
    policy: 'compute:aggregates:images',
    body: cacheImagesBody,
    success: 202,
    handler: async (call) => cacheImages(call, (await find(call)).hosts),
  },
  {
    method: 'POST',
    path: '/os-aggregates/:id/action',
    actions: [
      { name: 'add_host', policy: policy('add_host'), body: addHost, handler: add },
      { name: 'remove_host', policy: policy('remove_host'), body: removeHost, handler: remove },
      {
        name: 'set_metadata',
        policy: policy('set_metadata'),
        body: setMetadata,
        handler: changeMetadata,
      },
    ],
  },
];

function all(call: ComputeCall): readonly Aggregate[] {
  return call.context.aggregates.get(ALL_AGGREGATES)?.aggregates ?? [];
}

/** Nova's ids are integers; anything else is a 400. */
function numberOf(call: ComputeCall): number {
  const id = call.params['id'] ?? '';
  if (!/^\s*[+-]?\d+\s*$/.test(id)) throw badRequest('id must be an integer');
  return Number(id);
}

async function find(call: ComputeCall): Promise<Aggregate> {
  const number = numberOf(call);
  await call.context.views.barrier();
  const found = aggregateOf(call.context.aggregates.get(ALL_AGGREGATES), number);
  if (found === undefined)
    throw refusalFault(refuse('aggregate-not-found', { aggregateId: call.params['id'] }));
  return found;
}

async function tell(call: ComputeCall, command: AggregateCommand): Promise<void> {
  await ask(call, aggregates.ref(ALL_AGGREGATES), command);
}

async function list(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  return { aggregates: all(call).map((aggregate) => view(call, aggregate)) };
}

function view(call: ComputeCall, aggregate: Aggregate): object {
  const { hosts, metadata } = aggregate;
  return { ...shortView(call, aggregate), hosts, metadata };
}

/** As create answers: without hosts and metadata. */
function shortView(call: ComputeCall, aggregate: Aggregate): object {
  const { number, uuid, name, metadata, createdAtMs, updatedAtMs } = aggregate;
  return {
    id: number,
    name,
    availability_zone: metadata[ZONE_KEY] ?? null,
    created_at: momentOf(createdAtMs),
    updated_at: momentOrNull(updatedAtMs),
    deleted: false,
    deleted_at: null,
    ...(call.from(41) ? { uuid } : {}),
  };
}

interface AggregateBody {
  readonly aggregate: { readonly name?: string; readonly availability_zone?: string | null };
}

async function create(call: ComputeCall): Promise<object> {
  const { name = '', availability_zone: zone } = (call.body as AggregateBody).aggregate;
  const zoneName = zone?.trim() ?? '';
  const { number } = await ask(call, aggregates.ref(ALL_AGGREGATES), {
    type: 'aggregate.create',
    uuid: call.context.env.random.uuid(),
    name: name.trim(),
    metadata: zoneName === '' ? {} : { [ZONE_KEY]: zoneName },
  });
  const made = aggregateOf(call.context.aggregates.get(ALL_AGGREGATES), number);
  if (made === undefined)
    throw refusalFault(refuse('aggregate-not-found', { aggregateId: number }));
  return { aggregate: shortView(call, made) };
}

async function update(call: ComputeCall): Promise<object> {
  const found = await find(call);
  const { number } = found;
  const { name, availability_zone: zone } = (call.body as AggregateBody).aggregate;
  if (name !== undefined) await tell(call, { type: 'aggregate.rename', number, name: name.trim() });
  if (zone !== undefined) {
    const metadata = { [ZONE_KEY]: zone === null ? null : zone.trim() };
    refuseMovingServers(call, found, { metadata, action: 'update' });
    await tell(call, { type: 'aggregate.set-metadata', number, metadata, action: 'update' });
  }
  return { aggregate: view(call, await find(call)) };
}

async function changeMetadata(call: ComputeCall): Promise<object> {
  const found = await find(call);
  const { metadata } = (
    call.body as { readonly set_metadata: { readonly metadata: Record<string, string | null> } }
  ).set_metadata;
  refuseMovingServers(call, found, { metadata, action: 'update-metadata' });
  await tell(call, {
    type: 'aggregate.set-metadata',
    number: found.number,
    metadata,
    action: 'update-metadata',
  });
  return { aggregate: view(call, await find(call)) };
}

/** A zone with servers in it can't get another name under their feet. */
function refuseMovingServers(
  call: ComputeCall,
  aggregate: Aggregate,
  {
    metadata,
    action,
  }: {
    readonly metadata: Readonly<Record<string, string | null>>;
    readonly action: 'update' | 'update-metadata';
  },
): void {
  const zone = metadata[ZONE_KEY] ?? undefined;
  if (zone === undefined || zone === '' || zone === aggregate.metadata[ZONE_KEY]) return;
  const isUsed = call.reads
    .living(undefined)
    .some(({ grant }) => grant !== undefined && aggregate.hosts.includes(grant.host));
  if (!isUsed) return;
  const reason = 'One or more hosts contain instances in this zone';
  throw refusalFault(
    refuse('aggregate-refused', { action, aggregateId: aggregate.number, reason }),
  );
}

async function add(call: ComputeCall): Promise<object> {
  const { host } = (call.body as { readonly add_host: { readonly host: string } }).add_host;
  const { number } = await find(call);
  if (!registeredHosts(call.context).some(({ id }) => id === host))
    throw notFound(`Host '${host}' is not mapped to any cell`);
  await tell(call, { type: 'aggregate.add-host', number, host });
  return { aggregate: view(call, await find(call)) };
}

/** All that can go wrong has the same words. */
async function remove(call: ComputeCall): Promise<object> {
  const { host } = (call.body as { readonly remove_host: { readonly host: string } }).remove_host;
  const number = numberOf(call);
  const words = `Cannot remove host ${host} in aggregate ${call.params['id'] ?? ''}`;
  const answer = await call.context.router.ask(
    aggregates.ref(ALL_AGGREGATES),
    { type: 'aggregate.remove-host', number, host },
    { requestId: call.requestId },
  );
  if (isRefusal(answer))
    throw answer.refused === 'aggregate-refused' ? conflict(words) : notFound(words);
  return { aggregate: view(call, await find(call)) };
}
