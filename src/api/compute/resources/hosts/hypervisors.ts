// /os-hypervisors: the hosts as hypervisors, what they have and what is in use. Administrators only.
import type { HostState } from '#actors/topology/protocol.ts';
import { badRequest, ComputeFault, notFound } from '../../envelope.ts';
import { isUuidLike } from '../../formats.ts';
import { isTrue } from '../../parameter-types.ts';
import type { ComputeCall, ComputeRoute } from '../../route.ts';
import { listHypervisors, showHypervisor } from './hypervisor-schemas.ts';
import {
  basicHypervisor,
  capacityOf,
  hypervisorId,
  type Load,
  loadOf,
  serversField,
  wholeHypervisor,
  workloadOf,
} from './hypervisor-view.ts';
import { linksField, pageOf } from '../paging.ts';
import { isHostUp, registeredHosts } from './service-rows.ts';

const policy = <N extends string>(name: N) => `os-hypervisors:${name}` as const;
const path = '/os-hypervisors';

export const hypervisorRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path,
    query: listHypervisors,
    policy: policy('list'),
    handler: (call) => list(call, path, basicHypervisor),
  },
  {
    method: 'GET',
    path: `${path}/detail`,
    query: listHypervisors,
    policy: policy('list-detail'),
    handler: (call) => {
      const load = loadOf(call);
      return list(call, `${path}/detail`, (_call, host) => detail(call, host, load));
    },
  },
  {
    method: 'GET',
    path: `${path}/statistics`,
    until: 87,
    policy: policy('statistics'),
    handler: statistics,
  },
  {
    method: 'GET',
    path: `${path}/:id`,
    query: showHypervisor,
    policy: policy('show'),
    handler: show,
  },
  {
    method: 'GET',
    path: `${path}/:id/search`,
    until: 52,
    policy: policy('search'),
    handler: async (call) => {
      const matching = await search(call, call.params['id'] ?? '');
      return { hypervisors: matching.map((host) => basicHypervisor(call, host)) };
    },
  },
  {
    method: 'GET',
    path: `${path}/:id/servers`,
    until: 52,
    policy: policy('servers'),
    handler: async (call) => {
      const matching = await search(call, call.params['id'] ?? '');
      const load = loadOf(call);
      const views = matching.map((host) => withServers(call, host, load));
      return { hypervisors: await Promise.all(views) };
    },
  },
  {
    method: 'GET',
    path: `${path}/:id/uptime`,
    until: 87,
    policy: policy('uptime'),
    handler: uptime,
  },
];

async function readHosts(call: ComputeCall): Promise<readonly HostState[]> {
  await call.context.views.barrier();
  return registeredHosts(call.context);
}

async function search(call: ComputeCall, pattern: string): Promise<readonly HostState[]> {
  const matching = (await readHosts(call)).filter((host) =>
    host.hypervisor?.hostname.includes(pattern),
  );
  if (matching.length === 0) throw notFound(`No hypervisor matching '${pattern}' could be found.`);
  return matching;
}

/** Without servers the field is left out, until 2.75. */
async function withServers(
  call: ComputeCall,
  host: HostState,
  load: Load,
  view: View = basicHypervisor,
): Promise<object> {
  const servers = load.get(host.id) ?? [];
  const isShown = servers.length > 0 || call.from(75);
  return { ...(await view(call, host)), ...(isShown ? serversField(servers) : {}) };
}

type View = (call: ComputeCall, host: HostState) => object | Promise<object>;

async function list(call: ComputeCall, listPath: string, view: View): Promise<object> {
  if (!call.from(33)) return { hypervisors: await viewAll(call, await readHosts(call), view) };
  const pattern = call.from(53) ? call.queryValue('hypervisor_hostname_pattern') : undefined;
  const pages = ['limit', 'marker'].some((name) => call.queryValue(name) !== undefined);
  if (pattern !== undefined && pages)
    throw badRequest(
      'Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.',
    );
  const hosts = pattern === undefined ? await readHosts(call) : await search(call, pattern);
  const page = pageOf(call, {
    items: hosts,
    idOf: (host) => String(hypervisorId(call, host)),
    path: listPath,
  });
  const wantsServers = call.from(53) && isTrue(call.queryValue('with_servers'));
  const load: Load = wantsServers ? loadOf(call) : new Map();
  const whole: View = wantsServers ? (_call, host) => withServers(call, host, load, view) : view;
  return {
    hypervisors: await viewAll(call, page.items, whole),
    ...(pattern === undefined ? linksField('hypervisors', page.links) : {}),
  };
}

function viewAll(call: ComputeCall, hosts: readonly HostState[], view: View): Promise<object[]> {
  return Promise.all(hosts.map(async (host) => view(call, host)));
}

/** From 2.88 on with the host's uptime, null where it is not known. */
async function detail(call: ComputeCall, host: HostState, load: Load): Promise<object> {
  const whole = wholeHypervisor(call, host, load.get(host.id) ?? []);
  if (!call.from(88)) return whole;
  return { ...whole, uptime: (await readUptime(call, host)) ?? null };
}

/** By UUID from 2.53 on, by integer before; two hosts may share an integer, then it names neither. */
async function find(call: ComputeCall): Promise<HostState> {
  const id = call.params['id'] ?? '';
  if (call.from(53) && !isUuidLike(id)) throw badRequest(`Invalid uuid ${id}`);
  const matching = (await readHosts(call)).filter(
    (host) => String(hypervisorId(call, host)) === id.toLowerCase(),
  );
  if (matching.length > 1) throw badRequest(`More than one hypervisor has the ID '${id}'.`);
  const [host] = matching;
  if (host === undefined) throw notFound(`Hypervisor with ID '${id}' could not be found.`);
  return host;
}

async function show(call: ComputeCall): Promise<object> {
  const host = await find(call);
  const load = loadOf(call);
  const whole = (): Promise<object> => detail(call, host, load);
  const wantsServers = call.from(53) && isTrue(call.queryValue('with_servers'));
  return { hypervisor: await (wantsServers ? withServers(call, host, load, whole) : whole()) };
}

async function readUptime(call: ComputeCall, host: HostState): Promise<string | undefined> {
  return isHostUp(call.context, host) ? call.context.hostUptime?.(host.id) : undefined;
}

async function uptime(call: ComputeCall): Promise<object> {
  const host = await find(call);
  if (!isHostUp(call.context, host))
    throw badRequest(`Compute service of ${host.id} is unavailable at this time.`);
  const words = await readUptime(call, host);
  if (words === undefined)
    throw new ComputeFault(
      501,
      'Unable to support requested functionality: the host does not tell its uptime.',
    );
  return { hypervisor: { ...basicHypervisor(call, host), uptime: words } };
}

const noFigures = Object.fromEntries(
  [
    'vcpus',
    'vcpus_used',
    'memory_mb',
    'memory_mb_used',
    'free_ram_mb',
    'local_gb',
    'local_gb_used',
    'free_disk_gb',
    'disk_available_least',
    'running_vms',
    'current_workload',
  ].map((name) => [name, 0]),
);

/** Sums over the hosts that take part. */
async function statistics(call: ComputeCall): Promise<object> {
  const hosts = (await readHosts(call)).filter((host) => host.enabled);
  const load = loadOf(call);
  const sums: Record<string, number> = { count: hosts.length, ...noFigures };
  for (const host of hosts) {
    const figures = { ...workloadOf(load.get(host.id) ?? []), ...capacityOf(call.context, host) };
    for (const [name, figure] of Object.entries(figures)) sums[name] = (sums[name] ?? 0) + figure;
  }
  return { hypervisor_statistics: sums };
}
