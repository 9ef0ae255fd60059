// /os-hosts, until 2.42: the hosts by service, and what a compute host has and gives away. Replaced by /os-hypervisors.
// A host can be enabled and disabled here; turning machines on and off is nothing that this cloud does.
import { hosts, type HostState } from '#actors/topology/protocol.ts';
import { ComputeFault, notFound } from '../../envelope.ts';
import { ask } from '../ask.ts';
import type { JsonSchema } from '../../validation.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { capacityOf, loadOf } from './hypervisor-view.ts';
import { COMPUTE_BINARY, registeredHosts, serviceRows } from './service-rows.ts';

const onOff: JsonSchema = {
  type: 'string',
  enum: ['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'],
};
const updateHost: JsonSchema = {
  type: 'object',
  properties: { status: onOff, maintenance_mode: onOff },
  minProperties: 1,
  additionalProperties: false,
};

export const hostRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-hosts',
    until: 42,
    policy: 'os-hosts:list',
    handler: list,
  },
  {
    method: 'GET',
    path: '/os-hosts/:id',
    until: 42,
    policy: 'os-hosts:show',
    handler: show,
  },
  {
    method: 'PUT',
    path: '/os-hosts/:id',
    until: 42,
    policy: 'os-hosts:update',
    body: [{ schema: updateHost }],
    handler: update,
  },
  ...(
    [
      { action: 'reboot', rule: 'os-hosts:reboot' },
      { action: 'shutdown', rule: 'os-hosts:shutdown' },
      { action: 'startup', rule: 'os-hosts:start' },
    ] as const
  ).map(
    ({ action, rule }): ComputeRoute => ({
      method: 'GET',
      path: `/os-hosts/:id/${action}`,
      until: 42,
      policy: rule,
      handler: async (call) => {
        await findHost(call);
        throw unsupported();
      },
    }),
  ),
];

interface UpdateBody {
  readonly status?: string;
  readonly maintenance_mode?: string;
}

async function update(call: ComputeCall): Promise<object> {
  const { id } = await findHost(call);
  const { status, maintenance_mode: maintenance } = call.body as UpdateBody;
  if (maintenance !== undefined || status === undefined) throw unsupported();
  const enabled = status.toLowerCase() === 'enable';
  await ask(call, hosts.ref(id), { type: 'host.set-enabled', enabled });
  return { host: id, status: enabled ? 'enabled' : 'disabled' };
}

function unsupported(): ComputeFault {
  return new ComputeFault(501, 'Unable to support requested functionality');
}

async function findHost(call: ComputeCall): Promise<HostState> {
  await call.context.views.barrier();
  const name = call.params['id'] ?? '';
  const host = registeredHosts(call.context).find((one) => one.id === name);
  if (host === undefined) throw notFound(`Compute host ${name} could not be found.`);
  return host;
}

async function list(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const zone = call.queryValue('zone') ?? '';
  const service = call.queryValue('service') ?? '';
  const all = serviceRows(call.context);
  // Clients take the first one for a host that can join an aggregate.
  const computes = all.filter(({ binary }) => binary === COMPUTE_BINARY);
  const others = all.filter(({ binary }) => binary !== COMPUTE_BINARY);
  const rows = [...computes, ...others]
    .map((row) => ({
      host_name: row.host,
      service: row.binary.replace(/^nova-/, ''),
      zone: row.zone,
    }))
    .filter(
      (row) => (zone === '' || row.zone === zone) && (service === '' || row.service === service),
    );
  return { hosts: rows };
}

interface Amounts {
  readonly cpu: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

/** Rows: all of it, what the provider counts as used, the sum over servers, and each project's part. */
async function show(call: ComputeCall): Promise<object> {
  const host = await findHost(call);
  const name = host.id;
  const capacity = capacityOf(call.context, host);
  const byProject = new Map<string, Amounts>();
  let all: Amounts = { cpu: 0, memory_mb: 0, disk_gb: 0 };
  for (const { request } of loadOf(call).get(name) ?? []) {
    if (request === undefined) continue;
    const { vcpus: cpu, ramMiB, diskGiB, ephemeralGiB } = request.flavor;
    const one = { cpu, memory_mb: ramMiB, disk_gb: diskGiB + ephemeralGiB };
    all = plus(all, one);
    byProject.set(request.projectId, plus(byProject.get(request.projectId), one));
  }
  const row = (project: string, amounts: Amounts): object => ({
    resource: { host: name, project, ...amounts },
  });
  const { vcpus, vcpus_used: cpu, memory_mb_used, local_gb_used } = capacity;
  return {
    host: [
      row('(total)', { cpu: vcpus, memory_mb: capacity.memory_mb, disk_gb: capacity.local_gb }),
      row('(used_now)', { cpu, memory_mb: memory_mb_used, disk_gb: local_gb_used }),
      row('(used_max)', all),
      ...[...byProject].map(([project, amounts]) => row(project, amounts)),
    ],
  };
}

function plus(one: Amounts | undefined, other: Amounts): Amounts {
  if (one === undefined) return other;
  return {
    cpu: one.cpu + other.cpu,
    memory_mb: one.memory_mb + other.memory_mb,
    disk_gb: one.disk_gb + other.disk_gb,
  };
}
