// What a guest of a plan is made of on this host: disks, config drive, ports, and the specification that it starts from.
// Each part may be made again: what is there is kept.
import type { GuestSpec } from '#hypervisor/port.ts';
import type { ServerImage, ServerPort } from '../domain/server.ts';
import { allParts } from './guests/all-parts.ts';
import { nodeFaultOf } from './faults.ts';
import { guestSpec } from './guest-spec.ts';
import type { Machine } from './machine.ts';
import { type GuestPlan, NodeFault } from './protocol.ts';

export type Interfaces = readonly {
  readonly bridge: string;
  readonly tap: string;
  readonly mtu: number;
}[];

export const ROOT_DISK = 'disk';
export const RESCUE_DISK = 'disk.rescue';
export const EXTRA_DISKS = ['disk.eph0', 'disk.swap'] as const;

/** A fetch that is given up goes on for others who want the image; nobody here waits for it. */
export function fetchImage(
  { storage, imageSource }: Machine,
  image: ServerImage,
  { serverId, signal }: { readonly serverId: string; readonly signal: AbortSignal },
): Promise<void> {
  return unlessAborted(storage.ensureImage(imageSource(image, { serverId })), signal);
}

export async function makeRootDisk(
  machine: Machine,
  plan: GuestPlan,
  signal: AbortSignal,
): Promise<void> {
  const { storage } = machine;
  const { serverId, image } = plan;
  const disk = {
    guestId: serverId,
    name: ROOT_DISK,
    sizeBytes: plan.flavor.diskGiB * 1024 ** 3,
  };
  if (image === undefined) {
    await storage.createBlank(disk);
    return;
  }
  await fetchImage(machine, image, { serverId, signal });
  const from = { ...disk, imageId: image.id };
  await (plan.hasWholeDisk === true ? storage.createWhole(from) : storage.createOverlay(from));
}

export async function makeExtraDisks({ storage }: Machine, plan: GuestPlan): Promise<void> {
  const { ephemeralGiB, swapMiB } = plan.flavor;
  const { serverId: guestId } = plan;
  const [ephemeral, swap] = EXTRA_DISKS;
  if (ephemeralGiB > 0)
    await storage.createBlank({ guestId, name: ephemeral, sizeBytes: ephemeralGiB * 1024 ** 3 });
  if (swapMiB > 0)
    await storage.createBlank({ guestId, name: swap, sizeBytes: swapMiB * 1024 ** 2 });
}

export async function makeConfigDrive(
  { storage, configDrive }: Machine,
  plan: GuestPlan,
): Promise<void> {
  if (!plan.configDrive) return;
  const files = await configDrive(plan.serverId);
  await storage.createConfigDrive({ guestId: plan.serverId, files });
}

export async function plugPorts(machine: Machine, plan: GuestPlan): Promise<Interfaces> {
  return allParts(plan.ports.map((port) => plugPort(machine, plan, port)));
}

export async function plugPort(
  { network, networkSpec }: Machine,
  { hostname }: Pick<GuestPlan, 'hostname'>,
  port: ServerPort,
): Promise<Interfaces[number]> {
  const spec = await networkSpec(port.networkId);
  if (spec === undefined)
    throw new NodeFault('network', `network ${port.networkId} is not there any more`, {
      retryable: false,
    });
  await network.ensureNetwork(spec);
  const { portId: id, networkId, mac } = port;
  // Addresses of subnets that have no data plane on hosts yet (IPv6) are the guest's own affair.
  const served = new Set(spec.subnets.map((subnet) => subnet.id));
  const fixedIps = port.fixedIps.filter(({ subnetId }) => served.has(subnetId));
  return network.plug({ id, networkId, mac, fixedIps, hostname });
}

/** As a start under this run-epoch needs it; its paths lead to the guest's files until the grant is over. */
export async function specOf(
  { storage, cluster, host }: Machine,
  plan: GuestPlan,
  parts: {
    readonly runEpoch: number;
    readonly interfaces: Interfaces;
    readonly isRescued?: boolean;
  },
): Promise<GuestSpec> {
  const { serverId: guestId, flavor } = plan;
  const { runEpoch } = parts;
  await storage.openRun(guestId, runEpoch);
  const paths = storage.paths(guestId, runEpoch);
  const diskPath = (name: string): string => storage.diskPath({ guestId, name, runEpoch });
  const [ephemeral, swap] = EXTRA_DISKS;
  return guestSpec(plan, {
    cluster,
    host,
    runEpoch,
    rescueDisk: parts.isRescued === true ? diskPath(RESCUE_DISK) : undefined,
    rootDisk: diskPath(ROOT_DISK),
    ephemeralDisk: flavor.ephemeralGiB > 0 ? diskPath(ephemeral) : undefined,
    swapDisk: flavor.swapMiB > 0 ? diskPath(swap) : undefined,
    configDrive: plan.configDrive ? paths.configDrive : undefined,
    consoleLogPath: paths.consoleLog,
    interfaces: parts.interfaces,
  });
}

function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(givenUp());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    const ended = (): void => signal.removeEventListener('abort', abort);
    work.finally(ended).then(resolve, reject);
  });
}

export function givenUp(): NodeFault {
  return new NodeFault('hypervisor', 'the order was given up for a later one', {
    retryable: false,
  });
}

/**
 * For servers to come: the same fetch as for one that is there, and nothing is lost if it fails. `url`: where the bytes are,
 * on a host that must ask controllers for such. Rejects with a NodeFault.
 */
export async function cacheImage(
  machine: Machine,
  image: ServerImage,
  url?: string,
): Promise<void> {
  const { storage, imageSource, host } = machine;
  try {
    await storage.ensureImage(imageSource(image, url === undefined ? {} : { url }));
  } catch (error) {
    throw nodeFaultOf(error, `Fetching image ${image.id} to host ${host}`);
  }
}
