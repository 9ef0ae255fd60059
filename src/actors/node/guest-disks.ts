// Orders that change what a guest's disks are, or take a copy of them: rebuild, rescue and unrescue, snapshots. What a guest
// is and does beside that, guest.ts knows. A copy is of one moment: a guest that runs stands still while it is made.
import type { GuestState } from '#hypervisor/port.ts';
import { unreachable } from '../domain/unreachable.ts';
import { allParts } from './guests/all-parts.ts';
import {
  EXTRA_DISKS,
  fetchImage,
  givenUp,
  type Interfaces,
  makeConfigDrive,
  makeExtraDisks,
  makeRootDisk,
  plugPorts,
  RESCUE_DISK,
  ROOT_DISK,
  specOf,
} from './guest-parts.ts';
import type { Machine } from './machine.ts';
import type { GuestPlan, NodeOrder, NodeReport } from './protocol.ts';

export interface GuestWithDisks {
  readonly machine: Machine;
  admitted(order: NodeOrder): Promise<void>;
  current(order: NodeOrder): Promise<GuestState | undefined>;
  shutDown(order: NodeOrder, graceMs: number | undefined, signal: AbortSignal): Promise<void>;
  start(order: NodeOrder, plan: GuestPlan, signal: AbortSignal): Promise<NodeReport>;
  bringUp(
    order: NodeOrder,
    plan: GuestPlan,
    options: { signal: AbortSignal; interfaces: Interfaces },
  ): Promise<NodeReport>;
}

type Named<T extends NodeOrder['type']> = Extract<NodeOrder, { readonly type: T }>;
type DiskOrder = Named<
  | 'node.fetch-image'
  | 'node.rebuild'
  | 'node.rescue'
  | 'node.unrescue'
  | 'node.snapshot'
  | 'node.upload-snapshot'
  | 'node.drop-snapshot'
>;

const running: NodeReport = { power: 'running', stopped: false };
const gone: NodeReport = { power: 'shutdown', stopped: false };

export function performDiskOrder(
  guest: GuestWithDisks,
  order: DiskOrder,
  signal: AbortSignal,
): Promise<NodeReport> {
  switch (order.type) {
    case 'node.fetch-image':
      return fetchNewImage(guest, order, signal);
    case 'node.rebuild':
      return rebuild(guest, order, signal);
    case 'node.rescue':
      return rescue(guest, order, signal);
    case 'node.unrescue':
      return unrescue(guest, order, signal);
    case 'node.snapshot':
      return snapshot(guest, order);
    case 'node.upload-snapshot':
      return uploadSnapshot(guest, order);
    case 'node.drop-snapshot':
      return dropSnapshot(guest, order);
    default:
      return unreachable(order);
  }
}

async function fetchNewImage(
  guest: GuestWithDisks,
  order: Named<'node.fetch-image'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  await guest.admitted(order);
  const { serverId, image } = order;
  await fetchImage(guest.machine, image, { serverId, signal });
  return asItIs(guest, order);
}

/** The image is here before the old disk goes: one that can't be had costs nobody anything. */
async function rebuild(
  guest: GuestWithDisks,
  order: Named<'node.rebuild'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  await guest.admitted(order);
  const { plan } = order;
  const { storage } = guest.machine;
  const { serverId } = plan;
  if (plan.image !== undefined) await fetchImage(guest.machine, plan.image, { serverId, signal });
  await takeAway(guest, order);
  const old = [
    RESCUE_DISK,
    SNAPSHOT_DISK,
    ROOT_DISK,
    ...(order.keepsExtraDisks ? [] : EXTRA_DISKS),
  ];
  for (const name of old) await storage.removeDisk({ guestId: serverId, name });
  const plugged = plugPorts(guest.machine, plan);
  await allParts<unknown>([
    makeRootDisk(guest.machine, plan, signal),
    makeConfigDrive(guest.machine, plan),
    makeExtraDisks(guest.machine, plan),
    plugged,
  ]);
  // A start that a dead process asked for may have come true in between, over disks that are gone.
  await takeAway(guest, order);
  if (order.isOff) return gone;
  return guest.bringUp(order, plan, { signal, interfaces: await plugged });
}

async function rescue(
  guest: GuestWithDisks,
  order: Named<'node.rescue'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  await guest.admitted(order);
  const { plan, image, runEpoch } = order;
  const { storage, hypervisor } = guest.machine;
  const { serverId: guestId } = plan;
  await fetchImage(guest.machine, image, { serverId: guestId, signal });
  await guest.shutDown(order, order.graceMs, signal);
  await takeAway(guest, order);
  const rescueDisk = { guestId, name: RESCUE_DISK };
  await storage.removeDisk(rescueDisk);
  await storage.createOverlay({ ...rescueDisk, imageId: image.id, sizeBytes: 0 });
  await makeConfigDrive(guest.machine, plan);
  const interfaces = await plugPorts(guest.machine, plan);
  const spec = await specOf(guest.machine, plan, { runEpoch, interfaces, isRescued: true });
  await takeAway(guest, order);
  if (signal.aborted) throw givenUp();
  await hypervisor.create(spec);
  return running;
}

async function snapshot(guest: GuestWithDisks, order: Named<'node.snapshot'>): Promise<NodeReport> {
  await guest.admitted(order);
  const found = await guest.current(order);
  return copyRootDisk(guest.machine, order.serverId, { found, isRunning: order.isRunning });
}

async function uploadSnapshot(
  guest: GuestWithDisks,
  order: Named<'node.upload-snapshot'>,
): Promise<NodeReport> {
  await guest.admitted(order);
  await giveAway(guest.machine, order.serverId, order);
  return asItIs(guest, order);
}

async function dropSnapshot(
  guest: GuestWithDisks,
  order: Named<'node.drop-snapshot'>,
): Promise<NodeReport> {
  await guest.admitted(order);
  await guest.machine.storage.removeDisk({ guestId: order.serverId, name: SNAPSHOT_DISK });
  return asItIs(guest, order);
}

async function asItIs(guest: GuestWithDisks, order: NodeOrder): Promise<NodeReport> {
  const found = await guest.current(order);
  return { power: found?.power ?? 'shutdown', stopped: false };
}

async function unrescue(
  guest: GuestWithDisks,
  order: Named<'node.unrescue'>,
  signal: AbortSignal,
): Promise<NodeReport> {
  await guest.admitted(order);
  await takeAway(guest, order);
  await makeConfigDrive(guest.machine, order.plan);
  return guest.start(order, order.plan, signal);
}

/** Whatever runs under this grant is of no use any more, nor is its memory. */
async function takeAway(guest: GuestWithDisks, order: NodeOrder): Promise<void> {
  const found = await guest.current(order);
  if (found !== undefined) await guest.machine.hypervisor.destroy(order.serverId);
  await guest.machine.storage.removeSavedMemory(order.serverId);
}

export const SNAPSHOT_DISK = 'snapshot';

/** `found` is the guest of this very grant. What was paused by an earlier try of this goes on in the end, too. */
async function copyRootDisk(
  { hypervisor, storage }: Machine,
  guestId: string,
  { found, isRunning }: { readonly found: GuestState | undefined; readonly isRunning: boolean },
): Promise<NodeReport> {
  const copy = { guestId, from: ROOT_DISK, to: SNAPSHOT_DISK };
  const pauses = found !== undefined && isRunning;
  if (pauses && found.power === 'running') await hypervisor.pause(guestId);
  try {
    await storage.copyDisk(copy);
  } finally {
    if (pauses) await hypervisor.resume(guestId);
  }
  try {
    await storage.flattenDisk({ guestId, name: SNAPSHOT_DISK });
  } catch (error) {
    await storage.removeDisk({ guestId, name: SNAPSHOT_DISK });
    throw error;
  }
  const power = pauses ? 'running' : (found?.power ?? 'shutdown');
  return { power, stopped: false };
}

async function giveAway(
  { storage, imageSink }: Machine,
  guestId: string,
  upload: { readonly imageId: string; readonly requestId: string },
): Promise<void> {
  const disk = { guestId, name: SNAPSHOT_DISK };
  const { imageId, requestId } = upload;
  await imageSink({ imageId, requestId, serverId: guestId, bytes: storage.streamDisk(disk) });
}
