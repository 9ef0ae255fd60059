// GET /servers/{id}/diagnostics: what the host counts of a guest that runs. Until 2.47 in libvirt's own manner, one number
// by name; from 2.48 in one shape for all hypervisors, where null is what is not counted.
import type { NodeClient } from '#actors/node/client.ts';
import { NodeFault } from '#actors/node/protocol.ts';
import { ComputeFault, conflict } from '../envelope.ts';
import type { ComputeCall, ComputeRoute } from '../route.ts';

type Statistics = Awaited<ReturnType<NodeClient['statistics']>>;
type Count = number | null | undefined;

const POWER_RUNNING = 'running';

async function diagnostics(call: ComputeCall): Promise<unknown> {
  const { id, grant, powerState } = call.server;
  if (grant === undefined) throw conflict(`Instance ${id} is not ready`);
  if (powerState !== POWER_RUNNING) throw notRunning(id, powerState);
  const statistics = await read(call, grant.host);
  return call.from(48) ? standard(call, statistics) : byName(statistics);
}

async function read(call: ComputeCall, host: string): Promise<Statistics> {
  const { id } = call.server;
  try {
    return await call.context.nodes.statistics(host, id);
  } catch (error) {
    if (!(error instanceof NodeFault)) throw error;
    if (error.code === 'not-found') throw notRunning(id, 'shutdown');
    throw new ComputeFault(
      503,
      `The diagnostics of instance ${id} can't be read now: ${error.message}`,
      { 'retry-after': '1' },
    );
  }
}

function notRunning(id: string, powerState: string): ComputeFault {
  return conflict(
    `Cannot 'get_diagnostics' instance ${id} while it is in power state ${powerState}`,
  );
}

/** Nova asks libvirt for no errors of disks, and says −1. */
function byName({ cpus, memory, disks, interfaces }: Statistics): Record<string, number> {
  const rows: [string, Count][] = [
    ...cpus.map(({ timeNs }, index): [string, Count] => [`cpu${index}_time`, timeNs]),
    ...disks.flatMap((disk): [string, Count][] => [
      [`${disk.target}_read_req`, disk.readRequests],
      [`${disk.target}_read`, disk.readBytes],
      [`${disk.target}_write_req`, disk.writeRequests],
      [`${disk.target}_write`, disk.writeBytes],
      [`${disk.target}_errors`, -1],
    ]),
    ...interfaces.flatMap(({ device, received, sent }) => [
      ...directionRows(`${device}_rx`, received),
      ...directionRows(`${device}_tx`, sent),
    ]),
    ['memory', memory.maximumKiB],
    ['memory-rss', memory.usedKiB],
  ];
  return Object.fromEntries(
    rows.filter((row): row is [string, number] => typeof row[1] === 'number'),
  );
}

function directionRows(
  name: string,
  counts: Statistics['interfaces'][number]['received'],
): [string, Count][] {
  return [
    [name, counts.bytes],
    [`${name}_errors`, counts.errors],
    [`${name}_drop`, counts.drops],
    [`${name}_packets`, counts.packets],
  ];
}

/** The list of drivers is closed and knows no simulated one; `hypervisor` is the type that the host tells. */
function standard(call: ComputeCall, statistics: Statistics): unknown {
  const { server, context } = call;
  const { cpus, memory, disks, interfaces } = statistics;
  const { launchedAtMs, request, grant } = server;
  const upMs = launchedAtMs === undefined ? undefined : context.env.clock.now() - launchedAtMs;
  return {
    state: server.powerState,
    driver: 'libvirt',
    hypervisor: context.hosts.get(grant?.host ?? '')?.hypervisor?.type.toLowerCase() ?? null,
    hypervisor_os: 'linux',
    uptime: upMs === undefined ? null : Math.max(0, Math.floor(upMs / 1000)),
    config_drive: request?.configDrive ?? false,
    num_cpus: cpus.length,
    num_nics: interfaces.length,
    num_disks: disks.length,
    memory_details: { maximum: mebibytes(memory.maximumKiB), used: mebibytes(memory.usedKiB) },
    cpu_details: cpus.map(({ timeNs }, id) => ({ id, time: timeNs ?? null, utilisation: null })),
    disk_details: disks.map((disk) => ({
      read_bytes: disk.readBytes ?? null,
      read_requests: disk.readRequests ?? null,
      write_bytes: disk.writeBytes ?? null,
      write_requests: disk.writeRequests ?? null,
      errors_count: null,
    })),
    nic_details: interfaces.map(({ mac, received, sent }) => ({
      mac_address: mac,
      rx_octets: received.bytes ?? null,
      rx_errors: received.errors ?? null,
      rx_drop: received.drops ?? null,
      rx_packets: received.packets ?? null,
      rx_rate: null,
      tx_octets: sent.bytes ?? null,
      tx_errors: sent.errors ?? null,
      tx_drop: sent.drops ?? null,
      tx_packets: sent.packets ?? null,
      tx_rate: null,
    })),
  };
}

function mebibytes(kibibytes: Count): number | null {
  return typeof kibibytes === 'number' ? Math.floor(kibibytes / 1024) : null;
}

export const diagnosticsRoutes: readonly ComputeRoute[] = [
  {
    method: 'GET',
    path: '/servers/:server_id/diagnostics',
    target: 'server',
    policy: 'os-server-diagnostics',
    handler: diagnostics,
  },
];
