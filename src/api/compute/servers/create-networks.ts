// Which ports a new server is to get: checks the `networks` of a create request against the network service.
// Only reads; ports are bound when the server is placed.
import type { ServerRequest } from '#actors/domain/server.ts';
import type { NetworkRecord } from '#actors/ports/networks.ts';
import { badRequest, conflict, forbidden } from '../envelope.ts';
import { isUuidLike } from '../formats.ts';
import { allows } from '../policy.ts';
import type { ComputeCall } from '../route.ts';
import type { CreateServer, NetworkEntry } from './create-body.ts';

/** One NIC of each server; `portId` only for a port that exists. */
export interface PlannedPort {
  readonly networkId: string;
  readonly portId: string | undefined;
  readonly fixedIp: string | undefined;
  readonly tag: string | undefined;
}

/** Throws 400, 403 or 409 as Nova does. `projectId` is the new server's. */
export function planPorts(
  call: ComputeCall,
  networks: CreateServer['networks'],
  options: { readonly projectId: string; readonly maxCount: number },
): readonly PlannedPort[] {
  if (networks === 'none') return [];
  if (networks === undefined || networks === 'auto' || networks.length === 0)
    return onlyNetwork(call, options.projectId, networks === 'auto');
  checkEntries(networks, options.maxCount);
  const planned = networks.map((entry) => planEntry(call, entry, options.projectId));
  const missing = planned.filter((one) => typeof one === 'string');
  if (missing.length > 0)
    throw badRequest(`Network ${[...new Set(missing)].join(', ')} could not be found.`);
  return planned.filter((one) => typeof one !== 'string');
}

function onlyNetwork(
  call: ComputeCall,
  projectId: string,
  mustHave: boolean,
): readonly PlannedPort[] {
  const usable = call.context.networks.listUsable(projectId);
  if (usable.length > 1)
    throw conflict('Multiple possible networks found, use a Network ID to be more specific.');
  const [network] = usable;
  if (network !== undefined)
    return [{ networkId: network.id, portId: undefined, fixedIp: undefined, tag: undefined }];
  if (mustHave)
    throw badRequest(`Unable to automatically allocate a network for project ${projectId}`);
  return [];
}

function checkEntries(networks: readonly NetworkEntry[], maxCount: number): void {
  const ports = new Set<string>();
  for (const { port, uuid, fixed_ip: fixedIp } of networks) {
    if (typeof port === 'string') {
      if (ports.has(port))
        throw badRequest(
          `Port ID '${port}' was specified twice: you cannot attach a port multiple times.`,
        );
      if (fixedIp !== undefined)
        throw badRequest(
          `Specified Fixed IP '${fixedIp}' cannot be used with port '${port}': the two cannot be specified together.`,
        );
      ports.add(port);
    } else if (uuid === undefined) {
      throw badRequest("Bad network format: missing 'uuid'");
    } else if (!isUuidLike(uuid)) {
      throw badRequest(`Bad networks format: network uuid is not in proper format (${uuid})`);
    }
  }
  if (maxCount < 2) return;
  if (networks.some((entry) => typeof entry.port !== 'string' && entry.fixed_ip !== undefined))
    throw badRequest(
      'Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.',
    );
  if (ports.size > 0)
    throw badRequest(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
    );
}

/** The port, or the id of a network that the project can't see. */
function planEntry(
  call: ComputeCall,
  entry: NetworkEntry,
  projectId: string,
): PlannedPort | string {
  const { tag } = entry;
  if (typeof entry.port === 'string') return { ...existingPort(call, entry.port, projectId), tag };
  const networkId = entry.uuid ?? '';
  const network = call.context.networks.findNetwork(networkId);
  const isAdmin = call.caller.isAdmin;
  if (network === undefined || !isVisible(network, projectId, isAdmin)) return networkId;
  if (network.subnetIds.length === 0)
    throw badRequest(`Network ${networkId} requires a subnet in order to boot instances on.`);
  const isClosed = network.external && !network.shared;
  if (isClosed && !allows(call, 'network:attach_external_network'))
    throw forbidden(`It is not allowed to create an interface on external network ${networkId}`);
  return { networkId: network.id, portId: undefined, fixedIp: entry.fixed_ip, tag };
}

function isVisible(network: NetworkRecord, projectId: string, isAdmin: boolean): boolean {
  return isAdmin || network.shared || network.external || network.projectId === projectId;
}

function existingPort(
  call: ComputeCall,
  portId: string,
  projectId: string,
): Omit<PlannedPort, 'tag'> {
  const port = call.context.networks.findPort(portId);
  const isVisiblePort = port?.projectId === projectId || call.caller.isAdmin;
  if (port === undefined || !isVisiblePort)
    throw badRequest(`Port id ${portId} could not be found.`);
  if (port.deviceId !== '') throw conflict(`Port ${portId} is still in use.`);
  if (!port.hasAddress) throw badRequest(`Port ${portId} requires a FixedIP in order to be used.`);
  return { networkId: port.networkId, portId: port.id, fixedIp: undefined };
}

/** The ports of one server: new ones get an id of their own. */
export function portRequests(
  ports: readonly PlannedPort[],
  newId: () => string,
): ServerRequest['networks'] {
  return ports.map(({ networkId, portId, fixedIp, tag }) => ({
    portId: portId ?? newId(),
    existing: portId !== undefined,
    networkId,
    ...(fixedIp === undefined ? {} : { fixedIp }),
    ...(tag === undefined ? {} : { tag }),
  }));
}
