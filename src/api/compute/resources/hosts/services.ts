// /os-services: which services there are and whether they are up; hosts are taken out of scheduling here.
import { hosts } from '#actors/topology/protocol.ts';
import { badRequest, conflict, notFound } from '../../envelope.ts';
import { isUuidLike } from '../../formats.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { ask } from '../ask.ts';
import { momentOf } from '../moments.ts';
import { COMPUTE_BINARY, type ServiceRow, serviceRows } from './service-rows.ts';
import { listServices, updateService } from './service-schemas.ts';

export const serviceRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-services',
    query: listServices,
    policy: 'os-services:list',
    handler: list,
  },
  {
    method: 'PUT',
    path: '/os-services/:id',
    policy: 'os-services:update',
    body: updateService,
    handler: (call) => (call.from(53) ? updateById(call) : updateByName(call)),
  },
  {
    method: 'DELETE',
    path: '/os-services/:id',
    policy: 'os-services:delete',
    success: 204,
    handler: remove,
  },
];

function view(call: ComputeCall, row: ServiceRow): object {
  return {
    id: call.from(53) ? row.id : row.number,
    binary: row.binary,
    host: row.host,
    zone: row.zone,
    status: row.enabled ? 'enabled' : 'disabled',
    state: row.isUp ? 'up' : 'down',
    updated_at: momentOf(row.updatedAtMs),
    disabled_reason: row.disabledReason ?? null,
    ...(call.from(11) ? { forced_down: row.forcedDown } : {}),
  };
}

async function rowsOf(call: ComputeCall): Promise<readonly ServiceRow[]> {
  await call.context.views.barrier();
  return serviceRows(call.context);
}

async function list(call: ComputeCall): Promise<object> {
  const host = call.queryValue('host') ?? '';
  const binary = call.queryValue('binary') ?? '';
  const rows = (await rowsOf(call)).filter(
    (row) => (host === '' || row.host === host) && (binary === '' || row.binary === binary),
  );
  return { services: rows.map((row) => view(call, row)) };
}

interface NamedBody {
  readonly host: string;
  readonly binary: string;
  readonly disabled_reason?: string;
  readonly forced_down?: boolean | string;
}

/** PUT /os-services/enable and its like, until 2.52. */
async function updateByName(call: ComputeCall): Promise<object> {
  const action = call.params['id'] ?? '';
  const body = call.body as NamedBody;
  const { host, binary } = body;
  const actions: Readonly<Record<string, () => Promise<object>>> = {
    enable: () => setEnabled(true, undefined),
    disable: () => setEnabled(false, undefined),
    'disable-log-reason': () => {
      if (body.disabled_reason === undefined) throw badRequest('Missing disabled reason field');
      return setEnabled(false, body.disabled_reason);
    },
    ...(call.from(11) ? { 'force-down': setForcedDown } : {}),
  };
  const perform = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (perform === undefined) throw notFound('Unknown action');
  return { service: { host, binary, ...(await perform()) } };

  async function setEnabled(enabled: boolean, reason: string | undefined): Promise<object> {
    demandCompute(await named());
    await changeEnabled(call, host, { enabled, reason });
    return {
      status: enabled ? 'enabled' : 'disabled',
      ...(reason === undefined ? {} : { disabled_reason: reason }),
    };
  }

  async function setForcedDown(): Promise<object> {
    if (body.forced_down === undefined) throw badRequest('Missing forced_down field');
    const forcedDown = isTrue(body.forced_down);
    demandCompute(await named());
    await ask(call, hosts.ref(host), { type: 'host.force-down', forcedDown });
    return { forced_down: forcedDown };
  }

  async function named(): Promise<ServiceRow> {
    const rows = await rowsOf(call);
    const row = rows.find((one) => one.host === host && one.binary === binary);
    if (row === undefined) throw notFound(`Could not find binary ${binary} on host ${host}.`);
    return row;
  }
}

interface IdBody {
  readonly status?: 'enabled' | 'disabled';
  readonly disabled_reason?: string;
  readonly forced_down?: boolean | string;
}

/** PUT /os-services/{uuid}, from 2.53 on. */
async function updateById(call: ComputeCall): Promise<object> {
  const row = await findRow(call);
  demandCompute(row);
  const { status, disabled_reason: reason, forced_down: forcedDown } = call.body as IdBody;
  if (reason !== undefined && status !== 'disabled')
    throw badRequest("Specifying disabled_reason requires that status is 'disabled'.");
  if (status === undefined && forcedDown === undefined)
    throw badRequest(
      "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
    );
  if (status !== undefined)
    await changeEnabled(call, row.host, { enabled: status === 'enabled', reason });
  if (forcedDown !== undefined)
    await ask(call, hosts.ref(row.host), {
      type: 'host.force-down',
      forcedDown: isTrue(forcedDown),
    });
  return { service: view(call, await findRow(call)) };
}

async function changeEnabled(
  call: ComputeCall,
  host: string,
  { enabled, reason }: { readonly enabled: boolean; readonly reason: string | undefined },
): Promise<void> {
  await ask(call, hosts.ref(host), {
    type: 'host.set-enabled',
    enabled,
    ...(reason === undefined ? {} : { reason }),
  });
}

function demandCompute(row: ServiceRow): void {
  if (row.binary !== COMPUTE_BINARY)
    throw badRequest(
      `Updating a ${row.binary} service is not supported. Only nova-compute services can be updated.`,
    );
}

/** By UUID from 2.53 on, by integer before; two hosts may share an integer, then it names neither. */
async function findRow(call: ComputeCall): Promise<ServiceRow> {
  const id = call.params['id'] ?? '';
  if (call.from(53) && !isUuidLike(id)) throw badRequest(`Invalid uuid ${id}`);
  if (!call.from(53) && !/^\d+$/.test(id)) throw badRequest(`Invalid input for id. Value: ${id}.`);
  const rows = (await rowsOf(call)).filter((row) =>
    call.from(53) ? row.id === id.toLowerCase() : row.number === Number(id),
  );
  if (rows.length > 1) throw badRequest('More than one possible service found.');
  const [row] = rows;
  if (row === undefined) throw notFound(`Service ${id} not found.`);
  return row;
}

/** Only a compute service without servers can go; its node brings it back when it starts again. */
async function remove(call: ComputeCall): Promise<void> {
  const row = await findRow(call);
  if (row.binary !== COMPUTE_BINARY)
    throw conflict(`Service ${row.binary} on host ${row.host} is running and can't be deleted.`);
  const isUsed = call.reads.living(undefined).some((server) => server.grant?.host === row.host);
  if (isUsed)
    throw conflict(
      'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
    );
  await ask(call, hosts.ref(row.host), { type: 'host.unregister' });
}
