// /os-hosts, until 2.42: the hosts by service, and what a compute host has and gives away. Replaced by /os-hypervisors.
import { notFound } from '../../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { capacityOf, loadOf } from './hypervisor-view.ts';
import { registeredHosts, serviceRows } from './service-rows.ts';

export const hostRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/os-hosts',
    until: 42,
    policy: { rule: 'os-hosts:list', persona: 'admin' },
    handler: list,
  },
  {
    method: 'GET',
    path: '/os-hosts/:id',
    until: 42,
    policy: { rule: 'os-hosts:show', persona: 'admin' },
    handler: show,
  },
];

async function list(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const zone = call.queryValue('zone');
  const service = call.queryValue('service');
  const hosts = serviceRows(call.context)
    .map((row) => ({
      host_name: row.host,
      service: row.binary.replace(/^nova-/, ''),
      zone: row.zone,
    }))
    .filter(
      (row) =>
        (zone === undefined || row.zone === zone) &&
        (service === undefined || row.service === service),
    );
  return { hosts };
}

interface Amounts {
  readonly cpu: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

/** Rows: all of it, what the provider counts as used, the sum over servers, and each project's part. */
async function show(call: ComputeCall): Promise<object> {
  await call.context.views.barrier();
  const name = call.params['id'] ?? '';
  const host = registeredHosts(call.context).find((one) => one.id === name);
  if (host === undefined) throw notFound(`Compute host ${name} could not be found.`);
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
